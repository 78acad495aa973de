"""`dedup PATH --hash` says what ImageHash says, bit by bit and pair by pair, and only reports."""

import io
import subprocess
import sys
from collections.abc import Callable
from functools import partial
from itertools import combinations
from pathlib import Path
from typing import Any

import imagehash
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from negbuild.hashes import Algorithm, Hash, near

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]

HASHES: dict[str, Callable[[Image.Image, int], Any]] = {
    "phash": imagehash.phash,
    "dhash": imagehash.dhash,
    "ahash": imagehash.average_hash,
    "whash": imagehash.whash,
    "colorhash": imagehash.colorhash,
    "crop-resistant": lambda image, size: imagehash.crop_resistant_hash(
        image, partial(imagehash.dhash, hash_size=size)
    ),
}


@pytest.fixture
def photos(tmp_path: Path, photo: Photo) -> Path:
    """A folder of pictures of every kind: altered copies, transparent, turned by EXIF, flat, and one that is none."""
    folder = tmp_path / "photos"
    (folder / "more").mkdir(parents=True)
    for seed in range(4):
        data = photo(seed, (200, 150))
        (folder / f"{seed}.jpg").write_bytes(data)
        with Image.open(io.BytesIO(data)) as image:
            box = (6, 6, image.width - 6, image.height - 6)
            image.crop(box).save(folder / "more" / f"{seed}_crop.jpg", quality=60)
    with Image.open(io.BytesIO(photo(9))) as image:
        image.putalpha(image.convert("L"))
        image.save(folder / "clear.png")
        exif = Image.Exif()
        exif[0x0112] = 6
        image.convert("RGB").save(folder / "turned.jpg", exif=exif)
    Image.new("RGB", (80, 80), "white").save(folder / "white.png")
    Image.new("RGB", (80, 80), "black").save(folder / "black.png")
    (folder / "broken.jpg").write_bytes(photo(1)[:900])
    return folder


def theirs(folder: Path, name: str, size: int) -> dict[str, Any]:
    found = {}
    for file in sorted(folder.rglob("*.*")):
        if file.name != "broken.jpg":
            with Image.open(file) as image:
                found[file.relative_to(folder).as_posix()] = HASHES[name](image, size)
    return found


@pytest.mark.parametrize(
    ("name", "size", "distance"),
    [
        ("phash", 8, 10),
        ("phash", 16, 40),
        ("dhash", 8, 8),
        ("dhash", 5, 4),
        ("ahash", 8, 6),
        ("whash", 8, 6),
        ("whash", 16, 30),
        ("colorhash", 3, 4),
        ("colorhash", 4, 6),
        ("crop-resistant", 8, 12),
    ],
)
def test_hashes_and_pairs_are_those_of_imagehash(
    negbuild: Negbuild, photos: Path, name: str, size: int, distance: int
) -> None:
    command = ("dedup", "photos", "--hash", name, "--hash-size", size, "--distance", distance, "--json")
    found = negbuild(*command).json
    hashes = theirs(photos, name, size)
    assert found["hashes"] == {file: str(hash_) for file, hash_ in hashes.items()}
    assert found["skips"] == {"truncated": 1}
    if name == "crop-resistant":
        expected = {
            frozenset(pair) for pair in combinations(hashes, 2) if hashes[pair[0]].matches(hashes[pair[1]], 1, distance)
        }
    else:
        expected = {
            frozenset(pair) for pair in combinations(hashes, 2) if hashes[pair[0]] - hashes[pair[1]] <= distance
        }
        for pair in found["pairs"]:
            assert pair["distance"] == hashes[pair["one"]] - hashes[pair["other"]]
    assert {frozenset((pair["one"], pair["other"])) for pair in found["pairs"]} == expected
    assert len(expected) == len(found["pairs"])
    assert frozenset(("white.png", "black.png")) in expected or name in {"phash", "colorhash"}


