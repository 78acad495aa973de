"""Pictures from the whole web, as Bing's image search shows them: best effort, no key, up to 1,000 a query."""

# Of icrawler, only the filters are used. It asks without quoting the query, and its parser knows addresses that end in
# .jpg alone: of png, webp and signed ones it makes others. So pages are asked for and read here.

import json
import re
from collections.abc import Iterator
from html.parser import HTMLParser
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qs, quote_plus, urlsplit

from negbuild.model import Candidate, Search
from negbuild.source import (
    BEST_EFFORT,
    Answer,
    Gives,
    Option,
    Source,
    Takes,
    Web,
    locked_out,
    nothing_shown,
    pixels,
    refusal,
)

PAGE_SIZE = 35
MOST_RESULTS = 1000  # beyond them, Bing repeats itself
_CHALLENGE = re.compile(r"captcha|turnstile|solve the challenge|unusual traffic", re.IGNORECASE)
_MARKS = str.maketrans("", "", "\ue000\ue001")  # around the words that were searched for
_Attributes = dict[str, str | None]


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Page through the results of one query; a page that says so, or brings nothing new, is the last one."""
    asked: dict[str, str | int] = {"q": search.text, "count": PAGE_SIZE, "async": 1}
    asked |= {"adlt": "strict" if search.safe else "off"}
    if filters := _filters(search):
        asked["qft"] = filters
    seen: dict[str, Candidate] = {}
    first: int | None = 1
    while first and first <= MOST_RESULTS:
        page = _Page(web.get(f"{search.base_url}/images/async", asked | {"first": first}))
        new = [one for one in page.candidates if seen.setdefault(one.url, one) is one]
        if not new:
            page.check(search, nothing_yet=not seen)
            return
        yield from new
        first = page.next_after(first)


def _filters(search: Search) -> str:
    if not search.options:
        return ""
    from icrawler.builtin.bing import BingFeeder

    return str(BingFeeder(1, None, None).get_filter().apply(dict(search.options)))


class _Page(HTMLParser):
    """Results of one page, with their picture, page and title in the attribute `m` of a link, as JSON."""

    def __init__(self, answer: Answer) -> None:
        super().__init__()
        self._answer = answer
        self._links: list[_Attributes] = []
        self._next: list[str] = []
        if answer.status == HTTPStatus.OK:
            self.feed(answer.text)
        self.candidates = [one for link in self._links if (one := _candidate(link))]

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Collect what is a result, and where the next page is said to be."""
        found = dict(attrs)
        if tag == "a" and "iusc" in (found.get("class") or "").split():
            self._links.append(found)
        if "data-nexturl" in found:
            self._next.append(found["data-nexturl"] or "")

    def next_after(self, first: int) -> int | None:
        """Return the number of the result that the next page begins with; None where the page says that it is last."""
        if self._next and not any(self._next):
            return None
        named = parse_qs(urlsplit(next(filter(None, self._next), "")).query).get("first", [""])[0]
        return max(first + 1, int(named)) if re.fullmatch(r"\d{1,6}", named) else first + PAGE_SIZE

    def check(self, search: Search, *, nothing_yet: bool) -> None:
        """Raise the SourceError that a page without results stands for, unless there simply are no more."""
        text = self._answer.text
        if not self.candidates and _CHALLENGE.search(text):
            raise locked_out("bing", "it asks for a captcha")
        if self._answer.status != HTTPStatus.OK:
            raise refusal("bing", self._answer.status)
        if not self.candidates and (self._links or (text.strip() and not re.search("<[a-z]+[ >].*<", text, re.DOTALL))):
            raise refusal("bing", self._answer.status, "no results that can be read")
        if nothing_yet:
            raise nothing_shown("bing", f"{search.base_url}/images/search?q={quote_plus(search.text)}")


def _candidate(link: _Attributes) -> Candidate | None:
    try:
        said: Any = json.loads(link.get("m") or "")
    except ValueError:
        return None
    if not isinstance(said, dict) or not str(said.get("murl")).startswith(("http://", "https://")):
        return None
    url, page = str(said["murl"]), str(said.get("purl"))
    detail = parse_qs(urlsplit(link.get("href") or "").query)
    width, height = (detail.get(name, [""])[0] for name in ("expw", "exph"))
    return Candidate(
        source="bing",
        source_id=url,  # Bing's own numbers are missing in some results
        url=url,
        page=page if page.startswith(("http://", "https://")) else url,
        title=str(said.get("t") or said.get("desc") or "").translate(_MARKS),
        width=pixels(width),
        height=pixels(height),
    )


_COLORS = ("color", "blackandwhite", "red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "white")
_LICENSES = ("creativecommons", "publicdomain", "noncommercial", "commercial")
SOURCE = Source(
    name="bing",
    summary=__doc__,
    search=search,
    takes=Takes.QUERY,
    example="flower",
    base_url="https://www.bing.com",
    options=(
        Option("type", "kind of picture", ("photo", "clipart", "linedrawing", "transparent", "animated")),
        Option("color", "its main colour", (*_COLORS, "gray", "black", "brown")),
        Option("size", "at least so large", ("extralarge", "large", "medium", "small")),
        Option(
            "license",
            "what its licence grants, as Bing believes",
            (*_LICENSES, "noncommercial,modify", "commercial,modify"),
        ),
        Option("layout", "its shape", ("square", "wide", "tall")),
        Option("people", "faces, or head and shoulders", ("face", "portrait")),
        Option("date", "how old it is at most", ("pastday", "pastweek", "pastmonth", "pastyear")),
    ),
    gives=(Gives.NEAR, Gives.FAR),
    bounds="up to 1,000 a query",
    terms=BEST_EFFORT,
    states_licenses=False,
)
