"""The certificate finds what it must find, counts what it says, and agrees with the planner's own fingerprints."""

import importlib.util
from collections.abc import Callable, Sequence
from io import BytesIO
from itertools import combinations
from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image as Pillow

from negbuild import proof
from negbuild.crossing import Spot, compare_all
from negbuild.evidence import examine
from negbuild.fingerprint import fingerprints, grids
from negbuild.picture import Inspection, inspect, jpeg_bytes, normalised
from negbuild.proof import TEXTURE, THRESHOLD, Certificate, certify

Photo = Callable[..., bytes]
Transpose = Pillow.Transpose

# In the order of negbuild.fingerprint.ORIENTATIONS.
TURNS = (
    None,
    Transpose.FLIP_LEFT_RIGHT,
    Transpose.FLIP_TOP_BOTTOM,
    Transpose.ROTATE_180,
    Transpose.TRANSPOSE,
    Transpose.ROTATE_90,
    Transpose.ROTATE_270,
    Transpose.TRANSVERSE,
)

NO_LEAK = "no two compared pictures in different splits are within 16 bits of each other"


def opened(data: bytes) -> Pillow.Image:
    return Pillow.open(BytesIO(data)).convert("RGB")


def turned(image: Pillow.Image, turn: Transpose | None) -> Pillow.Image:
    return image if turn is None else image.transpose(turn)


def faded(image: Pillow.Image, strength: float) -> Pillow.Image:
    return Pillow.blend(Pillow.new("RGB", image.size, "grey"), image, strength)


def write(root: Path, files: dict[str, Pillow.Image]) -> dict[str, list[str]]:
    """Write pictures as split/name, and list them by split."""
    splits: dict[str, list[str]] = {}
    for file, image in files.items():
        path = root / file
        path.parent.mkdir(parents=True, exist_ok=True)
        if path.suffix == ".jpg":
            path.write_bytes(jpeg_bytes(image, 90))
        else:
            image.save(path)
        splits.setdefault(file.split("/")[0], []).append(file)
    return splits


def certified(root: Path, files: dict[str, Pillow.Image]) -> Certificate:
    return certify(root, write(root, files))


@pytest.fixture(scope="module")
def photos(photo: Photo) -> Sequence[Pillow.Image]:
    return [opened(photo(seed, (300, 220), "BMP")) for seed in range(24)]


@pytest.mark.parametrize("turn", TURNS, ids=lambda turn: turn.name if turn else "as is")
def test_copy_across_splits_is_named_in_every_orientation(
    tmp_path: Path, photos: Sequence[Pillow.Image], turn: Transpose | None
) -> None:
    files = {f"{split}/{n}.jpg": photos[n] for n in range(12) for split in [("train", "valid", "test")[n % 3]]}
    found = certified(tmp_path, files | {"test/copy.jpg": turned(photos[0], turn).resize((200, 200))})
    assert [{leak.one, leak.other} for leak in found.leaks] == [{"train/0.jpg", "test/copy.jpg"}]
    assert found.leaks[0].distance <= THRESHOLD
    assert found.margin == found.leaks[0].distance - THRESHOLD
    assert found.statement == "copies lie in different splits, 1 pair of them"


def test_all_leaks_are_named_once(tmp_path: Path, photos: Sequence[Pillow.Image]) -> None:
    originals = {f"train/{n}.jpg": photos[n] for n in range(8)}
    copies = {f"{'valid' if n % 2 else 'test'}/{n}.jpg": turned(photos[n], TURNS[n]) for n in range(8)}
    found = certified(tmp_path, originals | copies)
    named = sorted(sorted((leak.one, leak.other)) for leak in found.leaks)
    assert named == sorted(sorted(pair) for pair in zip(originals, copies, strict=True))
    assert found.statement == "copies lie in different splits, 8 pairs of them"


def test_copies_within_one_split_are_no_leak(tmp_path: Path, photos: Sequence[Pillow.Image]) -> None:
    train = {f"train/{n}.jpg": turned(photos[n % 4], TURNS[n % 8]) for n in range(16)}
    found = certified(tmp_path, train | {"test/a.jpg": photos[10], "valid/a.jpg": photos[11]})
    assert found.leaks == []
    assert found.statement == NO_LEAK
    assert found.margin is not None
    assert found.margin > 0


