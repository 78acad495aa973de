"""The normalised store: every picture encoded once for each look, in a cache of the workspace; safe to delete.

Datasets are hard links to its files, so that a person who changes a file of a dataset in place would change the store,
and every other dataset that was linked to it. Two things stand against that: the files are read-only, so that such an
edit is refused (programs that write anew and rename give the dataset a file of its own); and nothing is linked before
all its bytes were read and their SHA-256 compared, so that a changed file is encoded anew, under an inode of its own.

A kill leaves no half-written file at a place: files are renamed to it, and get their line in the index only when the
disk has them. What has no line is encoded again.
"""

import hashlib
import json
import os
import shutil
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from io import BytesIO
from pathlib import Path

import numpy as np

from negbuild import proof
from negbuild.encoding import Look, encode, encoder
from negbuild.errors import PictureLost
from negbuild.manifest import Row, comparable_files
from negbuild.model import Image, Progress, no_progress
from negbuild.store import can_flush_all, explaining_full_disk, flush_all, write_whole

_BATCH = 512  # pictures that a kill can make us encode again, or that one thread reads at a time
_DIGEST = 8  # hex digits that tell encoders apart
_READ_ONLY = 0o444
_TAG = "CACHEDIR.TAG"
# What backup programs look for (bford.info/cachedir).
_TAG_TEXT = "Signature: 8a477f597d28d172789f06886806bc55\n# What negbuild can make again; safe to delete.\n"

Read = Callable[[Image], bytes]


@dataclass(frozen=True, slots=True)
class NormalisedPicture:
    """A picture as it is written to datasets: its file and the SHA-256 of that, its pixels, and its sketch."""

    path: Path
    sha256: str
    width: int
    height: int
    sketch: proof.Sketch


