"""Pictures that stay where they are: those of a folder or an archive, read, checked and fingerprinted."""

import os
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from itertools import islice
from pathlib import Path
from urllib.parse import unquote_to_bytes, urlsplit

from negbuild.fingerprint import Grids, fingerprints, grids
from negbuild.manners import Manners
from negbuild.model import Candidate, Fingerprint, Image, Progress, Search, Skip, SkipReason, no_progress
from negbuild.picture import Limits, inspect
from negbuild.source import Source, find_source
from negbuild.web import Web

_BATCH = 256
_ANY_SIZE = Limits(min_side=1, first_frame=True)


@dataclass(slots=True)
class Album:
    """What a place holds: names of files by the SHA-256 of their bytes, their fingerprints, and what is no picture.

    Names are relative to the place, with slashes. Fingerprints are in the order of the names, each once.
    """

    names: dict[str, list[str]] = field(default_factory=dict)
    prints: list[tuple[str, Fingerprint]] = field(default_factory=list)
    skips: dict[str, Skip] = field(default_factory=dict)


def read_album(path: Path, progress: Progress = no_progress) -> Album:
    """Read every picture of a folder or archive, without changing anything; raises UsageError where there is none."""
    album, folder = Album(), find_source("folder")
    with closing(Web(Manners())) as web, ThreadPoolExecutor(os.cpu_count()) as threads:
        candidates = folder.search(Search(path=path), web)  # nothing is asked: they lie here
        while batch := list(islice(candidates, _BATCH)):
            looked_at = list(threads.map(lambda candidate: _look_at(folder, candidate), batch))
            new: dict[str, Grids] = {}
            for candidate, found in zip(batch, looked_at, strict=True):
                name = _name(candidate, path.resolve())
                if isinstance(found, Skip):
                    album.skips[name] = found
                    continue
                image, reduced = found
                if image.sha256 not in album.names:
                    new[image.sha256] = reduced
                album.names.setdefault(image.sha256, []).append(name)
            album.prints += zip(new, fingerprints(list(new.values())), strict=True)
            progress(sum(map(len, album.names.values())), None)
    return album


def _look_at(folder: Source, candidate: Candidate) -> tuple[Image, Grids] | Skip:
    assert folder.read is not None
    try:
        found = inspect(folder.read(candidate, _ANY_SIZE.max_bytes), _ANY_SIZE)
    except OSError as error:
        return Skip(SkipReason.UNREADABLE, error.strerror or str(error))
    return found if isinstance(found, Skip) else (found.image, grids(found.thumbnail))


def _name(candidate: Candidate, place: Path) -> str:
    parts = urlsplit(candidate.url)
    file, inside = (os.fsdecode(unquote_to_bytes(part)) for part in (parts.path, parts.fragment))
    return inside or Path(file).relative_to(place).as_posix()
