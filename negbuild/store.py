"""The store: every picture once, under its SHA-256, in `images/`.

A picture is written to `images/incoming/` and flushed to the disk, then the catalog commits its row, then it moves to
its place. So a row never lacks its bytes, and a file at its place never lacks its row, at whatever moment a kill or a
power cut comes; `recover` finishes or clears what was left between.
"""

import ctypes
import errno
import os
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from functools import cache
from pathlib import Path

from negbuild.errors import StorageFull
from negbuild.model import Image

_EXTENSIONS = {"JPEG": "jpg", "MPO": "jpg", "JPEG2000": "jp2", "TIFF": "tif"}
MANY = 8  # files from which on flushing all at once is quicker
_NO_SPACE = {errno.ENOSPC, errno.EDQUOT, errno.EFBIG}


@contextmanager
def explaining_full_disk(path: Path) -> Iterator[None]:
    """Turn the system's "no space" into StorageFull, with the next step."""
    try:
        yield
    except OSError as error:
        if error.errno in _NO_SPACE:
            raise StorageFull(f"{path}: no space left; make room and run the same command again") from error
        raise


def write_whole(path: Path | str, data: bytes, *, durably: bool) -> None:
    """Write a new file and, `durably`, flush it to the disk; what is half-written is removed."""
    try:
        with open(path, "wb", buffering=0) as file:  # noqa: PTH123  a Path would have to be made for each picture
            left = memoryview(data)
            while left:
                left = left[file.write(left) :]
            if durably:
                os.fsync(file.fileno())
    except BaseException:
        Path(path).unlink(missing_ok=True)
        raise


@cache
def _syncfs() -> Callable[[int], int] | None:
    """Return Linux's syncfs(2), which Python does not offer, where there is one."""
    return getattr(ctypes.CDLL(None, use_errno=True), "syncfs", None) if sys.platform == "linux" else None


def can_flush_all() -> bool:
    """Whether this system can flush a whole file system."""
    return _syncfs() is not None


def flush_all(path: Path) -> None:
    """Flush everything on the file system of a folder: for many files, one wait instead of one for each."""
    syncfs, handle = _syncfs(), os.open(path, os.O_RDONLY)
    assert syncfs is not None
    try:
        if syncfs(handle):
            number = ctypes.get_errno()
            raise OSError(number, os.strerror(number), str(path))
    finally:
        os.close(handle)


def flush_folder(path: Path) -> None:
    """Flush the names in a folder to the disk, where the system can."""
    if os.name == "posix":
        handle = os.open(path, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)


class Store:
    """The pictures of a workspace.

    Places are strings within it: making Paths for each picture took a hundredth of the time of a crawl.
    """

    def __init__(self, root: Path) -> None:
        """Use the folder `root`."""
        self._root = root
        self._incoming = root / "incoming"

    def make(self) -> None:
        """Make the folders, if they are not there."""
        self._incoming.mkdir(parents=True, exist_ok=True)

    def path(self, image: Image) -> Path:
        """Place of an image; its extension is that of the sniffed format."""
        return Path(self._place(image))

    def read(self, image: Image) -> bytes:
        """Bytes of an image as they came."""
        return self.path(image).read_bytes()

    def lacks(self, image: Image) -> bool:
        """Whether an image is missing, or has another size than it should have."""
        try:
            return os.stat(self._place(image)).st_size != image.size  # noqa: PTH116  as in write_whole
        except FileNotFoundError:
            return True

    def receive(self, batch: Mapping[Image, bytes]) -> None:
        """Take the bytes of images in, durably, but not yet at their places."""
        with explaining_full_disk(self._root):
            together = len(batch) >= MANY and can_flush_all()
            for image, data in batch.items():
                write_whole(self._landing(image), data, durably=not together)
            if together:
                flush_all(self._incoming)
            else:
                flush_folder(self._incoming)

    def publish(self, images: Iterable[Image]) -> None:
        """Move received images, whose rows are committed by now, to their places.

        That is not flushed: a move that a power cut undoes leaves the picture where `recover` finds it.
        """
        with explaining_full_disk(self._root):
            for image in images:
                received, place = self._landing(image), self._place(image)
                try:
                    os.replace(received, place)  # noqa: PTH105
                except FileNotFoundError:  # at most once for each of the 256 folders
                    Path(place).parent.mkdir(exist_ok=True)
                    os.replace(received, place)  # noqa: PTH105

    def withdraw(self, images: Iterable[Image]) -> None:
        """Take images from their places, before their rows go; `recover` puts back those whose rows stayed."""
        for image in images:
            with suppress(FileNotFoundError):
                self.path(image).replace(self._landing(image))

    def recover(self, find: Callable[[str], Image | None]) -> None:
        """Finish what an earlier run left: publish what has a row (found by SHA-256), remove what has none."""
        for file in sorted(self._incoming.iterdir()):
            image = find(file.stem)
            if image and image.size == file.stat().st_size:
                self.publish([image])
            else:
                file.unlink()

    def _place(self, image: Image) -> str:
        return f"{self._root}/{image.sha256[:2]}/{_name(image)}"

    def _landing(self, image: Image) -> str:
        return f"{self._incoming}/{_name(image)}"


def _name(image: Image) -> str:
    return f"{image.sha256}.{_EXTENSIONS.get(image.format, image.format.lower())}"
