"""The catalog: one writer, whole batches, true counts, and a clear word where the file is damaged or foreign."""

import os
import shutil
import signal
import sqlite3
import subprocess
import sys
import time
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing, contextmanager, suppress
from dataclasses import replace
from itertools import chain
from pathlib import Path
from threading import Barrier
from typing import Any

import pytest

from negbuild import likeness
from negbuild.catalog import Catalog
from negbuild.database import writer_lock
from negbuild.errors import CatalogError, UsageError, WorkspaceBusy
from negbuild.model import (
    NO_VALIDATORS,
    Candidate,
    Count,
    Drop,
    Earlier,
    Fingerprint,
    Image,
    PackedSketch,
    Pair,
    Role,
    Search,
    Settled,
    Skip,
    SkipReason,
    Split,
)
from negbuild.order import Order
from negbuild.ruling import Ruling, Verdict
from negbuild.source import find_source
from negbuild.stages.crawl import crawl
from negbuild.stages.status import status
from negbuild.workspace import Workspace
from tests.conftest import cli_environment

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
Damage = Callable[[Path], object]


def candidate(number: int, category: str = "dog", source: str = "web", page: str = "") -> Candidate:
    return Candidate(
        source=source, source_id=f"id-{number}", url=f"https://x.example/{number}", page=page, category=category
    )


def image(number: int) -> Image:
    return Image(f"{number:064x}", "JPEG", 100, 80, 1000)


def skip(number: int, reason: SkipReason, category: str = "dog") -> Settled:
    return Settled(candidate(number, category), "q", Skip(reason, "seen"))


def held(number: int, category: str = "dog", page: str = "") -> Settled:
    return Settled(candidate(number, category, page=page), "q", image(number))


def again(number: int, of: int, category: str = "dog") -> Settled:
    """Settle a candidate that led to an image held already."""
    return Settled(candidate(number, category), "q", Skip(SkipReason.DUPLICATE), image(of).sha256)


@pytest.fixture
def catalog(tmp_path: Path) -> Iterator[Catalog]:
    opened = Catalog(tmp_path / "catalog.sqlite")
    for name, role in (("hotdog", Role.KNOWN), ("bun", Role.KNOWN), ("dog", Role.UNKNOWN), ("cat", Role.UNSEEN)):
        opened.declare(name, role)
    yield opened
    opened.close()


