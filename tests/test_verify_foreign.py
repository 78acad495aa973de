"""`negbuild verify` on datasets that negbuild did not write: what can be proven is, and what cannot is said."""

import shutil
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from negbuild.stages.verify import VerifyResult, verify

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]

LOADERS = "every loader reads the same classes, indices and pictures"
NAMES = "names mean the same everywhere, and nothing lies there that is no picture"
DECODES = "every picture decodes"
PLAIN = "every picture is RGB, upright and one frame"
DISPUTED = "no file is in two classes"
TWINS = "no two twins lie in different splits"


@pytest.fixture
def theirs(tmp_path: Path, photo: Photo) -> Path:
    """A sound ImageFolder of somebody: two classes in train, val and test."""
    root, seed = tmp_path / "theirs", 0
    for split, number in (("train", 6), ("val", 2), ("test", 2)):
        for name in ("burger", "hotdog"):
            (root / split / name).mkdir(parents=True)
            for place in range(number):
                seed += 1
                (root / split / name / f"{place}.jpg").write_bytes(photo(seed, (160 + seed, 120)))
    return root


def image(photo: Photo, seed: int = 50) -> Pillow.Image:
    return Pillow.open(BytesIO(photo(seed)))


def saved(picture: Pillow.Image, path: Path, **options: Any) -> Path:  # noqa: ANN401  Pillow's own
    picture.save(path, **options)
    return path


def broken(result: VerifyResult) -> dict[str, list[str]]:
    return {check.promise: check.problems for check in result.checks if check.problems}


Spoil = Callable[[Path, Photo], object]
SPOILT: dict[str, tuple[dict[str, list[str]], Spoil]] = {}


def breaks(problems: dict[str, list[str]]) -> Callable[[Spoil], Spoil]:
    """Register a way to spoil a dataset, with all that is said of it."""

    def register(spoil: Spoil) -> Spoil:
        SPOILT[spoil.__name__.strip("_")] = (problems, spoil)
        return spoil

    return register


@breaks({})
def _nothing(_root: Path, _photo: Photo) -> None:
    pass


