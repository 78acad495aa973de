"""Your own pictures: a folder, a folder of category folders, or a zip or tar archive of either."""

import bz2
import copy
import io
import lzma
import os
import re
import tarfile
import tempfile
import threading
import weakref
import zipfile
import zlib
from collections.abc import Iterator
from contextlib import ExitStack
from functools import lru_cache
from pathlib import Path, PurePosixPath
from typing import IO, cast
from urllib.parse import quote, unquote_to_bytes, urlsplit

from negbuild.errors import UsageError
from negbuild.model import Candidate, Search
from negbuild.source import Gives, Source, Takes, Web

_Opened = zipfile.ZipFile | tarfile.TarFile
_Member = zipfile.ZipInfo | tarfile.TarInfo
# HEIC and SVG cannot be held; they are named so that they become skips with a reason, and are not passed over.
_PICTURE = re.compile(r"(?is).*\.(jpe?g|jfif|png|webp|gif|bmp|tiff?|avif|jp2|ppm|pgm|hei[cf]|svg)")
# What systems lay beside the pictures: resource forks, thumbnails, what was thrown away.
_NOT_THEIRS = {"__MACOSX", "@eaDir", "$RECYCLE.BIN"}
# A damaged, encrypted or unusually packed member; OSError is added by reading itself.
_BROKEN = (zipfile.BadZipFile, tarfile.TarError, zlib.error, lzma.LZMAError, EOFError, KeyError, RuntimeError)


def search(search: Search, web: Web) -> Iterator[Candidate]:  # noqa: ARG001  all sources are asked alike
    """Name every picture file; its category is the folder that holds it.

    Hidden files and folders are left out, and archives inside are not opened. Links to folders are followed where
    `search.links` says so, but none to a folder that it lies in. Raises UsageError where a folder inside
    cannot be read: who adds a folder wants all of it.
    """
    if search.path is None:
        raise UsageError("folder: takes a path; run: negbuild add PATH --category NAME --role known")
    place = search.path.resolve()
    if place.is_dir():
        for file in _walked(place, links=search.links):
            yield _candidate(file, "", file.name, file.parent.name)
    elif place.is_file():
        for name in _archive(place, _changed(place)).members:
            member = PurePosixPath(name)
            if _PICTURE.fullmatch(name) and all(map(_is_shown, member.parts)):
                yield _candidate(place, name, member.name, member.parent.name or place.stem.removesuffix(".tar"))
    else:
        raise UsageError(f"{search.path}: no such file or folder")


def read(candidate: Candidate, max_bytes: int) -> bytes:
    """Read one file of a folder or archive, `max_bytes` + 1 at most; raises OSError where that fails."""
    parts = urlsplit(candidate.url)
    path, inside = (os.fsdecode(unquote_to_bytes(part)) for part in (parts.path, parts.fragment))
    file = Path(path)
    if inside:
        try:
            return _archive(file, _changed(file)).read(inside, max_bytes + 1)
        except UsageError as error:  # it was there when it was named
            raise OSError(str(error)) from error
    if file.is_fifo():  # opening it would wait for somebody to write
        raise OSError("a pipe, no file")
    with file.open("rb") as stream:
        return stream.read(max_bytes + 1)


def _candidate(file: Path, inside: str, title: str, category: str) -> Candidate:
    url = file.as_uri() + (f"#{quote(os.fsencode(inside))}" if inside else "")
    # A file that was edited is another picture.
    return Candidate("folder", f"{url}@{_changed(file)}", url, title=title, category=category)


def _changed(file: Path) -> int:
    try:
        return file.stat().st_mtime_ns
    except OSError:  # a dangling link: reading it gives the skip its reason
        return 0


def _is_shown(part: str) -> bool:
    return not part.startswith((".", "/")) and part not in _NOT_THEIRS  # ".." and "/" would lead out of an archive


def _walked(place: Path, *, links: bool) -> Iterator[Path]:
    def refuse(error: OSError) -> None:
        raise UsageError(f"{error.filename}: cannot be read ({error.strerror})") from error

    for folder, inner, files in os.walk(place, onerror=refuse, followlinks=links):
        inner[:] = sorted(name for name in inner if _is_shown(name) and not (links and _leads_back(Path(folder, name))))
        yield from (Path(folder, name) for name in sorted(files) if _PICTURE.fullmatch(name) and _is_shown(name))


