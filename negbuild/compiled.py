"""The comparison of `stretches.py` compiled by numba, the optional extra `fast`: the same hits, ten times sooner.

The loop over the others is written so that LLVM makes vectors of it, with `vpopcntq` where the processor has it: one
new picture in its 8 orientations against many old ones, without a branch, one number out for each. It counts what may
be near; only a stretch that has some is gone through again, one by one.
"""

from collections.abc import Callable
from typing import Any, TypeVar

import numba
import numpy as np
from llvmlite import binding as llvm
from numpy.typing import NDArray

from negbuild.fingerprint import ORIENTATIONS, Codes
from negbuild.stretches import TWO_WORDS, Hits, Stretch, turning_newer, turning_older, undone

_Function = TypeVar("_Function", bound=Callable[..., Any])

_Columns = tuple[NDArray[np.uint64], NDArray[np.uint64], NDArray[np.uint64]]

_Third = NDArray[np.uint64] | None
"""The last of the columns, or None to leave it out of the first look: numba compiles two functions of one."""

_STRETCH = 1024
"""Three words of so many pictures fit into the innermost cache of a core."""

_TURNS = len(ORIENTATIONS)


def _widened() -> None:
    """Let LLVM use all 512 bits where they can be counted at once; by itself it keeps to 256 on processors of Intel.

    Those that slowed down for the wide ones had no `vpopcntq`. What a person has set (`NUMBA_CPU_FEATURES`,
    `NUMBA_ENABLE_AVX`) is left: numba itself heeds the second one only where nobody says which features there are.
    """
    config: Any = numba.config
    features = llvm.get_host_cpu_features()
    if config.CPU_FEATURES is None and config.ENABLE_AVX and features.get("avx512vpopcntdq"):
        config.CPU_FEATURES = f"{features.flatten()},-prefer-256-bit"


_widened()


def _compiled(function: _Function) -> _Function:
    """Compile for this processor when first called, keep it for the next time where there is a place for that."""
    compile_: Any = numba.njit
    try:
        compiled: _Function = compile_(nogil=True, cache=True)(function)
    except RuntimeError:  # neither beside this file nor in the person's cache folder
        compiled = compile_(nogil=True)(function)
    return compiled


def compare(older: Stretch, newer: Stretch, radius: int) -> Hits:
    """Find all pairs at most `radius` bits apart, by their places in the two stretches."""
    hits = _turning(newer, older, turning_newer(older, newer), radius)[:, [1, 0, 2, 3]]
    others = _turning(older, newer, turning_older(older, newer), radius)
    others[:, 3] = undone(others[:, 3])
    return np.concatenate([hits, others])


def _turning(those: Stretch, others: Stretch, until: NDArray[np.int64], radius: int) -> Hits:
    """Turn those, and compare each with as many of the others, from the first on, as it is to be."""
    # One by one the columns are known to be contiguous, without which there are no vectors.
    first, second, third = others.upright
    return _compare((first, second, third), those.codes, until, radius, third if radius > TWO_WORDS else None)


@_compiled
def _compare(columns: _Columns, codes: Codes, until: NDArray[np.int64], radius: int, third: _Third) -> Hits:
    """Compare the orientations (m, 8, 3) of m pictures, each with so many of the columns, from the first on."""
    near = np.empty(_STRETCH, dtype=np.uint64)
    hits = np.empty((64, 4), dtype=np.int64)
    size = 0
    for begin in range(0, until.max(), _STRETCH):
        for row in range(len(until)):
            end = min(until[row], begin + _STRETCH)
            if begin >= end:
                continue
            part = columns[0][begin:end], columns[1][begin:end], columns[2][begin:end]
            count = _look(part, _part(third, begin, end), codes[row], radius, near)
            if size + count > len(hits):
                hits = np.concatenate((hits, np.empty_like(hits), np.empty((count, 4), dtype=np.int64)))
            if count:
                found = _collect(part, codes[row], radius, near, hits[size:])
                hits[size : size + found, 0] = row
                hits[size : size + found, 1] += begin
                size += found
    return hits[:size].copy()


@_compiled
def _look(columns: _Columns, third: _Third, code: Codes, radius: int, near: NDArray[np.uint64]) -> int:
    """Mark what is within the radius in any of the orientations (8, 3), and count it."""
    first, second, beyond = columns[0], columns[1], np.uint64(radius + 1)
    # Named one by one, so that they stay in registers.
    a, b, c = _turns(code, 0), _turns(code, 1), _turns(code, 2)
    count = np.uint64(0)
    for place in range(len(first)):
        x, y = first[place], second[place]
        # What is below zero has its highest bit set: no least number is looked for, which AVX2 has no instruction for.
        below = (
            (_ones(x ^ a[0]) + _ones(y ^ b[0]) + _rest(third, place, c[0]) - beyond)
            | (_ones(x ^ a[1]) + _ones(y ^ b[1]) + _rest(third, place, c[1]) - beyond)
            | (_ones(x ^ a[2]) + _ones(y ^ b[2]) + _rest(third, place, c[2]) - beyond)
            | (_ones(x ^ a[3]) + _ones(y ^ b[3]) + _rest(third, place, c[3]) - beyond)
            | (_ones(x ^ a[4]) + _ones(y ^ b[4]) + _rest(third, place, c[4]) - beyond)
            | (_ones(x ^ a[5]) + _ones(y ^ b[5]) + _rest(third, place, c[5]) - beyond)
            | (_ones(x ^ a[6]) + _ones(y ^ b[6]) + _rest(third, place, c[6]) - beyond)
            | (_ones(x ^ a[7]) + _ones(y ^ b[7]) + _rest(third, place, c[7]) - beyond)
        )
        near[place] = below >> np.uint64(63)
        count += near[place]
    return int(count)


@_compiled
def _collect(columns: _Columns, code: Codes, radius: int, near: NDArray[np.uint64], hits: Hits) -> int:
    """Write the hits of a stretch, by all three words; the first of equally near orientations is the one."""
    found = 0
    for place in range(len(columns[0])):
        if not near[place]:
            continue
        distance, orientation = np.uint64(radius + 1), 0
        for turn in range(_TURNS):
            bits = np.uint64(0)
            for word in range(3):
                bits += _ones(columns[word][place] ^ code[turn, word])
            if bits < distance:
                distance, orientation = bits, turn
        if distance <= np.uint64(radius):
            hits[found] = 0, place, np.int64(distance), orientation
            found += 1
    return found


@_compiled
def _part(column: _Third, begin: int, end: int) -> _Third:
    if column is None:
        return None
    return column[begin:end]


@_compiled
def _rest(column: _Third, place: int, word: np.uint64) -> np.uint64:
    if column is None:
        return np.uint64(0)
    return _ones(column[place] ^ word)


@_compiled
def _turns(code: Codes, word: int) -> tuple[np.uint64, ...]:
    turns = code[:, word]
    return turns[0], turns[1], turns[2], turns[3], turns[4], turns[5], turns[6], turns[7]


@_compiled
def _ones(word: np.uint64) -> np.uint64:
    """Count bits in the way that LLVM recognises (Hacker's Delight, figure 5-2) and turns into one instruction."""
    pairs = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    fours = (pairs & np.uint64(0x3333333333333333)) + ((pairs >> np.uint64(2)) & np.uint64(0x3333333333333333))
    eights = (fours + (fours >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return (eights * np.uint64(0x0101010101010101)) >> np.uint64(56)