@pytest.fixture(scope="module")
def project(photo: Photo, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Make a workspace with pictures and skips; copy it before you damage it."""
    root = tmp_path_factory.mktemp("catalog")
    for first, (category, role) in enumerate((("hotdog", Role.KNOWN), ("street", Role.UNKNOWN))):
        (root / category).mkdir()
        for seed in range(6):
            (root / category / f"{seed}.jpg").write_bytes(photo(100 * first + seed))
        (root / category / "again.jpg").write_bytes(photo(100 * first))
        (root / category / "page.jpg").write_text("<html>")
        crawl(Workspace(root / "work"), find_source("folder"), Order(Search(path=root / category), category, role))
    with Workspace(root / "work").writing():
        pass
    return root / "work"


@pytest.fixture
def work(project: Path, tmp_path: Path) -> Path:
    return shutil.copytree(project, tmp_path / "work")


@contextmanager
def sql(file: Path) -> Iterator[sqlite3.Connection]:
    with closing(sqlite3.connect(file)) as connection:
        yield connection
        connection.commit()


# --- damaged, foreign, newer, empty


def _garbage_head(file: Path) -> None:
    file.write_bytes(b"\0garbage" * 16 + file.read_bytes()[128:])


def _garbage_inside(file: Path) -> None:
    data = file.read_bytes()
    file.write_bytes(data[:4096] + b"\xa5\x5a" * ((len(data) - 4096) // 2))


def _cut(file: Path) -> None:
    os.truncate(file, file.stat().st_size // 2)


def _text(file: Path) -> None:
    file.write_text("The catalog of an exhibition, which is no database.\n" * 100)


def _foreign(file: Path) -> None:
    file.unlink()
    with sql(file) as connection:
        connection.execute("CREATE TABLE categories (name TEXT)")


def _newer(file: Path) -> None:
    with sql(file) as connection:
        connection.execute("PRAGMA user_version = 99")


UNUSABLE = "cannot be used ({}); put back a copy of it, or start in a new folder"


@pytest.mark.parametrize(
    ("damage", "line"),
    [
        (_garbage_head, UNUSABLE.format("file is not a database")),
        (_garbage_inside, UNUSABLE.format("database disk image is malformed")),
        (_cut, UNUSABLE.format("database disk image is malformed")),
        (_text, UNUSABLE.format("file is not a database")),
        (_foreign, "not a negbuild catalog; choose another folder"),
        (_newer, "written by a newer negbuild (schema 99, this one knows 12); upgrade negbuild"),
    ],
)
def test_a_catalog_that_cannot_be_used_is_told_and_left_alone(
    negbuild: Negbuild, work: Path, damage: Damage, line: str
) -> None:
    file = work / "catalog.sqlite"
    damage(file)
    before = {path: path.read_bytes() for path in work.rglob("*") if path.is_file()}
    for command in ("status", "dedup", "split"):
        done = negbuild(command, "--workspace", work)
        assert (done.code, done.out, done.err) == (1, "", f"negbuild: {file}: {line}\n"), command
    assert {path: path.read_bytes() for path in work.rglob("*") if path.is_file()} == before
    with pytest.raises(CatalogError) as caught, Workspace(work).reading() as opened:
        opened.images()
    assert str(caught.value) == f"{file}: {line}"


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE candidates SET reason = 'dvplicate' WHERE reason = 'duplicate'",
        "UPDATE candidates SET source = CAST(x'ff' AS TEXT)",
        "UPDATE categories SET role = 'unknowm' WHERE role = 'unknown'",
    ],
)
def test_a_letter_that_went_wrong_on_the_disk_is_damage_too(negbuild: Negbuild, work: Path, statement: str) -> None:
    file = work / "catalog.sqlite"
    with sql(file) as connection:
        connection.execute("PRAGMA ignore_check_constraints = 1")
        assert connection.execute(statement).rowcount > 0
    done = negbuild("status", "--workspace", work)
    assert (done.code, done.out) == (1, "")
    assert done.err.startswith(f"negbuild: {file}: cannot be used (")
    assert done.err.endswith("; put back a copy of it, or start in a new folder\n")


def test_a_workspace_that_may_only_be_read_is_told_and_is_no_damage(
    negbuild: Negbuild, disk: Callable[[str], Path]
) -> None:
    folder = disk("size=4m")
    assert negbuild("init", folder).code == 0
    subprocess.run(["mount", "-o", "remount,ro", folder], check=True)
    for command in ("status", "dedup"):
        done = negbuild(command, "--workspace", folder)
        told = "is read-only, and even to look, negbuild writes there; copy it, and use --workspace COPY"
        assert (done.code, done.out, done.err) == (1, "", f"negbuild: {folder}: {told}\n"), command


_LOCKED = "here: is read-only, and even to look, negbuild writes there; copy it, and use --workspace COPY"


@pytest.mark.parametrize(
    ("command", "locked", "told"),
    [
        *((command, ".", _LOCKED) for command in ("status", "dedup", "init")),
        (
            "dedup",
            "catalog.sqlite",
            "here/catalog.sqlite: may not be read and written by you; run: chmod u+rw here/catalog.sqlite",
        ),
    ],
)
def test_a_right_that_is_missing_is_told_and_is_no_damage(tmp_path: Path, command: str, locked: str, told: str) -> None:
    """Root may write everything, so that there the command gives that right up first."""
    humble = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    Workspace(tmp_path / "here").make()
    where = ["here"] if command == "init" else ["--workspace", "here"]
    (tmp_path / "here" / locked).chmod(0o555)
    done = subprocess.run(
        [*humble, sys.executable, "-m", "negbuild", command, *where],
        cwd=tmp_path,
        env=cli_environment(),
        capture_output=True,
        text=True,
        check=False,
    )
    (tmp_path / "here" / locked).chmod(0o755)
    assert (done.returncode, done.stdout, done.stderr) == (1, "", f"negbuild: {told}\n")


@pytest.mark.parametrize("command", ["status", "init", "dedup"])
def test_a_catalog_that_a_kill_left_empty_is_made_whole(negbuild: Negbuild, tmp_path: Path, command: str) -> None:
    Workspace(tmp_path).make()
    (tmp_path / "catalog.sqlite").write_bytes(b"")
    assert negbuild(command).code == 0
    with Workspace(tmp_path).writing() as opened:
        opened.declare("dog", Role.UNKNOWN)
        assert opened.categories() == {"dog": Role.UNKNOWN}


@pytest.mark.parametrize("attempt", range(5))
def test_a_new_catalog_is_made_once_however_many_open_it(tmp_path: Path, attempt: int) -> None:
    barrier = Barrier(4)

    def open_it() -> str:
        barrier.wait()
        try:
            Catalog(tmp_path / f"{attempt}.sqlite").close()
        except WorkspaceBusy:
            return "busy"
        return "open"

    with ThreadPoolExecutor(4) as threads:
        found = [future.result() for future in [threads.submit(open_it) for _ in range(4)]]
    assert "open" in found


@pytest.fixture
def small_disk(disk: Callable[[str], Path]) -> Path:
    return disk("size=1m")


@pytest.mark.parametrize("command", ["status", "dedup", "split --out dataset", "add more --role known"])
def test_a_full_disk_is_no_damage(
    negbuild: Negbuild, project: Path, small_disk: Path, photo: Photo, command: str
) -> None:
    work = shutil.copytree(project, small_disk / "work")
    (small_disk.parent / "more").mkdir()
    (small_disk.parent / "more" / "1.jpg").write_bytes(photo(999))
    with (small_disk / "filler").open("wb", buffering=0) as filler, suppress(OSError):
        while filler.write(bytes(4096)):
            pass
    assert shutil.disk_usage(small_disk).free == 0
    done = negbuild(*command.split(), "-w", work)
    assert (done.code, done.out, done.err.count("\n")) == (1, "", 1)
    assert done.err.startswith(f"negbuild: {work}")
    assert done.err.endswith(": no space left; make room and run the same command again\n")
    (small_disk / "filler").unlink()
    assert negbuild(*command.split(), "-w", work).code == 0


# --- one writer


def test_a_second_writer_is_told_and_a_reader_is_served(negbuild: Negbuild, work: Path) -> None:
    (work.parent / "more").mkdir()
    with Workspace(work).writing():
        for command in (
            ["dedup", "-w", work],
            ["split", "-w", work],
            ["init", work],
            ["add", "more", "--category", "hotdog", "--role", "known", "-w", work],
            ["crawl", "--source", "samples", "-w", work],
        ):
            done = negbuild(*command)
            assert (done.code, done.out) == (1, "")
            assert done.err == f"negbuild: {work}: another negbuild is working here; wait for it, or stop it\n"
        assert negbuild("status", "--json", "-w", work).json["images"] == 12
    assert negbuild("dedup", "-w", work).code == 0


def test_the_lock_holds_within_a_process_as_between_two(tmp_path: Path) -> None:
    lock = tmp_path / "catalog.lock"
    for _ in range(2):  # it is free again afterwards
        with (
            writer_lock(lock),
            pytest.raises(WorkspaceBusy, match="another negbuild is working here; wait for it, or stop it"),
            writer_lock(lock),
        ):
            pass


def test_the_lock_ends_with_a_killed_process(work: Path) -> None:
    code = (
        "import sys, time; from pathlib import Path; from negbuild.workspace import Workspace\n"
        "with Workspace(Path(sys.argv[1])).writing(): print('working', flush=True); time.sleep(60)"
    )
    with subprocess.Popen([sys.executable, "-c", code, work], stdout=subprocess.PIPE, text=True) as writer:
        assert writer.stdout is not None
        assert writer.stdout.readline() == "working\n"
        with pytest.raises(WorkspaceBusy), Workspace(work).writing():
            pass
        writer.send_signal(signal.SIGKILL)
    assert writer.returncode == -signal.SIGKILL
    with Workspace(work).writing() as opened:
        assert len(opened.images()) == 12


def test_a_reader_sees_what_was_committed_and_nothing_else(work: Path) -> None:
    with sql(work / "catalog.sqlite") as other:
        other.execute("BEGIN IMMEDIATE")
        other.execute("DELETE FROM candidates")
        assert status(Workspace(work)).candidates == 16
        other.execute("ROLLBACK")


def test_a_thread_that_reads_waits_for_the_transaction_of_another(catalog: Catalog) -> None:
    with ThreadPoolExecutor(1) as thread:
        counting: list[Future[int]] = []

        def pairs_in_the_making() -> Iterator[Pair]:
            counting.append(thread.submit(catalog.image_count))
            with pytest.raises(TimeoutError):
                counting[0].result(timeout=0.2)
            yield from ()

        catalog.settle([held(1)], pairs_in_the_making(), "v")
        assert counting[0].result(timeout=10) == 1


@pytest.mark.parametrize("lock", ["IMMEDIATE", "EXCLUSIVE"])
def test_another_program_that_writes_is_waited_for(work: Path, lock: str) -> None:
    with sql(work / "catalog.sqlite") as other, ThreadPoolExecutor(1) as thread:
        other.execute(f"BEGIN {lock}")
        with Workspace(work).writing() as opened:
            declared = thread.submit(_declare, work, opened.categories())
            with pytest.raises(TimeoutError):
                declared.result(0.3)
            other.execute("COMMIT")
            assert declared.result(10) == {"cat": Role.UNSEEN, "hotdog": Role.KNOWN, "street": Role.UNKNOWN}


def _declare(work: Path, before: dict[str, Role]) -> dict[str, Role]:
    with closing(Catalog(work / "catalog.sqlite")) as opened:
        assert opened.categories() == before
        opened.declare("cat", Role.UNSEEN)
        return opened.categories()


# --- what is counted


def test_candidates_are_images_plus_skips_through_every_outcome(catalog: Catalog) -> None:
    catalog.settle([held(1), skip(2, SkipReason.TIMEOUT), again(3, of=1)], [], "v")
    catalog.settle([skip(4, SkipReason.GONE), held(5, "hotdog"), again(1, of=1, category="hotdog")], [], "v")
    catalog.settle([skip(2, SkipReason.THROTTLED)], [], "v")  # tried again, in vain
    catalog.settle([held(2)], [], "v")  # and again
    counts = catalog.counts()
    assert counts == [
        Count("hotdog", Role.KNOWN, "web", None, 1),
        Count("hotdog", Role.KNOWN, "web", SkipReason.DUPLICATE, 1),
        Count("dog", Role.UNKNOWN, "web", None, 2),
        Count("dog", Role.UNKNOWN, "web", SkipReason.DUPLICATE, 1),
        Count("dog", Role.UNKNOWN, "web", SkipReason.GONE, 1),
    ]
    skips = sum(count.number for count in counts if count.reason)
    assert sum(count.number for count in counts) == len(catalog.images()) + skips == 6
    assert catalog.unique_count("web", "q", "dog") == 2
    assert catalog.skip_reasons("web", "q", None) == {SkipReason.DUPLICATE: 2, SkipReason.GONE: 1}


@pytest.mark.parametrize("failing", ["same image", "no such category", "same pair", "pair with nothing"])
def test_a_batch_is_written_whole_or_not_at_all(catalog: Catalog, failing: str) -> None:
    catalog.settle([held(1), held(2)], [Pair(image(1).sha256, image(2).sha256, 9, 0, twins=True)], "v")
    before = (catalog.counts(), catalog.images(), catalog.pairs())
    batch, pairs = {
        "same image": ([held(3), Settled(candidate(4), "q", image(1))], []),
        "no such category": ([held(3), held(4, "bird")], []),
        "same pair": ([held(3)], [Pair(image(1).sha256, image(2).sha256, 1, 0, twins=True)]),
        "pair with nothing": ([held(3)], [Pair(image(1).sha256, image(9).sha256, 1, 0, twins=True)]),
    }[failing]
    with pytest.raises(CatalogError):
        catalog.settle(batch, pairs, "v")
    assert (catalog.counts(), catalog.images(), catalog.pairs()) == before
    catalog.settle([held(3)], [], "v")  # and goes on


def test_unique_images_are_no_twins_of_an_earlier_one(catalog: Catalog) -> None:
    one, two, three = (image(number).sha256 for number in (1, 2, 3))
    catalog.settle(
        [held(1), held(2), held(3, "hotdog")],
        [Pair(one, two, 4, 1, twins=True), Pair(one, three, 30, 0, twins=False)],
        "v",
    )
    assert [catalog.unique_count("web", "q", category) for category in ("dog", "hotdog", None)] == [1, 1, 2]
    assert catalog.unique_count("web", "another query", None) == 0
    assert catalog.unique_count("another source", "q", None) == 0


# --- categories and roles


def test_a_category_keeps_its_role(catalog: Catalog) -> None:
    catalog.settle([held(1)], [], "v")
    catalog.declare("dog", Role.UNKNOWN)
    for other in (Role.KNOWN, Role.UNSEEN):
        with pytest.raises(UsageError) as caught:
            catalog.declare("dog", other)
        assert str(caught.value) == (
            f"category dog: is unknown in this workspace and cannot be {other} too; choose another --category"
        )
    assert catalog.categories() == {
        "bun": Role.KNOWN,
        "cat": Role.UNSEEN,
        "dog": Role.UNKNOWN,
        "hotdog": Role.KNOWN,
    }


def test_a_category_that_never_had_a_picture_takes_another_role(catalog: Catalog) -> None:
    catalog.settle([skip(1, SkipReason.GONE)], [], "v")
    catalog.declare("dog", Role.UNSEEN)
    assert catalog.categories()["dog"] is Role.UNSEEN
    catalog.settle([held(2, "cat"), again(3, of=2)], [], "v")
    with pytest.raises(UsageError):  # what it brought was held already, and counts in its name
        catalog.declare("dog", Role.KNOWN)
    catalog.decide({image(2).sha256: Ruling(Verdict.MOVE, "bun")})
    with pytest.raises(UsageError):
        catalog.declare("bun", Role.UNSEEN)


@pytest.mark.parametrize(
    ("came_for", "counts_for"),
    [
        (["dog"], "dog"),
        (["dog", "cat"], "cat"),
        (["cat", "dog"], "cat"),
        (["dog", "hotdog"], "hotdog"),
        (["dog", "cat", "hotdog"], "hotdog"),
        (["hotdog", "cat", "dog"], "hotdog"),
        (["hotdog", "bun"], "hotdog"),  # of one role the first
        (["bun", "hotdog"], "bun"),
    ],
)
def test_a_picture_of_several_categories_counts_for_the_strictest(
    catalog: Catalog, came_for: list[str], counts_for: str
) -> None:
    first, *rest = came_for
    catalog.settle([held(1, first), *(again(1, of=1, category=category) for category in rest)], [], "v")
    (one,) = catalog.images().values()
    assert (one.category, one.role, one.origin.category) == (counts_for, catalog.categories()[counts_for], counts_for)


def test_some_pictures_are_read_without_the_others(catalog: Catalog) -> None:
    catalog.settle([held(3, "hotdog"), held(1), held(2), again(9, of=2, category="hotdog")], [], "v")
    everything = catalog.images()
    some = catalog.images(among={image(2).sha256, image(3).sha256, image(7).sha256})
    assert list(some.items()) == [(sha256, everything[sha256]) for sha256 in (image(3).sha256, image(2).sha256)]
    assert catalog.images(among=()) == {}


def test_a_category_that_will_be_unseen_counts_as_such_before_it_is(catalog: Catalog) -> None:
    catalog.settle([held(1, "dog"), held(2, "hotdog"), again(9, of=2), held(3, "cat")], [], "v")
    found = catalog.images(unseen=["dog"])
    assert [(one.category, one.role) for one in found.values()] == [
        ("dog", Role.UNSEEN),
        ("hotdog", Role.KNOWN),
        ("cat", Role.UNSEEN),
    ]
    assert catalog.categories()["dog"] is Role.UNKNOWN


def test_a_picture_under_two_known_categories_is_disputed(catalog: Catalog) -> None:
    catalog.settle([held(1, "hotdog"), again(9, of=1, category="bun")], [], "v")
    catalog.settle([held(2, "hotdog"), again(9, of=2, category="dog")], [], "v")  # known and unknown: another matter
    catalog.settle([held(3, "hotdog"), again(8, of=3, category="hotdog")], [], "v")  # twice for one
    assert catalog.disputed() == {image(1).sha256: ("bun", "hotdog")}


# --- what came before


def test_a_candidate_is_remembered_for_its_category_before_another(catalog: Catalog) -> None:
    assert catalog.earlier(candidate(1)) is None
    catalog.settle([held(1, "hotdog")], [], "v")
    assert catalog.earlier(candidate(1)) == Earlier(False, None, image(1).sha256, NO_VALIDATORS)
    catalog.settle([skip(1, SkipReason.TIMEOUT)], [], "v")
    assert catalog.earlier(candidate(1)) == Earlier(True, Skip(SkipReason.TIMEOUT, "seen"), None, NO_VALIDATORS)
    elsewhere = replace(candidate(1, source="another"), url="https://y.example/1")
    assert catalog.earlier(elsewhere) is None
    same_file = replace(elsewhere, url="https://X.example:443/1#top")
    assert catalog.earlier(same_file) == Earlier(False, None, image(1).sha256, NO_VALIDATORS)


@pytest.mark.parametrize("reason", [SkipReason.DUPLICATE, SkipReason.GONE])
def test_an_address_that_thousands_of_names_led_to_is_found_as_quickly_as_any_other(
    catalog: Catalog, reason: SkipReason
) -> None:
    """Else a list of one placeholder under so many spellings would take hours."""
    image_ = image(1).sha256 if reason is SkipReason.DUPLICATE else None
    alone = [candidate(number) for number in range(20_000, 20_200)]
    crowded = [replace(candidate(number), url=f"https://x.example/0?utm_source={number}") for number in range(20_000)]
    catalog.settle([held(1)], [], "v")
    catalog.settle([Settled(one, "q", Skip(reason), image_) for one in (*crowded, *alone)], [], "v")
    took = []
    for among in (alone, crowded[:200]):
        began = time.perf_counter()
        for one in among:
            named_otherwise = replace(one, source="another")
            found, lately = catalog.earlier(named_otherwise), catalog.lately(named_otherwise)
            assert found
            assert (found.sha256, lately) == (image_, found)
        took.append(time.perf_counter() - began)
    assert took[1] < 10 * took[0]  # 100 times as long where all rows of the address are read


def test_origins_are_pages_or_else_addresses_that_several_images_came_from(catalog: Catalog) -> None:
    page = "https://x.example/page"
    same_address = replace(candidate(5, source="another"), url=candidate(4).url)
    batch = [held(1, page=page), held(2), again(3, of=2), held(4), held(6, page=page)]
    catalog.settle([*batch, Settled(same_address, "q", image(5))], [], "v")
    assert sorted(catalog.origins()) == sorted(
        [
            (image(1).sha256, page),
            (image(6).sha256, page),
            (image(4).sha256, "https://x.example/4"),
            (image(5).sha256, "https://x.example/4"),
        ]
    )


def test_fingerprints_come_back_in_the_order_of_the_pictures_and_by_version(catalog: Catalog) -> None:
    prints = {number: Fingerprint(bytes([number]) * 192, number / 2) for number in (7, 3, 5)}
    catalog.settle(
        [Settled(candidate(n), "q", image(n), fingerprint=print_) for n, print_ in prints.items()],
        [Pair(image(7).sha256, image(3).sha256, 3, 0, twins=True)],
        "v1",
    )
    assert catalog.fingerprints("v1") == [(image(n).sha256, print_) for n, print_ in prints.items()]
    assert catalog.fingerprints("v2") == []
    catalog.renew_fingerprints(catalog.fingerprints("v1")[:2], [], "v2")
    assert (len(catalog.fingerprints("v2")), catalog.fingerprints("v1"), catalog.pairs()) == (2, [], [])


def test_sightings_are_told_of_images_that_were_seen_often(catalog: Catalog) -> None:
    seen = [held(0), held(1), *(again(number, 1) for number in range(2, 6))]
    catalog.settle([*seen, skip(6, SkipReason.TOO_SMALL)], [], "v1")
    assert [one.sha256 for one in catalog.sightings(1)] == [image(of).sha256 for of in (0, 1, 1, 1, 1, 1)]
    assert [one.url for one in catalog.sightings(5)] == [candidate(number).url for number in range(1, 6)]
    assert catalog.sightings(6) == []
    assert catalog.signed_sightings() == []
    assert catalog.files() == {image(number).sha256: image(number) for number in (0, 1)}


def test_signed_sightings_are_those_that_name_an_author(catalog: Catalog) -> None:
    by_name, by_page = replace(candidate(1), author="Ann"), replace(candidate(2), author_url="https://x.example/bob")
    batch = [Settled(by_name, "q", image(1)), held(3), Settled(by_page, "q", image(2))]
    catalog.settle([*batch, Settled(replace(by_name, source_id="lost"), "q", Skip(SkipReason.TIMEOUT))], [], "v")
    assert [(one.sha256, one.creator) for one in catalog.signed_sightings()] == [
        (image(1).sha256, "Ann"),
        (image(2).sha256, "https://x.example/bob"),
    ]


def test_a_sketch_of_another_version_is_not_read_and_makes_way(catalog: Catalog) -> None:
    def sketches(version: str) -> dict[str, PackedSketch]:
        return dict(chain(*catalog.sketches(version)))

    catalog.settle([held(1), held(2)], [], "v")
    one, two = (image(number).sha256 for number in (1, 2))
    catalog.keep_sketches({one: (b"\x01" * 1024, 1.5, 30), two: (b"\xff" * 1024, 0.5, 0)}, "v1")
    assert sketches("v1") == {one: (b"\x01" * 1024, 1.5, 30), two: (b"\xff" * 1024, 0.5, 0)}
    catalog.keep_sketches({two: (b"\x02" * 1024, 0.5, 7)}, "v1")
    assert sketches("v1")[two] == (b"\x02" * 1024, 0.5, 7)
    catalog.keep_sketches({one: (b"\x03" * 1024, 1.5, 29)}, "v2")
    assert sketches("v1") == {two: (b"\x02" * 1024, 0.5, 7)}
    assert sketches("v2") == {one: (b"\x03" * 1024, 1.5, 29)}


def test_sketches_are_read_some_at_a_time(catalog: Catalog, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(likeness, "_PAGE", 2)
    catalog.settle([held(number) for number in range(1, 8)], [], "v")
    kept = {image(number).sha256: (bytes([number]) * 1024, 1.0, number) for number in range(1, 8)}
    catalog.keep_sketches(kept, "v1")
    catalog.keep_sketches(dict(list(kept.items())[1:4]), "v1")  # which leaves gaps
    pages = list(catalog.sketches("v1"))
    assert max(map(len, pages)) == 2
    assert sorted(chain(*pages)) == sorted(kept.items())
    assert list(chain(*catalog.sketches("v2"))) == []


def test_a_plan_adds_to_the_one_before_and_moves_a_role(catalog: Catalog) -> None:
    catalog.settle([held(1), held(2), held(3, "hotdog")], [], "v")
    one, two, three = (image(number).sha256 for number in (1, 2, 3))
    catalog.save_plan({one: Split.TRAIN, three: Split.TEST}, [])
    catalog.save_plan({one: Split.UNSEEN, two: Split.UNSEEN}, ["dog"])
    assert catalog.assignments() == {one: Split.UNSEEN, two: Split.UNSEEN, three: Split.TEST}
    assert catalog.categories()["dog"] is Role.UNSEEN


def test_the_copies_set_aside_are_those_of_the_last_dedup(catalog: Catalog) -> None:
    catalog.settle([held(1), held(2), held(3)], [], "v")
    one, two, three = (image(number).sha256 for number in (1, 2, 3))
    catalog.replace_drops([Drop(two, one, 5)])
    catalog.replace_drops([Drop(three, one, 7)])
    assert catalog.drops() == [Drop(three, one, 7)]


def test_half_a_character_from_a_service_is_held_as_a_replacement(catalog: Catalog) -> None:
    """JSON can hold one half of a surrogate pair, where a service cut a title."""
    catalog.settle([held(1, page="hot dog \ud83c")], [], "v")
    assert catalog.images()[image(1).sha256].origin.page.startswith("hot dog ")


def test_what_was_written_is_there_after_opening_again(tmp_path: Path, catalog: Catalog) -> None:
    catalog.settle([held(1, page="page \N{CAT FACE}'\"\n"), skip(2, SkipReason.FLAT)], [], "v")
    catalog.close()
    with closing(Catalog(tmp_path / "catalog.sqlite")) as opened:
        assert opened.images()[image(1).sha256].origin.page == "page \N{CAT FACE}'\"\n"
        assert opened.find(image(1).sha256) == image(1)
        assert opened.find(image(2).sha256) is None
        assert len(opened.counts()) == 2


def test_of_what_failed_for_now_no_more_is_held_than_is_read(catalog: Catalog) -> None:
    number = 30_000
    reasons = (SkipReason.THROTTLED, SkipReason.GONE)
    catalog.settle([skip(place, reasons[place % 2]) for place in range(number)], [], "")
    later = Skip(SkipReason.TIMEOUT, retry_at=2000)
    catalog.settle([Settled(candidate(number + place, "cat"), "q", later) for place in range(3)], [], "")
    tracemalloc.start()
    ((crawled, numbers),) = catalog.due(1999).items()
    read = sum(one.source_id == f"id-{2 * place}" for place, one in enumerate(catalog.tried(numbers)))
    used = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert (crawled, len(numbers), read) == (("web", "q", "dog"), number // 2, number // 2)
    assert used < 2_000_000  # all of them would take 15
    assert catalog.due_later(1999) == (3, 2000)
    assert set(catalog.due(2000)) == {("web", "q", "dog"), ("web", "q", "cat")}
    assert catalog.due_later(2000) == (0, None)


def test_what_is_tried_again_while_failures_are_read_comes_once(catalog: Catalog) -> None:
    catalog.settle([skip(place, SkipReason.THROTTLED) for place in range(1000)], [], "")
    (numbers,) = catalog.due(0).values()
    read = []
    for one in catalog.tried(numbers):
        read.append(one.source_id)
        catalog.settle([Settled(one, "q", Skip(SkipReason.THROTTLED, "again"))], [], "")
    assert read == [f"id-{place}" for place in range(1000)]
