"""The join of fingerprints beside faiss, comparison by comparison: prints ratios, asserts only that answers agree.

Fingerprints as photographs have them: half of the bits of each pHash are set, about as many of each dHash, and the 8
orientations are turns of the same grids. Every tenth is a changed and turned copy of an earlier one, one in a hundred
is nearly blank, one in twenty the same placeholder. CPU seconds are those of all threads.
"""

import argparse
import os
import resource
import time
from collections.abc import Iterator, Sequence
from typing import NamedTuple

import faiss
import numpy as np
from numpy.typing import NDArray

from negbuild import neighbours
from negbuild.fingerprint import ORIENTATIONS
from negbuild.model import Fingerprint
from negbuild.neighbours import Index, Neighbour, join
from negbuild.stretches import keys_of

_CHUNK = 10_000
_COMPILED, _PLAIN = 0, 10**30
_NEW = 1_000

Grids = NDArray[np.bool_]
"""Shape (n, 3, 8, 8): the bits of pictures in their first orientation."""


class Run(NamedTuple):
    """What was compared, in how many seconds of processors and of the clock, and how many pairs came of it."""

    comparisons: float
    cpu: float
    wall: float
    pairs: int


def main() -> None:
    """Compare as many as asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--pictures", type=int, default=100_000, help="joined with numba (default: 100000)")
    parser.add_argument("--plain", type=int, default=30_000, help="of these joined with numpy alone (default: 30000)")
    parser.add_argument("--faiss", type=int, default=500, help="of these looked up by faiss (default: 500)")
    parser.add_argument("--radius", type=int, nargs="+", default=[32, 60], help="bits of 192 (default: 32 60)")
    options = parser.parse_args()
    batch = list(fingerprints(options.pictures))
    print(f"{len(batch):,} fingerprints, {os.cpu_count()} cores; the process holds {_peak():.2f} GB with them")
    list(_joined(batch[:2], 192, _COMPILED))  # compiles, or reads what was compiled
    for radius in options.radius:
        compare(batch, radius, min(options.plain, len(batch)), min(options.faiss, len(batch)))
    print()
    add(batch, options.radius[0])


def compare(batch: Sequence[Fingerprint], radius: int, plain: int, asked: int) -> None:
    """Join by each way, and let faiss look up the last ones."""
    compiled, found = _measured(batch, radius, _COMPILED, len(batch) - asked)
    print(f"\nradius {radius}: {compiled.pairs:,} pairs; at most {_peak():.2f} GB")
    runs = {"negbuild, numba": compiled, "negbuild, numpy": _measured(batch[:plain], radius, _PLAIN, plain)[0]}
    theirs, told = _by_faiss(batch, radius, asked)
    _agree(batch, found, told, len(batch) - asked)
    print(f"{'':24}{'comparisons':>12}{'CPU s':>8}{'s':>8}{'G a CPU second':>16}{'faiss':>8}")
    for name, run in {**runs, f"faiss {faiss.__version__}, flat": theirs}.items():
        rate = run.comparisons / run.cpu
        print(f"{name:24}{run.comparisons:12.1e}{run.cpu:8.1f}{run.wall:8.1f}{rate / 1e9:16.2f}", end="")
        print(f"{rate / (theirs.comparisons / theirs.cpu):7.1f}x")


def add(batch: Sequence[Fingerprint], radius: int) -> None:
    """Compare new ones with those held, as a crawl does."""
    neighbours.WORTH_COMPILING = _PLAIN
    for size in (_NEW, 25):
        index = Index(radius)
        index.hold(batch[:-_NEW])  # what a catalog knows already
        cpu, wall = time.process_time(), time.perf_counter()
        for start in range(len(batch) - _NEW, len(batch), size):
            index.add(batch[start : start + size])
        seconds = time.process_time() - cpu, time.perf_counter() - wall
        print(f"{_NEW:,} more, {size:,} at a time, by numpy: {seconds[0]:.1f} CPU s, {seconds[1]:.1f} s")


def _measured(batch: Sequence[Fingerprint], radius: int, worth: int, since: int) -> tuple[Run, list[Neighbour]]:
    """Join; give the pairs from some place on."""
    cpu, wall = time.process_time(), time.perf_counter()
    pairs, late = 0, []
    for pair in _joined(batch, radius, worth):
        pairs += 1
        if pair.newer >= since:
            late.append(pair)
    seconds = time.process_time() - cpu, time.perf_counter() - wall
    different = len({one.codes for one in batch})
    return Run(len(ORIENTATIONS) * different * (different - 1) / 2, *seconds, pairs), late


def _joined(batch: Sequence[Fingerprint], radius: int, worth: int) -> Iterator[Neighbour]:
    neighbours.WORTH_COMPILING = worth
    return join(batch, radius)


def _by_faiss(batch: Sequence[Fingerprint], radius: int, asked: int) -> tuple[Run, dict[tuple[int, int], int]]:
    """Look up the last ones in all orientations; give the distances of pairs."""
    turned = np.frombuffer(b"".join(one.codes for one in batch), dtype=np.uint8).reshape(len(batch), -1, 24)
    index = faiss.IndexBinaryFlat(192)
    index.add(np.ascontiguousarray(turned[:, 0]))
    queries = np.ascontiguousarray(turned[-asked:]).reshape(-1, 24)
    cpu, wall = time.process_time(), time.perf_counter()
    ends, distances, olders = index.range_search(queries, radius + 1)
    run = Run(len(queries) * len(batch), time.process_time() - cpu, time.perf_counter() - wall, len(olders))
    places = np.arange(len(batch) - asked, len(batch)).repeat(len(ORIENTATIONS))
    newers = places.repeat(np.diff(ends.astype(np.int64)))
    told: dict[tuple[int, int], int] = {}
    for older, newer, distance in zip(olders.tolist(), newers.tolist(), distances.tolist(), strict=True):
        if older < newer:
            told[older, newer] = min(int(distance), told.get((older, newer), 193))
    return run, told


def _agree(
    batch: Sequence[Fingerprint], found: Sequence[Neighbour], told: dict[tuple[int, int], int], since: int
) -> None:
    """Hold the answers of both against each other, where neither picture was met before and the newer one is turned."""
    first: dict[bytes, int] = {}
    for place, one in enumerate(batch):
        first.setdefault(one.codes, place)
    met = {place for place, one in enumerate(batch) if first[one.codes] != place}
    keys = keys_of(one.codes for one in batch)
    ours, theirs = (
        {pair: apart for pair, apart in some.items() if met.isdisjoint(pair) and keys[pair[0]] <= keys[pair[1]]}
        for some in ({(pair.older, pair.newer): pair.distance for pair in found}, told)
    )
    assert ours == theirs, f"{len(ours.items() ^ theirs.items())} pairs from {since} on differ"


def fingerprints(count: int) -> Iterator[Fingerprint]:
    """Make fingerprints, the same ones every time."""
    dice = np.random.default_rng(5)
    placeholder = _grids(dice, 1)
    for start in range(0, count, _CHUNK):
        grids = _grids(dice, min(_CHUNK, count - start))
        size = len(grids)
        blank = slice(0, size, 100)
        grids[blank] = placeholder ^ (dice.random(grids[blank].shape) < 0.1)
        for copy in range(9, size, 10):
            turn = _turned(grids[dice.integers(copy)])[dice.integers(len(ORIENTATIONS))]
            grids[copy] = turn ^ (dice.random(turn.shape) < dice.random() / 5)
        grids[1::20] = placeholder
        packed = np.packbits(np.stack(_turned(grids), axis=1).reshape(size, -1), axis=1)
        yield from (Fingerprint(codes.tobytes(), 10.0) for codes in packed)


def _grids(dice: np.random.Generator, count: int) -> Grids:
    halves = dice.permuted(np.tile(np.arange(64) % 2, (count, 1)), axis=1).astype(bool)
    shares = dice.normal(0.47, 0.06, (count, 2, 1))
    return np.concatenate([halves[:, None], dice.random((count, 2, 64)) < shares], axis=1).reshape(-1, 3, 8, 8)


def _turned(grids: Grids) -> list[Grids]:
    upright = [grids, grids[..., ::-1], grids[..., ::-1, :], grids[..., ::-1, ::-1]]
    return upright + [turned.swapaxes(-1, -2) for turned in upright]


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1e6


if __name__ == "__main__":
    main()
