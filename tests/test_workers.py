"""Calls made in processes give what they give here, whatever becomes of the processes."""

import math
import operator
import os
import signal
import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from functools import partial

import numpy as np
import pytest

from negbuild import workers as module
from negbuild.errors import UsageError
from negbuild.source import find_source
from negbuild.workers import Workers, end, prepared, start

IMPORTED = "'colorsys' in __import__('sys').modules"

several = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor: no process")


def function() -> None:
    """Stand for any function."""


@several
def test_calls_are_made_elsewhere_by_one_process_a_thread_and_in_order() -> None:
    with Workers(0) as workers, ThreadPoolExecutor(2) as threads:
        assert list(threads.map(partial(workers.call, operator.mul), range(500), range(500))) == [
            n * n for n in range(500)
        ]
        pids = set(threads.map(lambda _: workers.call(os.getpid), range(100)))
        assert os.getpid() not in pids
        assert len(pids) <= 2
        large = np.arange(3_000_000)
        assert np.array_equal(workers.call(np.negative, large), -large)
    for pid in pids:
        with pytest.raises(ProcessLookupError):
            os.kill(pid, 0)


@several
@pytest.mark.parametrize("patience", [0, 100])
def test_what_is_raised_is_raised_here_and_the_next_call_is_made(patience: int) -> None:
    with Workers(patience) as workers:
        for _ in range(2):
            with pytest.raises(ValueError, match=r"math domain error|expected a nonnegative input"):
                workers.call(math.sqrt, -1.0)
            with pytest.raises(UsageError, match=r"^source nowhere: "):
                workers.call(find_source, "nowhere")
            assert workers.call(math.sqrt, 4.0) == 2.0
        assert (workers.call(os.getpid) == os.getpid()) == (patience > 0)


@several
def test_a_function_that_cannot_be_imported_is_the_callers_matter(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(function, "__module__", "only_here")
    monkeypatch.setitem(sys.modules, "only_here", sys.modules[__name__])
    with Workers(0) as workers:
        with pytest.raises(ModuleNotFoundError, match="only_here"):
            workers.call(function)
        assert workers.call(os.getpid) != os.getpid()


@several
def test_a_missing_file_is_the_callers_matter_and_the_process_stays() -> None:
    with Workers(0) as workers:
        elsewhere = workers.call(os.getpid)
        with pytest.raises(FileNotFoundError, match="/nowhere"):
            workers.call(os.stat, "/nowhere")
        assert workers.call(os.getpid) == elsewhere != os.getpid()


@several
def test_a_process_that_ends_while_others_are_asked_costs_no_answer() -> None:
    with Workers(0) as workers, ThreadPoolExecutor(2) as threads:
        pids = set(threads.map(lambda _: workers.call(os.getpid), range(50)))
        found = threads.map(partial(workers.call, operator.mul), range(2000), range(2000))
        os.kill(pids.pop(), signal.SIGKILL)
        assert list(found) == [n * n for n in range(2000)]


def test_a_small_job_starts_no_process() -> None:
    with Workers(30) as workers:
        assert {workers.call(os.getpid) for _ in range(30)} == {os.getpid()}
        assert (workers.call(os.getpid) == os.getpid()) == ((os.cpu_count() or 1) < 2)


@several
@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGSEGV])
def test_where_a_process_is_ended_the_calls_are_made_here(how: signal.Signals) -> None:
    with Workers(0) as workers:
        os.kill(workers.call(os.getpid), how)
        assert [workers.call(os.getpid) for _ in range(3)] == [os.getpid()] * 3


@pytest.mark.parametrize("program", ["/bin/false", "/nowhere/python", None])
def test_where_no_process_can_be_started_the_calls_are_made_here(
    monkeypatch: pytest.MonkeyPatch, program: str | None
) -> None:
    monkeypatch.setattr(sys, "executable", program)
    with Workers(0) as workers, ThreadPoolExecutor(2) as threads:
        assert list(threads.map(lambda _: workers.call(os.getpid), range(20))) == [os.getpid()] * 20


@several
def test_what_a_called_function_prints_is_no_answer(capfd: pytest.CaptureFixture[str]) -> None:
    with Workers(0) as workers:
        assert workers.call(subprocess.call, ["echo", "printed"]) == 0
        assert workers.call(operator.neg, 1) == -1
    assert capfd.readouterr() == ("", "printed\n")


@several
def test_processes_that_were_prepared_are_the_first_to_be_used_and_have_imported_what_they_need() -> None:
    with (
        prepared(1, "colorsys"),
        Workers(0) as workers,
        ThreadPoolExecutor(1) as one,
        ThreadPoolExecutor(1) as other,
    ):
        ahead = [process.pid for process in module._prepared]  # noqa: SLF001  nobody else asks
        assert len(ahead) == 1
        assert one.submit(workers.call, os.getpid).result() == ahead[0]
        assert one.submit(workers.call, eval, IMPORTED).result()
        assert other.submit(workers.call, os.getpid).result() not in {*ahead, os.getpid()}
        assert not other.submit(workers.call, eval, IMPORTED).result()


def test_processes_that_cannot_be_prepared_are_missed_by_nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(sys, "executable", "/nowhere/python")
    with prepared(2, "colorsys"), Workers(0) as workers:
        assert workers.call(operator.neg, 1) == -1


def test_prepared_processes_that_nobody_used_are_ended() -> None:
    with prepared(2, "negbuild.checking"):
        unused = list(module._prepared)  # noqa: SLF001  nobody else asks
        assert len(unused) == 2
    assert [process.returncode for process in unused] == [-signal.SIGKILL] * 2


def test_a_process_is_ended_even_with_words_that_it_will_not_read() -> None:
    process = start()
    assert process.stdin
    process.stdin.write(bytes(100))  # still in this process
    end(process)
    assert process.returncode == -signal.SIGKILL
    assert process.stdin.closed
