"""Freely licensed photographs and artwork of Wikimedia Commons, by search; no key, 10,000 a query."""

import json
import re
from collections.abc import Iterator
from contextlib import suppress
from html.parser import HTMLParser
from typing import Any
from urllib.parse import urljoin, urlsplit

from negbuild.errors import Blocked, QuotaExhausted, SourceError, Unreachable
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.source import Answer, Gives, Option, Source, Takes, Web, creative_commons, refusal

PAGE_SIZE = 50  # the most that imageinfo is given for at once
WIDTHS = ("250", "330", "500", "960", "1280", "1920", "3840")  # of thumbnails: every other width is refused
_BITMAPS = {"image/jpeg", "image/png", "image/webp", "image/gif", "image/tiff"}
_TERMS = ("License", "LicenseShortName", "LicenseUrl")
_CREATIVE_COMMONS = re.compile(
    r"(?:cc|licenses)[-/ ](by(?:-nc)?(?:-nd|-sa)?)[-/ ](\d\.\d)|(cc0|cc-zero|publicdomain/zero)|publicdomain/mark"
)
_PARTS = {"query", "continue", "batchcomplete"}
_LONGEST_QUOTE = 120


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Page through the results of one query, most relevant first; what comes in several answers is put together."""
    question, going_on = _question(search), dict[str, Any]()
    batch, named = dict[int, dict[str, Any]](), set[int]()
    while True:
        body = _body(web.get(f"{search.base_url}/w/api.php", {**question, **going_on}))
        for page in _pages(body):
            batch[page["pageid"]] = batch.get(page["pageid"], {}) | page
        following = body.get("continue") or {}
        if "batchcomplete" in body or not following:
            new = (page for number, page in batch.items() if number not in named)
            for page in sorted(new, key=lambda page: page.get("index") or 0):
                yield from _candidates(page, search.base_url)
            named.update(batch)
            batch = {}
        if not following:
            return
        if not isinstance(following, dict) or following == going_on:
            raise refusal("wikimedia", 200, "it goes on where it began")
        going_on = following


def _question(search: Search) -> dict[str, str | int]:
    host = urlsplit(search.base_url).hostname or ""
    kind = "filetype:bitmap " if host.endswith(".wikimedia.org") else ""  # known to its own search engine only
    return {
        "action": "query",
        "format": "json",
        "formatversion": 2,
        "generator": "search",
        "gsrsearch": kind + search.text,
        "gsrnamespace": 6,
        "gsrlimit": PAGE_SIZE,
        "prop": "imageinfo",
        "iiprop": "url|size|mime|extmetadata",
        "iiextmetadatafilter": "|".join(("Artist", *_TERMS)),
        "iiurlwidth": search.options.get("width", "960"),
        "maxlag": 5,
    }


def _body(answer: Answer) -> dict[str, Any]:
    try:
        body = json.loads(answer.text)
    except ValueError:
        body = None
    if isinstance(body, dict) and isinstance(body.get("error"), dict):
        raise _failure(str(body["error"].get("code")), str(body["error"].get("info")))
    if isinstance(body, dict) and answer.status == 200 and body.keys() & _PARTS:  # noqa: PLR2004  HTTP OK
        return body
    said = _Text(answer.text).text if body is None else ""
    if answer.status in {403, 429} and re.search("user.?agent", said, re.IGNORECASE):
        why = f"{answer.status}, {said[:_LONGEST_QUOTE].rstrip('.')}"
        raise Blocked(f"wikimedia: wants to know whom to write to ({why}); add --contact ADDRESS to the same command")
    raise refusal("wikimedia", answer.status, said)


def _failure(code: str, info: str) -> SourceError:
    """Error that the service names in its answer, whatever the status."""
    why = f"{code}, {' '.join(info.split())[:_LONGEST_QUOTE].rstrip('.')}"
    if code in {"maxlag", "readonly"} or code.startswith("internal_api_error"):
        return Unreachable(f"wikimedia: fails by itself ({why}); run the same command later")
    if code == "ratelimited":
        return QuotaExhausted(f"wikimedia: grants no more calls for now ({why}); run the same command later")
    return SourceError(f"wikimedia: does not understand the request ({why}); try another --query or --source")


def _pages(body: dict[str, Any]) -> list[dict[str, Any]]:
    """Pages of an answer in either form, as a list or by number; what there is no page of is left out."""
    query = body.get("query", {})
    pages = query.get("pages", []) if isinstance(query, dict) else None
    pages = list(pages.values()) if isinstance(pages, dict) else pages
    if not isinstance(pages, list) or not all(isinstance(page, dict) for page in pages):
        raise refusal("wikimedia", 200)
    return [page for page in pages if isinstance(page.get("pageid"), int)]


def _candidates(page: dict[str, Any], base_url: str) -> Iterator[Candidate]:
    """Give the file of a page, unless it is not there or no bitmap."""
    try:
        info = (page.get("imageinfo") or [{}])[0]
        if not info.get("url") or info.get("mime", "image/jpeg") not in _BITMAPS:
            return
        of = "thumb" if "thumburl" in info and info["thumbwidth"] < info["width"] else ""
        metadata = info.get("extmetadata") or {}  # a wiki without that extension has none
        said = {name: _Text(str(metadata.get(name, {}).get("value") or "")) for name in ("Artist", *_TERMS)}
    except (AttributeError, KeyError, TypeError) as error:
        raise refusal("wikimedia", 200, f"the imageinfo of page {page['pageid']}") from error
    landing = info.get("descriptionurl") or f"{base_url}/w/index.php?curid={page['pageid']}"
    license_, license_url = _license({name: text.text for name, text in said.items()}, landing)
    yield Candidate(
        source="wikimedia",
        source_id=str(page["pageid"]),
        url=info[f"{of}url"],
        page=landing,
        title=str(page.get("title") or "").partition(":")[2],
        author=said["Artist"].text,
        author_url=_address(said["Artist"].link, landing),
        license=license_,
        license_url=license_url,
        width=info.get(f"{of}width"),
        height=info.get(f"{of}height"),
    )


def _license(said: dict[str, str], landing: str) -> tuple[str, str]:
    """SPDX identifier, else the wiki's own words, and where the terms are: of a ported licence, those of its port."""
    code, short, link = (said[name] for name in _TERMS)
    address = _address(link, landing)
    if found := _CREATIVE_COMMONS.search(f"{code} {short} {link}".lower()):
        license_, general = creative_commons(found[1] or ("cc0" if found[3] else "pdm"), found[2] or "1.0")
        return license_, address or general
    license_ = "public domain" if code.startswith("pd") or short.lower() == "public domain" else short or code
    return (license_, address or landing) if license_ else (UNKNOWN_LICENSE, address)


