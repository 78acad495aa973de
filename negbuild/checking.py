"""Checks a picture and reduces it to what is hashed: here, or in a process that does nothing else.

`python -m negbuild.checking` reads the limits and then pictures from its standard input, and answers each on its
standard output, until the input ends; `checkers` starts it. Before each message come `HEAD` bytes with its length.
"""

import logging
import os
import pickle
import warnings
from contextlib import suppress
from dataclasses import astuple
from typing import BinaryIO, NamedTuple

import numpy as np

from negbuild.fingerprint import Grids, grids
from negbuild.model import Image, Skip
from negbuild.picture import Inspection, Limits, inspect

HEAD = 8


class Checked(NamedTuple):
    """What came of a picture: its record and what it is hashed from, or why it is not held."""

    outcome: Image | Skip
    grids: Grids | None = None


def check(data: bytes, limits: Limits) -> Checked:
    """Check the bytes of one picture."""
    found = inspect(data, limits)
    return Checked(found.image, grids(found.thumbnail)) if isinstance(found, Inspection) else Checked(found)


def head(message: bytes) -> bytes:
    """Return what goes before a message."""
    return len(message).to_bytes(HEAD, "little")


def length(head: bytes | bytearray) -> int:
    """Read how long the message is that begins with this head."""
    return int.from_bytes(head[:HEAD], "little")


def terms(limits: Limits) -> bytes:
    """Write the first message down: what the pictures are held to."""
    return pickle.dumps(astuple(limits))


def packed(checked: Checked) -> bytes:
    """Write an answer down."""
    outcome = checked.outcome
    fields = [getattr(outcome, name) for name in outcome.__slots__]  # the record itself would take five times as long
    return pickle.dumps((type(outcome), fields, [(grid.tobytes(), grid.shape) for grid in checked.grids or ()]))


def unpacked(message: bytes) -> Checked:
    """Read an answer."""
    kind, fields, parts = pickle.loads(message)  # noqa: S301  of a process of our own
    read = [np.frombuffer(levels, np.uint8).reshape(shape) for levels, shape in parts]
    return Checked(kind(*fields), Grids(*read) if read else None)


def _serve(pictures: BinaryIO, answers: BinaryIO) -> None:
    """Answer every message: the first, once its limits are understood, with an empty one."""
    limits: Limits | None = None
    while beginning := pictures.read(HEAD):
        data, answer = pictures.read(length(beginning)), b""
        if limits is None:
            limits = Limits(*pickle.loads(data))  # noqa: S301  of the process that started this one
        else:
            answer = packed(check(data, limits))
        answers.write(head(answer) + answer)
        answers.flush()


if __name__ == "__main__":
    warnings.simplefilter("ignore")  # as of the commands: odd metadata is no news to a person
    logging.disable()
    channel = os.dup(1)
    os.dup2(2, 1)  # whatever a library prints is no answer
    with suppress(BrokenPipeError), os.fdopen(0, "rb") as pictures, os.fdopen(channel, "wb") as answers:
        _serve(pictures, answers)
