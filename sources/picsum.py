"""About 1,000 scenic Unsplash photographs, drawn by seed without repeats: far negatives only; takes no query."""

import json
import random
from collections.abc import Iterator
from typing import Any

from negbuild.errors import SourceError
from negbuild.model import Candidate, Search
from negbuild.source import Source, Takes, Web

_PAGE_SIZE = 100  # the most that /v2/list gives
_MOST_PAGES = 100  # ten times today's pool: an end, should the list never say it
_LONGER_SIDE = 1024


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Draw from the whole list in an order that the seed decides; no picture comes twice."""
    pool = list(_listed(search.base_url, web))
    random.Random(search.seed).shuffle(pool)  # noqa: S311  no secret
    yield from (_candidate(record, search.base_url) for record in pool)


def _listed(base_url: str, web: Web) -> Iterator[dict[str, Any]]:
    for page in range(1, _MOST_PAGES + 1):
        answer = web.get(f"{base_url}/v2/list", {"page": page, "limit": _PAGE_SIZE})
        try:
            records = json.loads(answer.text) if answer.status == 200 else None  # noqa: PLR2004  HTTP OK
        except ValueError:
            records = None
        if not isinstance(records, list) or not all({"id", "width", "height"} <= record.keys() for record in records):
            raise SourceError(f"picsum: no list of pictures came ({answer.status}); run the same command later")
        yield from records
        if len(records) < _PAGE_SIZE:
            return


def _candidate(record: dict[str, Any], base_url: str) -> Candidate:
    number, width, height = str(record["id"]), int(record["width"]), int(record["height"])
    scale = min(1.0, _LONGER_SIDE / max(width, height))
    return Candidate(
        source="picsum",
        source_id=number,
        url=f"{base_url}/id/{number}/{round(width * scale)}/{round(height * scale)}.jpg",
        page=str(record.get("url") or f"{base_url}/id/{number}/info"),
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
)
