"""Pictures that stay where they are: those of a folder or an archive, read, checked and fingerprinted."""

import hashlib
import os
from collections.abc import Callable, Collection, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar
from urllib.parse import unquote_to_bytes, urlsplit

from negbuild.alignment import Look, look
from negbuild.errors import NegbuildError
from negbuild.fingerprint import fingerprints, grids
from negbuild.manners import Manners
from negbuild.model import Candidate, Fingerprint, Progress, Search, Skip, SkipReason, no_progress
from negbuild.picture import Inspection, Limits, inspect
from negbuild.source import find_source
from negbuild.web import Web

T = TypeVar("T")

_BATCH = 256
_ANY_SIZE = Limits(min_side=1, first_frame=True)
_FOLDER = find_source("folder")


@dataclass(slots=True)
class Album:
    """What a place holds: names of files by the SHA-256 of their bytes, their fingerprints, and what is no picture.

    Names are relative to the place, with slashes. Fingerprints are in the order of the names, each once.
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    prints: list[tuple[str, Fingerprint]] = field(default_factory=list)
    skips: dict[str, Skip] = field(default_factory=dict)
    _files: dict[str, Candidate] = field(default_factory=dict)

    def look_of(self, sha256: str) -> Look:
        """Read one of the pictures again, for confirmation; raises NegbuildError where it has changed since."""
        found = _inspected(self._files[sha256])
        if isinstance(found, Skip) or found.image.sha256 != sha256:
            raise NegbuildError(f"{self.names[sha256][0]}: has changed while it was looked at; run the command again")
        return look(found.thumbnail)

    def take(self, name: str, candidate: Candidate, found: Inspection | Skip) -> bool:
        """Note one file; return whether its bytes are new."""
        if isinstance(found, Skip):
            self.skips[name] = found
            return False
        sha256 = found.image.sha256
        new = sha256 not in self.names
        self.names.setdefault(sha256, []).append(name)
        self._files.setdefault(sha256, candidate)
        return new


class Read(NamedTuple):
    """One file of a place: its name there, and what it is; the SHA-256 alone where that is known already."""

    name: str
    candidate: Candidate
    found: Inspection | Skip | str


def read_pictures(path: Path, known: Collection[str] = ()) -> Iterator[list[Read]]:
    """Read every file of a folder or archive, some at a time, in threads; what is `known` by its bytes is not decoded.

    Raises UsageError where there is no such place.
    """
    place = path.resolve()
    for batch in _read(path, partial(_known_or_inspected, known)):
        yield [Read(_name(one, place), one, found) for one, found in batch]


def read_files(path: Path, seen: Callable[[bytes], T]) -> Iterator[list[tuple[str, T | Skip]]]:
    """Give the name of every file of a folder or archive, and what is `seen` in its bytes, some at a time, in threads.

    Raises UsageError where there is no such place.
    """
    place = path.resolve()
    for batch in _read(path, partial(_bytes, seen)):
        yield [(_name(one, place), found) for one, found in batch]


def _read(path: Path, read: Callable[[Candidate], T]) -> Iterator[list[tuple[Candidate, T]]]:
    with _candidates(path) as candidates, ThreadPoolExecutor(os.cpu_count()) as threads:
        while batch := list(islice(candidates, _BATCH)):
            yield list(zip(batch, threads.map(read, batch), strict=True))


def read_album(path: Path, progress: Progress = no_progress) -> Album:
    """Read every picture of a folder or archive, without changing anything; raises UsageError where there is none."""
    album = Album()
    for batch in read_pictures(path):
        new = [
            (one.found.image.sha256, grids(one.found.thumbnail))
            for one in batch
            if not isinstance(one.found, str) and album.take(one.name, one.candidate, one.found)
            if isinstance(one.found, Inspection)
        ]
        prints = fingerprints([reduced for _, reduced in new])
        album.prints += [(sha256, print_) for (sha256, _), print_ in zip(new, prints, strict=True)]
        progress(sum(map(len, album.names.values())), None)
    return album


@contextmanager
def _candidates(path: Path) -> Iterator[Iterator[Candidate]]:
    with closing(Web(Manners())) as web:  # of which nothing is asked: they lie here
        yield _FOLDER.search(Search(path=path), web)


def _inspected(candidate: Candidate) -> Inspection | Skip:
    return _bytes(lambda data: inspect(data, _ANY_SIZE), candidate)


def _known_or_inspected(known: Collection[str], candidate: Candidate) -> Inspection | Skip | str:
    def seen(data: bytes) -> Inspection | Skip | str:
        sha256 = hashlib.sha256(data).hexdigest() if known else ""
        return sha256 if sha256 in known else inspect(data, _ANY_SIZE)

    return _bytes(seen, candidate)


def _bytes(seen: Callable[[bytes], T], candidate: Candidate) -> T | Skip:
    assert _FOLDER.read is not None
    try:
        data = _FOLDER.read(candidate, _ANY_SIZE.max_bytes)
    except OSError as error:
        return Skip(SkipReason.UNREADABLE, error.strerror or str(error))
    return seen(data)


def _name(candidate: Candidate, place: Path) -> str:
    parts = urlsplit(candidate.url)
    file, inside = (os.fsdecode(unquote_to_bytes(part)) for part in (parts.path, parts.fragment))
    return inside or Path(file).relative_to(place).as_posix()
