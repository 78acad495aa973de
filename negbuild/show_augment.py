"""What `augment` did, as text for a person: pure functions from a result to lines."""

from typing import TYPE_CHECKING

from negbuild.show import counted

if TYPE_CHECKING:  # the stages import numpy and Pillow, and `--help` needs neither
    from negbuild.stages.augment import AugmentResult
    from negbuild.stages.preview_children import PreviewResult

MANY = 20
"""Copies of one original from which on more of them teach a classifier little."""


def augment_lines(result: "AugmentResult") -> list[str]:
    """Say how many originals there are, and how many pictures with their copies."""
    both = f"{counted(result.originals, 'original')} in train, {result.originals + result.children:,} with copies"
    lines = [f"{result.category}: {both} ({result.made:,} of them new, at most {result.most:,} of one original)"]
    if result.pasted:
        lines.append(
            f"{counted(result.pasted, 'copy', 'copies')} pasted on negatives of train, and as many pieces of negatives "
            f"the same way ({result.others:,} of them new)"
        )
    if result.uncut:
        lines.append(f"{counted(result.uncut, 'original')} with nothing to cut out: copied, not pasted")
    if result.again:
        lines.append(f"drawn again, because flat or as good as identical: {result.again:,}")
    if result.forbidden:
        lines.append(f"left as they are: {counted(result.forbidden, 'original')}, whose licence forbids changed copies")
    if result.unlicensed:
        lines.append(f"{counted(result.unlicensed, 'original')} whose licence nobody stated")
    return lines


def augment_notes(result: "AugmentResult") -> list[str]:
    """Warn of more copies than help."""
    if result.most <= MANY:
        return []
    return [
        (
            f"negbuild: {result.most:,} copies of one original: beyond {MANY} they hardly help, they show nothing new; "
            f"{counted(result.originals, 'original')} stay {result.originals:,}"
        ),
        (
            "negbuild: with few originals, learn to compare instead of to classify (verification, metric learning): "
            "run: negbuild pairs; or add originals"
        ),
    ]


def preview_lines(result: "PreviewResult") -> list[str]:
    """Say what the sheet shows."""
    shown = (
        f"{counted(result.originals, 'original')} to the left, and {counted(result.children, 'copy', 'copies')} of them"
    )
    return [f"{result.sheet}: {shown}; nothing was added to the workspace"]
