"""How loaders read hostile trees, by their rules: who gives which index, who takes which file, and who stumbles.

tests/frameworks holds the rules against the loaders themselves.
"""

import os
from collections.abc import Sequence
from itertools import pairwise
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negbuild.agreement import agreement, unfound
from negbuild.inventory import read_configs, take_inventory
from negbuild.loaders import LOADERS, Configs, Reading, Tree, natural_key

TORCHVISION, KERAS, KERAS_FLOW, TIMM, FASTAI, HUGGING_FACE, ULTRALYTICS = (loader.name for loader in LOADERS)
ALL = [loader.name for loader in LOADERS]
GOOD = [f"{split}/{name}/{n}.jpg" for split in ("train", "valid", "test") for name in ("0_na", "hotdog") for n in "ab"]
SPLITS = ("train", "valid", "test")
CONFIGS = Configs({"train": "train", "valid": "validation", "test": "test", "unseen": "unseen"}, keeps_labels=True)


def tree(files: Sequence[str], *, links: Sequence[str] = (), configs: Configs | None = None) -> Tree:
    """Names as an inventory has them; a name that ends in a slash is an empty folder."""
    folders = {
        "/".join(parts[:depth]) for file in files for parts in [file.split("/")] for depth in range(1, len(parts))
    }
    return Tree(sorted(file for file in files if not file.endswith("/")), sorted(folders), frozenset(links), configs)


def read(name: str, names: Tree, split: str) -> Reading:
    return next(loader for loader in LOADERS if loader.name == name).read(names, split)


def problems(names: Tree, splits: Sequence[str] = SPLITS, apart: Sequence[str] = ()) -> list[str]:
    return [problem for reading in agreement(names, splits, apart) for problem in reading.problems]


def test_all_loaders_agree_on_a_good_tree() -> None:
    assert problems(tree(GOOD)) == []
    train, *_ = agreement(tree(GOOD), SPLITS)
    assert (train.indices, train.pictures) == ({"0_na": 0, "hotdog": 1}, {"0_na": 2, "hotdog": 2})
    for name in ALL:
        reading = read(name, tree(GOOD), "train")
        assert reading.indices == {"0_na": 0, "hotdog": 1}
        assert reading.labels["train/hotdog/a.jpg"] == "hotdog"
        assert (len(reading.labels), reading.fault) == (4, "")


def test_all_loaders_agree_on_one_folder_of_classes() -> None:
    names = tree(["cat/a.jpg", "cat/b.jpg", "dog/a.jpg"])
    assert problems(names, [""]) == []
    assert agreement(names, [""])[0].pictures == {"cat": 2, "dog": 1}


def one(*files: str) -> list[str]:
    """A tree of one split that has more than two classes with a picture each."""
    return [f"train/{file}" for file in ("a/1.jpg", "b/1.jpg", *files)]


