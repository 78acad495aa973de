"""Pictures from the whole web, as Google's image search shows them: best effort, no key, about 100 a query."""

# Of icrawler, the questions are used. Its parser cuts addresses after .jpg, .png or .bmp, knows nothing of pages and
# titles, and fails where it finds nothing; so pages are read here, in each of the forms that Google has given them.

import json
import re
from collections.abc import Iterator
from html import unescape
from http import HTTPStatus
from queue import SimpleQueue
from typing import Any
from urllib.parse import parse_qs, parse_qsl, quote_plus, urlsplit

from negbuild.errors import Moved, SourceError
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

MOST_RESULTS = 1000
_SHORTEST_PAGE = 20  # pictures; a page with fewer is the last one
_REFUSALS = {
    "it asks for a captcha": re.compile(r"g-recaptcha|captcha-form|unusual traffic|/sorry/"),
    "it asks for consent to cookies": re.compile(r'action="https?://consent\.'),
    "it asks for JavaScript": re.compile("/enablejs"),
}
_META = re.compile(r'class="[^"]*\brg_meta\b[^"]*"[^>]*>(\{[^<]{0,20000}\})</div>')
_LINK = re.compile(r'href="[^"]*/imgres\?([^"]+)"')
# ["address",height,width] and, before the next one, "2003":[null,"id","page","title": in scripts.
_PAIR = re.compile(
    r'\["(https?://[^"\s]+)",(\d{1,5}),(\d{1,5})\]'
    r'(?:(?:(?!\["https?:).){0,1500}?"2003":\[null,"[^"]*","(https?://[^"\s]+)","([^"]*)")?',
    re.DOTALL,
)


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Page through the results of one query; a page that brings nothing new is the last one."""
    seen: dict[str, Candidate] = {}
    while len(seen) < MOST_RESULTS:
        answer = _asked(search, web, len(seen))
        found = list(_pictures(_page(answer.text))) if answer.status == HTTPStatus.OK else []
        new = [one for one in found if seen.setdefault(one.url, one) is one]
        if not found and (error := _refusal(answer, search, nothing_yet=not seen)):
            raise error
        yield from new
        if not new or len(found) < _SHORTEST_PAGE:
            return


def _asked(search: Search, web: Web, start: int) -> Answer:
    from icrawler.builtin.google import GoogleFeeder

    feeder, questions = GoogleFeeder(1, None, None), SimpleQueue[str]()
    feeder.out_queue = questions
    feeder.feed(search.text, start, 1, filters=dict(search.options))
    params = dict(parse_qsl(urlsplit(questions.get_nowait()).query))
    try:
        return web.get(f"{search.base_url}/search", params | {"safe": "active" if search.safe else "off"})
    except Moved as moved:
        if "//consent." in moved.url:
            raise locked_out("google", "it asks for consent to cookies") from moved
        if "/sorry/" in moved.url:
            raise locked_out("google", "it asks for a captcha") from moved
        raise


def _refusal(answer: Answer, search: Search, *, nothing_yet: bool) -> SourceError | None:
    """Return what a page without pictures stands for; None where there simply are no more."""
    for why, form in _REFUSALS.items():
        if form.search(answer.text) or form.search(answer.url):
            return locked_out("google", why)
    if answer.status != HTTPStatus.OK:
        return refusal("google", answer.status)
    if "<body" not in answer.text and "<div" not in answer.text:
        return refusal("google", answer.status)
    if "encrypted-tbn" in answer.text:
        return refusal("google", answer.status, "small pictures, and no addresses of their originals")
    if not nothing_yet:
        return None
    return nothing_shown("google", f"{search.base_url}/search?tbm=isch&q={quote_plus(search.text)}")


def _page(text: str) -> str:
    """Return a page; where it came as JSON with parts of a page in it, those alone."""
    try:
        return "".join(_strings(json.loads(text))) if text.startswith("[") else text
    except ValueError:
        return text


def _strings(body: Any) -> Iterator[str]:  # noqa: ANN401  any JSON
    if isinstance(body, str):
        yield body
    for part in body if isinstance(body, list) else ():
        yield from _strings(part)


def _pictures(page: str) -> Iterator[Candidate]:
    """Read the three forms of results: JSON in hidden elements, links to a preview, and data in scripts."""
    for found in _META.findall(page):
        try:
            said: dict[str, Any] = json.loads(unescape(found))
        except ValueError:
            continue
        yield from _candidate(*(said.get(key) for key in ("ou", "ru", "pt", "ow", "oh")))
    for found in _LINK.findall(page):
        link = parse_qs(unescape(found))
        url, landing, width, height = (link.get(key, [""])[0] for key in ("imgurl", "imgrefurl", "w", "h"))
        yield from _candidate(url, landing, "", width, height)
    script = re.sub(r"\\+u([0-9a-fA-F]{4})", lambda code: chr(int(code[1], 16)), page).replace("\\", "")
    for url, height, width, landing, title in _PAIR.findall(script):
        if ".gstatic.com/" not in url:  # small copies
            yield from _candidate(url, landing, title, width, height)


def _candidate(*said: object) -> Iterator[Candidate]:
    """Make a candidate of the address, page, title, width and height that were said, if it has an address."""
    url, page, title, width, height = (str(one or "") for one in said)
    if url.startswith(("http://", "https://")):
        yield Candidate(
            source="google",
            source_id=url,  # Google's own numbers are missing in some forms
            url=url,
            page=page if page.startswith(("http://", "https://")) else url,
            title=title,
            width=pixels(width),
            height=pixels(height),
        )


_LARGER = ("400x300", "640x480", "800x600", "1024x768", *(f"{size}mp" for size in (2, 4, 6, 8, 10, 12, 15, 20, 40, 70)))
_COLORS = ("red", "orange", "yellow", "green", "teal", "blue", "purple", "pink", "white", "gray", "black", "brown")
SOURCE = Source(
    name="google",
    summary=__doc__,
    search=search,
    takes=Takes.QUERY,
    example="flower",
    base_url="https://www.google.com",
    options=(
        Option("type", "kind of picture", ("photo", "face", "clipart", "linedrawing", "animated")),
        Option("color", "its main colour", ("color", "blackandwhite", "transparent", *_COLORS)),
        Option("size", "how large it is", ("large", "medium", "icon", *(f">{size}" for size in _LARGER))),
        Option(
            "license",
            "what its licence grants, as Google believes",
            ("noncommercial", "commercial", "noncommercial,modify", "commercial,modify"),
        ),
        Option("date", "how old it is at most", ("anytime", "pastday", "pastweek", "pastmonth", "pastyear")),
    ),
    gives=(Gives.NEAR, Gives.FAR),
    bounds="about 100 a query",
    terms=BEST_EFFORT,
    states_licenses=False,
)
