"""Pictures that stay where they are: those of a folder or an archive, read, checked and fingerprinted."""

import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing, contextmanager
from dataclasses import dataclass, field
from functools import partial
from itertools import islice
from pathlib import Path
from typing import NamedTuple, TypeVar

from negbuild.addresses import local_file
from negbuild.errors import NegbuildError, UsageError
from negbuild.fingerprint import Grids, fingerprints, grids
from negbuild.looks import Look, look
from negbuild.manners import Manners
from negbuild.model import Candidate, Fingerprint, Image, PackedSketch, Progress, Search, Skip, SkipReason, no_progress
from negbuild.picture import Inspection, Limits, inspect
from negbuild.pixels import exact, pixels
from negbuild.source import find_source
from negbuild.web import Web
from negbuild.workers import Call, here

T = TypeVar("T")

ANY_SIZE = Limits(min_side=1, first_frame=True)
"""What may be a picture of somebody's folder."""

_BATCH = 256
_FOLDER = find_source("folder")


@dataclass(slots=True)
class Album:
    """What a place holds: names of files by the SHA-256 of their bytes, their fingerprints, and what is no picture.

    Names are relative to the place, with slashes. Fingerprints are in the order of the names, each once. Sketches are
    those of the same pictures, and `plain` has those that are too plain for fingerprints (`pixels.exact`).
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    prints: list[tuple[str, Fingerprint]] = field(default_factory=list)
    sketches: dict[str, PackedSketch] = field(default_factory=dict)
    plain: dict[str, Image] = field(default_factory=dict)
    skips: dict[str, Skip] = field(default_factory=dict)
    _files: dict[str, Candidate] = field(default_factory=dict)

    def look_of(self, sha256: str, call: Call = here) -> Look:
        """Read one of the pictures again, for confirmation; raises NegbuildError where it has changed since."""
        return self._unchanged(sha256, call(_looked_at, self._files[sha256], sha256))

    def pixels_of(self, sha256: str) -> str:
        """Read one of the plain pictures again and give its pixels; raises NegbuildError as `look_of`."""
        return self._unchanged(sha256, _pixels(self._files[sha256], self.plain[sha256]))

    def _unchanged(self, sha256: str, found: T | None) -> T:
        if found is None:
            raise NegbuildError(f"{self.names[sha256][0]}: has changed while it was looked at; run the command again")
        return found

    def take(self, name: str, candidate: Candidate, found: "_Studied | Skip") -> bool:
        """Note one file; return whether it is a picture with new bytes."""
        if isinstance(found, Skip):
            self.skips[name] = found
            return False
        sha256 = found.image.sha256
        new = sha256 not in self.names
        self.names.setdefault(sha256, []).append(name)
        self._files.setdefault(sha256, candidate)
        return new


def nothing_in(path: Path, purpose: str) -> UsageError:
    """Say that a place holds no picture for some purpose, such as `compare`."""
    return UsageError(f"{path}: holds no picture to {purpose}; choose a folder or archive of pictures")


def names_pictures(path: Path) -> bool:
    """Whether a folder or archive has any file that passes for a picture by its name; none is read.

    Raises UsageError where there is no such place.
    """
    with _candidates(path) as candidates:
        return next(candidates, None) is not None


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


def read_album(path: Path, progress: Progress = no_progress, call: Call = here) -> Album:
    """Read every picture of a folder or archive, without changing anything; raises UsageError where there is none.

    Several threads read, and each looks by way of `call`.
    """
    album, place = Album(), path.resolve()
    for batch in _read(path, partial(call, _studied)):
        new = [
            found for one, found in batch if album.take(_name(one, place), one, found) if isinstance(found, _Studied)
        ]
        images = {one.image.sha256: one.image for one in new}
        prints = list(zip(images, fingerprints([one.grids for one in new]), strict=True))
        album.prints += prints
        album.sketches |= {one.image.sha256: one.sketch for one in new}
        album.plain |= {sha256: images[sha256] for sha256 in exact(prints)}
        progress(sum(map(len, album.names.values())), None)
    return album


class _Studied(NamedTuple):
    """A picture, and what it is compared by."""

    image: Image
    grids: Grids
    sketch: PackedSketch


def _studied(candidate: Candidate) -> _Studied | Skip:
    found = _inspected(candidate)
    if isinstance(found, Skip):
        return found
    return _Studied(found.image, grids(found.thumbnail), look(found.thumbnail).sketch.packed())


def _looked_at(candidate: Candidate, sha256: str) -> Look | None:
    """Prepare a picture for confirmation, if it is still the same."""
    found = _inspected(candidate)
    return None if isinstance(found, Skip) or found.image.sha256 != sha256 else look(found.thumbnail)


def _pixels(candidate: Candidate, image: Image) -> str | None:
    """Give the pixels of a picture, if it is still the same."""
    data = _bytes(bytes, candidate)
    if isinstance(data, Skip) or hashlib.sha256(data).hexdigest() != image.sha256:
        return None
    return pixels(data, image)


@contextmanager
def _candidates(path: Path) -> Iterator[Iterator[Candidate]]:
    with closing(Web(Manners())) as web:  # of which nothing is asked: they lie here
        yield _FOLDER.search(Search(path=path, links=True), web)  # loaders read what lies behind links, too


def _inspected(candidate: Candidate) -> Inspection | Skip:
    return _bytes(lambda data: inspect(data, ANY_SIZE), candidate)


def _bytes(seen: Callable[[bytes], T], candidate: Candidate) -> T | Skip:
    assert _FOLDER.read is not None
    try:
        data = _FOLDER.read(candidate, ANY_SIZE.max_bytes)
    except OSError as error:
        return Skip(SkipReason.UNREADABLE, error.strerror or str(error))
    return seen(data)


def _name(candidate: Candidate, place: Path) -> str:
    file, inside = local_file(candidate.url)
    return inside or Path(file).relative_to(place).as_posix()
