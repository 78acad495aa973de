"""Calls that take long, made in processes: threads of one interpreter wait for each other between short steps."""

import logging
import os
import subprocess
import threading
from collections.abc import Callable
from typing import Protocol, Self, TypeVar, cast

from negbuild import worker

_log = logging.getLogger("negbuild")

Result = TypeVar("Result")


class Call(Protocol):
    """Calls a function that can be imported, somewhere."""

    def __call__(self, function: Callable[..., Result], *arguments: object) -> Result:
        """Return what it returns, or raise what it raises."""


def here(function: Callable[..., Result], *arguments: object) -> Result:
    """Call a function in this process."""
    return function(*arguments)


class Workers:
    """A process for each thread that calls; use it as a context manager."""

    def __init__(self, patience: int) -> None:
        """Make so many calls in this process before others are started: a small job ends sooner without them."""
        self._left = patience if (os.cpu_count() or 1) > 1 else None
        self._mine = threading.local()
        self._started: list[subprocess.Popen[bytes]] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        for process in self._started:
            process.kill()  # it holds nothing that could be lost
            process.communicate()

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
            process = self._mine.process = subprocess.Popen(  # noqa: S603  this interpreter
                worker.command(),
                stdin=subprocess.PIPE,
                stdout=subprocess.PIPE,
                env=worker.environment(),
                start_new_session=True,  # Ctrl-C is not for it
            )
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
