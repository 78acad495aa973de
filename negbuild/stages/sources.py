"""Tell what sources there are and whether they are ready; ask each whether it works."""

import threading
from collections.abc import Callable, Sequence
from concurrent.futures import Future, as_completed
from contextlib import closing
from dataclasses import dataclass, replace
from functools import partial

from negbuild.addresses import shown
from negbuild.errands import Errand
from negbuild.errors import SourceError
from negbuild.manners import Manners
from negbuild.model import Progress, Role, Search, no_progress
from negbuild.order import Order
from negbuild.source import Option, Source, find_source, source_names
from negbuild.web import Web

_QUESTION = "cat"  # where a source has no example of its own


@dataclass(frozen=True, slots=True)
class SourceState:
    """A source as a person sees it; `works` and `found` say what came of asking it, if it was asked.

    `command` is how it is asked; the others are as in `negbuild.Source`.
    """

    name: str
    summary: str
    takes: str
    gives: list[str]
    keyless: bool
    keys: list[str]
    missing: str
    bounds: str
    terms: str
    address: str
    example: str
    options: list[Option]
    works: bool | None = None
    found: str = ""


def sources(
    names: Sequence[str] = (), *, manners: Manners | None = None, progress: Progress = no_progress
) -> list[SourceState]:
    """Return the state of the sources of these names, or of all; with `manners`, ask the ready ones on the web.

    Raises UsageError where there is no source of a name.
    """
    found = [find_source(name) for name in (dict.fromkeys(names) or source_names())]
    states = {source.name: _state(source) for source in found}
    if manners:
        asked = [source for source in found if source.address() and not source.missing()]
        questions = {_begin(partial(_ask, source, manners)): source.name for source in asked}
        for done, question in enumerate(as_completed(questions), 1):
            name, (works, said) = questions[question], question.result()
            states[name] = replace(states[name], works=works, found=said)
            progress(done, len(asked))
    return list(states.values())


def _state(source: Source) -> SourceState:
    return SourceState(
        name=source.name,
        summary=source.summary.strip(),
        takes=source.takes,
        gives=[str(what) for what in source.gives],
        keyless=not source.secrets,
        keys=list(source.secrets),
        missing=source.missing(),
        bounds=source.bounds,
        terms=source.terms,
        address=shown(source.address()),
        example=source.example,
        options=list(source.options),
    )


def _begin(ask: Callable[[], tuple[bool, str]]) -> Future[tuple[bool, str]]:
    """Ask in a thread of its own, a daemon: the interpreter waits for those of a pool, also where it is interrupted."""
    answer = Future[tuple[bool, str]]()

    def run() -> None:
        try:
            answer.set_result(ask())
        except BaseException as error:  # noqa: BLE001  raised again where it is waited for
            answer.set_exception(error)

    threading.Thread(target=run, name="question", daemon=True).start()
    return answer


def _ask(source: Source, manners: Manners) -> tuple[bool, str]:
    """Ask one small question; return whether an answer came, and in a few words what is wrong otherwise."""
    errand = Errand(source, Order(Search(source.example or _QUESTION, limit=1), None, Role.UNKNOWN))
    search = replace(errand.order.search, base_url=errand.base_url)
    try:
        with closing(Web(errand.manners(manners))) as web:
            if source.probe:
                source.probe(search, web)
            elif next(source.named(search, web), None) is None:
                return False, "found nothing"
    except SourceError as error:
        return False, f"{error.verdict}: {source.told(error, search)}"
    return True, "works"