@pytest.mark.parametrize("algorithm", Algorithm)
def test_the_usual_size_is_that_of_imagehash(negbuild: Negbuild, photos: Path, algorithm: Algorithm) -> None:
    functions = {
        **{name: getattr(imagehash, name) for name in ("phash", "dhash", "whash", "colorhash")},
        "ahash": imagehash.average_hash,
        "crop-resistant": imagehash.crop_resistant_hash,
    }
    with Image.open(photos / "0.jpg") as image:
        expected = str(functions[algorithm](image))
    assert negbuild("dedup", "photos", "--hash", algorithm, "--json").json["hashes"]["0.jpg"] == expected


segments = st.integers(1, 3).flatmap(
    lambda number: st.lists(st.integers(0, 2**12 - 1), min_size=number, max_size=number)
)


@given(st.lists(segments, max_size=12), st.integers(0, 12))
def test_near_hashes_are_what_comparing_every_pair_says(rows: list[list[int]], distance: int) -> None:
    def bits(number: int) -> list[bool]:
        return [bool(number >> place & 1) for place in range(12)]

    hashes = [Hash(np.array([bits(number) for number in row]), "") for row in rows]
    expected = {
        (one, other, least)
        for one, other in combinations(range(len(rows)), 2)
        if (least := min((a ^ b).bit_count() for a in rows[one] for b in rows[other])) <= distance
    }
    found = list(near(hashes, distance))
    assert set(found) == expected
    assert len(found) == len(expected)


def test_a_report_for_people_names_the_nearest_first_and_makes_no_workspace(
    negbuild: Negbuild, photos: Path, tmp_path: Path
) -> None:
    before = sorted(photos.rglob("*"))
    told = negbuild("dedup", "photos", "--hash", "ahash", "--distance", 12, "--list")
    lines = told.out.splitlines()
    assert (told.code, told.err) == (0, "")
    assert lines[0].startswith("photos: 12 pictures, ")
    assert lines[0].endswith(" pairs at most 12 bits of 64 apart by ahash of ImageHash")
    assert lines[1] == "not compared 1: 1 truncated"
    distances = [int(line.split("(")[1].split()[0]) for line in lines[2:]]
    assert distances == sorted(distances)
    assert sorted(photos.rglob("*")) == before
    assert sorted(path.name for path in tmp_path.iterdir()) == ["photos"]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (
            ("--hash", "phash"),
            "negbuild dedup: --hash only reports on a folder or archive; give its PATH; run: negbuild dedup --help\n",
        ),
        (
            ("photos", "--distance", "3"),
            "negbuild dedup: --hash-size and --distance are those of a --hash; name it; run: negbuild dedup --help\n",
        ),
        (
            ("photos", "--hash", "whash", "--hash-size", "6"),
            "negbuild: --hash-size 6: whash takes powers of two; try 8 or 16\n",
        ),
        (("photos", "--hash", "phash", "--hash-size", "1"), "negbuild: --hash-size 1: phash takes 2 to 64\n"),
        (("photos", "--hash", "colorhash", "--hash-size", "9"), "negbuild: --hash-size 9: colorhash takes 1 to 8\n"),
        (("nowhere", "--hash", "phash"), "negbuild: nowhere: no such file or folder\n"),
    ],
)
@pytest.mark.usefixtures("photos")
def test_what_cannot_be_hashed_is_said_in_one_line(
    negbuild: Negbuild, arguments: tuple[str, ...], message: str
) -> None:
    done = negbuild("dedup", *arguments)
    assert (done.code, done.out, done.err) == (2, "", message)


def test_without_the_library_one_line_says_what_to_install(
    photos: Path, environment: Callable[..., dict[str, str]]
) -> None:
    blocked = "import sys; sys.modules['imagehash'] = None; from negbuild.cli import main; main(sys.argv[1:])"
    done = subprocess.run(
        [sys.executable, "-c", blocked, "dedup", photos, "--hash", "phash"],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    message = 'negbuild: --hash phash: needs ImageHash; run: pip install "negbuild[hashes]"\n'
    assert (done.returncode, done.stdout, done.stderr) == (2, "", message)
