"""Pictures that are drawn: no two alike, none flat, the same ones for ever; and patches of one's own pictures."""

import csv
import hashlib
import io
import os
import struct
import subprocess
import sys
import zlib
from collections.abc import Callable
from itertools import islice
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from negbuild.errors import UsageError
from negbuild.fingerprint import fingerprints, grids
from negbuild.model import Candidate, Search
from negbuild.picture import Inspection, inspect
from negbuild.source import Takes, Web, find_source
from negbuild.twins import Comparer

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]

NOISE = find_source("noise")
DRAWN = ("noise", "gradient", "texture")


@pytest.fixture
def named(deaf: Web) -> Callable[..., list[Candidate]]:
    """Name pictures: `named(9, path=None, seed=0, kind="texture")`."""

    def name(number: int, path: Path | None = None, seed: int = 0, **options: str) -> list[Candidate]:
        search = Search(path=path, seed=seed, limit=number, options=options)
        NOISE.check(search)
        return list(islice(NOISE.search(search, deaf), number))

    return name


Named = Callable[..., list[Candidate]]


def read(candidate: Candidate, max_bytes: int = 10**9) -> bytes:
    assert NOISE.read is not None
    return NOISE.read(candidate, max_bytes)


def opened(data: bytes) -> Image.Image:
    return Image.open(io.BytesIO(data))


# --- drawn


@pytest.mark.parametrize("kind", DRAWN)
def test_no_drawn_picture_is_flat_or_like_another(named: Named, kind: str) -> None:
    comparer, pairs = Comparer(), []
    for one in named(150, kind=kind, size="96"):
        found = inspect(read(one))
        assert isinstance(found, Inspection)
        (print_,) = fingerprints([grids(found.thumbnail)])
        assert print_.texture >= 3  # enough in it to tell a copy
        pairs += comparer.add([(one.source_id, print_)])
    assert [pair for pair in pairs if pair.twins] == []
    assert len(pairs) < 5


def test_a_picture_is_the_same_for_ever(named: Named, environment: Callable[..., dict[str, str]]) -> None:
    found = named(9, seed=7)
    expected = [hashlib.sha256(read(one)).hexdigest() for one in found]
    assert [hashlib.sha256(read(one)).hexdigest() for one in reversed(found)] == expected[::-1]
    code = (
        "import hashlib, sys\n"
        "from negbuild.model import Candidate\n"
        "from negbuild.source import find_source\n"
        "for name in sys.argv[1:]:\n"
        "    data = find_source('noise').read(Candidate('noise', name, ''), 10**9)\n"
        "    print(hashlib.sha256(data).hexdigest())\n"
    )
    command = [sys.executable, "-c", code, *(one.source_id for one in found)]
    done = subprocess.run(command, env=environment(), capture_output=True, text=True, check=True)
    assert done.stdout.split() == expected


def test_the_seed_and_the_number_decide(named: Named) -> None:
    data = {read(one) for seed in (0, 1, -1, 2**70) for one in named(3, seed=seed, kind="noise", size="64")}
    assert len(data) == 12


def test_kinds_are_mixed_unless_one_is_asked_for(named: Named) -> None:
    mixed = named(6)
    assert [one.category for one in mixed] == [*DRAWN, *DRAWN]
    for kind in DRAWN:
        (alone,) = {one.source_id: one for one in named(6, kind=kind)}.keys() & {one.source_id for one in mixed[:3]}
        assert alone.startswith(kind)  # the same picture, however it was asked for
        assert {one.category for one in named(6, kind=kind)} == {kind}


def test_what_is_drawn_belongs_to_nobody(named: Named, deaf: Any) -> None:  # noqa: ANN401
    for one in named(6, size="100"):
        assert one.license == "CC0-1.0"
        assert one.license_url == "https://creativecommons.org/publicdomain/zero/1.0/"
        assert (one.url, one.page, one.author) == (f"noise:{one.source_id}", "", "negbuild")
        assert (one.width, one.height) == opened(read(one)).size == (100, 100)
        assert opened(read(one)).format == "PNG"
        assert read(one, 500) == read(one)[:501]
    assert NOISE.takes is Takes.PATH_OR_NOTHING
    assert deaf.asked == []


