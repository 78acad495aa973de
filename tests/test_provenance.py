"""What the places that pictures came from tell: bursts of one author stay together, placeholders are recognised."""

import csv
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from negbuild.fingerprint import fingerprints, grids, unpack
from negbuild.model import Fingerprint
from negbuild.picture import Inspection, inspect
from negbuild.provenance import BURST_RADIUS, FEWEST_ADDRESSES, Sighting, bursts, placeholders

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
Server = Any
Reply = Any


def seen(sha256: str, url: str, page: str = "", author: str = "", source: str = "web") -> Sighting:
    return Sighting(sha256, source, url, page, author, "")


def spread(number: int, host: str = "https://host.example", **same: str) -> list[Sighting]:
    """One picture under several addresses, each of a page and an author of its own unless they are given."""
    return [
        seen("a", f"{host}/{place}.jpg", same.get("page", f"https://page.example/{place}"), same.get("author", ""))
        for place in range(number)
    ]


def test_bytes_that_one_host_has_for_many_pages_are_a_placeholder() -> None:
    assert placeholders(spread(FEWEST_ADDRESSES)) == {"a": FEWEST_ADDRESSES}
    authors = [seen("a", f"https://host.example/{n}.jpg", "https://host.example", f"author {n}") for n in range(7)]
    assert placeholders(authors) == {"a": 7}


@pytest.mark.parametrize(
    "sightings",
    [
        spread(3),  # posted once more by two others
        spread(FEWEST_ADDRESSES - 1),
        spread(20, author="one person"),
        spread(20, page="https://page.example/1"),
        [seen("a", "https://host.example/a.jpg", f"https://page.example/{n}") for n in range(20)],  # one file, linked
        [seen("a", f"https://host{n}.example/a.jpg", f"https://page.example/{n}") for n in range(20)],  # went round
        [seen("a", f"file:///home/me/{n}.jpg") for n in range(20)],
        [seen(f"{n}", f"https://host.example/{n}.jpg", f"https://page.example/{n}") for n in range(20)],
    ],
)
def test_what_people_post_is_no_placeholder(sightings: list[Sighting]) -> None:
    assert placeholders(sightings) == {}


@given(st.lists(st.tuples(st.integers(0, 2), st.integers(0, 8), st.integers(0, 8), st.booleans()), max_size=40))
def test_a_placeholder_is_told_by_its_places_in_any_order(rows: list[tuple[int, int, int, bool]]) -> None:
    sightings = [
        seen(str(sha), f"https://h{host}.example/{url}", author=str(author)) for sha, url, author, host in rows
    ]
    assert placeholders(sightings).keys() == placeholders(reversed(sightings)).keys()


def flipped(print_: Fingerprint, bits: int, seed: int) -> Fingerprint:
    """Change some bits of a fingerprint as it lies."""
    codes = np.unpackbits(np.frombuffer(print_.codes, dtype=np.uint8).copy())
    codes[np.random.default_rng(seed).choice(192, bits, replace=False)] ^= 1
    return Fingerprint(np.packbits(codes).tobytes(), print_.texture)


def print_of(data: bytes) -> Fingerprint:
    inspected = inspect(data)
    assert isinstance(inspected, Inspection)
    return fingerprints([grids(inspected.thumbnail)])[0]


@given(
    st.lists(
        st.tuples(st.sampled_from("ab"), st.sampled_from(["", "x", "y"]), st.integers(0, 3), st.integers(0, 80)),
        max_size=14,
    )
)
def test_bursts_are_what_comparing_every_pair_says(rows: list[tuple[str, str, int, int]]) -> None:
    random = np.random.default_rng(0)
    bases = [Fingerprint(random.bytes(192), 9.0) for _ in range(4)]
    prints = {str(place): flipped(bases[base], bits, place) for place, (*_, base, bits) in enumerate(rows)}
    sightings = [seen(str(n), f"u{n}", author=author, source=source) for n, (source, author, *_) in enumerate(rows)]
    words = unpack(list(prints.values()))[:, 0] if prints else np.empty((0, 3), dtype=np.uint64)
    expected = {
        (str(one), str(other))
        for other in range(len(rows))
        for one in range(other)
        if rows[one][:2] == rows[other][:2]
        and rows[one][1]
        and int(np.bitwise_count(words[one] ^ words[other]).sum()) <= BURST_RADIUS
    }
    assert closed(bursts(sightings, prints)) == closed(expected)