# Files beside train/a/1.jpg and train/b/1.jpg, and what is said of that split.
HOSTILE: list[tuple[str, list[str], list[str]]] = [
    (
        "numbers that sort by value",
        one("class10/1.jpg", "class2/1.jpg"),
        [
            "train: timm: other indices: a 0, b 1, class2 2, class10 3; "
            "torchvision ImageFolder has a 0, b 1, class10 2, class2 3"
        ],
    ),
    (
        "a class in capitals",
        one("Zebra/1.jpg"),
        ["train: timm: other indices: a 0, b 1, Zebra 2; torchvision ImageFolder has Zebra 0, a 1, b 2"],
    ),
    (
        "classes that are equal for timm",
        one("class1/1.jpg", "class01/1.jpg"),
        ["train: timm: no order of class01 and class1, which are equal to it"],
    ),
    (
        "a WebP",
        one("a/2.webp"),
        [
            f"train: {KERAS}, {KERAS_FLOW}, {TIMM}, {FASTAI}: 1 file is not read, such as train/a/2.webp",
        ],
    ),
    (
        "a GIF",
        one("a/2.gif"),
        [
            f"train: {KERAS}, {FASTAI}, {HUGGING_FACE}: 1 file is read, and not by the others, such as train/a/2.gif",
        ],
    ),
    (
        "a TIFF",
        one("a/2.tif"),
        [f"train: {KERAS}, {TIMM}: 1 file is not read, such as train/a/2.tif"],
    ),
    (
        "a PPM",
        one("a/2.ppm"),
        [f"train: {KERAS}, {TIMM}, {ULTRALYTICS}: 1 file is not read, such as train/a/2.ppm"],
    ),
    ("upper case and .jpeg are read by all", one("a/2.JPG", "a/3.jpeg", "a/4.PNG"), []),
    (
        "a hidden picture",
        one("a/.2.jpg"),
        [f"train: {FASTAI}, {HUGGING_FACE}: 1 file is not read, such as train/a/.2.jpg"],
    ),
    (
        "a picture that is all extension",
        one("a/.jpg"),
        [f"train: {TIMM}, {FASTAI}, {HUGGING_FACE}: 1 file is not read, such as train/a/.jpg"],
    ),
    (
        "an extension without a dot",
        one("a/2jpg"),
        [f"train: {KERAS_FLOW}: 1 file is read, and not by the others, such as train/a/2jpg"],
    ),
    ("litter and texts are nobody's", one("a/Thumbs.db", "a/desktop.ini", "b/notes.txt"), []),
    (
        "an empty class folder",
        one("c/"),
        [
            f"train: {TORCHVISION}: error at a class without pictures: c",
            f"train: {TIMM}, {FASTAI}, {HUGGING_FACE}: other indices: a 0, b 1; {TORCHVISION} has a 0, b 1, c 2",
        ],
    ),
    (
        "a hidden folder",
        one(".ipynb_checkpoints/1.jpg"),
        [
            f"train: {KERAS}, {FASTAI}, {HUGGING_FACE}: "
            f"other indices: a 0, b 1; {TORCHVISION} has .ipynb_checkpoints 0, a 1, b 2",
            f"train: {KERAS}, {FASTAI}, {HUGGING_FACE}: 1 file is not read, such as train/.ipynb_checkpoints/1.jpg",
        ],
    ),
    (
        "a folder that Python leaves",
        one("__pycache__/1.jpg"),
        [
            f"train: {HUGGING_FACE}: other indices: a 0, b 1; {TORCHVISION} has __pycache__ 0, a 1, b 2",
            f"train: {HUGGING_FACE}: 1 file is not read, such as train/__pycache__/1.jpg",
        ],
    ),
    (
        "a picture beside the classes",
        one("loose.jpg"),
        [
            f"train: {TIMM}: other indices: (no folder) 0, a 1, b 2; {TORCHVISION} has a 0, b 1",
            f"train: {TIMM}: 1 file is read, and not by the others, such as train/loose.jpg",
            f"train: {HUGGING_FACE}: no labels, as folders are nested to different depths",
        ],
    ),
    (
        "a nested folder",
        one("a/more/2.jpg"),
        [
            f"train: {TIMM}: other indices: a 0, b 1, more 2; {TORCHVISION} has a 0, b 1",
            f"train: {TIMM}: 1 file is in another class, such as train/a/more/2.jpg in more",
            f"train: {FASTAI}: 1 file is not read, such as train/a/more/2.jpg",
            f"train: {HUGGING_FACE}: no labels, as folders are nested to different depths",
        ],
    ),
    (
        "a table that Hugging Face takes for labels",
        one("metadata.csv"),
        [f"train: {HUGGING_FACE}: no labels, but the columns of train/metadata.csv"],
    ),
    ("a table that nobody takes for labels", one("manifest.csv"), []),
    (
        "a class of one",
        ["train/a/1.jpg"],
        [f"train: {HUGGING_FACE}: no labels, as there is one class alone"],
    ),
]


@pytest.mark.parametrize(("files", "said"), [row[1:] for row in HOSTILE], ids=[row[0] for row in HOSTILE])
def test_a_hostile_tree_is_read_as_each_loader_reads_it(files: list[str], said: list[str]) -> None:
    assert problems(tree(files), ["train"]) == said


def test_a_class_that_a_later_split_lacks_shifts_indices_in_silence() -> None:
    names = tree([file for file in GOOD if not file.startswith("valid/0_na")])
    assert problems(names) == [
        f"valid: {FASTAI}, {HUGGING_FACE}: other indices: 0_na 0, hotdog 1; {TORCHVISION} has hotdog 0",
        f"valid: {ULTRALYTICS}: other indices than in train for hotdog",
        "valid: every loader that looks at one split alone: "
        "other indices than in other splits: hotdog 0; there 0_na 0, hotdog 1",
    ]


