"""Webs that answer without a network, for tests of adapters."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

import pytest

from negbuild.addresses import host_of
from negbuild.errors import SourceError, Unreachable
from negbuild.hosts import is_retried
from negbuild.source import Answer


class Deaf:
    """A web that gives no answer, and remembers who asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get(
        self, url: str, params: Mapping[str, str | int] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        self.asked.append(f"{url} {params} {headers}")
        raise SourceError(f"{url}: nobody answers")

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        return self.get(url, data, headers)

    def lines(self, url: str) -> Iterator[str]:
        yield self.get(url).text


@dataclass
class Scripted:
    """A web that gives one answer to everything, and remembers the questions."""

    answer: Answer
    asked: list[tuple[str, dict[str, str | int], dict[str, str]]] = field(default_factory=list)

    def get(
        self, url: str, params: Mapping[str, str | int] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        self.asked.append((url, dict(params or {}), dict(headers or {})))
        return self.answer

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        return self.get(url, data, headers)

    def lines(self, url: str) -> Iterator[str]:
        answer = self.get(url)
        if is_retried(answer.status):
            raise Unreachable(f"{host_of(url)}: answered {answer.status} for {url}; run the same command later")
        if answer.status != 200:
            raise SourceError(f"{host_of(url)}: answered {answer.status} for {url}; is the address right")
        yield from answer.text.splitlines()


@pytest.fixture
def deaf() -> Deaf:
    """Make a web that nobody answers on; `asked` holds the questions."""
    return Deaf()


@pytest.fixture
def scripted() -> type[Scripted]:
    """Make a web of one answer: `scripted(Answer(200, text))`; `asked` holds address, parameters and headers."""
    return Scripted
