"""The result of a review as text for a person."""

from typing import TYPE_CHECKING

from negbuild.show import counted, reasons

if TYPE_CHECKING:
    from negbuild.lighttable.server import Opened
    from negbuild.stages.review import ReviewResult


def address_lines(opened: "Opened") -> list[str]:
    """Say where the page is, and how to end it."""
    return [f"review: {opened.address}", "only on this machine; every verdict is saved at once; Ctrl-C ends it"]


def review_lines(result: "ReviewResult") -> list[str]:
    """Say what is decided by now."""
    verdicts = reasons({str(verdict): number for verdict, number in result.verdicts.items()})
    line = f"{result.decided:,} of {counted(result.pictures, 'picture')} decided"
    return [f"{line}: {verdicts}" if verdicts else line]
