"""What the image engines behind your own SearXNG find (Bing, Flickr and more); needs its address; no licences."""

import os
import re
from collections import Counter
from collections.abc import Iterator
from typing import Any
from urllib.parse import urljoin, urlsplit

from negbuild.errors import Blocked, FormChanged, NothingFound, QuotaExhausted, SourceError, Unreachable
from negbuild.model import Candidate, Search
from negbuild.source import Answer, Gives, Option, Source, Takes, Web, read_json, refusal

_MOST_PAGES = 20
_HOW = "set NEGBUILD_SEARXNG_URL or use --url http://127.0.0.1:8888"
_SIZE = re.compile("([0-9]{1,6}) ?[x\N{MULTIPLICATION SIGN}] ?([0-9]{1,6})")
_FORBIDDEN = "permission to access the requested resource"  # the instance's own 403, no proxy's in front of it

# What an instance says of an engine that gave no answer; everything else is a failure to reach it.
_REASONS: dict[str, type[SourceError]] = {
    "too many requests": QuotaExhausted,
    **dict.fromkeys(("captcha", "access denied", "blocked"), Blocked),
    **dict.fromkeys(("parsing error", "unexpected crash", "server api error"), FormChanged),
}
_FAULTS = {
    QuotaExhausted: "grant no more calls for now",
    Blocked: "refuse to answer it",
    FormChanged: "answer in a form that it cannot read",
    Unreachable: "do not answer it",
}


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Page through what the instance finds until a page brings nothing new."""
    if not search.base_url:
        raise SourceError(f"searxng: no instance given; {_HOW}")
    named, gave = set[str](), set[str]()
    for page in range(1, int(search.options.get("pages", _MOST_PAGES)) + 1):
        records, failed = _read(search, web.get(f"{search.base_url}/search", _question(search, page)))
        fresh = {url: one for url, one in _candidates(records, search.base_url).items() if url not in named}
        if not fresh:
            if reasons := {name: reason for name, reason in failed.items() if not named or name in gave}:
                raise _failure(reasons)
            if not named:
                raise NothingFound(f'searxng: found nothing for "{search.text}"; try another --query or other engines')
            return
        yield from fresh.values()
        named |= fresh.keys()
        gave.update(str(record.get("engine")) for record in records)


def _question(search: Search, page: int) -> dict[str, str | int]:
    # With engines named, a category would add all of its own. What is said of failed engines is read in English.
    return {
        "q": search.text,
        **({"engines": search.options["engines"]} if "engines" in search.options else {"categories": "images"}),
        "format": "json",
        "pageno": page,
        "safesearch": 2 if search.safe else 0,
        "locale": "en",
        **{name: search.options[name] for name in ("language", "time_range") if name in search.options},
    }


def _read(search: Search, answer: Answer) -> tuple[list[Any], dict[str, str]]:
    """Results of one page, and why which engines gave none; raises the SourceError that another answer stands for."""
    if answer.status == 403 and _FORBIDDEN in answer.text:  # noqa: PLR2004  HTTP Forbidden
        raise Blocked(
            "searxng: the instance answers no programs, JSON is switched off (403); put two lines into its "
            'settings.yml and restart it: "search:", and below it "  formats: [html, json]"'
        )
    body = read_json("searxng", answer)
    records, failed = _list(body, "results", dict), _list(body, "unresponsive_engines", list)
    if records is None or failed is None or not all(len(pair) > 1 for pair in failed):
        raise refusal("searxng", answer.status)
    if records and not any("img_src" in record for record in records):
        if engines := search.options.get("engines"):  # names that it does not know are passed over, and others asked
            raise SourceError(f"searxng: no image engines there ({engines}); see {search.base_url}/preferences")
        raise refusal("searxng", answer.status, "no pictures in its results")
    return records, {str(name): str(reason) for name, reason, *_ in failed}


def _list(body: object, key: str, kind: type) -> list[Any] | None:
    value = body.get(key) if isinstance(body, dict) else None
    return value if isinstance(value, list) and all(isinstance(one, kind) for one in value) else None


def _candidates(records: list[Any], base_url: str) -> dict[str, Candidate]:
    """Candidates by address; of several results for one picture the first that knows its page."""
    found: dict[str, Candidate] = {}
    for one in (_candidate(record, base_url) for record in records):
        if one.url and (one.url not in found or found[one.url].page == one.url):
            found[one.url] = one
    return found


def _candidate(record: dict[str, Any], base_url: str) -> Candidate:
    text = {key: str(value or "").strip() for key, value in record.items()}
    url = _address(text.get("img_src", ""), f"{base_url}/")
    size = _SIZE.search(text.get("resolution", "") or text.get("img_format", ""))  # searx 1.1 has it in img_format
    width, height = (int(side) or None for side in size.groups()) if size else (None, None)
    return Candidate(
        source="searxng",
        source_id=url,
        url=url,
        page=_address(text.get("url", "")) or url,  # some results have none
        title=text.get("title", ""),
        author=text.get("author", ""),
        width=width,
        height=height,
    )


def _address(text: str, base: str = "") -> str:
    """Whole address on the web; nothing where it is none, such as `data:`."""
    try:
        url = urljoin(base, f"https:{text}" if text.startswith("//") else text) if text else ""
        parts = urlsplit(url)
    except ValueError:
        return ""
    return url if parts.scheme in {"http", "https"} and parts.netloc else ""


def _failure(failed: dict[str, str]) -> SourceError:
    """Error that the failures of engines amount to: the commonest kind, of several the first."""
    failed = dict(sorted(failed.items()))  # searx 1.1 lists them in any order
    reasons = [reason.lower() for reason in failed.values()]
    kinds = [next((kind for said, kind in _REASONS.items() if said in one), Unreachable) for one in reasons]
    kind = Counter(kinds).most_common(1)[0][0]
    why = ", ".join(f"{name}: {reason}" for name, reason in failed.items())
    return kind(f"searxng: its engines {_FAULTS[kind]} ({why}); try later, or others with --option engines=NAME")


def _missing() -> str:
    return "" if os.environ.get("NEGBUILD_SEARXNG_URL") else f"no instance given; {_HOW}"


SOURCE = Source(
    name="searxng",
    summary=__doc__,
    search=search,
    takes=Takes.QUERY,
    example="street",
    missing=_missing,
    options=(
        Option("engines", "ask only these, by the names the instance gives them, with commas between"),
        Option("language", "of the results, such as en or de-AT"),
        Option("time_range", "how old a result may be", ("day", "week", "month", "year")),
        Option("pages", f"pages to ask for at most; {_MOST_PAGES} if not set", ("1", "2", "5", "10", "20", "50")),
    ),
    gives=(Gives.NEAR, Gives.FAR),
    bounds=f"{_MOST_PAGES} pages a query",
    terms="those of the engines behind it; the licence of each picture is yours to find out",
    states_licenses=False,
)
