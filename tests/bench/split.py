"""Writing a dataset beside copying the same files: prints seconds and ratios, asserts only that the trees agree.

A workspace of small drawn pictures is split three times: encoding all of them, then with everything encoded and
proven, then with some pictures more, so that all is proven anew. `cp -al` links the same tree, `shutil.copytree` copies
it, and split-folders copies the same pictures from class folders into train, val and test, which is all it does. CPU
seconds are those of processes and their children; of the clock, everything else on the machine takes its part.
"""

import argparse
import os
import resource
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

_MORE = 100
_CATEGORIES = (("hotdog", "known", 0.4), ("salad", "unknown", 0.3), ("street", "unknown", 0.2), ("dog", "unseen", 0.1))


class Run(NamedTuple):
    """Seconds of the clock and of processors."""

    wall: float
    cpu: float


def main() -> None:
    """Compare as many as asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=5_000, help="in all (default: 5000)")
    parser.add_argument("--side", type=int, default=96, help="pixels (default: 96)")
    parser.add_argument(
        "--folder", type=Path, help="where to work, and to go on where a workspace is (default: a new one)"
    )
    parser.add_argument("--peer", required=True, help="the command splitfolders")
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="negbuild-bench-") as temporary:
        root = options.folder or Path(temporary)
        if not (root / "work").exists():
            make_workspace(root, options.pictures, options.side)
        measure(root, options.side, options.peer)


def make_workspace(root: Path, number: int, side: int) -> None:
    """Add drawn pictures, unlike each other, and look for copies."""
    first = 0
    for category, role, share in _CATEGORIES:
        count = round(number * share)
        draw(root / "photos" / category, range(first, first + count), side)
        negbuild(root, "add", root / "photos" / category, "--role", role, "--category", category)
        first += count
    negbuild(root, "dedup")


def draw(folder: Path, seeds: range, side: int) -> None:
    """Draw pictures with structure at two scales."""
    folder.mkdir(parents=True)
    for seed in seeds:
        dice = np.random.default_rng(seed)
        coarse, fine = (
            np.asarray(
                Image.fromarray(dice.integers(0, 256, (cells, cells, 3), dtype=np.uint8)).resize((side, side)),
                dtype=np.int16,
            )
            for cells in (5, 16)
        )
        Image.fromarray(((2 * coarse + fine) // 3).astype(np.uint8)).save(folder / f"{seed}.jpg", quality=85)


def measure(root: Path, side: int, peer: str) -> None:
    """Split, link, copy, and say how long each took."""
    dataset = root / "work" / "dataset"
    shutil.rmtree(root / "work" / "cache", ignore_errors=True)
    runs = {"negbuild split, encoding all": timed(lambda: negbuild(root, "split"))}
    runs["negbuild split, again"] = again = timed(lambda: negbuild(root, "split"))
    files = [path for path in dataset.glob("*/*/*") if path.is_file()]
    assert all(path.stat().st_nlink > 1 for path in files), "these are no links"
    size = sum(path.stat().st_size for path in files) / len(files)
    runs["cp -al of its tree"] = timed(lambda: run(["cp", "-al", dataset, root / "linked"]))
    runs["shutil.copytree of it"] = timed(lambda: shutil.copytree(dataset, root / "copied"))
    source = root / "by-class"
    for path in files:  # the holdout has the known pictures of test once more
        if path.parts[-3:-1] != ("unseen", "hotdog"):
            (source / path.parent.name).mkdir(parents=True, exist_ok=True)
            os.link(path, source / path.parent.name / path.name)
    command = [peer, "--output", str(root / "peer"), "--ratio", ".7", ".15", ".15", "--", str(source)]
    runs["split-folders, copying"] = timed(lambda: run(command))
    assert len(list((root / "peer").glob("*/*/*"))) == len(list(source.glob("*/*"))), "the peer wrote other files"
    draw(root / "photos" / "more", range(10**6, 10**6 + _MORE), side)
    negbuild(root, "add", root / "photos" / "more", "--role", "unknown", "--category", "street")
    runs[f"negbuild split, {_MORE} pictures more"] = timed(lambda: negbuild(root, "split"))
    print(f"{len(files):,} files of {size / 1000:.1f} kB on average, {os.cpu_count()} cores")
    print(f"{'':34}{'s':>8}{'CPU s':>8}{'files a s':>11}{'of split, again':>17}")
    for name, one in runs.items():
        print(f"{name:34}{one.wall:8.2f}{one.cpu:8.2f}{len(files) / one.wall:11,.0f}{one.wall / again.wall:16.2f}x")
    for folder in ("linked", "copied", "by-class", "peer"):
        shutil.rmtree(root / folder)


def timed(work: Callable[[], object]) -> Run:
    """Measure the clock, and the processors of this process and its children."""
    before, start = _cpu(), time.perf_counter()
    work()
    return Run(time.perf_counter() - start, _cpu() - before)


def _cpu() -> float:
    used = [resource.getrusage(who) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN)]
    return sum(one.ru_utime + one.ru_stime for one in used)


def negbuild(root: Path, *arguments: object) -> None:
    """Run the real command."""
    run([sys.executable, "-m", "negbuild", *arguments, "--workspace", root / "work"])


def run(command: Sequence[object]) -> None:
    """Run a command, and show what it said where it fails."""
    done = subprocess.run([str(word) for word in command], capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"{command[0]}: {done.stderr}")


if __name__ == "__main__":
    main()
