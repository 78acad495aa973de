"""What must hold of a dataset in tar files: that they are what their manifest says. Each check names what breaks it."""

import json
import os
import re
from collections import Counter, defaultdict
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict
from pathlib import Path

from negbuild.evidence import Evidence, examine
from negbuild.layouts import class_indices
from negbuild.manifest import CLASS_INDICES, CLASSES, MANIFEST, RECORDS, SHARD, Row
from negbuild.model import NEGATIVE_CLASS, Progress, Split, no_progress
from negbuild.webdataset import Shards

_NAME = re.compile(r"(train|valid|test|unseen)-(\d{6})\.tar")
_PICTURE = re.compile(r"(?P<key>[a-z][a-z0-9_]*_[0-9a-f]{12}(_aug[0-9]{3,})?)\.(jpg|png)")
_BATCH = 32  # pictures that a thread reads and hashes at once
_PARTS = 3  # of a sample


def shape(root: Path, shards: Shards) -> Iterator[str]:
    """Look for anything but whole samples, in shards numbered from 0, and records beside them."""
    names = {path.relative_to(root).as_posix() for path in root.rglob("*")}
    tars = sorted(name for name in names if _NAME.fullmatch(name))
    yield from (f"{name}: does not belong here" for name in sorted(names - set(tars) - set(RECORDS)))
    yield from (f"{name}: missing" for name in RECORDS if name not in names)
    yield from (f"{name}: is a link" for name in sorted(names) if (root / name).is_symlink())
    numbers: dict[str, list[str]] = defaultdict(list)
    for name in tars:
        numbers[name.split("-")[0]].append(name)
    for split in Split:
        own = numbers[split]
        if not own and split is not Split.UNSEEN:
            yield f"{split}: missing"
        for number, name in enumerate(own):
            if name != f"{split}-{number:06}{SHARD}":
                yield f"{name}: a shard before it is missing"
    for name in tars:
        members = [file.removeprefix(f"{name}/") for file in shards.files if file.startswith(f"{name}/")]
        if not members:
            yield f"{name}: holds nothing"
        for start in range(0, len(members), _PARTS):
            sample = members[start : start + _PARTS]
            match = _PICTURE.fullmatch(sample[0])
            if not match or sample[1:] != [f"{match['key']}.cls", f"{match['key']}.json"]:
                yield f"{name}/{sample[0]}: is no sample of picture, class and row"
                break  # what follows is shifted


def classes(root: Path, shards: Shards, rows: Sequence[Row]) -> Iterator[str]:
    """Compare class lists and samples with the manifest, and look for a split that lacks a class."""
    indices = class_indices(row.class_name for row in rows)
    stated = _json_of((root / CLASS_INDICES).read_bytes() if (root / CLASS_INDICES).is_file() else b"")
    lines = (
        (root / CLASSES).read_text(encoding="utf-8", errors="replace").splitlines()
        if (root / CLASSES).is_file()
        else []
    )
    if stated != indices or lines != list(indices):
        yield f"{CLASS_INDICES} or {CLASSES}: states other classes"
    present = Counter((row.split, row.class_name) for row in rows)
    for split in sorted({row.split for row in rows}):
        yield from (f"{split}: has no {name}" for name in indices if not present[split, name])
    if indices.get(NEGATIVE_CLASS) != 0:
        yield f"{NEGATIVE_CLASS}: is not the first class"
    files = set(shards.files)
    for row in rows:
        key = row.file.rpartition(".")[0]
        if f"{key}.cls" in files and shards.read(f"{key}.cls") != str(indices[row.class_name]).encode():
            yield f"{key}.cls: states another class"
        if f"{key}.json" in files and _json_of(shards.read(f"{key}.json")) != asdict(row):
            yield f"{key}.json: states another row than {MANIFEST}"


def _json_of(data: bytes) -> object:
    try:
        return json.loads(data)
    except ValueError:
        return None


def files(shards: Shards, rows: Sequence[Row], evidence: Mapping[str, Evidence]) -> Iterator[str]:
    """Look for pictures without a row, rows without a picture, and other bytes than were written."""
    listed = Counter(row.file for row in rows)
    yield from (f"{file}: {count} rows in {MANIFEST}" for file, count in listed.items() if count > 1)
    pictures = set(pictures_of(shards))
    yield from (f"{file}: not in {MANIFEST}" for file in sorted(pictures - listed.keys()))
    yield from (f"{file}: missing" for file in sorted(listed.keys() - pictures))
    for row in rows:
        if row.file in pictures:
            if evidence[row.file].sha256 != row.file_sha256:
                yield f"{row.file}: its bytes are not those that were written"
            origins = "|".join(sha256[:12] for sha256 in (row.sha256, row.parent) if sha256)
            if not re.fullmatch(rf"{row.split}-\d{{6}}\.tar/{re.escape(row.category)}_({origins})[._].*", row.file):
                yield f"{row.file}: its row states another place"


def pictures_of(shards: Shards) -> list[str]:
    """Name the members that are neither class nor row."""
    return [file for file in shards.files if not file.endswith((".cls", ".json"))]


def read_evidence(shards: Shards, progress: Progress = no_progress) -> dict[str, Evidence]:
    """Read all pictures, each once; raises OSError where a tar file is cut off."""
    names = pictures_of(shards)
    batches = [names[start : start + _BATCH] for start in range(0, len(names), _BATCH)]
    seen: dict[str, Evidence] = {}
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for batch, found in zip(batches, threads.map(lambda batch: _look(shards, batch), batches), strict=True):
            seen.update(zip(batch, found, strict=True))
            progress(len(seen), len(names))
    return seen


def _look(shards: Shards, batch: Sequence[str]) -> list[Evidence]:
    return examine([shards.read(file) for file in batch])
