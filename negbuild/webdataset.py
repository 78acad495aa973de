"""A dataset as tar files, as the library webdataset reads them: written and read back.

A shard holds samples: `key.jpg` (or .png), `key.cls` (the class index in digits) and `key.json` (the row of the
manifest), in this order, one sample after the other. Readers shuffle shards and a short stretch of samples, so that
all classes must be mixed already when they are written: samples lie in the order of a hash of seed and key.
The bytes are the same every time: POSIX ustar, owner 0, time 0.
"""

import hashlib
import io
import json
import tarfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from negbuild.imagefolder import Entry, row_of
from negbuild.layouts import class_indices
from negbuild.manifest import SHARD, Row
from negbuild.model import Split


def write_shards(root: Path, written: Sequence[Entry], seed: int, most: int) -> list[Row]:
    """Write shards of at most `most` samples, all of a split nearly equal; return the rows, sorted by file."""
    indices = class_indices(entry.class_name for entry in written)
    rows: list[Row] = []
    for split in Split:
        mixed = sorted(
            (entry for entry in written if entry.place.split is split),
            key=lambda entry: hashlib.sha256(f"{seed}:{entry.key}".encode()).digest(),
        )
        shards = -(-len(mixed) // most)
        for number in range(shards):
            part = mixed[len(mixed) * number // shards : len(mixed) * (number + 1) // shards]
            rows += _write_shard(root / f"{split}-{number:06}{SHARD}", part, indices)
    return sorted(rows, key=lambda row: row.file)


def _write_shard(path: Path, part: Sequence[Entry], indices: Mapping[str, int]) -> Iterator[Row]:
    with tarfile.open(path, "x", format=tarfile.USTAR_FORMAT) as tar:
        for entry in part:
            row = row_of(entry, f"{path.name}/{entry.key}{entry.picture.path.suffix}")
            _add(tar, f"{entry.key}{entry.picture.path.suffix}", entry.picture.path.read_bytes())
            _add(tar, f"{entry.key}.cls", str(indices[entry.class_name]).encode())
            _add(tar, f"{entry.key}.json", json.dumps(asdict(row), ensure_ascii=False).encode())
            yield row


def _add(tar: tarfile.TarFile, name: str, data: bytes) -> None:
    member = tarfile.TarInfo(name)  # owner, group and time are 0, the mode 644
    member.size = len(data)
    tar.addfile(member, io.BytesIO(data))


@dataclass(frozen=True, slots=True)
class _Span:
    shard: Path
    start: int
    size: int


class Shards:
    """The members of all shards in a folder, by `shard/member`."""

    def __init__(self, root: Path) -> None:
        """Read the heads of all members.

        Raises OSError or tarfile.TarError where a shard cannot be read, ValueError where it holds anything but plain
        files of different names, or goes on behind them.
        """
        self._spans: dict[str, _Span] = {}
        for shard in sorted(root.glob(f"*{SHARD}")):
            end = 0
            with tarfile.open(shard, "r:") as tar:
                for member in tar:
                    file = f"{shard.name}/{member.name}"
                    if not member.isreg() or file in self._spans:
                        raise ValueError(f"{file}: is no plain file, or there twice")
                    self._spans[file] = _Span(shard, member.offset_data, member.size)
                    end = member.offset_data + member.size
            with shard.open("rb") as stream:
                stream.seek(end)
                if stream.read().strip(b"\0"):  # some readers go on behind the end
                    raise ValueError(f"{shard.name}: holds more behind its end")

    @property
    def files(self) -> list[str]:
        """Name all members, in the order in which they lie."""
        return list(self._spans)

    def read(self, file: str) -> bytes:
        """Bytes of a member; raises KeyError where there is none, and OSError where it is cut off."""
        span = self._spans[file]
        with span.shard.open("rb") as stream:
            stream.seek(span.start)
            data = stream.read(span.size)
        if len(data) != span.size:
            raise OSError(f"{file}: is cut off")
        return data
