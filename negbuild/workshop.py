"""Many children at once: jobs go to threads, and what comes of them comes back in the order of the jobs.

Threads, not processes: OpenCV and Pillow let go of the interpreter while they work, and two threads made 2.0 times as
many children as one (two processes 1.9 times), with nothing to start, to copy or to leave behind after Ctrl-C.
"""

import os
import threading
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from itertools import islice
from typing import Self

import numpy as np

from negbuild.augmentation import Augmenter, Made, seed_of
from negbuild.errors import NegbuildError
from negbuild.model import Image
from negbuild.paste import Paste, cut_out, piece
from negbuild.picture import normalised
from negbuild.pipeline import Recipe

_AHEAD = 4  # jobs a thread that wait for it


@dataclass(frozen=True, slots=True)
class Job:
    """A child to make: of which image, its number, and what it is pasted on, if that is wanted.

    `cut` says that the thing is cut out of its transparent background (or by the `mask`, the bytes of a picture); else
    a piece with a random outline is.
    """

    parent: Image
    copy: int
    background: Image | None = None
    cut: bool = False
    mask: bytes | None = None


@dataclass(frozen=True, slots=True)
class Bench:
    """What all jobs share: the recipe, the longer side in pixels, the person's seed, and where bytes are read."""

    recipe: Recipe
    side: int
    seed: int
    read: Callable[[Image], bytes]


class Workshop:
    """Makes children in threads; close it, or use it as a context."""

    def __init__(self, bench: Bench, workers: int | None = None) -> None:
        """Set up `workers` threads, one a core if None; raises UsageError where the recipe cannot be."""
        Augmenter(bench.recipe)  # whatever is wrong with it is told before anything is read
        self._bench = bench
        self._workers = workers or _cores()
        self._own = threading.local()
        self._threads = ThreadPoolExecutor(self._workers, "augment")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_error: object) -> None:
        self._threads.shutdown(cancel_futures=True)

    def make(self, jobs: Iterable[Job]) -> Iterator[tuple[Job, Made | None]]:
        """Do jobs, a few ahead of what was taken; None: it came out flat or as good as identical each time."""
        left = iter(jobs)
        waiting: deque[tuple[Job, Future[Made | None]]] = deque()
        while True:
            for job in islice(left, self._workers * _AHEAD - len(waiting)):
                waiting.append((job, self._threads.submit(self.one, job)))
            if not waiting:
                return
            job, made = waiting.popleft()
            yield job, made.result()

    def one(self, job: Job, first: int = 0) -> Made | None:
        """Do one job in this thread, `first` the first attempt of it."""
        if not hasattr(self._own, "augmenter"):
            self._own.augmenter = Augmenter(self._bench.recipe)
        augmenter: Augmenter = self._own.augmenter
        seeds = partial(seed_of, job.parent.sha256, job.copy, self._bench.seed)
        side = self._bench.side
        try:
            data = self._bench.read(job.parent)
            if job.background is None:
                return augmenter.child(data, side, seeds, first)
            ground = np.asarray(normalised(self._bench.read(job.background), side))
            if not job.cut:
                return augmenter.pasted(Paste(ground, piece(data, side)), seeds, first)
            thing = cut_out(data, job.mask, side)
            return augmenter.pasted(Paste(ground, lambda _: thing), seeds, first) if thing else None
        except (OSError, SyntaxError) as error:
            raise NegbuildError(
                f"picture {job.parent.sha256}: it, or what it is pasted on, is lost or damaged in the store ({error}); "
                "add its file again, or put images/ back from a copy"
            ) from error


def _cores() -> int:
    """Cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
