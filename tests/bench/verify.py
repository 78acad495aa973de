"""`negbuild verify` beside fingerprinting the same files in the same run: prints ratios, asserts that all holds.

A whole dataset of crops of scikit-image's photographs, 512 px, JPEG quality 90, in a split of 70/15/15.
Fingerprinting is what a crawl or `add` does with a file: checked, hashed, decoded, fingerprinted; in as many threads.
CPU seconds are those of all threads. What is made lies in .bench/ and is used again.
"""

import argparse
import hashlib
import os
import sys
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor
from dataclasses import asdict
from functools import partial
from pathlib import Path
from typing import NamedTuple

import numpy as np
from pictures import crop
from PIL import Image

from negbuild import proof
from negbuild.fingerprint import Grids, fingerprints, grids
from negbuild.imagefolder import write_records
from negbuild.manifest import Row, comparable_files, read_manifest, write_json
from negbuild.picture import Inspection, inspect, jpeg_bytes
from negbuild.stages.verify import verify

_BENCH = Path(__file__).resolve().parent.parent.parent / ".bench"
_LONGER_SIDE, _QUALITY = 512, 90
_BATCH = 256
_PLACES = ("train",) * 14 + ("valid",) * 3 + ("test",) * 3
_GROWN = (5_000, 10_000, 20_000, 50_000)


class Run(NamedTuple):
    """Seconds of processors and of the clock."""

    cpu: float
    wall: float


def main() -> None:
    """Verify as many files as asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--files", type=int, default=5_000, help="pictures in the dataset (default: 5000)")
    parser.add_argument("--rounds", type=int, default=3, help="of which the quickest counts (default: 3)")
    options = parser.parse_args()
    dataset = _BENCH / f"verify-{options.files}"
    if not (dataset / "certificate.json").is_file():
        make(dataset, options.files)
    files = [dataset / row.file for row in read_manifest(dataset)]
    rounds = [(measured(partial(fingerprint, files)), measured(partial(prove, dataset))) for _ in range(options.rounds)]
    theirs, ours = (min(runs) for runs in zip(*rounds, strict=True))
    print(f"{len(files):,} files, {os.cpu_count()} cores, {sum(file.stat().st_size for file in files) / 1e6:,.0f} MB")
    print(f"{'':24}{'CPU s':>8}{'s':>8}{'files a CPU second':>20}")
    for name, run in (("fingerprinting", theirs), ("negbuild verify", ours)):
        print(f"{name:24}{run.cpu:8.1f}{run.wall:8.1f}{len(files) / run.cpu:20.0f}")
    print(f"verify runs at {theirs.cpu / ours.cpu:.2f}x the speed of fingerprinting")
    print(f"\n{'pairs of splits':24}{'pairs':>14}{'CPU s':>8}{'s':>8}")
    for number in _GROWN:
        splits, sketches = random_sketches(number)
        run = measured(partial(proof.certify_sketches, splits, sketches))
        sizes = [len(of) for of in splits.values()]
        pairs = (sum(sizes) ** 2 - sum(size**2 for size in sizes)) // 2
        print(f"{number:>11,} pictures   {pairs:15,}{run.cpu:8.1f}{run.wall:8.1f}")


def measured(work: Callable[[], object]) -> Run:
    """Do something once, and say how long it took."""
    cpu, wall = time.process_time(), time.perf_counter()
    work()
    return Run(time.process_time() - cpu, time.perf_counter() - wall)


def fingerprint(files: Sequence[Path]) -> None:
    """Check and fingerprint all files, as an album or a crawl does."""
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for start in range(0, len(files), _BATCH):
            fingerprints(list(threads.map(_reduced, files[start : start + _BATCH])))


def _reduced(file: Path) -> Grids:
    found = inspect(file.read_bytes())
    assert isinstance(found, Inspection)
    return grids(found.thumbnail)


def prove(dataset: Path) -> None:
    """Verify the whole dataset, as the command does."""
    result = verify(dataset)
    assert result.holds, [check for check in result.checks if check.problems]


def random_sketches(number: int) -> tuple[dict[str, list[str]], dict[str, proof.Sketch]]:
    """Make up hashes of so many pictures in a split of 70/15/15."""
    random = np.random.default_rng(0)
    splits = {
        split: [f"{split}/{place}" for place in range(number * share // 100)]
        for split, share in (("train", 70), ("valid", 15), ("test", 15))
    }
    return splits, {
        file: proof.Sketch([int.from_bytes(random.bytes(24), "big") for _ in range(8)], proof.TEXTURE)
        for files in splits.values()
        for file in files
    }


def make(dataset: Path, number: int) -> None:
    """Write a dataset that negbuild could have written, of pictures that are no copies of each other across splits."""
    print(f"making {number:,} pictures in {dataset}", file=sys.stderr)
    with ProcessPoolExecutor() as pool:
        rows = list(pool.map(partial(_write, dataset), range(number), chunksize=50))
    leaked = {leak.other for leak in proof.certify(dataset, comparable_files(rows)).leaks}  # crops of one place
    for file in leaked:
        (dataset / file).unlink()
    rows = sorted((row for row in rows if row.file not in leaked), key=lambda row: row.file)
    settings = {"layout": "multiclass", "categories": {row.category: row.role for row in rows}}
    write_records(dataset, rows, settings)
    write_json(dataset / "certificate.json", asdict(proof.certify(dataset, comparable_files(rows))))


def _write(dataset: Path, place: int) -> Row:
    piece = crop(np.random.default_rng((place, _LONGER_SIDE)), _LONGER_SIDE)
    data = jpeg_bytes(piece.convert("RGB"), _QUALITY)
    sha256 = hashlib.sha256(data).hexdigest()
    split, role, category = _PLACES[place % len(_PLACES)], "unknown", "other"
    if place % 3 == 0:
        role, category = "known", "thing"
    class_name = "thing" if role == "known" else "0_na"
    file = f"{split}/{class_name}/{category}_{sha256[:12]}.jpg"
    (dataset / file).parent.mkdir(parents=True, exist_ok=True)
    (dataset / file).write_bytes(data)
    return _row(file, split, class_name, category, role, sha256, piece)


def _row(file: str, split: str, class_name: str, category: str, role: str, sha256: str, piece: Image.Image) -> Row:
    known = {
        "file": file,
        "split": split,
        "class_name": class_name,
        "category": category,
        "role": role,
        "sha256": sha256,
        "file_sha256": sha256,
        "group": sha256[:12],
        "license": "CC0-1.0",
    }
    empty = dict.fromkeys((name for name in Row.__dataclass_fields__ if name not in known), "")
    return Row(**{**empty, **known, "width": piece.width, "height": piece.height})  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