def _leads_back(folder: Path) -> bool:
    """Whether a folder is a link to one that it lies in itself, by its path or behind other links."""
    try:
        if not folder.is_symlink():
            return False
    except OSError:  # a path too long: told once it is read
        return False
    real = folder.resolve()
    return any(above.resolve().is_relative_to(real) for above in folder.parents)


class _Archive:
    """The regular files of a zip or tar, read in any order; nothing is ever unpacked under its own name.

    `members` are in the order of the archive; of those with the same name it is the last, as when it is unpacked.
    """

    def __init__(self, path: Path) -> None:
        self._lock = threading.Lock()
        try:
            self._open: _Opened = zipfile.ZipFile(path) if zipfile.is_zipfile(path) else _open_tar(path)
            weakref.finalize(self, _close, self._open)
            self.members = _found(self._open)
        except _BROKEN as error:
            raise UsageError(f"{path}: neither a folder, nor a zip or tar archive that can be read") from error
        except OSError as error:
            raise UsageError(f"{path}: cannot be read ({error.strerror or error})") from error

    def read(self, name: str, size: int) -> bytes:
        """Read up to `size` bytes of one file; raises OSError where the archive is damaged."""
        with self._lock:
            try:
                info = self.members[name]
                if isinstance(info, zipfile.ZipInfo):
                    return _read_zipped(cast("zipfile.ZipFile", self._open), info, size)
                with cast("IO[bytes]", cast("tarfile.TarFile", self._open).extractfile(info)) as stream:
                    return stream.read(size)
            except _BROKEN as error:
                raise OSError(f"{name}: {error}") from error


def _read_zipped(opened: zipfile.ZipFile, info: zipfile.ZipInfo, size: int) -> bytes:
    """Read up to `size` bytes of a member, and never expand much more, however well it was packed."""
    if info.compress_type == zipfile.ZIP_BZIP2:  # one piece of it can be gigabytes: bz2 itself stops in between
        packed = copy.copy(info)
        packed.compress_type, packed.file_size = zipfile.ZIP_STORED, info.compress_size
        del packed.CRC  # it is that of the plain bytes; bzip2 has its own
        with opened.open(packed) as raw, bz2.open(raw) as plain:
            return plain.read(size)
    data = bytearray()
    with opened.open(info) as stream:
        # As many packed bytes as plain ones are asked for, or 4096, are expanded at once.
        while piece := stream.read(min(4096, size - len(data))):
            data += piece
    return bytes(data)


def _found(opened: _Opened) -> dict[str, _Member]:
    if isinstance(opened, zipfile.ZipFile):
        return {info.filename: info for info in opened.infolist() if not info.is_dir()}
    found: dict[str, _Member] = {info.name: info for info in opened if info.isfile()}
    # Where a header is damaged, tarfile just stops; a whole archive ends in a block of zeros, or with the file.
    assert opened.fileobj is not None
    opened.fileobj.seek(opened.offset)
    if opened.fileobj.read(tarfile.BLOCKSIZE).strip(b"\0"):
        raise tarfile.ReadError("a header is damaged")
    return found


def _close(opened: _Opened) -> None:
    opened.close()
    if isinstance(opened, tarfile.TarFile) and opened.fileobj:
        opened.fileobj.close()


def _open_tar(path: Path) -> tarfile.TarFile:
    """Open a tar; a compressed one is expanded into a nameless temporary file first, since it cannot be sought."""
    with tarfile.open(path) as packed, ExitStack() as stack:
        stream = cast("IO[bytes] | None", packed.fileobj)
        if stream is None or isinstance(stream, io.BufferedReader):
            return tarfile.open(path)
        stream.seek(0)
        plain = stack.enter_context(tempfile.TemporaryFile())
        limit = max(2**26, 200 * path.stat().st_size)  # pictures pack far worse than that
        while piece := stream.read(2**20):
            if plain.write(piece) and plain.tell() > limit:
                raise UsageError(f"{path}: expands as no pictures do; unpack it yourself, and add the folder")
        plain.seek(0)
        opened = tarfile.open(fileobj=plain)  # noqa: SIM115  both live as long as the archive
        stack.pop_all()
        return opened


@lru_cache(maxsize=1)
def _archive(path: Path, changed: int) -> _Archive:  # noqa: ARG001  a changed archive is another one
    return _Archive(path)


SOURCE = Source(
    name="folder",
    summary=__doc__,
    search=search,
    takes=Takes.PATH,
    example="photos",
    read=read,
    gives=(Gives.NEAR, Gives.FAR, Gives.BACKGROUND),
    bounds="what lies there",
    terms="archives inside of a folder or archive are not opened",
)
