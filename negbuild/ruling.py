"""What a person decides on a picture, as frozen values."""

from dataclasses import dataclass
from enum import StrEnum


class Verdict(StrEnum):
    """What a person decided on an image; undecided is what it was before, and is again where that is undone."""

    UNDECIDED = ""
    KEEP = "keep"
    DROP = "drop"
    UNSURE = "unsure"
    MOVE = "move"
    DUPLICATE = "duplicate"

    @property
    def excludes(self) -> bool:
        """Whether the image is left out of every split, as long as this stands."""
        return self in {Verdict.DROP, Verdict.UNSURE, Verdict.DUPLICATE}

    @property
    def doubts(self) -> bool:
        """Whether what the image shows is refused or in doubt, and so its copies are too."""
        return self in {Verdict.DROP, Verdict.UNSURE}

    @property
    def affirms(self) -> bool:
        """Whether the image belongs under the label it has by this."""
        return self in {Verdict.KEEP, Verdict.MOVE}


@dataclass(frozen=True, slots=True)
class Ruling:
    """A verdict, and for a move the known category that the image belongs to."""

    verdict: Verdict
    category: str = ""
