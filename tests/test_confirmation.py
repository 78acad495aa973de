"""Copies confirmed on pixels by the real command line: what fingerprints miss is found, what they mistake is none."""

import csv
import hashlib
import importlib.util
import io
import sqlite3
from collections import Counter
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from itertools import chain
from pathlib import Path
from threading import Barrier, Event
from typing import Any

import numpy as np
import pytest
from PIL import Image, ImageDraw, ImageEnhance, ImageOps

from negbuild import twins
from negbuild.alignment import JOIN_RADIUS
from negbuild.fingerprint import VERSION, fingerprints, grids
from negbuild.held import held_look
from negbuild.looks import VERSION as SKETCHES
from negbuild.looks import Look, Views, look
from negbuild.model import Fingerprint
from negbuild.neighbours import join
from negbuild.picture import Inspection, inspect
from negbuild.sketches import Sketchbook
from negbuild.twins import TWIN_RADIUS, Comparer, close_groups, confirmed_pairs
from negbuild.workers import Workers, here
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
Alter = Callable[[Image.Image], Image.Image]
SIZE = (320, 240)


def cropped(image: Image.Image, share: float) -> Image.Image:
    across, down = round(image.width * share), round(image.height * share)
    return image.crop((across, down, image.width - across, image.height - down))


def captioned(image: Image.Image) -> Image.Image:
    altered = image.copy()
    ImageDraw.Draw(altered).rectangle((0, image.height * 0.85, image.width, image.height), "white")
    return altered


ALTERATIONS: dict[str, Alter] = {
    "crop of 5 %": lambda image: cropped(image, 0.05),
    "crop of 10 %": lambda image: cropped(image, 0.1),
    "crop and mirror": lambda image: ImageOps.mirror(cropped(image, 0.05)),
    "caption": captioned,
    "border": lambda image: ImageOps.expand(image, round(image.width * 0.04), "white"),
    "turned by 5 degrees": lambda image: cropped(image.rotate(5, Image.Resampling.BICUBIC), 0.06),
    "quarter turn": lambda image: image.transpose(Image.Transpose.ROTATE_90),
    "brighter": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "smaller": lambda image: image.resize((96, 72)),
}


def encoded(image: Image.Image, quality: int = 85) -> bytes:
    buffer = io.BytesIO()
    image.convert("RGB").save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def fill(folder: Path, files: dict[str, bytes]) -> None:
    folder.mkdir(parents=True)
    for name, data in files.items():
        (folder / name).write_bytes(data)


def rows(root: Path, sql: str) -> list[Any]:
    with closing(sqlite3.connect(root / "catalog.sqlite")) as catalog:
        return catalog.execute(sql).fetchall()


@pytest.mark.parametrize("name", ALTERATIONS)
def test_an_altered_copy_is_set_aside_whatever_was_done_to_it(
    negbuild: Negbuild, photo: Photo, tmp_path: Path, name: str
) -> None:
    files = {f"{number}.jpg": photo(number, SIZE) for number in range(8)}
    for number in range(4):
        with Image.open(io.BytesIO(files[f"{number}.jpg"])) as image:
            files[f"{number}_copy.jpg"] = encoded(ALTERATIONS[name](image))
    fill(tmp_path / "photos", files)
    assert negbuild("add", "photos", "--category", "dog", "--role", "known").code == 0
    found = negbuild("dedup", "--json").json
    pairs = {frozenset((one["title"], one["keeper_title"])) for one in found["copies"]}
    wanted = {frozenset((f"{number}.jpg", f"{number}_copy.jpg")) for number in range(4)}
    assert pairs <= wanted
    assert len(pairs) >= (3 if name == "crop of 10 %" else 4)
    assert set(found["reasons"]) <= {"same pixels", "aligned"}