@pytest.mark.parametrize("side", [64, 65, 2048])
@pytest.mark.parametrize("kind", DRAWN)
def test_every_size_can_be_drawn(named: Named, kind: str, side: int) -> None:
    assert opened(read(named(1, kind=kind, size=str(side))[0])).size == (side, side)


def test_without_a_number_there_are_a_thousand_and_with_one_some_more(deaf: Web) -> None:
    assert len(list(NOISE.search(Search(), deaf))) == 1000
    assert len(list(NOISE.search(Search(limit=1), deaf))) == 100
    assert len(list(NOISE.search(Search(limit=5000), deaf))) == 20_000


@pytest.mark.parametrize(
    ("options", "path", "fault"),
    [
        ({"size": "63"}, "", "source noise: size=63: needs pixels from 64 to 2048"),
        ({"size": "4096"}, "", "source noise: size=4096: needs pixels from 64 to 2048"),
        ({"size": "big"}, "", "source noise: size=big: needs pixels from 64 to 2048"),
        (
            {"kind": "plasma"},
            "",
            "source noise: kind=plasma: choose from mixed, noise, gradient, texture, patches",
        ),
        (
            {"kind": "patches"},
            "",
            "source noise: kind=patches: --path goes with kind=patches, and with no other",
        ),
        (
            {"kind": "texture"},
            ".",
            "source noise: kind=texture: --path goes with kind=patches, and with no other",
        ),
        ({}, ".", "{}: holds no pictures to cut up"),
        ({}, "list.txt", "{}: holds no pictures to cut up"),
    ],
)
def test_what_cannot_be_drawn_is_told(
    tmp_path: Path, named: Named, options: dict[str, str], path: str, fault: str
) -> None:
    (tmp_path / "list.txt").write_text("http://example.org/1.jpg\n")
    with pytest.raises(UsageError) as caught:
        named(1, tmp_path / path if path else None, **options)
    assert str(caught.value) == fault.format(tmp_path / path)


# --- patches of one's own pictures


def test_patches_hold_the_pixels_of_one_picture_in_another_order(tmp_path: Path, named: Named) -> None:
    """Each square of the picture has one colour, whose number of pixels stays."""
    for number, hue in enumerate(((1, 0, 0), (0, 0, 1))):
        levels = np.arange(36, 252, 6, dtype=np.uint8).reshape(6, 6).repeat(40, 0).repeat(40, 1)
        Image.fromarray(levels[..., None] * np.array(hue, np.uint8)).save(tmp_path / f"{number}.png")
    found = named(40, tmp_path, size="240")
    assert [one.title for one in found[:3]] == ["patches of 0.png", "patches of 1.png", "patches of 0.png"]
    assert len({one.source_id for one in found}) == 40
    whole = np.asarray(opened((tmp_path / "0.png").read_bytes())).astype(int)
    exact = 0
    for one in found[::2]:
        pixels = np.asarray(opened(read(one))).astype(int)
        assert pixels.shape == (240, 240, 3)
        assert not pixels[..., 1:].any()
        assert not np.array_equal(pixels, whole)
        exact += np.array_equal(np.bincount(pixels.ravel()), np.bincount(whole.ravel()))
    assert exact >= 10  # five pieces fit, of seven and eight some are cut off
    assert [read(one) for one in found] == [read(one) for one in named(40, tmp_path, size="240")]


def test_a_picture_that_was_edited_or_added_leaves_the_others_as_they_are(
    tmp_path: Path, named: Named, photo: Photo
) -> None:
    (tmp_path / "b.jpg").write_bytes(photo(1))
    before = named(3, tmp_path)
    (tmp_path / "a.jpg").write_bytes(photo(2))
    after = named(6, tmp_path)
    assert [one for one in after if one.title == "patches of b.jpg"] == before
    os.utime(tmp_path / "b.jpg", (10**9, 10**9))
    assert {one.source_id for one in named(6, tmp_path)}.isdisjoint({one.source_id for one in before})


