"""What a source of pictures is, and the one way to reach it by name.

A source is a module in `sources/` (installed as `negbuild.sources`) or an entry point of the group `negbuild.sources`,
whose `SOURCE` declares it. Nobody imports an adapter by name.
"""

import importlib
import os
import pkgutil
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from importlib.metadata import entry_points
from typing import Protocol

from negbuild.errors import UsageError
from negbuild.model import Allowance, Answer, Candidate, Search

ENTRY_POINTS = "negbuild.sources"


class Web(Protocol):
    """What an adapter may ask of the web: one API call, made politely, with its retries behind it."""

    def get(self, url: str, params: Mapping[str, str | int] | None = None) -> Answer:
        """Ask for `url`; raises SourceError where nobody answers."""


class Takes(StrEnum):
    """What a source is asked with."""

    QUERY = "a query"
    QUERY_OR_NOTHING = "a query, or nothing"
    PATH = "a path"
    LIST = "a list"
    NOTHING = "nothing"


@dataclass(frozen=True, slots=True)
class Source:
    """A place that pictures come from.

    `search` names candidates, best first; it makes no request before the first one is taken. Local sources have
    `read(candidate, max_bytes)`, which gives the bytes of a candidate, one more than `max_bytes` at most, and addresses
    that are none on the web; the bytes of all others are fetched from `Candidate.url`. `missing` says what must be
    installed or set before the source can be used, or nothing. `base_url` is the address of its service, which
    NEGBUILD_<NAME>_URL replaces; `allowances` are what the service grants to everybody without a key, `documented` the
    further hosts that its pictures officially come from, whose robots.txt speaks to other robots than this one.
    `secrets` names the environment variables whose values must never be shown or kept.
    """

    name: str
    summary: str
    search: Callable[[Search, Web], Iterator[Candidate]]
    takes: Takes
    example: str = ""
    read: Callable[[Candidate, int], bytes] | None = None
    base_url: str = ""
    missing: Callable[[], str] = str
    allowances: tuple[Allowance, ...] = ()
    documented: tuple[str, ...] = ()
    secrets: tuple[str, ...] = ()

    def address(self) -> str:
        """Address of the service: the one a person set, else the public one."""
        return os.environ.get(f"NEGBUILD_{self.name.upper()}_URL", self.base_url).rstrip("/")

    def masked(self, text: str) -> str:
        """Text without the values of the source's secrets."""
        for secret in (os.environ.get(name) for name in self.secrets):
            text = text.replace(secret, "***") if secret else text
        return text


def source_names() -> list[str]:
    """Names of all sources, built in and installed."""
    return sorted({*_built_in(), *entry_points(group=ENTRY_POINTS).names})


def find_source(name: str) -> Source:
    """Return the source of that name; raises UsageError where there is none."""
    if name in _built_in():
        source = importlib.import_module(f"{ENTRY_POINTS}.{name}").SOURCE
    elif found := entry_points(group=ENTRY_POINTS, name=name):
        source = next(iter(found)).load()
    else:
        raise UsageError(f"source {name}: unknown; there are {', '.join(source_names())}")
    if not isinstance(source, Source):
        raise UsageError(f"source {name}: its SOURCE is no negbuild.source.Source")
    return source


def _built_in() -> list[str]:
    try:
        package = importlib.import_module(ENTRY_POINTS)
    except ModuleNotFoundError:
        raise UsageError('no source adapters found: install the project with "pip install -e ."') from None
    return [module.name for module in pkgutil.iter_modules(package.__path__)]
