"""Openly licensed photographs by search, from Flickr, museums and more; no key, 240 a query."""

import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any

from negbuild.errors import SourceError
from negbuild.model import Candidate, Search
from negbuild.source import (
    Allowance,
    Answer,
    Gives,
    Option,
    Source,
    Takes,
    Web,
    creative_commons,
    pixels,
    read_json,
    refusal,
)

# What the API grants to callers without a key: a larger page is refused with 401, later results are not shown.
PAGE_SIZE = 20
MOST_RESULTS = 240
_LONGEST_QUERY = 200
_ALL_LICENSES = "https://creativecommons.org/licenses/"  # where a record does not state its version
_GROUPS = {"commercial": "commercial", "derivatives": "modification"}  # what the API calls them
_OPTIONS = (
    Option("source", "only from these collections, such as flickr,wikimedia"),
    Option("category", "only pictures of this kind", ("photograph", "illustration", "digitized_artwork")),
    Option("size", "only pictures of about this size", ("small", "medium", "large")),
    Option("aspect_ratio", "only pictures of this shape", ("tall", "wide", "square")),
)


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Page through the results of one query, most relevant first."""
    wish = _wish(search)
    named: set[str] = set()
    for page in range(1, MOST_RESULTS // PAGE_SIZE + 1):
        records, pages = _results(web.get(f"{search.base_url}/v1/images/", {**wish, "page": page}))
        _check_collection(records, search.options.get("source", ""))
        found = [one for one in map(_candidate, records) if one]
        if records and not found and not named:
            raise refusal("openverse", HTTPStatus.OK, "no picture with an address in it")
        for candidate in found:
            if candidate.source_id not in named:
                named.add(candidate.source_id)
                yield candidate
        if page >= pages:
            return


def _wish(search: Search) -> dict[str, str | int]:
    """Parameters of a search: a licence may be any of those named, and must be of all the groups named."""
    names = dict.fromkeys(_name(one) for one in search.licenses if one not in _GROUPS)
    groups = [_GROUPS[one] for one in search.licenses if one in _GROUPS]
    return {
        "q": search.text[:_LONGEST_QUERY],
        "page_size": PAGE_SIZE,
        "mature": "false" if search.safe else "true",
        "filter_dead": "true",
        **({"license": ",".join(names)} if names else {}),
        **({"license_type": ",".join(groups)} if groups else {}),
        **{name: value.replace(" ", "") for name, value in search.options.items()},
    }


def _name(license_: str) -> str:
    """Name of a licence without its version, which the API cannot be asked for."""
    return re.sub(r"-\d\.\d$", "", license_).removeprefix("cc-")


def _results(answer: Answer) -> tuple[list[dict[str, Any]], int]:
    """Read one page: its records, and how many pages there are."""
    body = read_json("openverse", answer)
    records = body.get("results") if isinstance(body, dict) else None
    if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
        raise refusal("openverse", HTTPStatus.OK)
    pages = body.get("page_count")
    if not isinstance(pages, int):
        raise refusal("openverse", HTTPStatus.OK, "no page_count in it")
    return records, pages


def _check_collection(records: list[dict[str, Any]], wanted: str) -> None:
    """Refuse what comes of a name that the API does not know: it ignores it, and searches everywhere."""
    names = {name.strip() for name in wanted.lower().split(",")}
    other = next((record["source"] for record in records if record.get("source") not in {None, *names}), None)
    if wanted and other:
        raise SourceError(
            f"openverse: answers with pictures of {str(other)[:40]}, not of {wanted}; "
            f"the names of its collections are at {SOURCE.base_url}/v1/images/stats/"
        )


def _candidate(record: dict[str, Any]) -> Candidate | None:
    """Read one record; None where it names no picture."""

    def text(key: str) -> str:
        value = record.get(key)
        return str(value) if isinstance(value, str | int) else ""

    if not text("id") or not text("url").startswith("http"):
        return None
    license_, license_url = creative_commons(text("license"), text("license_version"))
    return Candidate(
        source="openverse",
        source_id=text("id"),
        url=text("url"),
        page=text("foreign_landing_url") or f"https://openverse.org/image/{text('id')}",
        title=text("title"),
        author=text("creator"),
        author_url=text("creator_url"),
        license=license_,
        license_url=text("license_url") or license_url or (_ALL_LICENSES if text("license") else ""),
        width=pixels(record.get("width")),
        height=pixels(record.get("height")),
    )


SOURCE = Source(
    name="openverse",
    summary=__doc__,
    search=search,
    takes=Takes.QUERY,
    example="flower",
    base_url="https://api.openverse.org",
    allowances=(Allowance(20, 60), Allowance(200, 86_400)),
    options=_OPTIONS,
    gives=(Gives.NEAR, Gives.FAR),
    bounds="240 a query; 200 calls a day",
    terms="each picture has a Creative Commons licence or mark of its own",
)