def _address(link: str, landing: str) -> str:
    with suppress(ValueError):  # of what cannot be an address
        address = urljoin(landing, f"https:{link}" if link.startswith("//") else link)
        return address if link and address.startswith(("https://", "http://")) else ""
    return ""


class _Text(HTMLParser):
    """Text of a piece of HTML, without what it hides, and the first address that it links to."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.text = self.link = ""
        self._hidden: list[str] = []  # elements that are open, from one that is not shown on
        with suppress(AssertionError):  # of the parser, over declarations that it does not know
            self.feed(html)
            self.close()
        self.text = " ".join(self.text.split())

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        fields = {name: value or "" for name, value in attrs}
        if tag in {"br", "img", "wbr"}:
            self.text += " "
        elif self._hidden or tag in {"style", "script"} or "display:none" in fields.get("style", "").replace(" ", ""):
            self._hidden.append(tag)
        elif tag == "a":
            self.link = self.link or fields.get("href", "")

    def handle_endtag(self, tag: str) -> None:
        if tag in self._hidden:
            while self._hidden.pop() != tag:
                pass
        elif tag in {"p", "div", "li", "td"}:
            self.text += " "

    def handle_data(self, data: str) -> None:
        self.text += "" if self._hidden else data


SOURCE = Source(
    name="wikimedia",
    summary=__doc__,
    search=search,
    takes=Takes.QUERY,
    example="bridge",
    base_url="https://commons.wikimedia.org",
    documented=("upload.wikimedia.org",),
    options=(Option("width", "largest width of a picture in pixels, 960 by itself", WIDTHS),),
    gives=(Gives.NEAR, Gives.FAR),
    bounds="two pictures at a time",
    terms="wants to know whom to write to: set --contact; has no safe search",
)
