"""What `pairs` wrote, as text for a person: pure functions from a result to lines."""

from typing import TYPE_CHECKING

from negbuild.show import counted, table

if TYPE_CHECKING:  # the stages import numpy and Pillow, and `--help` needs neither
    from negbuild.stages.pairs import PairsResult


def pairs_lines(result: "PairsResult") -> list[str]:
    """Count pairs by split and kind, and say where they are."""
    kinds = ("same", "hard", "random")
    rows = [(split, *(f"{counts.get(kind, 0):,}" for kind in kinds)) for split, counts in result.pairs.items()]
    lines = table(("split", "same", "other, hard", "other, random"), rows)
    lines += [f"{result.out}/pairs.csv, and {counted(result.triplets, 'triplet')} in {result.out}/triplets.csv"]
    if result.relative_to != result.out:
        lines.append(f"files are named from {result.relative_to}/")
    if result.alone:
        lines.append(f"one original, and no pair: {', '.join(result.alone)}")
    return lines