def test_numbers_add_up(tmp_path: Path, photos: Sequence[Pillow.Image]) -> None:
    files = {f"{('test', 'train', 'valid')[n % 3]}/{n:02}.jpg": image for n, image in enumerate(photos)}
    found = certified(tmp_path, files)
    assert (found.threshold, found.texture) == (THRESHOLD, TEXTURE) == (16, 3.0)
    assert (found.compared, found.excluded) == (24, 0)
    assert sum(found.nearest.values()) == 24
    assert found.margin is not None
    bins = [tuple(map(int, name.split("-"))) for name in found.nearest]
    assert all(high - low == 7 and low % 8 == 0 for low, high in bins)
    assert bins == sorted(bins)
    assert bins[0][0] <= found.margin + THRESHOLD <= bins[0][1]


def test_margin_is_the_distance_of_the_nearest_pair(tmp_path: Path, photos: Sequence[Pillow.Image]) -> None:
    one, other = photos[0], Pillow.blend(photos[0], photos[1], 0.4)
    alone = certified(tmp_path / "two", {"train/a.png": one, "test/b.png": other})
    assert alone.margin is not None
    assert 0 < alone.margin < 32
    assert alone.nearest == dict.fromkeys(alone.nearest, 2)
    crowd = {f"{split}/{n}.png": photos[n] for n in range(5, 20) for split in [("train", "test")[n % 2]]}
    found = certified(tmp_path / "many", {"train/a.png": one, "test/b.png": other} | crowd)
    assert found.margin == alone.margin


@pytest.mark.parametrize(("seed", "share"), [(0, 25), (0, 27), (1, 20), (1, 22), (3, 25), (3, 27)])
def test_verdict_is_the_same_from_both_sides(tmp_path: Path, photo: Photo, seed: int, share: int) -> None:
    """Rounding makes turning one picture differ from turning the other, by some bits around the threshold."""
    size = (97, 97)
    one, stranger = (opened(photo(number, size, "BMP")) for number in (seed, seed + 1000))
    other = Pillow.blend(one, stranger, share / 120).transpose(Transpose.ROTATE_90)
    found = certified(tmp_path / "there", {"test/a.png": one, "train/b.png": other})
    back = certified(tmp_path / "back", {"train/a.png": one, "test/b.png": other})
    assert found.margin is not None
    assert bool(found.leaks) == (found.margin <= 0)
    assert [leak.distance for leak in found.leaks] == [leak.distance for leak in back.leaks]
    assert found.margin == back.margin


def test_plain_pictures_are_counted_and_not_compared(tmp_path: Path, photos: Sequence[Pillow.Image]) -> None:
    plain = {"dull": faded(photos[0], 0.25), "sky": faded(Pillow.linear_gradient("L").convert("RGB"), 0.5)}
    copies = {f"{split}/{name}.jpg": image for split in ("train", "test") for name, image in plain.items()}
    found = certified(tmp_path, copies | {"train/a.jpg": photos[1], "test/b.jpg": photos[2]})
    assert (found.compared, found.excluded, found.leaks) == (2, 4, [])
    assert sum(found.nearest.values()) == 2


def test_nothing_to_compare_has_no_margin(tmp_path: Path, photos: Sequence[Pillow.Image]) -> None:
    sky = faded(Pillow.linear_gradient("L").convert("RGB"), 0.5)
    found = certified(tmp_path, {"train/a.jpg": photos[0], "train/b.jpg": photos[0], "test/c.jpg": sky})
    assert (found.compared, found.excluded) == (2, 1)
    assert (found.margin, found.nearest, found.leaks) == (None, {}, [])
    assert certify(tmp_path, {"train": [], "test": []}).compared == 0


def test_certificate_depends_on_the_files_alone(tmp_path: Path, photos: Sequence[Pillow.Image]) -> None:
    splits = write(tmp_path, {f"{('a', 'b', 'c')[n % 3]}/{n}.jpg": photos[n % 8] for n in range(16)})
    backwards = {split: files[::-1] for split, files in reversed(splits.items())}
    assert certify(tmp_path, splits) == certify(tmp_path, backwards)
    assert len(certify(tmp_path, splits).leaks) == 8


def test_every_file_is_reported_as_progress(tmp_path: Path, photos: Sequence[Pillow.Image]) -> None:
    told: list[tuple[int, int | None]] = []
    splits = write(tmp_path, {"train/a.jpg": photos[0], "train/b.jpg": photos[1], "test/c.jpg": photos[2]})
    certify(tmp_path, splits, lambda done, total: told.append((done, total)))
    assert told == [(1, 3), (2, 3), (3, 3)]


