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

from negbuild.errors import NegbuildError, UsageError
from negbuild.workers import Workers

several = pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor: no process")


def refuse(error: type[Exception], said: str) -> None:
    """Raise, as what is called may do: in a test run the process finds this module, too."""
    raise error(said)


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


@pytest.mark.parametrize("patience", [0, 10])
def test_what_is_raised_is_raised_here_and_the_next_call_is_made(patience: int) -> None:
    with Workers(patience) as workers:
        for _ in range(2):
            with pytest.raises(ValueError, match=r"math domain error|expected a nonnegative input"):
                workers.call(math.sqrt, -1.0)
            for kind in (NegbuildError, UsageError):
                with pytest.raises(kind, match=r"^picture: is damaged$"):
                    workers.call(refuse, kind, "picture: is damaged")
            assert workers.call(math.sqrt, 4.0) == 2.0


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
