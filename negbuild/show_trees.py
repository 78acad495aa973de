"""The trees of a dataset as text for a person. Nothing here prints."""

from collections import defaultdict
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from negbuild.layouts import CLASSES_TREE, GATE, Layout
from negbuild.model import Split

if TYPE_CHECKING:  # the stages import numpy and Pillow, and `--help` needs neither
    from negbuild.stages.split import SplitCount, SplitResult


def tree_lines(result: "SplitResult") -> list[str]:
    """Draw what was written, with its numbers."""
    lines = [f"{result.dataset}/"]
    if result.classes:
        lines += ["├── " + f"{GATE}/", *("│   " + line for line in _branches(result.counts, {}))]
        return [*lines, "└── " + f"{CLASSES_TREE}/", *("    " + line for line in _branches(result.classes.counts, {}))]
    return lines + _branches(result.counts, result.shards)


def layout_lines(result: "SplitResult") -> list[str]:
    """Say what the layout leaves out, and what was kept as it came."""
    lines = []
    if result.layout is Layout.ONE_CLASS:
        lines.append(
            f"planned for training and not written: {result.unplaced:,} negatives (one-class trains on known ones)"
        )
    if result.kept:
        lines.append(f"kept as they came: {result.kept:,} pictures")
    return lines


def _branches(counts: Sequence["SplitCount"], shards: Mapping[str, int]) -> list[str]:
    """Draw one line a split: its folder or tar files, and the pictures of each class."""
    numbers: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for count in counts:
        numbers[count.split][count.class_name] += count.number
    slash = "" if shards else "/"
    names = {
        str(split): _shards(split, shards[split]) if shards else f"{split}/" for split in Split if split in numbers
    }
    widest = max(8, *(len(name) for name in names.values()))
    classes = sorted({name for own in numbers.values() for name in own})
    widths = [max(len(name), *(len(f"{numbers[split][name]:,}") for split in names)) for name in classes]
    lines = []
    for split, shown in names.items():
        cells = [
            f"{name}{slash} {numbers[split][name]:>{width},}"
            if numbers[split][name]
            else " " * (len(name + slash) + 1 + width)
            for name, width in zip(classes, widths, strict=True)
        ]
        branch = "└──" if split == [*names][-1] else "├──"
        lines.append(f"{branch} {shown:<{widest}} {'   '.join(cells)}".rstrip())
    return lines


def _shards(split: str, number: int) -> str:
    """Name tar files the way webdataset takes them."""
    return f"{split}-000000.tar" if number == 1 else f"{split}-{{000000..{number - 1:06}}}.tar"
