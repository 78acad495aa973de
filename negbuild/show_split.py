"""A split as text for a person. Nothing here prints."""

from collections import Counter, defaultdict
from collections.abc import Sequence
from typing import TYPE_CHECKING

from negbuild.model import Role, Split
from negbuild.show import certificate_line, counted, table
from negbuild.show_trees import layout_lines, tree_lines

if TYPE_CHECKING:  # the stages import numpy and Pillow, and `--help` needs neither
    from negbuild.family import ChildCount
    from negbuild.plan import Move
    from negbuild.stages.split import FoldsResult, SplitCount, SplitResult


def split_lines(result: "SplitResult") -> list[str]:
    """Draw the tree with its numbers, and say what was left out, what moved, what is weak and what is proven."""
    lines = [*tree_lines(result), "", *_role_lines(result.counts), *_weight_lines(result)]
    lines += [f"held out as {one.wanted.name.lower()}: {one.category} ({one.why})" for one in result.held_out]
    if result.omitted:
        left_out = (f"{number:,} ({why})" for why, number in sorted(result.omitted.items()))
        lines.append(f"left out: {', '.join(left_out)}")
    lines += _moved(result.moves)
    for category in result.seen:
        lines.append(f"{category} is no holdout any more: what was measured on it before does not hold any more")
    for one in result.topped_up:
        lines.append(f"topped up: {one.class_name} in {one.split}, where the ratio is due {one.due}")
    lines += [*_child_lines(result.children), *layout_lines(result)]
    if not any(count.split == Split.UNSEEN for count in result.counts):
        lines.append("no unseen category: nothing measures what the classifier does with things it never saw")
    lines += [f"advice: {line}" for line in result.advice]
    return [*lines, certificate_line(result.certificate)]


def folds_lines(result: "FoldsResult") -> list[str]:
    """Say which category is unseen in which fold, and how large the folds are."""
    unseen: dict[int, list[str]] = defaultdict(list)
    for fold in result.folds:
        unseen[fold.fold].append(f"{fold.category} ({fold.nearness}, {fold.pictures:,})")
    rows = []
    for number, one in enumerate(result.results, 1):
        counts: Counter[str] = Counter()
        for count in one.counts:
            counts[count.split] += count.number
        numbers = [f"{counts[split]:,}" if counts[split] else "-" for split in Split]
        rows.append((f"fold{number}", *numbers, ", ".join(unseen[number])))
    lines = [f"{result.dataset}/", *table(("dataset", *map(str, Split), "unseen categories"), rows), ""]
    lines.append("every negative category is unseen in one of them; the roles of the workspace stay as they were")
    lines += _moved(result.moves)
    advice = Counter(line for one in result.results for line in one.advice)
    every = len(result.results)
    lines += [f"advice: {line}" for line, number in advice.items() if number == every]
    margins = [one.certificate for one in result.results]
    return [*lines, certificate_line(min(margins, key=lambda one: (one.margin is None, one.margin)))]


def _moved(moves: Sequence["Move"]) -> list[str]:
    back = sum(move.before is Split.UNSEEN for move in moves)
    lines = [f"moved out of the holdout into training's splits: {counted(back, 'picture')}"] if back else []
    stricter = len(moves) - back
    return [*lines, f"moved to a stricter split: {counted(stricter, 'picture')}"] if stricter else lines


def _child_lines(children: "ChildCount") -> list[str]:
    lines = [
        f"{one.category}: {counted(one.originals, 'original')} in train, {one.originals + one.children:,} with copies"
        for one in children.families
    ]
    if children.apart:
        lines.append(
            f"augmented copies left out: {children.apart:,}, what they were made from is not in train any more"
        )
    if children.alike:
        lines.append(f"augmented copies left out: {children.alike:,}, too like a picture of another split")
    if children.smaller:
        lines.append(
            f"{counted(children.smaller, 'augmented copy is', 'augmented copies are')} smaller than the originals; "
            "run: negbuild augment --undo, and again with the --size of the split"
        )
    return lines


def _weight_lines(result: "SplitResult") -> list[str]:
    if not result.weights:
        return []
    rows = [(one.class_name, f"{one.train:,}", f"{one.weight:.3g}", f"{one.alpha:.3g}") for one in result.weights]
    return [*table(("class", "train", "weight", "focal alpha"), rows), ""]


def _role_lines(counts: Sequence["SplitCount"]) -> list[str]:
    splits = [str(split) for split in Split if any(count.split == split for count in counts)]
    by_role: dict[str, dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for count in counts:
        by_role[count.role][count.split] += count.number
    rows = [
        (str(role), *(f"{by_role[role][split]:,}" if by_role[role][split] else "-" for split in splits))
        for role in Role
        if role in by_role
    ]
    return [*table(("role", *splits), rows), ""]