def test_what_only_looks_alike_is_no_copy_though_fingerprints_say_so(
    negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    with Image.open(io.BytesIO(photo(1, SIZE))) as image, Image.open(io.BytesIO(photo(2, SIZE))) as other:
        coarse, others = (
            np.asarray(one.resize((14, 14), Image.Resampling.BOX).resize(SIZE, Image.Resampling.BICUBIC), np.float64)
            for one in (image, other)
        )
        mixed = coarse + 1.5 * (np.asarray(other, dtype=np.float64) - others)
        fill(
            tmp_path / "photos",
            {
                "1.png": encoded(image, 95),
                "2.png": encoded(Image.fromarray(np.clip(mixed, 0, 255).astype(np.uint8)), 95),
            },
        )
    assert negbuild("add", "photos", "--category", "dog", "--role", "known").code == 0
    [(distance, twins)] = rows(tmp_path, "SELECT distance, twins FROM pairs")
    assert (distance <= TWIN_RADIUS, twins) == (True, 1)  # as far as fingerprints can tell
    found = negbuild("dedup", "--json").json
    assert (found["twins"], found["dropped"], found["groups"]) == (0, [], 1)  # a split keeps them together all the same
    assert found["others"] == {str(distance): 1}
    [(twins, reason, alignment)] = rows(tmp_path, "SELECT twins, reason, alignment FROM pairs")
    assert (twins, alignment) == (0, "")
    assert reason.startswith("other content")


def test_copies_are_not_among_the_others_that_were_looked_at(negbuild: Negbuild, photo: Photo, tmp_path: Path) -> None:
    files = {f"{number}.jpg": photo(number, SIZE) for number in range(40)}
    for number in range(40):
        with Image.open(io.BytesIO(files[f"{number}.jpg"])) as image:
            files[f"{number}_crop.jpg"] = encoded(cropped(image, 0.02))
    fill(tmp_path / "photos", files)
    assert negbuild("add", "photos", "--category", "dog", "--role", "known").code == 0
    found = negbuild("dedup", "--json").json
    with Workspace(tmp_path).reading() as catalog:
        prints = [print_ for _, print_ in catalog.fingerprints(VERSION)]
    looked_at = Counter(str(pair.distance) for pair in join(prints, JOIN_RADIUS))
    twins, others = Counter(found["distances"]), Counter(found["others"])
    assert (twins.total(), found["twins"]) == (40, 40)
    assert others.total() > 20
    assert twins + others == looked_at


def test_a_split_without_dedup_never_divides_crops(negbuild: Negbuild, photo: Photo, tmp_path: Path) -> None:
    files = {f"{number}.jpg": photo(number, SIZE) for number in range(24)}
    for number in range(24):
        with Image.open(io.BytesIO(files[f"{number}.jpg"])) as image:
            files[f"{number}_crop.jpg"] = encoded(cropped(image, 0.05))
    fill(tmp_path / "dogs", files)
    fill(tmp_path / "cats", {f"{number}.jpg": photo(number, SIZE) for number in range(100, 112)})
    assert negbuild("add", "dogs", "--category", "dog", "--role", "known").code == 0
    assert negbuild("add", "cats", "--category", "cat", "--role", "unknown").code == 0
    assert negbuild("split", "--ratio", "50/25/25").code == 0
    titles = dict(rows(tmp_path, "SELECT sha256, title FROM candidates"))
    with (tmp_path / "dataset" / "manifest.csv").open(encoding="utf-8") as manifest:
        splits: dict[str, set[str]] = {}
        for row in csv.DictReader(manifest):
            if row["category"] == "dog":
                splits.setdefault(titles[row["sha256"]].partition("_")[0].removesuffix(".jpg"), set()).add(row["split"])
    assert len(splits) == 24
    assert all(len(where) == 1 for where in splits.values())


def test_only_what_came_since_is_looked_at(negbuild: Negbuild, photo: Photo, tmp_path: Path) -> None:
    fill(tmp_path / "first", {f"{number}.jpg": photo(number, SIZE) for number in range(12)})
    assert negbuild("add", "first", "--category", "dog", "--role", "known").code == 0
    assert negbuild("dedup").code == 0
    assert rows(tmp_path, "SELECT count(*) FROM confirmed") == [(12,)]
    for path in (tmp_path / "images").glob("??/*"):  # nobody needs to read them again
        path.rename(path.with_suffix(".moved"))
    assert negbuild("dedup").code == 0
    for path in (tmp_path / "images").glob("??/*"):
        path.rename(path.with_suffix(".jpg"))
    with Image.open(tmp_path / "first" / "3.jpg") as image:
        fill(tmp_path / "second", {"crop.jpg": encoded(cropped(image, 0.05))})
    assert negbuild("add", "second", "--category", "dog", "--role", "known").code == 0
    assert len(negbuild("dedup", "--json").json["dropped"]) == 1


def test_any_order_gives_the_same_groups(photo: Photo) -> None:
    originals = [Image.open(io.BytesIO(photo(number, SIZE))) for number in range(6)]
    pictures = [encoded(image) for image in originals]
    pictures += [encoded(alter(image)) for image in originals[:3] for alter in ALTERATIONS.values()]
    found = [inspect(data) for data in pictures]
    thumbnails = {str(number): one.thumbnail for number, one in enumerate(found) if isinstance(one, Inspection)}
    prints = fingerprints([grids(thumbnail) for thumbnail in thumbnails.values()])
    named: list[tuple[str, Fingerprint]] = list(zip(thumbnails, prints, strict=True))
    groups = []
    for seed in range(4):
        order = [named[place] for place in np.random.default_rng(seed).permutation(len(named))]
        confirmed = [
            (pair.older, pair.newer)
            for some in confirmed_pairs(order[:7], order[7:], Views(lambda key: look(thumbnails[key])))
            for pair in some.pairs
            if pair.twins
        ]
        # What is known was confirmed before.
        confirmed += [
            (pair.older, pair.newer)
            for some in confirmed_pairs([], order[:7], Views(lambda key: look(thumbnails[key])))
            for pair in some.pairs
            if pair.twins
        ]
        groups.append(close_groups(thumbnails, confirmed))
    assert groups[0] == groups[1] == groups[2] == groups[3]
    assert len(set(groups[0].values())) == 6
    assert Comparer().add(named)  # fingerprints alone find some of them


def test_which_picture_came_first_makes_no_difference() -> None:
    """Turned crops of photographs: turning rounds, so that many a pair is near the radii in one order alone."""
    package = importlib.util.find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    random, thumbnails = np.random.default_rng(2), []
    for name in ("astronaut.png", "chelsea.png", "coffee.png", "motorcycle_left.png", "retina.jpg", "rocket.jpg"):
        with Image.open(Path(package.origin).parent / "data" / name) as photograph:
            whole = ImageOps.contain(photograph.convert("RGB"), (700, 700))
        for _ in range(15):
            width, height = (round(side * random.uniform(0.6, 0.95)) for side in whole.size)
            left, top = (int(random.integers(room)) for room in (whole.width - width, whole.height - height))
            crop = whole.crop((left, top, left + width, top + height)).transpose(random.choice(list(Image.Transpose)))
            found = inspect(encoded(crop))
            assert isinstance(found, Inspection)
            thumbnails.append(found.thumbnail)
    named = [(str(place), print_) for place, print_ in enumerate(fingerprints([grids(one) for one in thumbnails]))]
    pairs = []
    for order in named, named[::-1]:
        views = Views(lambda key: look(thumbnails[int(key)]))
        found_pairs = [pair for some in confirmed_pairs([], order, views) for pair in some.pairs]
        pairs.append({(frozenset((one.older, one.newer)), one.distance, one.twins) for one in found_pairs})
    assert len(pairs[0]) > 60
    assert pairs[0] == pairs[1]


def test_processes_see_what_this_one_sees(photo: Photo) -> None:
    originals = [Image.open(io.BytesIO(photo(number, SIZE))) for number in range(4)]
    pictures = [*map(encoded, originals), *(encoded(alter(one)) for one in originals for alter in ALTERATIONS.values())]
    thumbnails = [one.thumbnail for one in map(inspect, pictures) if isinstance(one, Inspection)]
    named = [(str(place), print_) for place, print_ in enumerate(fingerprints([grids(one) for one in thumbnails]))]
    called = set()

    def call(function: Callable[..., Any], *arguments: object) -> Any:  # noqa: ANN401  as `workers.Call`
        called.add(function.__name__)
        return workers.call(function, *arguments)

    with Workers(0) as workers:
        here_and_there = [
            list(confirmed_pairs([], named, Views(lambda key: look(thumbnails[int(key)])), call=how))
            for how in (here, call)
        ]
    assert here_and_there[0] == here_and_there[1]
    assert called == {"_resembling", "probe", "_followed"}, "whatever takes long"
    assert sum(pair.twins for some in here_and_there[0] for pair in some.pairs) > len(named)


def test_the_next_batch_is_looked_at_while_the_last_one_is_used(photo: Photo, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(twins, "_BATCH", 2)
    with Image.open(io.BytesIO(photo(0, SIZE))) as image:
        found = [inspect(encoded(image, quality)) for quality in range(40, 80, 4)]
    thumbnails = [one.thumbnail for one in found if isinstance(one, Inspection)]
    named = [(str(place), print_) for place, print_ in enumerate(fingerprints([grids(one) for one in thumbnails]))]
    seen: dict[str, Event] = {key: Event() for key, _ in named}

    def look_of(key: str) -> Look:
        seen[key].set()
        return look(thumbnails[int(key)])

    using = confirmed_pairs([], named, Views(look_of))
    for batch in range(3):
        assert next(using).keys == [str(2 * batch), str(2 * batch + 1)]
        assert seen[str(2 * batch + 3)].wait(timeout=60)
    del using  # nobody wants the rest
    assert not seen["9"].is_set()


def test_only_sketches_that_are_not_kept_are_made(photo: Photo) -> None:
    found = [inspect(photo(seed, SIZE)) for seed in range(3)]
    looks = {key: look(one.thumbnail) for key, one in zip("abc", found, strict=True) if isinstance(one, Inspection)}
    packed = {key: one.sketch.packed() for key, one in looks.items()}
    asked: list[str] = []

    def look_of(key: str) -> Look:
        asked.append(key)
        return looks[key]

    views = Views(look_of, lambda: [[("a", packed["a"])], [("stranger", packed["c"]), ("b", packed["b"])]])
    book = Sketchbook(["b", "c", "a"], views)
    assert book.of(np.array([[0, 2, 5, 0]])).rough[[0, 2]].tobytes() == packed["b"][0] + packed["a"][0]
    assert (asked, views.newly_made()) == ([], {})
    for _ in range(2):
        sketches = book.of(np.array([[1, 2, 5, 0]]))
        assert sketches.rough.tobytes() == b"".join(packed[key][0] for key in "bca")
        assert sketches.aspect.tolist() == [packed[key][1] for key in "bca"]
        assert sketches.textured.tolist() == [packed[key][2] for key in "bca"]
    assert (asked, views.newly_made()) == (["c"], {"c": packed["c"]})


def test_sketches_are_handed_over_once_while_more_are_made(photo: Photo) -> None:
    found = inspect(photo(0, SIZE))
    assert isinstance(found, Inspection)
    seen = look(found.thumbnail)
    views, keys = Views(lambda _key: seen), [str(number) for number in range(20_000)]
    handed: list[str] = []
    with ThreadPoolExecutor(4) as threads:
        making = [threads.submit(list, map(views.sketch, keys[part::4])) for part in range(4)]
        while not all(one.done() for one in making):
            handed += views.newly_made()
    assert all(one.result() for one in making)
    assert sorted([*handed, *views.newly_made()]) == sorted(keys)
    assert views.newly_made() == {}


def test_another_way_of_looking_forgets_what_the_one_before_found(
    negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    with Image.open(io.BytesIO(photo(0, SIZE))) as image:
        crop = encoded(cropped(image, 0.05))
    fill(tmp_path / "photos", {"crop.jpg": crop} | {f"{number}.jpg": photo(number, SIZE) for number in range(4)})
    assert negbuild("add", "photos", "--category", "dog", "--role", "known").code == 0
    first = negbuild("dedup", "--json").json
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog, catalog:
        catalog.execute("UPDATE confirmed SET version = 'older'")
        one, other = (sha for (sha,) in catalog.execute("SELECT sha256 FROM images ORDER BY rowid LIMIT 2"))
        catalog.execute("INSERT OR REPLACE INTO pairs VALUES (?, ?, 60, 0, 1, 'aligned', '')", (one, other))
    assert negbuild("dedup", "--json").json == first


def test_a_picture_is_prepared_once_though_threads_ask_for_it_together(
    negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    fill(tmp_path / "photos", {f"{number}.png": photo(number, (900, 700)) for number in range(6)})
    assert negbuild("add", "photos", "--category", "dog", "--role", "known").code == 0
    workspace, threads = Workspace(tmp_path), 8
    with workspace.reading() as catalog, ThreadPoolExecutor(threads) as pool:
        images = catalog.images()
        views = Views(lambda sha256: held_look(workspace.store, images[sha256].image))
        together = Barrier(threads)

        def ask(sha256: str) -> Look:
            together.wait(timeout=60)
            return views.look(sha256)

        for sha256 in images:
            answers = list(pool.map(ask, [sha256] * threads))
            assert all(answer is answers[0] for answer in answers)


def test_sketches_made_as_files_come_are_those_made_of_pictures_held(
    negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    pictures = [photo(number, SIZE, kind) for number, kind in enumerate(("JPEG", "PNG", "WEBP", "GIF"))]
    fill(tmp_path / "photos", {f"{number}.jpg": data for number, data in enumerate([*pictures, pictures[0]])})
    assert negbuild("add", "photos", "--category", "dog", "--role", "known").code == 0
    workspace = Workspace(tmp_path)
    with workspace.reading() as catalog:
        made_later = {
            sha256: held_look(workspace.store, image).sketch.packed() for sha256, image in catalog.files().items()
        }
        assert dict(chain(*catalog.sketches(SKETCHES))) == made_later
    assert len(made_later) == 4


@pytest.mark.parametrize("sketched_by", ["add", "dedup"])
def test_pictures_held_are_decoded_again_only_where_a_copy_is_likely(
    negbuild: Negbuild, photo: Photo, tmp_path: Path, sketched_by: str
) -> None:
    """What is lost from the store meanwhile tells which ones are."""
    fill(tmp_path / "photos", {f"{number}.jpg": photo(number, SIZE) for number in range(60)})
    assert negbuild("add", "photos", "--category", "dog", "--role", "known").code == 0
    if sketched_by == "dedup":
        with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog, catalog:
            catalog.execute("DELETE FROM sketches")
    first = negbuild("dedup", "--json")
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog:
        sketched = {sha256 for (sha256,) in catalog.execute("SELECT sha256 FROM sketches")}
    stored = [file for file in (tmp_path / "images").glob("??/*") if file.stem in sketched]
    assert len(stored) > 10, len(stored)  # the others resembled nothing yet
    for file in stored:
        file.rename(file.with_suffix(".gone"))
    fill(tmp_path / "more", {f"{number}.jpg": photo(number, SIZE) for number in range(60, 90)})
    assert negbuild("add", "more", "--category", "dog", "--role", "known").code == 0
    looked_at = negbuild("dedup", "--json")
    assert looked_at.code == 0, looked_at.err
    assert sum(looked_at.json["others"].values()) > sum(first.json["others"].values()) > 5
    pictures = (photo(number, SIZE) for number in range(60))
    lost_one = next(data for data in pictures if hashlib.sha256(data).hexdigest() in sketched)
    with Image.open(io.BytesIO(lost_one)) as image:
        fill(tmp_path / "copies", {"copy.jpg": encoded(cropped(image, 0.03))})
    assert negbuild("add", "copies", "--category", "dog", "--role", "known").code == 0
    lost = negbuild("dedup")
    assert (lost.code, "is lost from the store" in lost.err) == (1, True)
    for file in stored:
        file.with_suffix(".gone").rename(file)
    assert len(negbuild("dedup", "--json").json["dropped"]) == 1
