"""What was found about copies, as text for a person: pure functions from a result to lines."""

from collections.abc import Mapping
from pathlib import PurePath
from typing import TYPE_CHECKING

from negbuild.show import SHOWN, counted, reasons, table
from negbuild.split_folders import NAMES

if TYPE_CHECKING:  # the stages import numpy and Pillow, and `--help` needs neither
    from negbuild.stages.audit import AuditResult, Twins
    from negbuild.stages.audit_hashes import HashAuditResult
    from negbuild.stages.dedup import DedupResult

_BIN = 8  # bits


def audit_lines(result: "AuditResult", subject: str, *, whole: bool) -> list[str]:
    """Say which pictures of a folder are copies of each other, leaks between splits first."""
    twins = _twins(len(result.twins), result.reasons)
    lines = [f"{subject}: {counted(result.pictures, 'picture')}, {twins}"]
    if len(result.splits) > 1:
        leaks = [pair for pair in result.twins if pair.leak]
        counts = ", ".join(
            f"{result.leaked.get(split, 0):,} of {number:,} in {split}" for split, number in result.splits.items()
        )
        lines.append(f"leaks: {counted(len(leaks), 'pair')} across splits; pictures with a twin in another: {counts}")
    lines += _unplaced(result)
    if disputed := sum(pair.disputed for pair in result.twins):
        lines.append(f"labels: {counted(disputed, 'pair')} of twins in folders of different names")
    lines += _plain(result.plain)
    if result.skips:
        lines.append(f"not compared {sum(result.skips.values()):,}: {reasons(result.skips)}")
    first = sorted(result.twins, key=lambda pair: (not pair.leak, not pair.disputed))
    shown = first if whole else first[:SHOWN]
    lines += [f"  {pair.other} = {pair.one} ({_twin_note(pair)})" for pair in shown]
    if len(first) > len(shown):
        lines.append(f"  and {len(first) - len(shown):,} more; add --list for all")
    return lines + _histogram(result.distances, result.others)


def _plain(number: int) -> list[str]:
    told = f"{counted(number, 'picture')} with too little in them to compare: only equal pixels count"
    return [told] if number else []


def _twins(number: int, told: Mapping[str, int]) -> str:
    """Count pairs of twins, and by what they were told."""
    return f"{counted(number, 'pair')} of twins" + (f" ({reasons(told)})" if told else "")


def _unplaced(result: "AuditResult") -> list[str]:
    """Say of which pictures no leak can be told, for want of folders that name splits."""
    wanted = f"a folder names one as {', '.join(NAMES)}, also with more after it: train2017, test-dev"
    rest = result.pictures - sum(result.splits.values())
    if len(result.splits) < 2:  # noqa: PLR2004  what leaks leaks from one to another
        found = "".join(f"only {split}" for split in result.splits) or "none"
        return [f"splits: {found} recognised, so nothing is said of leaks; {wanted}"]
    return [f"splits: {counted(rest, 'picture')} in none that is recognised; {wanted}"] if rest else []


def _twin_note(pair: "Twins") -> str:
    apart = f"{counted(pair.distance, 'bit')} apart"
    notes = ["" if pair.orientation == "as is" else pair.orientation, apart, "leak" * pair.leak]
    return ", ".join([note for note in notes if note] + ["other label"] * pair.disputed)


def hash_lines(result: "HashAuditResult", subject: str, *, whole: bool) -> list[str]:
    """Say which pictures of a folder one hash finds near each other."""
    apart = f"at most {counted(result.distance, 'bit')} of {result.bits} apart by {result.algorithm} of ImageHash"
    pictures, pairs = counted(len(result.hashes), "picture"), counted(len(result.pairs), "pair")
    lines = [f"{subject}: {pictures}, {pairs} {apart}"]
    if result.skips:
        lines.append(f"not compared {sum(result.skips.values()):,}: {reasons(result.skips)}")
    nearest = sorted(result.pairs, key=lambda pair: pair.distance)
    shown = nearest if whole else nearest[:SHOWN]
    lines += [f"  {pair.other} = {pair.one} ({counted(pair.distance, 'bit')} apart)" for pair in shown]
    if len(nearest) > len(shown):
        lines.append(f"  and {len(nearest) - len(shown):,} more; add --list for all")
    return lines


def dedup_lines(result: "DedupResult", *, whole: bool = False) -> list[str]:
    """Say which copies were found, each of them if the `whole` is wanted."""
    lines = [
        (
            f"{counted(result.images, 'picture')}: {_twins(result.twins, result.reasons)}, "
            f"{counted(len(result.dropped), 'copy', 'copies')} set aside, the best of each kept; nothing is deleted"
        ),
        f"{counted(result.groups, 'group')} of look-alikes, which a split never divides",
    ]
    lines += _plain(result.plain)
    if result.conflicts:
        lines.append(
            f"{counted(result.conflicts, 'conflict')}: copies with different labels; splits use the known one or none"
        )
    lines += _unwanted(result)
    lines += _histogram(result.distances, result.others)
    return lines + (_lists(result) if whole else [])


def _unwanted(result: "DedupResult") -> list[str]:
    """Say what is in no split whatever else is held."""
    lines = []
    if result.guards:
        count = counted(len(result.kept_out), "picture held is a copy", "pictures held are copies")
        lines.append(f"{kept_out_line(result.guards)}: {count} of one, and in no split")
    if result.unreadable:
        lines.append(f"{counted(result.unreadable, 'file')} of what is to be kept out cannot be read as a picture")
    if result.placeholders:
        count = counted(len(result.placeholders), "placeholder, seen", "placeholders, each seen")
        least = min(one.addresses for one in result.placeholders)
        lines.append(f"{count} under {least} addresses of one host or more: in no split")
    return lines


def kept_out_line(guards: Mapping[str, int]) -> str:
    """Name the places that are kept out."""
    return "kept out: " + ", ".join(f"{counted(number, 'picture')} of {place}" for place, number in guards.items())


def _lists(result: "DedupResult") -> list[str]:
    """List the copies that are not used, conflicts, copies of what is kept out, and the placeholders."""
    rows = [
        (f"{one.category}/{one.title}", f"{one.keeper_category}/{one.keeper_title}", str(one.distance))
        for one in result.copies
    ]
    lines = ["", *table(("copy", "kept instead", "bits apart"), rows)] if rows else []
    if result.conflict_pairs:
        rivals = [
            (
                f"{one.category}/{one.title}",
                f"{one.other_category}/{one.other_title}",
                "over copies" if one.distance is None else str(one.distance),
            )
            for one in result.conflict_pairs
        ]
        lines += ["", *table(("copy", "with another label", "bits apart"), rivals)]
    if result.kept_out:
        kept = [
            (f"{one.category}/{one.title}", f"{PurePath(one.place).name}/{one.name}", str(one.distance))
            for one in result.kept_out
        ]
        lines += ["", *table(("copy", "of one kept out", "bits apart"), kept)]
    if result.placeholders:
        seen = [(f"{one.category}/{one.title}", f"{one.addresses:,}") for one in result.placeholders]
        lines += ["", *table(("placeholder", "addresses"), seen)]
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
    gap = f"copies reach {counted(max(copies), 'bit')}"
    if others:
        gap += f", other pictures begin at {min(others)}"
        gap += ": a gap" if max(copies) < min(others) else ": no gap, only their pixels tell them apart"
    return ["", *table(("bits apart", "copies", "others"), rows), gap]


def _within(counts: Mapping[int, int], start: int) -> str:
    number = sum(counts.get(distance, 0) for distance in range(start, start + _BIN))
    return f"{number:,}" if number else "-"
