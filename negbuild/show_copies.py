"""What was found about copies, as text for a person: pure functions from a result to lines."""

from collections.abc import Mapping
from typing import TYPE_CHECKING

from negbuild.show import SHOWN, counted, reasons, table

if TYPE_CHECKING:  # the stages import numpy and Pillow, and `--help` needs neither
    from negbuild.stages.audit import AuditResult, Twins
    from negbuild.stages.dedup import DedupResult

_BIN = 8  # bits


def audit_lines(result: "AuditResult", subject: str, *, whole: bool) -> list[str]:
    """Say which pictures of a folder are copies of each other, leaks between splits first."""
    lines = [f"{subject}: {counted(result.pictures, 'picture')}, {counted(len(result.twins), 'pair')} of twins"]
    if result.splits:
        leaks = [pair for pair in result.twins if pair.leak]
        counts = ", ".join(
            f"{result.leaked.get(split, 0):,} of {number:,} in {split}" for split, number in result.splits.items()
        )
        lines.append(f"leaks: {counted(len(leaks), 'pair')} across splits; pictures with a twin in another: {counts}")
    if disputed := sum(pair.disputed for pair in result.twins):
        lines.append(f"labels: {counted(disputed, 'pair')} of twins in folders of different names")
    if result.plain:
        lines.append(f"{counted(result.plain, 'picture')} with too little in them to compare: only equal bytes count")
    if result.skips:
        lines.append(f"not compared {sum(result.skips.values()):,}: {reasons(result.skips)}")
    first = sorted(result.twins, key=lambda pair: (not pair.leak, not pair.disputed))
    shown = first if whole else first[:SHOWN]
    lines += [f"  {pair.other} = {pair.one} ({_twin_note(pair)})" for pair in shown]
    if len(first) > len(shown):
        lines.append(f"  and {len(first) - len(shown):,} more; add --list for all")
    return lines


def _twin_note(pair: "Twins") -> str:
    notes = ["" if pair.orientation == "as is" else pair.orientation, f"{pair.distance} bits apart", "leak" * pair.leak]
    return ", ".join([note for note in notes if note] + ["other label"] * pair.disputed)


def dedup_lines(result: "DedupResult", *, whole: bool = False) -> list[str]:
    """Say which copies were found, each of them if the `whole` is wanted."""
    why = f" ({reasons(result.reasons)})" if result.reasons else ""
    lines = [
        (
            f"{counted(result.images, 'picture')}: {counted(result.twins, 'pair')} of twins{why}, "
            f"{counted(len(result.dropped), 'copy', 'copies')} set aside, the best of each kept; nothing is deleted"
        ),
        f"{counted(result.groups, 'group')} of look-alikes, which a split never divides",
    ]
    if result.plain:
        lines.append(f"{counted(result.plain, 'picture')} with too little in them to compare: only equal bytes count")
    if result.conflicts:
        lines.append(
            f"{counted(result.conflicts, 'conflict')}: copies with different labels; splits use the known one or none"
        )
    lines += _histogram(result.distances, result.others)
    if whole:
        rows = [
            (f"{one.category}/{one.title}", f"{one.keeper_category}/{one.keeper_title}", str(one.distance))
            for one in result.copies
        ]
        lines += ["", *table(("copy", "kept instead", "bits apart"), rows)]
    return lines


def _histogram(copies: Mapping[int, int], others: Mapping[int, int]) -> list[str]:
    """Count pairs of copies and of other content by distance, and say where the one ends and the other begins."""
    if not copies:
        return []
    last = max((*copies, *others)) // _BIN + 1
    rows = [
        (f"{start}-{start + _BIN - 1}", *(_within(counts, start) for counts in (copies, others)))
        for start in range(0, last * _BIN, _BIN)
    ]
    gap = f"copies reach {max(copies)} bits"
    if others:
        gap += f", other pictures begin at {min(others)}"
        gap += ": a gap" if max(copies) < min(others) else ": no gap, only their pixels tell them apart"
    return ["", *table(("bits apart", "copies", "others"), rows), gap]


def _within(counts: Mapping[int, int], start: int) -> str:
    number = sum(counts.get(distance, 0) for distance in range(start, start + _BIN))
    return f"{number:,}" if number else "-"
