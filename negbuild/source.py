"""What a source of pictures is, the one way to reach it by name, and what adapters share in reading answers.

A source is a module in `sources/` (installed as `negbuild.sources`) or an entry point of the group `negbuild.sources`,
whose `SOURCE` declares it. Nobody imports an adapter by name.
"""

import importlib
import json
import os
import pkgutil
import re
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from http import HTTPStatus
from importlib.metadata import entry_points
from typing import Any, Protocol

from negbuild.addresses import shown, without_passwords
from negbuild.errors import (
    Blocked,
    FormChanged,
    KeyRefused,
    NothingFound,
    QuotaExhausted,
    SourceError,
    Unreachable,
    UsageError,
)
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search

ENTRY_POINTS = "negbuild.sources"
BEST_EFFORT = "best effort; automated queries are against the terms of the service; pages change"
"""The terms of every search engine."""

_CREATIVE_COMMONS = re.compile(r"creativecommons\.org/(?:licenses/([a-z-]+)|publicdomain/(zero|mark))/(\d\.\d)")
_LONGEST_QUOTE = 120  # characters of what a service said that fit into one line
_SAID = ("detail", "message", "error", "error_description")


@dataclass(frozen=True, slots=True)
class Answer:
    """What a service answered to one call: the status, the text, and the address that it came from in the end."""

    status: int
    text: str
    url: str = ""


class Web(Protocol):
    """What an adapter may ask of the web: API calls, made politely, with their retries behind them.

    All raise errors of SourceError: Unreachable where nobody answers, QuotaExhausted where what the service grants is
    used up, Moved where it sends its callers to another host.
    """

    def get(
        self, url: str, params: Mapping[str, str | int] | None = None, headers: Mapping[str, str] | None = None
    ) -> Answer:
        """Ask for `url`; cookies are kept for the host that set them."""

    def post(self, url: str, data: Mapping[str, str], headers: Mapping[str, str] | None = None) -> Answer:
        """Send a form to `url`."""

    def lines(self, url: str) -> Iterator[str]:
        """Read a text of any length line by line, without their ends; raises SourceError where there is none."""


class Takes(StrEnum):
    """What a source is asked with."""

    QUERY = "a query"
    QUERY_OR_NOTHING = "a query, or nothing"
    PATH = "a path"
    PATH_OR_NOTHING = "a path, or nothing"
    LIST = "a list"
    NOTHING = "nothing"


class Gives(StrEnum):
    """What the pictures of a source are good for, told by how near they can come to the known categories."""

    NEAR = "near"
    FAR = "far"
    BACKGROUND = "background"


@dataclass(frozen=True, slots=True)
class Allowance:
    """How many calls a service grants within any so many seconds."""

    calls: int
    seconds: int


@dataclass(frozen=True, slots=True)
class Option:
    """A setting that only one source understands, with what it does; one of `choices`, if there are any."""

    name: str
    summary: str
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Source:
    """A place that pictures come from.

    `search` names candidates, best first; it makes no request before the first one is taken. Local sources have
    `read(candidate, max_bytes)`, which gives the bytes of a candidate, one more than `max_bytes` at most, and addresses
    that are none on the web; the bytes of all others are fetched from `Candidate.url`. `missing` says what must be
    installed or set before the source can be used, or nothing; it makes no request. `base_url` is the address of its
    service, which NEGBUILD_<NAME>_URL replaces; `allowances` are what the service grants to everybody without a key,
    `documented` the further hosts that its pictures officially come from, whose robots.txt speaks to other robots than
    this one. `secrets` names the environment variables whose values must never be shown or kept. `probe` asks one small
    question to see whether the service works, where naming one candidate is no small one. Where `states_licenses` is
    false, no licence can be asked for. For people: `gives` is what the pictures are good for, `bounds` how many there
    are to be had and how fast, `terms` what to know before using it.
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
    options: tuple[Option, ...] = ()
    probe: Callable[[Search, Web], object] | None = None
    states_licenses: bool = True
    gives: tuple[Gives, ...] = ()
    bounds: str = ""
    terms: str = ""

    def address(self) -> str:
        """Address of the service: the one a person set, else the public one."""
        return (os.environ.get(f"NEGBUILD_{self.name.upper()}_URL") or self.base_url).rstrip("/")

    def check(self, search: Search) -> None:
        """Raise UsageError, with what to run instead, where the search is none for this source."""
        command = f"negbuild crawl --source {self.name}"
        if self.takes is Takes.QUERY and not search.text.strip():
            raise UsageError(f"source {self.name}: needs a query; run: {command} --query {self.example}")
        if self.takes in {Takes.NOTHING, Takes.PATH_OR_NOTHING} and search.text:
            raise UsageError(f"source {self.name}: takes no query, its pictures are what they are; leave --query out")
        if self.takes in {Takes.PATH, Takes.LIST} and search.path is None:
            raise UsageError(f"source {self.name}: needs {self.takes}; run: {command} --path {self.example or 'PATH'}")
        if search.base_url and (self.read or self.takes_path):
            raise UsageError(f"source {self.name}: asks no service; leave --url out")
        if search.licenses and not self.states_licenses:
            raise UsageError(f"source {self.name}: states no licences; leave --license out, or use --source openverse")
        for name, value in search.options.items():
            self.check_option(name, value)

    @property
    def takes_path(self) -> bool:
        """Whether a file or folder says what it gives."""
        return self.takes in {Takes.PATH, Takes.PATH_OR_NOTHING, Takes.LIST}

    @property
    def option_names(self) -> list[str]:
        """Names of the options that only this source has."""
        return [option.name for option in self.options]

    def check_option(self, name: str, value: str) -> None:
        """Raise UsageError where the source has no such option, or the option no such value."""
        option = next((one for one in self.options if one.name == name), None)
        if option is None:
            known = ", ".join(self.option_names)
            raise UsageError(f"source {self.name}: no option {name}; it has {known or 'none'}")
        if option.choices and value not in option.choices:
            raise UsageError(f"source {self.name}: {name}={value}: choose from {', '.join(option.choices)}")

    def named(self, search: Search, web: Web) -> Iterator[Candidate]:
        """Name candidates as `search` does; what goes wrong is told with the source's name and without its secrets."""
        try:
            yield from self.search(search, web)
        except SourceError as error:
            error.args = (f"{self.name}: {self.told(error, search)}",)
            raise

    def told(self, error: SourceError, search: Search) -> str:
        """Return what went wrong as it may be shown: without the source's name, its secrets, and any password."""
        fault = str(error).replace(search.base_url, shown(search.base_url))
        return self.masked(without_passwords(fault)).removeprefix(f"{self.name}: ")

    def masked(self, text: str) -> str:
        """Text without the values of the source's secrets."""
        for secret in (os.environ.get(name) for name in self.secrets):
            text = text.replace(secret, "***") if secret else text
        return text


