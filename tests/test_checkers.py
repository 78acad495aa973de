"""Pictures are checked the same in a process as here, whatever becomes of the process."""

import asyncio
import operator
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any

import pytest
from PIL import Image as Pillow

from negbuild import checkers as module
from negbuild.checkers import Checkers
from negbuild.checking import check
from negbuild.model import Image, SkipReason
from negbuild.picture import Limits
from negbuild.workers import PROCESSES, SURELY_WORTHWHILE, WORTHWHILE
from tests.conftest import cli_environment, encode

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]

LIMITS = Limits(max_bytes=200_000, min_side=100, first_frame=True)

linux = pytest.mark.skipif(sys.platform != "linux", reason="looks into /proc")


@pytest.fixture(scope="module")
def odd(photo: Photo) -> list[bytes]:
    """Pictures of many kinds, and much that is none."""
    pictures = [photo(seed, kind=kind) for seed in range(6) for kind in ("JPEG", "PNG", "WEBP", "GIF", "BMP")]
    broken = [data[: len(data) * part // 4] for data in pictures[:8] for part in (1, 3)]
    none = [b"", b"<html>", b"\x89PNG\r\n\x1a\n", bytes(300), photo(1, size=(99, 300)), photo(2) + bytes(200_000)]
    return [*pictures, *broken, *none, encode(Pillow.new("RGB", (128, 128)))]


@pytest.fixture
def several(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let there be two processes, on whatever machine."""
    monkeypatch.setattr(module, "PROCESSES", 2)


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(work, 60))


async def rounds_until_employed(checkers: Checkers, pictures: list[bytes], number: int) -> None:
    while len(checkers.employed) < number:
        await asyncio.gather(*map(checkers.check, pictures * 2))


def children(of: int) -> list[int]:
    """Processes of this kind that another one has started."""
    found = []
    for place in Path("/proc").glob("[0-9]*"):
        try:
            parent = int(place.joinpath("stat").read_text().rpartition(")")[2].split()[1])
            command = place.joinpath("cmdline").read_bytes()
        except OSError:  # it ended meanwhile
            continue
        if parent == of and b"negbuild.worker" in command:
            found.append(int(place.name))
    return found


def until(true: Callable[[], object]) -> None:
    end = time.monotonic() + 30
    while not true():
        assert time.monotonic() < end
        time.sleep(0.01)


@pytest.mark.usefixtures("several")
@pytest.mark.parametrize("sketch", [True, False])
def test_a_process_finds_what_this_one_finds(odd: list[bytes], sketch: bool) -> None:
    expected = [check(data, LIMITS, sketch=sketch) for data in odd]
    assert {one.sketch is not None for one in expected if isinstance(one.outcome, Image)} == {sketch}
    reasons = {one.outcome.reason for one in expected if not isinstance(one.outcome, Image)}
    assert {
        SkipReason.TRUNCATED,
        SkipReason.NOT_AN_IMAGE,
        SkipReason.TOO_SMALL,
        SkipReason.TOO_MANY_BYTES,
        SkipReason.FLAT,
    } <= reasons

    async def main() -> None:
        async with Checkers(LIMITS) as checkers:
            await rounds_until_employed(checkers, odd, 2)
            assert await asyncio.gather(*(checkers.check(data, sketch=sketch) for data in odd)) == expected
            assert [await checkers.check(data, sketch=sketch) for data in odd] == expected

    run(main())


@pytest.mark.usefixtures("several")
def test_what_checking_raises_is_raised_to_who_waits_and_the_next_picture_is_checked(
    photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def main() -> None:
        async with Checkers(LIMITS) as checkers:
            await rounds_until_employed(checkers, [photo(1)] * 100, 2)
            with monkeypatch.context() as broken:
                broken.setattr(module, "check_packed", operator.truediv)
                for _ in range(20):
                    with pytest.raises(TypeError, match="expected 2 arguments, got 3"):
                        await checkers.check(photo(1))
            assert isinstance((await checkers.check(photo(1))).outcome, Image)
            assert len(checkers.employed) == 2

    run(main())


@linux
@pytest.mark.usefixtures("several")
def test_few_pictures_and_an_idle_machine_need_no_process(photo: Photo) -> None:
    async def main() -> None:
        async with Checkers(LIMITS) as checkers:
            await asyncio.gather(*(checkers.check(photo(seed % 5)) for seed in range(WORTHWHILE)))
            for seed in range(100):  # one after the other: none waits, and there is time for a sketch
                assert (await checkers.check(photo(seed % 5))).sketch
            assert not children(os.getpid())

    run(main())


@linux
@pytest.mark.usefixtures("several")
def test_processes_get_ready_as_soon_as_many_pictures_are_expected(photo: Photo) -> None:
    async def main() -> None:
        async with Checkers(LIMITS) as checkers:
            checkers.expect(SURELY_WORTHWHILE - 1)
            assert not children(os.getpid())
            for _ in range(2):
                checkers.expect(1)
                assert len(children(os.getpid())) == 2
            await asyncio.to_thread(until, lambda: len(checkers.employed) == 2)  # before there is any picture
            found = await asyncio.gather(*(checkers.check(photo(seed)) for seed in range(5)))
            assert all(isinstance(one.outcome, Image) for one in found)

    run(main())


@linux
@pytest.mark.usefixtures("several")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_what_an_ended_process_had_to_do_is_done_all_the_same(photo: Photo, how: signal.Signals) -> None:
    pictures = [photo(seed) for seed in range(20)] * 20
    expected = {data: check(data, LIMITS, sketch=True) for data in pictures}

    async def main() -> None:
        async with Checkers(LIMITS) as checkers:
            await rounds_until_employed(checkers, pictures, 2)
            under_way = [asyncio.create_task(checkers.check(data, sketch=True)) for data in pictures]
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for child in children(os.getpid()):
                os.kill(child, how)
            found = await asyncio.gather(*under_way)
            assert found == [expected[data] for data in pictures]
            assert checkers.employed == []
            assert await checkers.check(pictures[0], sketch=True) == expected[pictures[0]]

    run(main())
    assert not children(os.getpid())


def test_what_waits_when_it_ends_is_given_up_without_a_word() -> None:
    said: list[dict[str, Any]] = []

    async def main() -> None:
        asyncio.get_running_loop().set_exception_handler(lambda _loop, what: said.append(what))
        async with Checkers(LIMITS) as checkers:
            waiting = [asyncio.create_task(checkers.do(partial(time.sleep, 0.05))) for _ in range(50)]
            await asyncio.sleep(0.01)
            for task in waiting[:40]:
                task.cancel()
        await asyncio.sleep(0.1)
        assert all(task.done() for task in waiting)

    run(main())
    assert said == []


@linux
@pytest.mark.usefixtures("several")
@pytest.mark.parametrize("program", ["/bin/false", "/nowhere/python", None])
def test_where_no_process_can_be_started_threads_do_it(
    photo: Photo, monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    pictures = [photo(seed) for seed in range(20)] * 20

    async def main() -> None:
        async with Checkers(LIMITS) as checkers:
            for _ in range(3):
                found = await asyncio.gather(*map(checkers.check, pictures))
                assert all(isinstance(one.outcome, Image) for one in found)
            assert checkers.employed == []

    run(main())


@linux
@pytest.mark.usefixtures("several")
def test_where_the_event_loop_reads_no_pipes_threads_do_it_and_no_process_is_left(
    photo: Photo, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*_: object) -> None:
        raise NotImplementedError  # as the one of Windows does

    monkeypatch.setattr("asyncio.selector_events.BaseSelectorEventLoop.add_reader", refuse)

    async def main() -> None:
        async with Checkers(LIMITS) as checkers:
            for _ in range(3):
                found = await asyncio.gather(*map(checkers.check, [photo(seed) for seed in range(20)] * 20))
                assert all(isinstance(one.outcome, Image) for one in found)
            assert (checkers.employed, children(os.getpid())) == ([], [])

    run(main())


@linux
@pytest.mark.usefixtures("several")
def test_pictures_that_nobody_waits_for_any_more_hold_up_no_others_and_nothing_is_left(photo: Photo) -> None:
    pictures = [photo(seed) for seed in range(20)] * 20

    async def main() -> None:
        async with Checkers(LIMITS) as checkers:
            await rounds_until_employed(checkers, pictures, 2)
            under_way = [asyncio.create_task(checkers.check(data)) for data in pictures]
            await asyncio.wait(under_way, return_when=asyncio.FIRST_COMPLETED)
            for task in under_way[::2]:
                task.cancel()
            found = await asyncio.gather(*under_way[1::2])
            assert [one.outcome for one in found] == [check(data, LIMITS).outcome for data in pictures[1::2]]
            under_way = [asyncio.create_task(checkers.check(data)) for data in pictures]
            await asyncio.sleep(0)
            for task in under_way:
                task.cancel()
        assert not children(os.getpid())

    run(main())


@pytest.fixture
def many(tmp_path: Path, photo: Photo) -> Path:
    """A folder of so many pictures that processes check them, with metadata that Pillow warns of."""
    folder = tmp_path / "many"
    folder.mkdir()
    warned = b"\xff\xd8\xff\xe1\x00\x1aExif\0\0II*\0\x08\0\0\0\x01\0\x12\x01\x03\0\xff\xff\xff\xff"
    pictures = [photo(seed, size=(640, 480)) for seed in range(10)]
    for number in range(1200):
        data = pictures[number % 10]
        (folder / f"{number:04}.jpg").write_bytes(warned + data[2:] + number.to_bytes(2, "big"))
    return folder


def started_by(arguments: list[str], where: Path) -> tuple[int, int]:
    """Run a command; give its exit code, and how many processes it started, of which none is left."""
    command, seen = [sys.executable, "-m", "negbuild", *arguments], set[int]()
    with subprocess.Popen(
        command, cwd=where, env=cli_environment(), stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
    ) as running:
        while running.poll() is None:
            seen.update(children(running.pid))
    assert not any(Path(f"/proc/{one}").exists() for one in seen)
    return running.returncode, len(seen)


def adding(folder: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, "-m", "negbuild", "add", str(folder), "--category", "c", "--role", "known"]
    return subprocess.Popen(
        command,
        cwd=folder.parent,
        env=cli_environment(),
        text=True,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )


@linux
@pytest.mark.skipif(not PROCESSES, reason="one processor: no process")
@pytest.mark.parametrize(
    ("options", "early"),
    [
        (["-n", str(WORTHWHILE + 1)], True),
        (["-n", str(WORTHWHILE)], False),
        (["-n", str(WORTHWHILE + 1), "--dry-run"], False),
    ],
)
def test_a_large_crawl_starts_processes_before_anything_else(tmp_path: Path, options: list[str], early: bool) -> None:
    code, seen = started_by(["crawl", "--source", "noise", *options], tmp_path)
    assert (code, seen) == (0, PROCESSES if early else 0)


@linux
@pytest.mark.skipif(not PROCESSES, reason="one processor: no process")
@pytest.mark.parametrize(("files", "early"), [(SURELY_WORTHWHILE, True), (SURELY_WORTHWHILE - 1, False)])
def test_adding_a_large_folder_starts_processes_before_anything_else(tmp_path: Path, files: int, early: bool) -> None:
    for number in range(files):
        folder = tmp_path / str(number % 3) / "deep"
        folder.mkdir(parents=True, exist_ok=True)
        (folder / f"{number}.jpg").touch()
    code, seen = started_by(["add", ".", "--role", "known"], tmp_path)  # which is refused: the workspace lies in it
    assert (code, seen) == (2, PROCESSES if early else 0)


@linux
@pytest.mark.skipif(not PROCESSES, reason="one processor: no process")
def test_a_command_says_nothing_of_its_processes_and_leaves_none(many: Path) -> None:
    running = adding(many)
    until(lambda: children(running.pid))
    _, said = running.communicate(timeout=60)
    assert (running.returncode, said.splitlines()[1:]) == (0, ["next: negbuild dedup"])  # after the new workspace
    assert not children(running.pid)


@linux
@pytest.mark.skipif(not PROCESSES, reason="one processor: no process")
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGINT])
def test_processes_end_with_their_command(many: Path, how: signal.Signals) -> None:
    running = adding(many)
    until(lambda: children(running.pid))
    ones = children(running.pid)
    os.killpg(running.pid, how)  # as a terminal does
    _, said = running.communicate(timeout=60)
    until(lambda: not any(Path(f"/proc/{one}").exists() for one in ones))
    assert "Traceback" not in said
    if how is signal.SIGINT:
        assert (running.returncode, said.splitlines()[-1]) == (
            130,
            "negbuild: interrupted; run the same command again to go on",
        )