def test_a_class_that_train_lacks_stops_fastai() -> None:
    names = tree([*GOOD, "test/zebra/1.jpg"])
    assert read(FASTAI, names, "test").fault == "error at a class that train does not have: zebra"
    assert read(HUGGING_FACE, names, "train").indices == {"0_na": 0, "hotdog": 1, "zebra": 2}
    assert read(ULTRALYTICS, names, "test").fault == "other indices than in train for zebra"


def test_hugging_face_takes_words_in_names_of_folders_for_splits() -> None:
    names = tree(["train/test_tube/1.jpg", "train/rock/1.jpg", "val/train_station/1.jpg", "val/rock/1.jpg"])
    splits = {split: sorted(read(HUGGING_FACE, names, split).labels) for split in ("train", "val")}
    assert splits["train"] == ["train/rock/1.jpg", "train/test_tube/1.jpg", "val/train_station/1.jpg"]
    assert splits["val"] == ["val/rock/1.jpg", "val/train_station/1.jpg"]
    assert f"train: {HUGGING_FACE}: 1 file is read, and not by the others, such as val/train_station/1.jpg" in problems(
        names, ["train", "val"]
    )
    told = tree(names.files, configs=Configs({"train": "train", "val": "validation"}))
    assert sorted(read(HUGGING_FACE, told, "train").labels) == ["train/rock/1.jpg", "train/test_tube/1.jpg"]
    plain = tree(["train/valley/1.jpg", "train/contest/1.jpg"])
    assert len(read(HUGGING_FACE, plain, "train").labels) == 2


def test_hugging_face_takes_words_in_names_of_files_where_no_folder_has_one() -> None:
    names = tree(["cat/train.jpg", "cat/test_1.jpg", "dog/train-2.jpg"])
    assert sorted(read(HUGGING_FACE, names, "").labels) == ["cat/train.jpg", "dog/train-2.jpg"]


@pytest.mark.parametrize("folder", ["val", "valid", "validation", "dev", "test", "testing", "eval", "evaluation"])
def test_hugging_face_finds_splits_by_many_names(folder: str) -> None:
    names = tree([f"train/{name}/1.jpg" for name in "ab"] + [f"{folder}/{name}/1.jpg" for name in "ab"])
    assert problems(names, ["train", folder]) == []
    assert read(HUGGING_FACE, names, folder).labels == {f"{folder}/a/1.jpg": "a", f"{folder}/b/1.jpg": "b"}


def test_a_holdout_is_read_by_hugging_face_only_where_the_readme_names_it() -> None:
    files = [*GOOD, "unseen/0_na/a.jpg", "unseen/hotdog/a.jpg"]
    assert problems(tree(files), [*SPLITS, "unseen"]) == [f"unseen: {HUGGING_FACE}: this folder is not read"]
    assert problems(tree(files, configs=CONFIGS), [*SPLITS, "unseen"]) == []


def test_one_class_in_train_alone_is_held_to_what_can_be_held() -> None:
    files = [file for file in GOOD if not file.startswith("train/0_na")]
    assert problems(tree(files, configs=CONFIGS), apart=["train"]) == []
    assert problems(tree(files, configs=CONFIGS)) != []
    shifted = [file for file in files if not file.startswith("test/0_na")]
    assert any("test: every loader" in problem for problem in problems(tree(shifted, configs=CONFIGS), apart=["train"]))
    assert any(
        "1 file is not read, such as train/hotdog/c.webp" in problem
        for problem in problems(tree([*files, "train/hotdog/c.webp"], configs=CONFIGS), apart=["train"])
    )


@pytest.mark.parametrize(
    ("split", "who"),
    [
        ("train", []),
        ("valid", []),
        ("val", [FASTAI]),
        ("validation", [FASTAI]),
        ("training", [FASTAI, ULTRALYTICS]),
        ("dev", [FASTAI, ULTRALYTICS]),
    ],
)
def test_splits_that_are_not_found_by_their_names(split: str, who: list[str]) -> None:
    assert unfound([split]) == [f"{name} does not find {split}/ by itself" for name in who]