def test_one_picture_is_enough_and_a_photograph_stands_upright(tmp_path: Path, named: Named, photo: Photo) -> None:
    (tmp_path / "a.JPG").write_bytes(photo(1, size=(300, 200)))
    (one,) = named(1, tmp_path / "a.JPG")
    assert (one.url, one.page, one.license, one.category) == ((tmp_path / "a.JPG").as_uri(), "", "unknown", "patches")
    assert opened(read(one)).size == (256, 256)


def test_what_cannot_be_cut_is_a_skip(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    photos = tmp_path / "photos"
    (photos / "inner").mkdir(parents=True)
    (photos / "inner" / "whole.jpg").write_bytes(photo(1))
    (photos / "cut.jpg").write_bytes(photo(2)[:900])
    (photos / "text.png").write_text("no picture")
    whole, short = photo(4, kind="PNG"), b"tRNS" + b"x"  # the transparent colour takes six bytes
    broken = whole[:33] + struct.pack(">I", 1) + short + struct.pack(">I", zlib.crc32(short)) + whole[33:]
    (photos / "chunk.png").write_bytes(broken)
    (photos / ".hidden.jpg").write_bytes(photo(3))
    (photos / "gone.jpg").symlink_to("nowhere.jpg")
    os.mkfifo(photos / "pipe.jpg")
    Image.new("1", (9000, 9000)).save(photos / "huge.png")
    done = negbuild("crawl", "--source", "noise", "--path", "photos", "-n", 3, "--json")
    assert (done.code, done.json["unique"]) == (0, 3)
    assert done.json["skips"].keys() == {"unreadable"}
    assert done.json["skips"]["unreadable"] >= 10


# --- the whole way


def test_two_hundred_are_two_hundred_unique_ones(negbuild: Negbuild) -> None:
    done = negbuild("crawl", "--source", "noise", "-n", 200, "--option", "size=128", "--json", timeout=100)
    assert (done.code, done.json["unique"], done.json["tried"], done.json["skips"]) == (0, 200, 200, {})
    assert done.err == "negbuild: .: a new workspace\n"
    done = negbuild("crawl", "--source", "noise", "-n", 210, "--option", "size=128", "--json")
    assert (done.code, done.json["unique"], done.json["new"]) == (0, 210, 10)
    done = negbuild(
        *("crawl", "--source", "noise", "-n", 5, "--option", "kind=texture", "--category", "textures", "--json")
    )
    assert (done.code, done.json["unique"], done.json["new"]) == (0, 5, 5)


def test_patches_stay_in_the_split_of_their_picture_and_no_path_leaves_the_machine(
    negbuild: Negbuild, tmp_path: Path, photo: Photo
) -> None:
    (tmp_path / "private").mkdir()
    for number in range(10):
        (tmp_path / "private" / f"{number}.jpg").write_bytes(photo(number))
    assert negbuild("add", "private", "--category", "hotdog", "--role", "known").code == 0
    assert negbuild("crawl", "--source", "noise", "--path", "private", "-n", 30).code == 0
    assert negbuild("crawl", "--source", "noise", "-n", 20, "--category", "drawn").code == 0
    assert negbuild("split", "--ratio", "50/25/25").code == 0
    with (tmp_path / "dataset" / "manifest.csv").open(encoding="utf-8") as stream:
        rows = list(csv.DictReader(stream))
    where: dict[str, set[str]] = {}
    for row in rows:
        if row["category"] != "drawn":
            where.setdefault(row["title"].removeprefix("patches of "), set()).add(row["split"])
    assert (len(rows), len(where)) == (60, 10)
    assert {len(splits) for splits in where.values()} == {1}
    assert {(row["license"], row["source_id"][:8]) for row in rows if row["category"] == "noise"} == {("unknown", "")}
    assert {row["license"] for row in rows if row["category"] == "drawn"} == {"CC0-1.0"}
    assert len({row["group"] for row in rows if row["category"] == "drawn"}) == 20
    for file in (tmp_path / "dataset").iterdir():
        assert file.is_dir() or str(tmp_path) not in file.read_text(encoding="utf-8")