def test_file_that_does_not_decode_raises_oserror(tmp_path: Path, photos: Sequence[Pillow.Image]) -> None:
    splits = write(tmp_path, {"train/a.jpg": photos[0], "test/b.jpg": photos[1]})
    (tmp_path / "test/b.jpg").write_bytes((tmp_path / "test/b.jpg").read_bytes()[:900])
    with pytest.raises(OSError, match="truncated"):
        certify(tmp_path, splits)


def test_independent_hashes_agree_with_the_fingerprints(tmp_path: Path, photos: Sequence[Pillow.Image]) -> None:
    """The planner hashes reduced thumbnails, the proof full pictures: at most 12 bits of 192 between the two.

    Half of the threshold and more is left; and pictures stay together up to 32 bits, copies end at 16.
    """
    package = importlib.util.find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    images = [
        normalised(file.read_bytes(), 512)
        for file in sorted(Path(package.origin).parent.joinpath("data").iterdir())
        # A chessboard is its own negative: its hashes are rounding errors.
        if file.suffix in {".png", ".jpg"} and not file.stem.startswith("chessboard")
    ]
    costs = []
    for number, image in enumerate([*images, *photos, *(turned(one, TURNS[5]) for one in photos)]):
        path = tmp_path / f"{number}.jpg"
        path.write_bytes(jpeg_bytes(image, 90))
        sketch = proof.sketch(path)
        inspection = inspect(path.read_bytes())
        assert isinstance(inspection, Inspection)
        codes = fingerprints([grids(inspection.thumbnail)])[0].codes
        for orientation, turn in enumerate(TURNS):
            independent = sketch.hashes[0 if turn is None else 1 + turn]
            planned = int.from_bytes(codes[24 * orientation : 24 * orientation + 24])
            costs.append((independent ^ planned).bit_count())
    assert len(costs) > 8 * 60
    assert max(costs) <= 12
    assert sum(costs) / len(costs) < 3


@pytest.mark.parametrize("sizes", [(5, 7), (1, 1), (3, 200, 5), (70, 300)])
def test_every_pair_across_groups_is_compared(sizes: Sequence[int]) -> None:
    """The blocks of the comparison against one pair after the other, near ones in both directions."""
    random = np.random.default_rng(len(sizes))
    seeds = random.integers(0, 2**63, (9, 8, 3), dtype=np.uint64)
    groups = {}
    for number, size in enumerate(sizes):
        words = seeds[random.integers(0, len(seeds), size)]
        noise = random.integers(0, 2**63, (3, size, 8, 3), dtype=np.uint64)
        words ^= noise[0] & noise[1] & noise[2] * (random.random((size, 1, 1)) < 0.7)
        groups[f"group{number}"] = np.ascontiguousarray(words.transpose(1, 2, 0))
    nearest, copies = compare_all(groups, 40)
    flat = [(name, place, words[:, :, place]) for name, words in groups.items() for place in range(words.shape[2])]
    expected, found = [255] * len(flat), set()
    for one, other in combinations(range(len(flat)), 2):
        if flat[one][0] != flat[other][0]:
            far = direct(flat[one][2], flat[other][2])
            if far <= 32:
                far = min(far, direct(flat[other][2], flat[one][2]))
            expected[one], expected[other] = min(expected[one], far), min(expected[other], far)
            if far <= 40:
                found.add((Spot(*flat[one][:2]), Spot(*flat[other][:2]), far))
    assert nearest == expected
    assert set(copies) == found
    assert len(copies) == len(found)


def direct(turned: NDArray[np.uint64], upright: NDArray[np.uint64]) -> int:
    return min(int(np.bitwise_count(one ^ upright[0]).sum()) for one in turned)


def test_a_picture_gives_the_same_sketch_alone_and_among_others(tmp_path: Path, photos: Sequence[Pillow.Image]) -> None:
    data = [jpeg_bytes(image, 90) for image in photos]
    together = [seen.sketch for seen in examine(data)]
    for number, one in enumerate(data):
        (tmp_path / "one.jpg").write_bytes(one)
        assert proof.sketch(tmp_path / "one.jpg") == proof.sketch(BytesIO(one)) == together[number]
