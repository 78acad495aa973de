"""Your own pictures: a folder, a folder of category folders, or a zip or tar archive of either."""

import io
import lzma
import os
import shutil
import tarfile
import tempfile
import threading
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, cast
from urllib.parse import quote, unquote_to_bytes, urlsplit

from negbuild.errors import UsageError
from negbuild.model import Candidate, Search
from negbuild.source import Source, Takes, Web

# HEIC and SVG cannot be held; they are named so that they become skips with a reason, and are not passed over.
_PICTURES = (
    ".jpg",
    ".jpeg",
    ".jfif",
    ".png",
    ".webp",
    ".gif",
    ".bmp",
    ".tif",
    ".tiff",
    ".avif",
    ".jp2",
    ".ppm",
    ".pgm",
    ".heic",
    ".heif",
    ".svg",
)

# A damaged, encrypted or unusually packed member; OSError is added by reading itself.
_ARCHIVE_FAULTS = (
    *(zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError),
    *(EOFError, KeyError, RuntimeError),
)


def search(search: Search, web: Web) -> Iterator[Candidate]:  # noqa: ARG001  all sources are asked alike
    """Name every picture file; its category is the folder that holds it. Hidden files are left out."""
    if search.path is None:
        raise UsageError("folder: takes a path; run: negbuild add PATH --category NAME --role known")
    place = search.path.resolve()
    if place.is_dir():
        found = ((member, place / member, "") for member in _walked(place))
    elif place.is_file():
        found = ((PurePosixPath(name), place, name) for name in _archive(place, _changed(place)).names())
    else:
        raise UsageError(f"{search.path}: no such file or folder")
    for member, file, inside in found:
        if member.name.lower().endswith(_PICTURES) and not any(part.startswith((".", "__")) for part in member.parts):
            url = file.as_uri() + (f"#{quote(os.fsencode(inside))}" if inside else "")
            yield Candidate(
                source="folder",
                source_id=f"{url}@{_changed(file)}",  # a file that was edited is another picture
                url=url,
                title=member.name,
                category=member.parent.name or place.name.partition(".")[0],
            )


def read(candidate: Candidate, max_bytes: int) -> bytes:
    """Read one file of a folder or archive, `max_bytes` + 1 at most; raises OSError where that fails."""
    parts = urlsplit(candidate.url)
    file, inside = (os.fsdecode(unquote_to_bytes(part)) for part in (parts.path, parts.fragment))
    if inside:
        return _archive(Path(file), _changed(Path(file))).read(inside, max_bytes + 1)
    with Path(file).open("rb") as stream:
        return stream.read(max_bytes + 1)


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:  # a dangling link: reading it gives the skip its reason
        return 0


def _walked(place: Path) -> Iterator[PurePosixPath]:
    def refuse(error: OSError) -> None:
        raise UsageError(f"{error.filename}: cannot be read ({error.strerror})") from error

    for folder, inner, files in os.walk(place, onerror=refuse):
        inner.sort()
        for name in sorted(files):
            yield PurePosixPath(Path(folder, name).relative_to(place).as_posix())


class _Archive:
    """The regular files of a zip or tar, read in any order; nothing is ever unpacked under its own name."""

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        self._open: zipfile.ZipFile | tarfile.TarFile
        try:
            self._open = zipfile.ZipFile(path) if zipfile.is_zipfile(path) else _open_tar(path)
            weakref.finalize(self, _close, self._open)
            self._names = _zip_names(self._open) if isinstance(self._open, zipfile.ZipFile) else _tar_names(self._open)
        except _ARCHIVE_FAULTS as error:
            raise UsageError(f"{path}: neither a folder, nor a zip or tar archive that can be read") from error
        except OSError as error:
            raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error

    def names(self) -> list[str]:
        """Names of the regular files, in the order of the archive, without those that point out of it."""
        return [name for name in self._names if not name.startswith("/") and ".." not in PurePosixPath(name).parts]

    def read(self, name: str, size: int) -> bytes:
        """Read up to `size` bytes of one file; raises OSError where the archive is damaged."""
        with self._lock:
            try:
                stream: IO[bytes] | None
                if isinstance(self._open, zipfile.ZipFile):
                    stream = self._open.open(name)
                else:
                    stream = self._open.extractfile(name)
                if stream is None:
                    raise OSError(f"{name}: no regular file")
                with stream:
                    return stream.read(size)
            except _ARCHIVE_FAULTS as error:
                raise OSError(f"{name}: {error}") from error


def _zip_names(opened: zipfile.ZipFile) -> list[str]:
    return [info.filename for info in opened.infolist() if not info.is_dir()]


def _tar_names(opened: tarfile.TarFile) -> list[str]:
    names = [info.name for info in opened if info.isfile()]
    # Where a header is damaged, tarfile just stops; a whole archive ends in a block of zeros, or with the file.
    assert opened.fileobj is not None
    opened.fileobj.seek(opened.offset)
    if opened.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError("a header is damaged")
    return names


def _close(opened: zipfile.ZipFile | tarfile.TarFile) -> None:
    opened.close()
    if isinstance(opened, tarfile.TarFile) and opened.fileobj:
        opened.fileobj.close()


def _open_tar(path: Path) -> tarfile.TarFile:
    """Open a tar; a compressed one is expanded into a nameless temporary file first, since it cannot be sought."""
    with tarfile.open(path) as packed:
        stream = cast("IO[bytes] | None", packed.fileobj)
        if stream is None or isinstance(stream, io.BufferedReader):
            return tarfile.open(path)
        stream.seek(0)
        plain = tempfile.TemporaryFile()  # noqa: SIM115  lives as long as the archive
        try:
            shutil.copyfileobj(stream, plain)
            plain.seek(0)
            return tarfile.open(fileobj=plain)
        except BaseException:
            plain.close()
            raise


@lru_cache(maxsize=1)
def _archive(path: Path, changed: int) -> _Archive:  # noqa: ARG001  a changed archive is another one
    return _Archive(path)


SOURCE = Source(name="folder", summary=__doc__, search=search, takes=Takes.PATH, read=read)
