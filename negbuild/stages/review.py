"""Let a person look through the pictures and decide, on a page in the browser of this machine."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass

from negbuild.errors import UsageError
from negbuild.lighttable.server import Opened, serve
from negbuild.lighttable.table import Table
from negbuild.omissions import due_for_review
from negbuild.ruling import Verdict
from negbuild.thumbnails import Thumbnails
from negbuild.workspace import Workspace


@dataclass(frozen=True, slots=True)
class ReviewResult:
    """What is decided at the end: so many of so many pictures, by verdict; copies set aside need none."""

    pictures: int
    decided: int
    verdicts: dict[Verdict, int]


def review(workspace: Workspace, announce: Callable[[Opened], None], *, port: int = 0) -> ReviewResult:
    """Serve the page until the process is asked to end; `announce` is told where it is.

    The right to write is not taken: other commands go on meanwhile, and each verdict is a transaction of its own.
    Raises UsageError where there is no workspace, no picture in it, or the port cannot be had.
    """
    with workspace.judging() as catalog:
        if not catalog.image_count():
            raise UsageError(
                f"{workspace.root}: holds no pictures to review; run: negbuild add PATH --category NAME --role known"
            )
        thumbnails = Thumbnails(workspace.thumbnails, workspace.store)
        serve(Table(catalog), workspace.store, thumbnails, port, announce)
        held, aside = catalog.images(), {drop.sha256 for drop in catalog.drops()}
    due = due_for_review(held, aside)
    verdicts = Counter(one.verdict for one in due)
    return ReviewResult(
        pictures=len(due),
        decided=len(due) - verdicts[Verdict.UNDECIDED],
        verdicts={verdict: verdicts[verdict] for verdict in Verdict if verdict and verdicts[verdict]},
    )
