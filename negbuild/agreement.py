"""Whether all loaders read the same of a tree: classes, indices and pictures; if not, who differs in what. Pure."""

from collections import Counter
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from itertools import islice

from negbuild.loaders import LOADERS, Loader, Reading, Tree

_SHOWN = 6  # classes that are listed in one line


@dataclass(frozen=True, slots=True)
class SplitReading:
    """What loaders read of one split: indices and pictures of each class, as torchvision has them; who differs."""

    split: str
    indices: dict[str, int]
    pictures: dict[str, int]
    problems: list[str]


def agreement(tree: Tree, splits: Sequence[str], apart: Collection[str] = ()) -> list[SplitReading]:
    """Read each split as every loader does, and compare; the first split says which index a class has.

    Splits in `apart` have other classes by design: they are not compared with the others, and no loader that takes its
    classes from elsewhere than the split can be held to anything there, nor one that takes them from such a split.
    """
    leading = next((split for split in splits if split not in apart), "")
    expected = LOADERS[0].read(tree, leading).indices
    return [_reading(tree, split, expected, apart) for split in splits]


def _reading(tree: Tree, split: str, expected: dict[str, int], apart: Collection[str]) -> SplitReading:
    first, *_ = LOADERS
    reference = first.read(tree, split)
    problems: dict[str, list[str]] = {}
    for loader in LOADERS:
        if _is_fit(loader, split, apart):
            for problem in _differences(loader.read(tree, split), reference, first.name):
                problems.setdefault(problem, []).append(loader.name)
    if split not in apart and reference.indices != expected:
        moved = f"other indices than in other splits: {_listed(reference.indices)}; there {_listed(expected)}"
        problems.setdefault(moved, []).append("every loader that looks at one split alone")
    counts = Counter(reference.labels.values())
    return SplitReading(
        split,
        reference.indices,
        {name: counts[name] for name in reference.indices},
        [f"{split or 'all'}: {', '.join(who)}: {problem}" for problem, who in problems.items()],
    )


def _is_fit(loader: Loader, split: str, apart: Collection[str]) -> bool:
    if split in apart:
        return loader.vocabulary == "split"
    return loader.vocabulary not in apart


def _differences(reading: Reading, reference: Reading, whose: str) -> Iterator[str]:
    if reading.fault:
        yield reading.fault
    if not reading.labels and not reading.indices:
        return
    if reading.indices != reference.indices:
        yield f"other indices: {_listed(reading.indices)}; {whose} has {_listed(reference.indices)}"
    missing = sorted(reference.labels.keys() - reading.labels.keys())
    added = sorted(reading.labels.keys() - reference.labels.keys())
    for files, what in ((missing, "not read"), (added, "read, and not by the others")):
        if files:
            yield f"{_counted(files)} {what}, such as {files[0]}"
    other = [file for file, label in reading.labels.items() if reference.labels.get(file, label) != label]
    if other:
        file = min(other)
        yield f"{_counted(other)} in another class, such as {file} in {reading.labels[file]}"


def _listed(indices: dict[str, int]) -> str:
    if not indices:
        return "no classes"
    shown = ", ".join(f"{name or '(no folder)'} {index}" for name, index in islice(indices.items(), _SHOWN))
    return shown if len(indices) <= _SHOWN else f"{shown}, ... ({len(indices):,} classes)"


def _counted(files: Sequence[str]) -> str:
    return f"{len(files):,} {'file is' if len(files) == 1 else 'files are'}"


def unfound(splits: Sequence[str]) -> list[str]:
    """Say which loaders do not find a split by its name, and have to be told."""
    return [
        f"{loader.name} does not find {split}/ by itself"
        for split in splits
        for loader in LOADERS
        if split and loader.folders and split not in loader.folders
    ]