class NormalisedStore:
    """The pictures of a workspace in one look."""

    def __init__(self, root: Path, look: Look) -> None:
        """Use the folder `root`, which may hold other looks too."""
        self._root = root
        self._look = look
        # Another encoder writes other bytes, and another way to sketch proves otherwise.
        made_by = f"{encoder()}, proof {proof.VERSION}, numpy {np.__version__}"
        self._folder = root / f"{look.name}-{hashlib.sha256(made_by.encode()).hexdigest()[:_DIGEST]}"
        self._incoming = self._folder / "incoming"
        self._index = self._folder / "index.txt"

    def pictures(
        self, images: Iterable[Image], read: Read, progress: Progress = no_progress
    ) -> dict[str, NormalisedPicture]:
        """Make sure of all these images, and find each by its SHA-256; `read` gives the bytes as they came.

        Raises StorageFull, and NegbuildError where an image is lost or damaged.
        """
        wanted = {image.sha256: image for image in images}
        with explaining_full_disk(self._root), ThreadPoolExecutor() as threads:
            self._make()
            found = self._intact(wanted, threads)
            progress(len(found), len(wanted))
            new = [image for sha256, image in wanted.items() if sha256 not in found]
            for start in range(0, len(new), _BATCH):
                batch = new[start : start + _BATCH]
                encoded: dict[str, NormalisedPicture] = {}
                for image, picture in zip(batch, threads.map(lambda one: self._encoded(one, read), batch), strict=True):
                    encoded[image.sha256] = picture
                    progress(len(found) + len(encoded), len(wanted))
                self._write_index(encoded)
                found |= encoded
        return found

    def _intact(self, wanted: Collection[str], threads: ThreadPoolExecutor) -> dict[str, NormalisedPicture]:
        """Find the indexed pictures whose files are there with the bytes that were written: all of them are read."""
        indexed = [(sha256, picture) for sha256, picture in self._read_index().items() if sha256 in wanted]
        parts = [indexed[start : start + _BATCH] for start in range(0, len(indexed), _BATCH)]
        return {sha256: picture for part in threads.map(_unchanged, parts) for sha256, picture in part}

    def certificate(self, rows: Sequence[Row], pictures: Mapping[str, NormalisedPicture]) -> proof.Certificate:
        """Certify a dataset by the sketches of its files; what is proven of these very files is not proven again."""
        compared = comparable_files(rows)
        split_of = {file: split for split, files in compared.items() for file in files}
        lines = sorted(f"{split_of[row.file]} {row.file_sha256}\n" for row in rows if row.file in split_of)
        file = self._folder / "certificates" / f"{hashlib.sha256(''.join(lines).encode()).hexdigest()}.json"
        try:
            return proof.Certificate(**json.loads(file.read_text(encoding="utf-8")))
        except (FileNotFoundError, ValueError, TypeError):  # not proven yet, or a file that somebody else wrote
            sketches = {row.file: pictures[row.sha256].sketch for row in rows}
            certificate = proof.certify_sketches(compared, sketches)
            if not certificate.leaks:
                self._publish(file, json.dumps(asdict(certificate)).encode())
            return certificate

    def _make(self) -> None:
        """Make the folders, and clear up what killed runs and other encoders left."""
        for stale in self._root.glob(f"{self._look.name}-{'?' * _DIGEST}"):
            if stale != self._folder:
                shutil.rmtree(stale)
        shutil.rmtree(self._incoming, ignore_errors=True)
        self._incoming.mkdir(parents=True)
        (self._folder / "certificates").mkdir(exist_ok=True)
        tag = self._root.parent / _TAG
        if not tag.exists():
            tag.write_text(_TAG_TEXT, encoding="ascii")

    def _encoded(self, image: Image, read: Read) -> NormalisedPicture:
        try:
            encoded = encode(read(image), self._look)
        except FileNotFoundError as error:
            raise PictureLost(image.sha256) from error
        except (OSError, SyntaxError, ValueError) as error:
            raise PictureLost(image.sha256, getattr(error, "strerror", None) or "no whole picture") from error
        path = self._path(image.sha256, encoded.extension)
        self._publish(path, encoded.data)
        return NormalisedPicture(
            path, encoded.sha256, encoded.width, encoded.height, proof.sketch(BytesIO(encoded.data))
        )

    def _path(self, sha256: str, extension: str) -> Path:
        return self._folder / sha256[:2] / f"{sha256}.{extension}"

    def _publish(self, path: Path, data: bytes) -> None:
        """Put a whole file at its place, read-only."""
        draft = self._incoming / path.name
        write_whole(draft, data, durably=False)
        if os.name == "posix":  # elsewhere a read-only file can be neither replaced nor removed
            draft.chmod(_READ_ONLY)
        path.parent.mkdir(exist_ok=True)
        draft.replace(path)

    def _read_index(self) -> dict[str, NormalisedPicture]:
        """Read what is indexed; the last line of an image counts, and one that a kill cut off is cut off here too."""
        indexed: dict[str, NormalisedPicture] = {}
        if self._index.exists():
            data = self._index.read_bytes()
            whole = data[: data.rfind(b"\n") + 1]
            if whole != data:
                os.truncate(self._index, len(whole))
            for line in whole.decode("ascii", errors="replace").splitlines():
                try:
                    sha256, extension, file_sha256, width, height, texture, hashes = line.split(" ")
                    sketch = proof.Sketch([int(one, 16) for one in hashes.split(",")], float(texture))
                    picture = NormalisedPicture(
                        self._path(sha256, extension), file_sha256, int(width), int(height), sketch
                    )
                except ValueError:  # not a line of ours: its picture is encoded again
                    continue
                indexed[sha256] = picture
        return indexed

    def _write_index(self, encoded: Mapping[str, NormalisedPicture]) -> None:
        """Append pictures to the index, once the disk has them."""
        if can_flush_all():
            flush_all(self._folder)
        with self._index.open("a", encoding="ascii", newline="\n") as stream:
            stream.writelines(_line(sha256, picture) for sha256, picture in encoded.items())


def _line(sha256: str, one: NormalisedPicture) -> str:
    hashes = ",".join(f"{number:x}" for number in one.sketch.hashes)
    values = (sha256, one.path.suffix[1:], one.sha256, one.width, one.height, repr(one.sketch.texture), hashes)
    return " ".join(map(str, values)) + "\n"


def _unchanged(part: Sequence[tuple[str, NormalisedPicture]]) -> list[tuple[str, NormalisedPicture]]:
    return [(sha256, one) for sha256, one in part if _digest(one.path) == one.sha256]


def _digest(path: Path) -> str:
    try:
        with path.open("rb", buffering=0) as file:
            return hashlib.sha256(file.readall()).hexdigest()
    except FileNotFoundError:
        return ""
