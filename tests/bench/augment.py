"""Copies a second of `negbuild augment` beside a bare single-process loop of albumentations: same pictures, same steps.

Both read a JPEG, decode it to at most 512 px, apply the preset `object`, and encode a JPEG; `augment` also writes the
copies and rows to the disk, flushed, in the order that makes them the same every time. Rounds alternate, and the best
of each counts, since a machine that does other things only ever makes a round slower.
"""

import argparse
import io
import os
import random
import shutil
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import NamedTuple

import numpy as np
from PIL import Image

from negbuild.augmentation import library
from negbuild.model import Role, Search
from negbuild.order import Order
from negbuild.parents import AugmentOptions
from negbuild.picture import jpeg_bytes, normalised
from negbuild.pipeline import Recipe, Step
from negbuild.presets import PRESETS
from negbuild.source import find_source
from negbuild.stages.augment import augment
from negbuild.stages.crawl import crawl
from negbuild.workspace import Workspace

LEAST = 0.85
OBJECT = Recipe("object", PRESETS["object"].recipe.steps)  # without what negbuild does at the edges


def built(step: Step) -> object:
    """Make a step as a person writes it."""
    inner = [[built(one) for one in step.steps]] if step.steps else []
    return getattr(library(), step.name)(*inner, **step.arguments)


class Pace(NamedTuple):
    """Copies a second, and the processor's milliseconds for each: these hardly depend on what else a machine does."""

    rate: float
    cost: float


def timed(work: Callable[[], int]) -> Pace:
    """Time what returns how many copies it made."""
    began, spent = time.perf_counter(), time.process_time()
    made = work()
    return Pace(made / (time.perf_counter() - began), 1000 * (time.process_time() - spent) / made)


def bare(files: list[bytes], copies: int) -> int:
    """Make copies in the plain loop."""
    compose = library().Compose([built(step) for step in OBJECT.steps], strict=True)
    for copy in range(copies):
        for number, data in enumerate(files):
            seed = copy * len(files) + number
            compose.set_random_state(np.random.default_rng(seed), random.Random(seed))
            jpeg_bytes(Image.fromarray(compose(image=np.asarray(normalised(data, 512)))["image"]), 95)
    return copies * len(files)


def ours(template: Path, copies: int, workers: int) -> Pace:
    """Time the command's stage, over a fresh workspace whose split is planned."""
    with tempfile.TemporaryDirectory(dir=template.parent) as folder:
        workspace = Workspace(Path(shutil.copytree(template, Path(folder) / "work")))
        one = AugmentOptions("thing", factor=1, recipe=OBJECT)
        augment(workspace, one)  # plans, and makes nothing
        many = AugmentOptions("thing", factor=copies + 1, recipe=OBJECT, workers=workers)
        return timed(lambda: augment(workspace, many).made)


def photograph(seed: int) -> bytes:
    """Draw a picture of 640 x 480 with detail at several scales."""
    draw = np.random.default_rng(seed)
    layers = [
        np.asarray(
            Image.fromarray(draw.integers(0, 256, (cells, cells, 3), dtype=np.uint8)).resize((640, 480)), np.float64
        )
        * weight
        for cells, weight in ((5, 0.5), (20, 0.3), (90, 0.2))
    ]
    buffer = io.BytesIO()
    Image.fromarray(sum(layers, np.zeros(())).astype(np.uint8)).save(buffer, "JPEG", quality=90)
    return buffer.getvalue()


def prepare(root: Path, pictures: int) -> list[bytes]:
    """Make a workspace; return the pictures of its train that get copies."""
    workspace = Workspace(root / "work")
    for category, role, first in (("thing", Role.KNOWN, 0), ("other", Role.UNKNOWN, 10_000)):
        folder = root / category
        folder.mkdir()
        for number in range(pictures if role is Role.KNOWN else 12):
            (folder / f"{number}.jpg").write_bytes(photograph(first + number))
        crawl(workspace, find_source("folder"), Order(Search(path=folder), category, role))
    return [path.read_bytes() for path in sorted((root / "thing").iterdir())]


def main() -> None:
    """Run the rounds and print the ratio; exit with 1 where it is too small."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pictures", type=int, default=60)
    parser.add_argument("--copies", type=int, default=8)
    parser.add_argument("--rounds", type=int, default=5)
    given = parser.parse_args()
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    with tempfile.TemporaryDirectory() as folder:
        files = prepare(Path(folder), given.pictures)
        loop, all_cores = [], []
        for _ in range(given.rounds):
            loop.append(timed(lambda: bare(files, max(1, given.copies // 2))))
            all_cores.append(ours(Path(folder) / "work", given.copies, cores))
            print(
                f"bare loop {loop[-1].rate:6.0f}/s, {loop[-1].cost:.1f} ms of processor each   "
                f"augment {all_cores[-1].rate:6.0f}/s, {all_cores[-1].cost:.1f} ms   load {os.getloadavg()[0]:.1f}",
                flush=True,
            )
    ratio = max(one.rate for one in all_cores) / (cores * max(one.rate for one in loop))
    cost = min(one.cost for one in loop) / min(one.cost for one in all_cores)
    print(f"augment makes {ratio:.2f} x {cores} cores x what a bare single-process loop does (wanted: {LEAST} or more)")
    print(f"of the processor's time {cost:.2f} is what the bare loop takes for the same")
    sys.exit(ratio < LEAST)


if __name__ == "__main__":
    main()
