"""About 1,000 scenic Unsplash photographs, drawn by seed without repeats: far negatives only; takes no query."""

import random
import re
from collections.abc import Iterator
from http import HTTPStatus
from typing import Any
from urllib.parse import quote

from negbuild.model import Candidate, Search
from negbuild.source import Gives, Option, Source, Takes, Web, read_json, refusal

_PAGE_SIZE = 100  # the most that /v2/list gives
_MOST_PAGES = 100  # ten times today's pool: an end, should the list never say it
_SIZE = Option("size", "longer side of the pictures, in pixels; else 1024", ("256", "512", "1024", "2048", "4096"))


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Draw from the whole list in an order that the seed decides; no picture comes twice."""
    pool = list({str(record["id"]): record for record in _listed(search.base_url, web)}.values())
    if not pool:
        raise refusal("picsum", HTTPStatus.OK, "no pictures in the list")
    random.Random(search.seed).shuffle(pool)  # noqa: S311  no secret
    longer_side = int(search.options.get(_SIZE.name, "1024"))
    yield from (_candidate(record, search.base_url, longer_side) for record in pool)


def _listed(base_url: str, web: Web) -> Iterator[dict[str, Any]]:
    """Read the list to its end, without what has no number or no size."""
    for page in range(1, _MOST_PAGES + 1):
        records = read_json("picsum", web.get(f"{base_url}/v2/list", {"page": page, "limit": _PAGE_SIZE}))
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise refusal("picsum", HTTPStatus.OK)
        yield from (
            record for record in records if record.get("id") not in {None, ""} and all(map(_pixels, _sides(record)))
        )
        if len(records) < _PAGE_SIZE:
            return


def _sides(record: dict[str, Any]) -> tuple[object, object]:
    return record.get("width"), record.get("height")


def _pixels(value: object) -> int:
    return int(str(value)) if re.fullmatch(r"[1-9]\d{0,6}", str(value)) else 0


def _candidate(record: dict[str, Any], base_url: str, longer_side: int) -> Candidate:
    number, (width, height) = str(record["id"]), map(_pixels, _sides(record))
    scale = min(1.0, longer_side / max(width, height))
    shown = "/".join(str(max(1, round(side * scale))) for side in (width, height))
    return Candidate(
        source="picsum",
        source_id=number,
        url=f"{base_url}/id/{quote(number, safe='')}/{shown}.jpg",
        page=str(record.get("url") or f"{base_url}/id/{quote(number, safe='')}/info"),
        title=f"Picsum {number}",
        author=str(record.get("author") or ""),
        license="Unsplash License",
        license_url="https://unsplash.com/license",
        width=width,
        height=height,
    )


SOURCE = Source(
    name="picsum",
    summary=__doc__,
    search=search,
    takes=Takes.NOTHING,
    base_url="https://picsum.photos",
    documented=("fastly.picsum.photos",),
    options=(_SIZE,),
    gives=(Gives.FAR, Gives.BACKGROUND),
    bounds="about 1,000 in all",
    terms="Unsplash License; the same pictures for everybody",
)
