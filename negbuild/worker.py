"""A process that calls functions for the one that started it, one after the other.

`python -m negbuild.worker MODULE...` imports modules, reads calls from its standard input and answers them on its
standard output, until the input ends. A message has three parts: in `HEAD` bytes how long the others are; a pickle, of
a function and its arguments, or of whether it returned, and what it returned or raised; and bytes, which would take
long to pickle.
"""

import importlib
import logging
import os
import pickle
import sys
import warnings
from collections.abc import Callable, Hashable
from contextlib import suppress
from functools import lru_cache
from typing import BinaryIO

_HALF = 8
HEAD = 2 * _HALF


def call(function: Callable[..., object], *arguments: object) -> bytes:
    """Write a call down; the function must be one that can be imported."""
    return _message(_pickled((function, arguments, False)))


def call_on(data: bytes, function: Callable[..., object], *arguments: Hashable) -> list[bytes]:
    """Write a call down, in parts; `data` is the first argument, and the others are mostly those of the last call."""
    return [_message(_call_on(function, arguments), data), data]


@lru_cache(maxsize=1)
def _call_on(function: Callable[..., object], arguments: tuple[Hashable, ...]) -> bytes:
    return _pickled((function, arguments, True))


def length(head: bytes | bytearray) -> int:
    """Read how long the pickle is that follows this head."""
    return int.from_bytes(head[:_HALF], "little")


def answer(message: bytes | bytearray) -> object:
    """Read an answer, without its head; raises what the function raised."""
    returned, what = pickle.loads(message)  # noqa: S301  of a process of our own
    if returned:
        return what
    raise what


def _pickled(content: object) -> bytes:
    return pickle.dumps(content, pickle.HIGHEST_PROTOCOL)


def _message(pickled: bytes, data: bytes = b"") -> bytes:
    return len(pickled).to_bytes(_HALF, "little") + len(data).to_bytes(_HALF, "little") + pickled


def _serve(calls: BinaryIO, answers: BinaryIO) -> None:
    while head := calls.read(HEAD):
        message, data = calls.read(length(head)), calls.read(length(head[_HALF:]))
        try:
            function, arguments, on_data = pickle.loads(message)  # noqa: S301  of who started this process
            told = True, function(data, *arguments) if on_data else function(*arguments)
        except Exception as error:  # noqa: BLE001  raised where the call came from
            told = False, error
        answers.write(_message(_pickled(told)))
        answers.flush()


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # as of the commands: odd metadata is no news to a person
    logging.disable()
    channel = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    for name in sys.argv[1:]:
        importlib.import_module(name)
    with suppress(BrokenPipeError), os.fdopen(0, "rb") as calls, os.fdopen(channel, "wb") as answers:
        _serve(calls, answers)  # until who asks is gone
