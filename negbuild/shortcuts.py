"""Whether a property that has nothing to do with what a picture shows tells its class: a shortcut for any classifier.

For each property alone, and each class against all others: how often does its value give the class right, on pictures
that the rule was not made from? The rule is a histogram of the values in each class (a value goes to the class in which
it is more frequent), made of four fifths of the groups and tried on the fifth, five times. What counts is balanced
accuracy, so that guessing gives 50 % however many pictures a class has.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

import numpy as np
from numpy.typing import NDArray

_FOLDS = 5
_MOST_BINS = 16
_PICTURES_A_BIN = 8
_WORTH_NAMING = 0.70  # balanced accuracy that a property must be sure to reach
_DOUBT = 0.01  # chance of naming any property of a set in which none tells anything
_CHANCE = 0.5
_PAIR = 2  # classes of which telling one is telling the other

Values = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Sample:
    """What is measured of one picture: its class, its group (copies and pictures of one origin), and its properties.

    Sizes are in pixels and bytes; `quality` is that of a JPEG, else None; `red`, `green` and `blue` are mean levels,
    0 to 255, and `colour` is how far they are apart in a pixel, on average.
    """

    label: str
    group: str
    format: str
    width: int
    height: int
    size: int
    quality: int | None
    red: float
    green: float
    blue: float
    colour: float


@dataclass(frozen=True, slots=True)
class Shortcut:
    """A property that tells one class from the others: how often (balanced accuracy), and how often at least.

    `encoding` says that it comes from how files were made; other properties may be what the class looks like.
    """

    trait: str
    label: str
    others: str
    accuracy: float
    at_least: float
    encoding: bool

    @property
    def text(self) -> str:
        """Say it in plain words."""
        return (
            f"{self.trait} alone tells {self.label} from {self.others} {self.accuracy:.0%} of the time: "
            f"chance is {_CHANCE:.0%}"
        )


@dataclass(frozen=True, slots=True)
class _Trait:
    name: str
    value: Callable[[Sample], float]
    encoding: bool = True
    of_quality: bool = False  # depends on how much is thrown away, and on what there is to see


_TRAITS = (
    _Trait("width", lambda one: one.width),
    _Trait("height", lambda one: one.height),
    _Trait("aspect ratio", lambda one: one.width / one.height),
    _Trait("file format", lambda one: sum(byte << 8 * place for place, byte in enumerate(one.format.encode()[:6]))),
    _Trait("JPEG quality", lambda one: one.quality or 0),
    _Trait("file size", lambda one: one.size, of_quality=True),
    _Trait("bytes per pixel", lambda one: one.size / (one.width * one.height), of_quality=True),
    _Trait("brightness", lambda one: 0.299 * one.red + 0.587 * one.green + 0.114 * one.blue, encoding=False),
    _Trait("mean red", lambda one: one.red, encoding=False),
    _Trait("mean green", lambda one: one.green, encoding=False),
    _Trait("mean blue", lambda one: one.blue, encoding=False),
    _Trait("colourfulness", lambda one: one.colour, encoding=False),
)


def find_shortcuts(samples: Sequence[Sample]) -> list[Shortcut]:
    """Name each property that tells a class from the others, with the class it tells best; the surest come first.

    Says nothing of a few pictures: a property is named when it is surely (all tests of the set together are wrong with
    a chance of 1 %; Wilson 1927, Bonferroni) right 70 % of the time. Bytes count as encoding only where pictures were
    encoded in several ways: else they tell how much there is to see.
    """
    labels = sorted({sample.label for sample in samples})
    if len(labels) < _PAIR:
        return []
    classes = np.unique([sample.label for sample in samples], return_inverse=True)[1]
    groups = np.unique([sample.group for sample in samples], return_inverse=True)[1]
    folds = _folds(classes, groups)
    tests = len(_TRAITS) * (1 if len(labels) == _PAIR else len(labels))
    deviations = NormalDist().inv_cdf(1 - _DOUBT / tests)
    uniform = len({(sample.format, sample.quality) for sample in samples}) == 1
    numbers = _numbers_of_groups(classes, groups)
    found = []
    for trait in _TRAITS:
        values = np.array([trait.value(sample) for sample in samples], dtype=np.float64)
        own, other = _recalls(_binned(values), classes, folds)
        at_least = (_wilson(own, numbers[0], deviations) + _wilson(other, numbers[1], deviations)) / 2
        best = int(np.argmax(at_least))
        if at_least[best] > _WORTH_NAMING:
            others = labels[1 - best] if len(labels) == _PAIR else "the others"
            encoding = trait.encoding and not (trait.of_quality and uniform)
            accuracy = float(own[best] + other[best]) / 2
            found.append(Shortcut(trait.name, labels[best], others, accuracy, float(at_least[best]), encoding))
    return sorted(found, key=lambda one: (not one.encoding, -one.at_least))


def _numbers_of_groups(classes: NDArray[np.int64], groups: NDArray[np.int64]) -> tuple[Values, Values]:
    """How many groups have pictures in each class, and in all others: what is known rests on these."""
    pairs = np.unique(np.stack([classes, groups]), axis=1)
    own = np.bincount(pairs[0]).astype(np.float64)
    classes_of_group = np.bincount(pairs[1])
    only_here = np.bincount(pairs[0], weights=classes_of_group[pairs[1]] == 1, minlength=len(own))
    return own, np.asarray(len(classes_of_group) - only_here, dtype=np.float64)


def _folds(classes: NDArray[np.int64], groups: NDArray[np.int64]) -> NDArray[np.int64]:
    """Fold of each picture: whole groups, those of a class spread evenly."""
    firsts = np.unique(groups, return_index=True)[1]
    shuffled = np.random.default_rng(0).permutation(len(firsts))
    order = shuffled[np.argsort(classes[firsts][shuffled], kind="stable")]
    folds = np.empty(len(firsts), dtype=np.int64)
    folds[order] = np.arange(len(order)) % _FOLDS
    return np.asarray(folds[groups])


def _binned(values: Values) -> NDArray[np.int64]:
    """Bin of each value, made without knowing the classes: one for each frequent value, the others by quantiles."""
    most = int(np.clip(len(values) // _PICTURES_A_BIN, 2, _MOST_BINS))
    _, place, number = np.unique(values, return_inverse=True, return_counts=True)
    frequent = number * 2 * most >= len(values)
    others = values[~frequent[place]]
    edges = np.unique(np.quantile(others, np.arange(1, most) / most)) if len(others) else np.empty(0)
    bins = np.searchsorted(edges, values, side="right")
    own = len(edges) + np.cumsum(frequent)
    return np.where(frequent[place], own[place], bins)


def _recalls(bins: NDArray[np.int64], classes: NDArray[np.int64], folds: NDArray[np.int64]) -> tuple[Values, Values]:
    """Share of each class, and of all others, that histograms of the other folds get right: shapes (classes,)."""
    shape = _FOLDS, int(classes.max()) + 1, int(bins.max()) + 1
    counts = np.bincount(np.ravel_multi_index((folds, classes, bins), shape), minlength=int(np.prod(shape)))
    counts = counts.reshape(shape).astype(np.float64)
    own = other = np.zeros(shape[1])
    for tried in counts:
        known = counts.sum(axis=0) - tried
        rest = known.sum(axis=0) - known
        lead = _shares(known) - _shares(rest)
        taken = np.where(lead > 0, 1.0, np.where(lead < 0, 0.0, _CHANCE))
        own = own + (tried * taken).sum(axis=1)
        other = other + ((tried.sum(axis=0) - tried) * (1 - taken)).sum(axis=1)
    size = counts.sum(axis=(0, 2))
    return own / size, other / (size.sum() - size)


def _shares(counts: Values) -> Values:
    return np.asarray(counts / np.maximum(counts.sum(axis=1, keepdims=True), 1))


def _wilson(share: Values, number: Values, deviations: float) -> Values:
    """Lower end of the interval of a share (Wilson 1927)."""
    z = deviations**2
    centre = share + z / (2 * number)
    spread = deviations * np.sqrt((share * (1 - share) + z / (4 * number)) / number)
    return np.asarray((centre - spread) / (1 + z / number))
