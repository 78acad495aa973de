"""Calls that take long, made in processes: threads of one interpreter wait for each other between short steps."""

import logging
import os
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from typing import Protocol, Self, TypeVar, cast

from negbuild import worker

_log = logging.getLogger("negbuild")

Result = TypeVar("Result")

_CORES = os.cpu_count() or 1

PROCESSES = min(_CORES, 4) if _CORES > 1 else 0
"""How many check pictures: more would wait for the event loop that feeds them."""

WORTHWHILE = 64
"""Pictures before the first process checks any: starting it costs as much as checking them."""

SURELY_WORTHWHILE = 4 * WORTHWHILE
"""Pictures named before the first process starts: enough, even where many of them come to nothing."""

PATIENCE = 300
"""Calls, of some ms each, that take as long as starting the processes."""

_PIPE = 2**20  # bytes: some pictures, so that no process waits for the rest of one
_prepared: list["subprocess.Popen[bytes]"] = []


def start() -> "subprocess.Popen[bytes]":
    """Start a process that answers calls, or give one that was prepared; raises OSError where it cannot be."""
    return _prepared.pop() if _prepared else _started()


@contextmanager
def prepared(number: int, *modules: str) -> Iterator[None]:
    """Start processes that will be needed soon; they import modules while this one is busy with its own."""
    with suppress(OSError):  # who needs them will be told
        _prepared.extend(_started(*modules) for _ in range(number))
    try:
        yield
    finally:
        while _prepared:
            end(_prepared.pop())


def end(process: "subprocess.Popen[bytes]") -> None:
    """End a process at once: it holds nothing that could be lost."""
    process.kill()
    with suppress(OSError), process:  # which closes its pipes, whatever is left to write, and waits
        pass


def _started(*modules: str) -> "subprocess.Popen[bytes]":
    process = subprocess.Popen(  # noqa: S603  this interpreter; one inside another program may not know of any
        [sys.executable or "", "-P", "-m", "negbuild.worker", *modules],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(),
        start_new_session=True,  # Ctrl-C is not for it
    )
    if sys.platform == "linux":
        import fcntl

        assert process.stdin
        with suppress(OSError):  # a system may allow less
            fcntl.fcntl(process.stdin, fcntl.F_SETPIPE_SZ, _PIPE)
    return process


def _environment() -> dict[str, str]:
    """Return the variables for a process: it imports what this one does, as those of multiprocessing do."""
    path = os.pathsep.join(filter(None, sys.path))
    return {**os.environ, "PYTHONPATH": path, "OPENBLAS_NUM_THREADS": "1"}


class Call(Protocol):
    """Calls a function that can be imported, somewhere."""

    def __call__(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Return what it returns, or raise what it raises."""


def here(function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function in this process."""
    return function(*arguments)


class Workers:
    """A process for each thread that calls; use it as a context manager."""

    def __init__(self, patience: int = PATIENCE) -> None:
        """Make so many calls in this process before others are started: a small job ends sooner without them."""
        self._left = patience if _CORES > 1 else None
        self._mine = threading.local()
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            end(process)

    def call(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Call a function that can be imported; raises what it raises. Another thread is another process."""
        left = self._left  # read once: another thread may find out that there are no processes
        if left is None:
            return function(*arguments)
        if left > 0:  # threads may count it down too seldom: that only starts processes later
            self._left = left - 1
            return function(*arguments)
        try:
            answer = _asked(self._process(), worker.call(function, *arguments))
        except (OSError, EOFError) as error:  # it cannot be started, or somebody ended it
            _log.debug("calling without a process: %s", error)
            self._left = None
            return function(*arguments)
        return cast("Result", worker.answer(answer))

    def _process(self) -> "subprocess.Popen[bytes]":
        process: subprocess.Popen[bytes] | None = getattr(self._mine, "process", None)
        if process is None:
            process = self._mine.process = start()
            self._started.append(process)
        return process


def _asked(process: "subprocess.Popen[bytes]", call: bytes) -> bytes:
    """Send a call; return the answer, still packed. Raises OSError or EOFError where the process has ended."""
    assert process.stdin
    assert process.stdout
    process.stdin.write(call)
    process.stdin.flush()
    size = worker.length(process.stdout.read(worker.HEAD))
    message = process.stdout.read(size)
    if not message or len(message) < size:
        raise EOFError
    return message