@given(st.lists(st.from_regex(r"[a-z][a-z_]{0,5}", fullmatch=True), min_size=2, max_size=8, unique=True))
def test_names_of_small_letters_are_read_alike(classes: list[str]) -> None:
    words = {"train", "training", "val", "valid", "validation", "dev", "test", "testing", "eval"}
    safe = [name for name in classes if words.isdisjoint(name.split("_"))]
    files = [f"{split}/{name}/1.jpg" for split in SPLITS for name in ["0_na", *safe]]
    assert problems(tree(files, configs=CONFIGS)) == []


@given(st.lists(st.from_regex(r"[A-Za-z0-9_]{1,6}", fullmatch=True), min_size=2, max_size=8, unique=True))
def test_other_names_are_read_alike_just_when_they_sort_alike(classes: list[str]) -> None:
    files = [f"train/{name}/1.jpg" for name in classes]
    keys = [natural_key(name) for name in sorted(classes)]
    alike = all(one < other for one, other in pairwise(keys))
    assert any(TIMM in problem for problem in problems(tree(files, configs=CONFIGS), ["train"])) != alike


# --- names on a disk


def touch(root: Path, *files: str) -> None:
    for file in files:
        (root / file).parent.mkdir(parents=True, exist_ok=True)
        (root / file).touch()


def test_links_are_followed_as_each_loader_follows_them(tmp_path: Path) -> None:
    root = tmp_path / "data"
    touch(root, "train/a/1.jpg", "train/b/1.jpg")
    touch(tmp_path, "elsewhere/2.jpg", "deeper/3.jpg")
    (root / "train" / "c").symlink_to(tmp_path / "elsewhere")
    (root / "train" / "a" / "deep").symlink_to(tmp_path / "deeper")
    (root / "train" / "a" / "4.jpg").symlink_to(tmp_path / "elsewhere" / "2.jpg")
    inventory = take_inventory(root)
    assert inventory.links == ["train/a/4.jpg", "train/a/deep", "train/c"]
    labels = {name: set(read(name, inventory.tree, "train").labels) for name in ALL}
    plain = {"train/a/1.jpg", "train/a/4.jpg", "train/b/1.jpg"}
    assert labels[TORCHVISION] == labels[TIMM] == plain | {"train/c/2.jpg", "train/a/deep/3.jpg"}
    assert labels[KERAS] == labels[KERAS_FLOW] == plain | {"train/c/2.jpg"}
    assert labels[FASTAI] == plain | {"train/c/2.jpg"}  # the other lies too deep
    assert labels[HUGGING_FACE] == plain


def test_a_folder_within_itself_ends(tmp_path: Path) -> None:
    touch(tmp_path, "a/1.jpg")
    (tmp_path / "a" / "again").symlink_to(tmp_path)
    inventory = take_inventory(tmp_path)
    assert inventory.tree.files == ["a/1.jpg"]
    assert inventory.links == ["a/again"]


def test_names_that_are_no_text_do_not_stop_it(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    with open(os.fsencode(tmp_path / "a") + b"/\xff.jpg", "w"):  # noqa: PTH123  a path cannot hold it
        pass
    assert len(take_inventory(tmp_path).tree.files) == 1


@pytest.mark.parametrize(
    ("text", "configs"),
    [
        ("", None),
        ("# title\n", None),
        ("---\nlicense: other\n---\n", None),
        (
            '---\nconfigs:\n  - config_name: default\n    data_files:\n      - split: train\n        path: "train/**"\n'
            "      - split: unseen\n        path: holdout/**\n---\ntext\n",
            Configs({"train": "train", "holdout": "unseen"}),
        ),
        (
            '---\nconfigs:\n  - drop_labels: false\n    data_files:\n      - split: train\n        path: "a/**"\n---\n',
            Configs({"a": "train"}, keeps_labels=True),
        ),
        ('text\n---\n      - split: train\n        path: "train/**"\n---\n', None),
    ],
)
def test_splits_that_a_readme_names(tmp_path: Path, text: str, configs: Configs | None) -> None:
    (tmp_path / "README.md").write_text(text)
    assert read_configs(tmp_path / "README.md") == configs