def closed(edges: Any) -> set[frozenset[str]]:  # noqa: ANN401  pairs of keys
    groups: list[set[str]] = []
    for one, other in edges:
        touched = [group for group in groups if one in group or other in group]
        groups = [group for group in groups if group not in touched] + [set().union({one, other}, *touched)]
    return {frozenset(group) for group in groups}


def test_equal_and_plain_pictures_of_one_author(photo: Photo) -> None:
    print_ = print_of(photo(1))
    sightings = [seen(str(n), f"u{n}", author="x") for n in range(4)]
    same = dict.fromkeys("0123", print_)
    assert closed(bursts(sightings, same)) == {frozenset("0123")}
    plain = dict.fromkeys("0123", Fingerprint(print_.codes, 2.9))
    assert bursts(sightings, plain) == []


def next_shot(data: bytes) -> bytes:
    """Take the picture a moment later: the camera has turned a little, and zoomed in."""
    with Image.open(BytesIO(data)) as image:
        wide, high = image.size
        shot = image.crop((round(0.12 * wide), round(0.06 * high), wide, round(0.94 * high)))
        buffer = BytesIO()
        shot.save(buffer, "JPEG", quality=90)
        return buffer.getvalue()


def listed(folder: Path, rows: list[dict[str, str]]) -> Path:
    path = folder / "list.csv"
    with path.open("w", encoding="utf-8", newline="") as file:
        writer = csv.DictWriter(file, ["url", "page", "author"])
        writer.writeheader()
        writer.writerows(rows)
    return path


def test_shots_of_one_scene_by_one_author_are_never_divided(
    negbuild: Negbuild,
    photo: Photo,
    server: Server,
    reply: Reply,
    tmp_path: Path,
) -> None:
    rows = []
    for seed in range(300, 330):
        first = photo(seed, (320, 240))
        for place, data in enumerate((first, next_shot(first))):
            server.routes[f"/{seed}-{place}.jpg"] = reply(data)
            author = f"author {seed}" if seed < 320 else f"author {seed}-{place}"
            url = f"{server.url}/{seed}-{place}.jpg"
            rows.append({"url": url, "page": f"https://page.example/{seed}-{place}", "author": author})
    crawl = ("crawl", "-s", "urls", "--path", listed(tmp_path, rows), "-n", 60, "--category", "street")
    negbuild(*crawl, "--allow-private")
    fill = tmp_path / "hotdog"
    fill.mkdir()
    for seed in range(10):
        (fill / f"{seed}.jpg").write_bytes(photo(seed))
    assert negbuild("add", "hotdog", "--category", "hotdog", "--role", "known").code == 0
    assert negbuild("split").code == 0
    where: dict[str, set[str]] = {}
    with (tmp_path / "dataset" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            if row["category"] == "street":
                where.setdefault(row["author"], set()).add(row["split"])
    both = [author for author in where if "-" not in author]
    assert len(both) == 20
    assert {len(where[author]) for author in both} == {1}


def test_a_placeholder_is_in_no_split_and_ties_nothing_together(
    negbuild: Negbuild,
    photo: Photo,
    server: Server,
    reply: Reply,
    tmp_path: Path,
) -> None:
    gone, rows = photo(77, (320, 240)), []
    for number in range(20):
        page = f"https://page.example/{number}"
        server.routes[f"/{number}.jpg"] = reply(photo(400 + number, (320, 240)))
        rows.append({"url": f"{server.url}/{number}.jpg", "page": page, "author": ""})
        if number < 6:  # the larger picture of the page is not there any more
            server.routes[f"/{number}-large.jpg"] = reply(gone)
            rows.append({"url": f"{server.url}/{number}-large.jpg", "page": page, "author": ""})
    crawl = ("crawl", "-s", "urls", "--path", listed(tmp_path, rows), "-n", 21, "--category", "street")
    assert negbuild(*crawl, "--allow-private").code == 0
    (tmp_path / "hotdog").mkdir()
    for seed in range(10):
        (tmp_path / "hotdog" / f"{seed}.jpg").write_bytes(photo(seed))
    assert negbuild("add", "hotdog", "--category", "hotdog", "--role", "known").code == 0
    told = negbuild("dedup", "--list")
    assert "1 placeholder, seen under 6 addresses of one host or more: in no split" in told.out.splitlines()
    assert told.out.splitlines()[-2].split() == ["placeholder", "addresses"]
    assert told.out.splitlines()[-1].endswith("6")
    assert negbuild("dedup", "--json").json["groups"] == 0
    assert "placeholders: 1, in no split" in negbuild("status").out.splitlines()
    omitted = negbuild("split", "--json").json["omitted"]
    assert omitted == {"a placeholder that stands for many pictures": 1}
