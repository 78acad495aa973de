"""What a report shows, as plain values; and the decisions about it: what is sampled, and what to do next. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TypeVar

from negbuild.model import Role, Split

Item = TypeVar("Item")

FEW_UNSEEN = 30
"""Held-out pictures below which the share rejected is known to no better than about 18 points (Wilson, 95 %)."""

_FEW_CATEGORIES = 5  # negatives of fewer categories teach what these look like, not what "none of these" means


@dataclass(frozen=True, slots=True)
class Part:
    """One piece of a bar: what it counts, how many, and the name of its colour."""

    name: str
    number: int
    colour: str


@dataclass(frozen=True, slots=True)
class Bar:
    """One line of a plot: its label, its pieces, and a remark."""

    label: str
    parts: list[Part]
    note: str = ""

    @property
    def total(self) -> int:
        """Length of the whole bar."""
        return sum(part.number for part in self.parts)


@dataclass(frozen=True, slots=True)
class Thumb:
    """A small picture: its bytes as a data address ('' where it cannot be read), what it shows, and its page."""

    picture: str
    text: str
    page: str = ""


@dataclass(frozen=True, slots=True)
class Sheet:
    """Some pictures of one category, out of how many."""

    category: str
    role: Role
    shown: list[Thumb]
    total: int


@dataclass(frozen=True, slots=True)
class CopyShown:
    """A copy beside the picture that is kept: how far apart, what told it, and where the kept one lies in it.

    `outline` are the four corners of the kept picture in fractions of the copy's sides, as an SVG polygon has them; ''
    where only fingerprints told.
    """

    thumb: Thumb
    note: str
    outline: str = ""


@dataclass(frozen=True, slots=True)
class TwinGroup:
    """The picture that is kept, and the copies of it that are set aside."""

    keeper: Thumb
    copies: list[CopyShown]


@dataclass(frozen=True, slots=True)
class Dispute:
    """Two copies of each other with different labels."""

    one: Thumb
    other: Thumb
    note: str


@dataclass(frozen=True, slots=True)
class Credit:
    """Whom a picture is owed to, and under which terms; addresses are http(s) or ''."""

    title: str
    page: str
    author: str
    author_url: str
    license: str
    license_url: str
    source: str


@dataclass(frozen=True, slots=True)
class Written:
    """What the dataset says of itself: pictures by split and role, children among them, and its certificate.

    `nearest` counts pictures by the distance to the nearest one of another split, in bins of bits; `shortcuts` are
    properties that tell the classes apart, in words (None: nobody looked).
    """

    name: str
    splits: list[Bar]
    originals: int
    children: int
    statement: str
    threshold: int
    margin: int | None
    nearest: dict[str, int]
    leaks: int
    shortcuts: list[str] | None


@dataclass(frozen=True, slots=True)
class Step:
    """What to do next, why, and the command."""

    why: str
    command: str = ""


@dataclass(frozen=True, slots=True)
class Findings:
    """Everything on the page; lists that were cut short come with the number there would have been."""

    name: str
    pictures: int
    candidates: int
    roles: dict[Role, int]
    aside: int
    decided: int
    steps: list[Step]
    categories: list[Bar]
    sources: list[Bar]
    skips: list[Bar]
    licenses: list[Bar]
    sheets: list[Sheet]
    sheets_left_out: int
    twins: list[TwinGroup]
    twin_groups: int
    disputes: list[Dispute]
    dispute_count: int
    credits: list[Credit]
    credit_count: int
    written: Written | None
    plain: int
    unreadable: int


@dataclass(frozen=True, slots=True)
class Facts:
    """What decides about the next steps."""

    categories: Mapping[str, Role]
    used: Mapping[Role, int]
    pending: int
    failing: int
    twins_in_use: int
    disputes: int
    undecided: int
    dataset: bool
    waiting: int
    leaks: int


def sample(items: Sequence[Item], most: int) -> list[Item]:
    """Take at most so many, spread evenly over all."""
    if len(items) <= most:
        return list(items)
    return [items[place * len(items) // most] for place in range(most)]


def next_steps(facts: Facts) -> list[Step]:
    """Say what is missing, what is doubtful and what comes next, in the order to do it."""
    steps = [*_missing(facts), *_doubtful(facts)]
    if facts.leaks:
        steps.append(Step(f"Copies across splits of the dataset: {facts.leaks:,}.", "negbuild split"))
    if not facts.dataset and not _missing(facts):
        steps.append(Step("No dataset is written yet.", "negbuild split"))
    elif facts.dataset and facts.waiting:
        steps.append(Step(f"Pictures in use that are not in the dataset yet: {facts.waiting:,}.", "negbuild split"))
    return steps or [Step("Nothing is missing: train on train/, choose the threshold on valid/, read unseen/ once.")]


def _missing(facts: Facts) -> list[Step]:
    steps = []
    if not facts.used.get(Role.KNOWN):
        steps.append(Step("There is nothing to recognise yet.", "negbuild add my-photos/ --category NAME --role known"))
    if not facts.used.get(Role.UNKNOWN):
        steps.append(Step("There are no negatives to train on yet.", 'negbuild crawl --query "street food" -n 200'))
    return steps


def _doubtful(facts: Facts) -> list[Step]:
    steps = []
    negatives = sum(role.negative for role in facts.categories.values())
    unseen = facts.used.get(Role.UNSEEN, 0)
    if negatives and not unseen:
        steps.append(
            Step(
                "No category is held out, so nothing will tell whether “none of these” works.",
                "negbuild split --unseen auto",
            )
        )
    elif 0 < unseen < FEW_UNSEEN:
        steps.append(Step(f"Few pictures are held out ({unseen:,}): what is read from them is a wide guess."))
    if 0 < negatives < _FEW_CATEGORIES:
        steps.append(
            Step(f"Negatives come from few categories ({negatives}); five or more, some of them near, teach more.")
        )
    if facts.twins_in_use:
        steps.append(Step(f"Copies to set aside: {facts.twins_in_use:,}.", "negbuild dedup"))
    if facts.disputes:
        steps.append(Step(f"Copies with different labels, to be looked at: {facts.disputes:,}.", "negbuild review"))
    if facts.failing:
        steps.append(Step(f"Candidates that failed for now: {facts.failing:,}.", "negbuild crawl --retry"))
    if facts.pending:
        steps.append(Step(f"Candidates that were named and not tried: {facts.pending:,}; run that crawl again."))
    if facts.undecided and facts.used.get(Role.UNKNOWN):
        steps.append(Step(f"Negatives that nobody looked at yet: {facts.undecided:,}.", "negbuild review"))
    return steps


def by_split(numbers: Mapping[tuple[Split, Role], int]) -> list[Bar]:
    """One bar a split, its pieces the roles."""
    return [
        Bar(split, [Part(role, number, role) for role in Role if (number := numbers.get((split, role), 0))])
        for split in Split
        if any((split, role) in numbers for role in Role)
    ]
