"""Pairs and triplets for learning to compare: same or different, hard and random, never across splits. Pure functions.

For verification and metric learning (FaceNet's triplets, Schroff, Kalenichenko and Philbin 2015), where originals are
too few to learn a class from. A hard negative is one of the nearest of another class, by fingerprint as it is: a mirror
image is another picture here.
"""

import random
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import cycle, islice

import numpy as np

from negbuild.fingerprint import unpack
from negbuild.model import Fingerprint

NEAREST = 5
"""Of so many nearest pictures of other classes a hard negative is drawn."""


@dataclass(frozen=True, slots=True)
class Subject:
    """A file to compare: its class (of a negative: None), and the original that it is, or was made from."""

    file: str
    split: str
    label: str | None
    original: str
    is_original: bool = True


@dataclass(frozen=True, slots=True)
class PairRow:
    """One line of pairs.csv; `same` is 1 for two originals of one class, and `kind` says how the pair was chosen."""

    file_one: str
    file_other: str
    same: int
    split: str
    kind: str


@dataclass(frozen=True, slots=True)
class Triplet:
    """One line of triplets.csv: an anchor, another original of its class, and a picture of something else."""

    anchor: str
    same: str
    other: str
    split: str
    kind: str


@dataclass(frozen=True, slots=True)
class Draw:
    """How many: up to `originals` of each class (None: all), `each` triplets for every one of them; from which seed."""

    originals: int | None = None
    each: int = 10
    seed: int = 0


def draw_triplets(subjects: Iterable[Subject], prints: Mapping[str, Fingerprint], draw: Draw) -> list[Triplet]:
    """Draw triplets within each split, half of them with a hard negative; the same ones for the same seed.

    Anchors and their partners are different originals, or augmented copies of these. `prints` are of the originals.
    """
    splits: dict[str, list[Subject]] = defaultdict(list)
    for subject in sorted(subjects, key=lambda one: (not one.is_original, one.file)):
        splits[subject.split].append(subject)
    return [triplet for split in sorted(splits) for triplet in _within(split, splits[split], prints, draw)]


def pairs_of(triplets: Iterable[Triplet]) -> list[PairRow]:
    """Make the two pairs of each triplet, each pair once."""
    pairs: dict[frozenset[str], PairRow] = {}
    for one in triplets:
        pairs.setdefault(frozenset((one.anchor, one.same)), PairRow(one.anchor, one.same, 1, one.split, "same"))
        pairs.setdefault(frozenset((one.anchor, one.other)), PairRow(one.anchor, one.other, 0, one.split, one.kind))
    return list(pairs.values())


def _within(
    split: str, subjects: Sequence[Subject], prints: Mapping[str, Fingerprint], draw: Draw
) -> Iterator[Triplet]:
    files: dict[str, list[str]] = defaultdict(list)
    labels: dict[str, str | None] = {}
    for subject in subjects:
        files[subject.original].append(subject.file)
        labels[subject.original] = subject.label
    nearest = _nearest(labels, prints)
    for label in sorted({label for label in labels.values() if label is not None}):
        own = sorted(original for original, of in labels.items() if of == label)
        others = sorted(original for original, of in labels.items() if of != label)
        if len(own) < 2 or not others:  # noqa: PLR2004  a pair
            continue
        dice = random.Random(f"{draw.seed}:{split}:{label}")  # noqa: S311  no secret
        for anchor in dice.sample(own, min(len(own), draw.originals or len(own))):
            partners = [original for original in own if original != anchor]
            dice.shuffle(partners)
            for number, partner in enumerate(islice(cycle(partners), draw.each)):
                kind = "hard" if number % 2 == 0 and nearest[anchor] else "random"
                other = dice.choice(nearest[anchor] if kind == "hard" else others)
                one, same, something = (dice.choice(files[original]) for original in (anchor, partner, other))
                yield Triplet(one, same, something, split, kind)


def _nearest(labels: Mapping[str, str | None], prints: Mapping[str, Fingerprint]) -> dict[str, list[str]]:
    """Name the nearest originals of other classes for each that has a class."""
    keys = [original for original in sorted(labels) if original in prints]
    codes = unpack([prints[original] for original in keys])[:, 0]  # as they are, of 8 orientations
    of = np.array([labels[original] or "" for original in keys])
    nearest: dict[str, list[str]] = {original: [] for original in labels}
    for place, original in enumerate(keys):
        if labels[original] is None:
            continue
        distances = np.bitwise_count(codes ^ codes[place]).sum(axis=1, dtype=np.int64)
        order = np.argsort(distances, kind="stable")
        nearest[original] = [keys[other] for other in order if of[other] != of[place]][:NEAREST]
    return nearest
