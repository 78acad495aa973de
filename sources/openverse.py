"""Openly licensed photographs by search, from Flickr, museums and more; no key, 240 a query."""

import json
from collections.abc import Iterator
from typing import Any

from negbuild.errors import SourceError
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.source import Allowance, Answer, Source, Takes, Web

# What the API grants to callers without a key: a larger page is refused with 401, later results are not shown.
PAGE_SIZE = 20
MOST_RESULTS = 240
_LONGEST_QUERY = 200


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Page through the results of one query, most relevant first."""
    for page in range(1, MOST_RESULTS // PAGE_SIZE + 1):
        found = _results(
            web.get(
                f"{search.base_url}/v1/images/",
                {
                    "q": search.text[:_LONGEST_QUERY],
                    "page": page,
                    "page_size": PAGE_SIZE,
                    "mature": "false" if search.safe else "true",
                    "filter_dead": "true",
                },
            )
        )
        yield from (_candidate(record) for record in found["results"] if record.get("url"))
        if page >= found["page_count"]:
            return


def _results(answer: Answer) -> dict[str, Any]:
    try:
        body = json.loads(answer.text)
    except ValueError:
        body = {}
    detail = str(body.get("detail") or "no reason given").rstrip(".") if isinstance(body, dict) else "no reason given"
    match answer.status:
        case 200 if isinstance(body, dict) and {"results", "page_count"} <= body.keys():
            return body
        case 200:
            raise SourceError("openverse: the answer has no results in it; is NEGBUILD_OPENVERSE_URL right")
        case 429:
            raise SourceError(
                f"openverse: the allowance without a key is used up ({detail}); run the same command later"
            )
        case 401 | 403:
            raise SourceError(f"openverse: refused the request ({answer.status}, {detail}); try another --source")
    raise SourceError(f"openverse: answered {answer.status} ({detail}); run the same command later")


def _candidate(record: dict[str, Any]) -> Candidate:
    def text(key: str) -> str:
        return str(record.get(key) or "")

    return Candidate(
        source="openverse",
        source_id=text("id"),
        url=text("url"),
        page=text("foreign_landing_url"),
        title=text("title"),
        author=text("creator"),
        author_url=text("creator_url"),
        license=_spdx(text("license").lower(), text("license_version")),
        license_url=text("license_url"),
        width=record.get("width"),
        height=record.get("height"),
    )


def _spdx(license_: str, version: str) -> str:
    """SPDX identifier of a Creative Commons licence as Openverse writes it: `by` with `2.0` is CC-BY-2.0."""
    if not license_:
        return UNKNOWN_LICENSE
    if not version:
        return license_
    name = {"cc0": "CC0", "pdm": "CC-PDM"}.get(license_, f"CC-{license_.upper()}")
    return f"{name}-{version}"


SOURCE = Source(
    name="openverse",
    summary=__doc__,
    search=search,
    takes=Takes.QUERY,
    example="flower",
    base_url="https://api.openverse.org",
    allowances=(Allowance(20, 60), Allowance(200, 86_400)),
)
