"""Pictures from the Chinese web, as Baidu's image search shows them: best effort, no key, up to 2,000 a query."""

# Of icrawler, the filters and the table of its encrypted addresses are used. It asks without quoting the query and
# without a cookie, which Baidu answers with a refusal, and its parser fails on that; so pages are asked for and read
# here.

import re
from collections.abc import Iterator
from dataclasses import replace
from html import unescape
from http import HTTPStatus
from typing import Any
from urllib.parse import parse_qsl, quote_plus

from negbuild.errors import Moved
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
    read_json,
    refusal,
)

PAGE_SIZE = 30
MOST_RESULTS = 2000
_WEB = ("http://", "https://")
_ENCRYPTED = ("ippr_z2C$q", "ipprf_z2C$q")  # http: and https:
_SAFETY_CHECK = "百度安全验证"
_COLORS = ("red", "orange", "yellow", "green", "purple", "pink", "teal", "blue", "brown", "white")


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Page through the results of one query; a page that brings nothing new is the last one."""
    if (first := _get(web, f"{search.base_url}/")).status != HTTPStatus.OK:  # sets a cookie that questions need
        raise refusal("baidu", first.status)
    asked: dict[str, str | int] = {"tn": "resultjson_com", "ipn": "rj", "word": search.text, "rn": PAGE_SIZE}
    asked |= _filters(search)
    seen: dict[str, Candidate] = {}
    for start in range(0, MOST_RESULTS, PAGE_SIZE):
        found, listed = _results(_get(web, f"{search.base_url}/search/acjson", asked | {"pn": start}))
        new = [one for one in found if seen.setdefault(one.url, one) is one]
        if not (found or seen):
            address = f"{search.base_url}/search/index?tn=baiduimage&word={quote_plus(search.text)}"
            raise nothing_shown("baidu", address)
        yield from new
        if not new or start + PAGE_SIZE >= listed:
            return


def _filters(search: Search) -> dict[str, str]:
    if not search.options:
        return {}
    from icrawler.builtin.baidu import BaiduFeeder

    return dict(parse_qsl(BaiduFeeder(1, None, None).get_filter().apply(dict(search.options), sep="&")))


def _get(web: Web, url: str, params: dict[str, str | int] | None = None) -> Answer:
    try:
        answer = web.get(url, params)
    except Moved as moved:
        if "wappass" in moved.url or "captcha" in moved.url:
            raise locked_out("baidu", "it asks for a captcha") from moved
        raise
    if _SAFETY_CHECK in answer.text:
        raise locked_out("baidu", "it asks for a captcha")
    return answer


def _results(answer: Answer) -> tuple[list[Candidate], int]:
    """Read the results of one page, and how many there are on all pages."""
    # Its JSON has \' for ', and control characters in titles.
    text = re.sub(r"\\(.)", lambda pair: "'" if pair[1] == "'" else pair[0], re.sub(r"[\x00-\x1f]", " ", answer.text))
    body = read_json("baidu", replace(answer, text=text))
    if isinstance(body, dict) and body.get("antiFlag"):
        raise locked_out("baidu", f"it says {' '.join(str(body.get('message')).split())[:100]}")
    records = body.get("data") if isinstance(body, dict) else None
    if not isinstance(records, list):
        raise refusal("baidu", answer.status)
    records = [one for one in records if isinstance(one, dict) and one]  # the last one is always empty
    found = [candidate for one in records if (candidate := _candidate(one))]
    if records and not found:
        raise refusal("baidu", answer.status, "results without addresses")
    listed = str(body.get("listNum") or "")
    return found, int(listed) if re.fullmatch(r"[1-9]\d{0,8}", listed) else MOST_RESULTS


def _candidate(record: dict[str, Any]) -> Candidate | None:
    copies = record.get("replaceUrl")
    copies = [one for one in copies if isinstance(one, dict)] if isinstance(copies, list) else []
    # Before the original, `replaceUrl` has a small copy of Baidu's, and it is written in lower case throughout.
    small = [record.get(key) for key in ("hoverURL", "middleURL", "thumbURL")]
    url = _first(record.get("objURL"), *(one.get("ObjURL") for one in reversed(copies)), *small)
    if not url:
        return None
    width, height = (str(record.get(key) or "") for key in ("width", "height"))
    return Candidate(
        source="baidu",
        source_id=url,  # Baidu's own numbers are those of one answer
        url=url,
        page=_first(record.get("fromURL"), *(one.get("FromURL") for one in copies)) or url,
        title=unescape(re.sub(r"</?\w+>", "", str(record.get("fromPageTitle") or ""))),
        width=pixels(width),
        height=pixels(height),
    )


def _first(*said: object) -> str:
    """Return the first that is an address on the web, deciphered if need be; '' where there is none."""
    from icrawler.builtin.baidu import BaiduParser

    parser = BaiduParser(1, None, None)
    texts = (str(one or "") for one in said)
    plain = (parser._decode_url(text) if text.startswith(_ENCRYPTED) else text for text in texts)  # noqa: SLF001  as it is the table
    return next((text for text in plain if text.startswith(_WEB)), "")


SOURCE = Source(
    name="baidu",
    summary=__doc__,
    search=search,
    takes=Takes.QUERY,
    example="花",
    base_url="https://image.baidu.com",
    options=(
        Option("type", "kind of picture", ("portrait", "face", "clipart", "linedrawing", "animated", "static")),
        Option("color", "its main colour", (*_COLORS, "black", "blackandwhite")),
        Option("size", "how large it is", ("extralarge", "large", "medium", "small")),
    ),
    gives=(Gives.NEAR, Gives.FAR),
    bounds="up to 2,000 a query",
    terms=BEST_EFFORT,
    states_licenses=False,
)