def read_json(source: str, answer: Answer) -> Any:  # noqa: ANN401  whatever the service says
    """Read what a service answered as JSON; raises the SourceError that its status, or its form, stands for."""
    try:
        body = json.loads(answer.text)
    except ValueError:
        body = None
    if answer.status == HTTPStatus.OK and body is not None:
        return body
    fields = body if isinstance(body, dict) else {}
    raise refusal(source, answer.status, next((str(fields[name]) for name in _SAID if fields.get(name)), ""))


def refusal(source: str, status: int, said: str = "") -> SourceError:
    """Error of a service that did not give what it was asked for: the source, the cause, and the next step.

    `said` is the reason that the service gave, in its own words; status 200 means an answer of another form.
    """
    words = " ".join(said.split()).rstrip(".")[:_LONGEST_QUOTE]
    why = f"{status}, {words}" if words else str(status)
    if status == HTTPStatus.OK:
        variable = f"NEGBUILD_{source.upper()}_URL"
        return FormChanged(
            f"{source}: the answer has another form than expected ({words or 'no results in it'}); look at "
            f"{variable} if you set it, else upgrade negbuild or try another --source"
        )
    if status == HTTPStatus.UNAUTHORIZED:
        return KeyRefused(f"{source}: the key is refused ({why}); look at `negbuild sources`, or try another --source")
    if status in {HTTPStatus.FORBIDDEN, HTTPStatus.UNAVAILABLE_FOR_LEGAL_REASONS}:
        return Blocked(f"{source}: refuses to answer ({why}); try later, or another --source")
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return QuotaExhausted(f"{source}: grants no more calls for now ({why}); run the same command later")
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return Unreachable(f"{source}: fails by itself ({why}); run the same command later")
    return SourceError(f"{source}: does not understand the request ({why}); try another --query or --source")


def creative_commons(name: str, version: str = "") -> tuple[str, str]:
    """SPDX identifier and address of a Creative Commons licence or mark, such as `by-sa` in version 4.0.

    Where the version is not stated, the name stands alone, without an address; UNKNOWN_LICENSE where there is no name.
    """
    name = name.lower().removeprefix("cc-")
    if not name or not version:
        return name or UNKNOWN_LICENSE, ""
    place = {"cc0": "publicdomain/zero", "pdm": "publicdomain/mark"}.get(name, f"licenses/{name}")
    spdx = {"cc0": "CC0", "pdm": "CC-PDM"}.get(name, f"CC-{name.upper()}")
    return f"{spdx}-{version}", f"https://creativecommons.org/{place}/{version}/"


def license_at(url: str) -> tuple[str, str]:
    """SPDX identifier and address of a licence whose terms are at `url`; UNKNOWN_LICENSE where it is no known one."""
    if found := _CREATIVE_COMMONS.search(url.lower()):
        return creative_commons(found[1] or {"zero": "cc0", "mark": "pdm"}[found[2]], found[3])
    return UNKNOWN_LICENSE, url


def pixels(stated: object) -> int | None:
    """Length of a side as a service states it, as a number or a text; None where it is no such number."""
    return int(str(stated)) if re.fullmatch(r"[1-9]\d{0,6}", str(stated)) else None


def locked_out(source: str, why: str) -> Blocked:
    """Error of a search engine that lets no program in."""
    return Blocked(f"{source}: lets no program in now ({why}); try later, or --source searxng or openverse")


def nothing_shown(source: str, address: str) -> NothingFound:
    """Error of a search engine that shows no results at `address`."""
    return NothingFound(
        f"{source}: shows no results, which is also how it hides a refusal; open {address} in a browser, or use "
        "--source searxng or openverse"
    )


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