@breaks({DECODES: ["val/burger/x.jpg: does not decode (image file is truncated (2 bytes not processed))"]})
def _a_cut_picture(root: Path, photo: Photo) -> None:
    data = photo(50)
    (root / "val/burger/x.jpg").write_bytes(data[: len(data) // 2])


@breaks({DECODES: ["val/burger/x.jpg: does not decode (no known picture format)"]})
def _a_page_that_poses_as_a_picture(root: Path, _photo: Photo) -> None:
    (root / "val/burger/x.jpg").write_text("<html>")


@breaks({PLAIN: ["train/burger/x.jpg: is L, not RGB"]})
def _a_grey_picture(root: Path, photo: Photo) -> None:
    saved(image(photo).convert("L"), root / "train/burger/x.jpg")


@breaks({PLAIN: ["train/burger/x.jpg: is CMYK, not RGB"]})
def _a_picture_for_print(root: Path, photo: Photo) -> None:
    saved(image(photo).convert("CMYK"), root / "train/burger/x.jpg")


@breaks({PLAIN: ["train/burger/x.png: is RGBA, not RGB"]})
def _a_picture_one_can_see_through(root: Path, photo: Photo) -> None:
    saved(image(photo).convert("RGBA"), root / "train/burger/x.png")


@breaks({PLAIN: ["train/burger/x.jpg: is turned by its EXIF orientation alone"]})
def _a_picture_on_its_side(root: Path, photo: Photo) -> None:
    exif = Pillow.Exif()
    exif[0x0112] = 6
    saved(image(photo), root / "train/burger/x.jpg", exif=exif)


@breaks(
    {
        LOADERS: [
            "train: Keras image_dataset_from_directory, fastai, Hugging Face imagefolder: "
            "1 file is read, and not by the others, such as train/burger/x.gif"
        ],
        PLAIN: ["train/burger/x.gif: is P, not RGB, has 2 frames"],
    }
)
def _a_moving_picture(root: Path, photo: Photo) -> None:
    saved(image(photo), root / "train/burger/x.gif", save_all=True, append_images=[image(photo, 51)])


@breaks({NAMES: ["train/burger/x.jpg: is WEBP by its bytes"]})
def _a_webp_called_jpg(root: Path, photo: Photo) -> None:
    saved(image(photo), root / "train/burger/x.jpg", format="WEBP")


@breaks(
    {
        NAMES: ["train/burger/Thumbs.db: is a hidden file or litter", "train/notes/a.txt: is no picture"],
        LOADERS: [
            "train: torchvision ImageFolder: error at a class without pictures: notes",
            "train: timm, fastai, Hugging Face imagefolder: other indices: burger 0, hotdog 1; "
            "torchvision ImageFolder has burger 0, hotdog 1, notes 2",
            "val: every loader that looks at one split alone: other indices than in other splits: "
            "burger 0, hotdog 1; there burger 0, hotdog 1, notes 2",
            "test: every loader that looks at one split alone: other indices than in other splits: "
            "burger 0, hotdog 1; there burger 0, hotdog 1, notes 2",
        ],
    }
)
def _litter(root: Path, _photo: Photo) -> None:
    (root / "train/burger/Thumbs.db").write_text("x")
    (root / "train/notes").mkdir()
    (root / "train/notes/a.txt").write_text("x")


@breaks({TWINS: ["test/hotdog/x.jpg and train/hotdog/0.jpg: copies, 0 bits apart"]})
def _a_leak(root: Path, _photo: Photo) -> None:
    with Pillow.open(root / "train/hotdog/0.jpg") as opened:
        saved(opened.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT), root / "test/hotdog/x.jpg", quality=95)


@breaks(
    {
        TWINS: ["val/burger/x.png and test/hotdog/x.png: the same bytes"],
        DISPUTED: ["test/hotdog/x.png and val/burger/x.png: the same bytes in different classes"],
    }
)
def _a_plain_picture_in_two_splits(root: Path, _photo: Photo) -> None:
    for folder in ("val/burger", "test/hotdog"):
        saved(Pillow.new("RGB", (90, 90), "navy"), root / folder / "x.png")


@breaks({DISPUTED: ["train/burger/0.jpg and train/hotdog/x.jpg: the same bytes in different classes"]})
def _a_picture_in_two_classes(root: Path, _photo: Photo) -> None:
    (root / "train/hotdog/x.jpg").write_bytes((root / "train/burger/0.jpg").read_bytes())


@pytest.mark.parametrize("name", SPOILT)
def test_what_is_broken_is_named_and_nothing_else(theirs: Path, photo: Photo, name: str) -> None:
    problems, spoil = SPOILT[name]
    spoil(theirs, photo)
    result = verify(theirs)
    assert broken(result) == problems
    assert result.layout == ""
    assert len(result.unprovable) == 4


def snapshot(root: Path) -> Iterator[tuple[str, int, bytes]]:
    for path in sorted(root.rglob("*")):
        if path.is_file():
            yield str(path), path.stat().st_mtime_ns, path.read_bytes()


def test_a_sound_dataset_is_exit_0_and_not_touched(negbuild: Negbuild, theirs: Path) -> None:
    before = list(snapshot(theirs))
    done = negbuild("verify", theirs)
    assert (done.code, done.err) == (0, "")
    assert done.out.splitlines()[:4] == [
        f"holds   {LOADERS}",
        "          train: 12 pictures, burger is 0 (6), hotdog is 1 (6)",
        "          val: 4 pictures, burger is 0 (2), hotdog is 1 (2)",
        "          test: 4 pictures, burger is 0 (2), hotdog is 1 (2)",
    ]
    assert done.out.splitlines()[4:14] == [
        f"holds   {NAMES}",
        f"holds   {DECODES}",
        f"holds   {PLAIN}",
        f"holds   {DISPUTED}",
        f"holds   {TWINS}",
        "note    fastai does not find val/ by itself",
        "unknown whether a category of the holdout was seen in training: no file says which category a picture is of",
        "unknown whether what belongs together (one video, one page, one person) lies in one split: "
        "no file says what does",
        "unknown where pictures come from, and under which licence",
        "unknown whether pictures show what their class says",
    ]
    assert done.out.splitlines()[14].startswith("certificate: no two compared pictures in different splits are within")
    assert list(snapshot(theirs)) == before


def test_one_folder_of_classes(negbuild: Negbuild, theirs: Path) -> None:
    done = negbuild("verify", theirs / "train", "--json")
    assert done.code == 0
    assert [check["promise"] for check in done.json["checks"]] == [LOADERS, NAMES, DECODES, PLAIN, DISPUTED]
    assert done.json["checks"][0]["details"] == ["all: 12 pictures, burger is 0 (6), hotdog is 1 (6)"]
    assert done.json["certificate"] is None
    assert done.json["notes"] == []


@pytest.mark.parametrize(
    ("train", "test", "splits"),
    [
        ("train2017", "val2017", 2),
        ("trainval", "evaluation", 2),
        ("Training_Set", "test-dev", 2),
        ("train", "trains", 1),
    ],
)
def test_splits_are_named_as_dedup_knows_them(theirs: Path, train: str, test: str, splits: int) -> None:
    (theirs / "train").rename(theirs / train)
    (theirs / "test").rename(theirs / test)
    shutil.rmtree(theirs / "val")
    (theirs / test / "hotdog" / "2.jpg").write_bytes((theirs / train / "hotdog" / "0.jpg").read_bytes())
    result = verify(theirs)
    assert len(result.checks[0].details) == splits
    assert len(broken(result).get(TWINS, [])) == splits - 1


def test_what_only_begins_like_one_split_is_a_class(theirs: Path) -> None:
    (theirs / "train" / "burger").rename(theirs / "train" / "test tube")
    result = verify(theirs / "train")
    assert result.checks[0].details == ["all: 12 pictures, hotdog is 0 (6), test tube is 1 (6)"]
    assert result.warnings == []


def test_two_folders_of_one_split_leak_nothing_to_each_other(theirs: Path) -> None:
    (theirs / "val").rename(theirs / "train_extra")
    (theirs / "train_extra" / "hotdog" / "0.jpg").write_bytes((theirs / "train" / "hotdog" / "0.jpg").read_bytes())
    assert TWINS not in broken(verify(theirs))


def test_splits_further_down_are_pointed_at(theirs: Path) -> None:
    result = verify(theirs.rename(theirs.parent / "images").parent)
    assert result.certificate is None
    where = (
        "splits lie further down, as images/test/burger: they are read as classes; verify the folder that holds them"
    )
    assert where in result.warnings


def test_what_is_broken_is_exit_5(negbuild: Negbuild, theirs: Path) -> None:
    (theirs / "train/burger/x.jpg").write_text("<html>")
    done = negbuild("verify", theirs)
    assert (done.code, done.err) == (5, f"negbuild: {theirs}: 1 of 6 checks are broken\n")


def test_negatives_of_one_size_are_a_warning_that_breaks_nothing(
    negbuild: Negbuild, tmp_path: Path, photo: Photo
) -> None:
    for name in ("0_na", "hotdog"):
        (tmp_path / "data" / name).mkdir(parents=True)
        for place in range(40):
            seed = place + 100 * len(name)
            size = (200, 200) if name == "0_na" else (100 + 37 * (place % 9), 100 + 41 * (place % 7))
            (tmp_path / "data" / name / f"{place}.jpg").write_bytes(photo(seed, size))
    done = negbuild("verify", "data")
    assert done.code == 0
    lines = done.out.splitlines()
    assert "warning width alone tells 0_na from hotdog 100% of the time: chance is 50%" in lines
    assert "warning height alone tells 0_na from hotdog 100% of the time: chance is 50%" in lines
    assert not any("quality" in line or "format" in line for line in lines if line.startswith("warning"))


def test_repeated_files_are_a_warning(theirs: Path) -> None:
    for copy in ("x", "y"):
        (theirs / f"train/hotdog/{copy}.jpg").write_bytes((theirs / "train/hotdog/0.jpg").read_bytes())
    result = verify(theirs)
    assert result.holds
    assert result.warnings == ["2 files repeat another of their class"]


def test_a_holdout_may_show_pictures_of_the_test_again(theirs: Path) -> None:
    for name in ("burger", "hotdog"):
        (theirs / "unseen" / name).mkdir(parents=True)
        (theirs / "unseen" / name / "0.jpg").write_bytes((theirs / "test" / name / "0.jpg").read_bytes())
    assert broken(verify(theirs)) == {LOADERS: ["unseen: Hugging Face imagefolder: this folder is not read"]}
    (theirs / "unseen" / "hotdog" / "1.jpg").write_bytes((theirs / "train/hotdog/0.jpg").read_bytes())
    assert broken(verify(theirs))[TWINS] == ["train/hotdog/0.jpg and unseen/hotdog/1.jpg: copies, 0 bits apart"]


def test_a_dataset_of_negbuild_without_its_manifest_is_broken(negbuild: Negbuild, theirs: Path) -> None:
    (theirs / "negbuild.lock.json").write_text('{"layout": "multiclass"}')
    done = negbuild("verify", theirs)
    assert (done.code, done.out) == (
        5,
        "broken  the manifest can be read\n          manifest.csv: No such file or directory\n",
    )


def test_every_file_is_reported_as_progress(theirs: Path) -> None:
    told: list[tuple[int, int | None]] = []
    verify(theirs, progress=lambda done, total: told.append((done, total)))
    assert told[-1] == (20, 20)


def test_names_that_are_no_text_are_written_so_that_one_can_read_them(negbuild: Negbuild, theirs: Path) -> None:
    for name in ("a\nb.jpg", "\x1b[31m.jpg", "\udcff.jpg"):
        (theirs / "train" / "hotdog" / name).write_text("x")
    done = negbuild("verify", theirs)
    assert done.code == 5
    problems = [line.strip() for line in done.out.splitlines() if "does not decode" in line]
    assert problems == [
        f"train/hotdog/{name}: does not decode (no known picture format)"
        for name in ("\\x1b[31m.jpg", "a\\nb.jpg", "\\udcff.jpg")
    ]


def test_a_workspace_is_no_dataset(negbuild: Negbuild) -> None:
    assert negbuild("init", "work").code == 0
    done = negbuild("verify", "work")
    assert (done.code, done.err) == (
        2,
        "negbuild: work: is a workspace, no dataset; run: negbuild verify work/dataset\n",
    )
