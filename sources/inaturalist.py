"""Photographs of animals, plants and fungi in the wild, named by naturalists; no key, 60 calls a minute."""

import re
from collections.abc import Iterator
from typing import Any

from negbuild.errors import NothingFound
from negbuild.model import Candidate, Search
from negbuild.source import Allowance, Answer, Gives, Option, Source, Takes, Web, creative_commons, read_json, refusal

PAGE_SIZE = 200  # the most that the API gives at once
_FEWEST = 30  # asked for, where few pictures are wanted: an observation comes with all that was said of it
_SITE = "https://www.inaturalist.org"
_LICENSES = ("cc0", "cc-by", "cc-by-nc", "cc-by-sa", "cc-by-nd", "cc-by-nc-sa", "cc-by-nc-nd")
_BARRED = {"commercial": "-nc", "derivatives": "-nd"}  # by the groups of licences that may be wished for
_LONGER_SIDE = {"medium": 500, "large": 1024, "original": 2048}
_SQUARE = re.compile(r"/square(?=\.\w+(?:\?|$)|\?|$)")


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Page through the observations of what the query names, newest first, below the last number each time."""
    licenses = _licenses(search)
    question, named, lowest = _question(search, licenses), set[str](), None
    while True:
        observations, total = _page(web.get(f"{search.base_url}/v1/observations", question))
        if lowest is not None and any(one["id"] >= lowest for one in observations):
            raise refusal("inaturalist", 200, "its pages do not go on")
        for one in observations:
            photos = [photo for photo in one["photos"] if _is_usable(photo, licenses)]
            for photo in photos if search.options.get("photos") == "all" else photos[:1]:
                if str(photo["id"]) not in named:  # one photograph may show several observations
                    named.add(str(photo["id"]))
                    yield _candidate(one, photo, search.options.get("size", "large"))
        if total <= len(observations) or not observations:
            return
        question["id_below"] = lowest = min(one["id"] for one in observations)


def _licenses(search: Search) -> tuple[str, ...]:
    """Licences to ask for, as far as the site knows those wished for; none where photographs under any will do."""
    names = {re.sub(r"-\d\.\d$", "", one).removeprefix("cc-") for one in search.licenses} - _BARRED.keys()
    barred = [_BARRED[one] for one in search.licenses if one in _BARRED]
    if not search.licenses and search.options.get("rights") == "any":
        return ()
    asked = tuple(
        one
        for one in _LICENSES
        if not any(part in one for part in barred) and (not names or one.removeprefix("cc-") in names)
    )
    if not asked:
        known = ", ".join(one.removeprefix("cc-") for one in _LICENSES)
        raise NothingFound(
            f"inaturalist: has nothing under {', '.join(search.licenses)}; choose --license from {known}"
        )
    return asked


def _question(search: Search, licenses: tuple[str, ...]) -> dict[str, str | int]:
    question: dict[str, str | int] = {
        "q" if search.options.get("by") == "text" else "taxon_name": search.text,
        "photos": "true",
        "quality_grade": search.options.get("quality", "research"),
        "per_page": max(_FEWEST, min(PAGE_SIZE, search.limit or PAGE_SIZE)),
        "order_by": "id",
        "order": "desc",
    }
    return question | ({"photo_license": ",".join(licenses)} if licenses else {})


def _page(answer: Answer) -> tuple[list[dict[str, Any]], int]:
    """Observations of an answer, and how many there are from the first of them on."""
    body = read_json("inaturalist", answer)
    fields = body if isinstance(body, dict) else {}
    observations, total = fields.get("results"), fields.get("total_results")
    if not isinstance(observations, list) or not isinstance(total, int):
        raise refusal("inaturalist", answer.status, str(fields.get("error") or ""))
    if not all(map(_is_observation, observations)):
        raise refusal("inaturalist", answer.status, "an observation without number or photographs")
    return observations, total


def _is_observation(one: object) -> bool:
    if not isinstance(one, dict) or not isinstance(one.get("id"), int) or not isinstance(one.get("photos"), list):
        return False
    return all(isinstance(photo, dict) and {"id", "url", "license_code"} <= photo.keys() for photo in one["photos"])


def _is_usable(photo: dict[str, Any], licenses: tuple[str, ...]) -> bool:
    url = str(photo["url"] or "")
    return "://" in url and "copyright-infringement" not in url and (not licenses or _code(photo) in licenses)


def _code(photo: dict[str, Any]) -> str:
    return str(photo["license_code"] or "").lower()


def _candidate(observation: dict[str, Any], photo: dict[str, Any], size: str) -> Candidate:
    user, taxon = _fields(observation, "user"), _fields(observation, "taxon")
    stated = re.match(r"\(c\) (.+?),", str(photo.get("attribution") or ""))
    license_, license_url = _license(_code(photo))
    width, height = _sizes(photo, _LONGER_SIDE[size])
    return Candidate(
        source="inaturalist",
        source_id=str(photo["id"]),
        url=_SQUARE.sub(f"/{size}", photo["url"]),
        page=observation.get("uri") or f"{_SITE}/observations/{observation['id']}",
        title=observation.get("species_guess") or taxon.get("name") or "",
        author=user.get("name") or user.get("login") or (stated[1] if stated else ""),
        author_url=f"{_SITE}/people/{user['login']}" if user.get("login") else "",
        license=license_,
        license_url=license_url,
        width=width,
        height=height,
    )


def _fields(record: dict[str, Any], name: str) -> dict[str, Any]:
    found = record.get(name)
    return found if isinstance(found, dict) else {}


def _license(code: str) -> tuple[str, str]:
    """SPDX identifier of a licence, always in its newest version, else the name of the terms, and where they are."""
    if code in _LICENSES:
        return creative_commons(code, "1.0" if code == "cc0" else "4.0")
    return code.upper() or "All Rights Reserved", f"{_SITE}/pages/terms"


def _sizes(photo: dict[str, Any], longer_side: int) -> tuple[int | None, int | None]:
    stated = _fields(photo, "original_dimensions")
    width, height = stated.get("width"), stated.get("height")
    if not (isinstance(width, int) and isinstance(height, int) and max(width, height) and _SQUARE.search(photo["url"])):
        return None, None
    scale = min(1.0, longer_side / max(width, height))
    return round(width * scale), round(height * scale)


SOURCE = Source(
    name="inaturalist",
    summary=__doc__,
    search=search,
    takes=Takes.QUERY,
    example="Danaus plexippus",
    base_url="https://api.inaturalist.org",
    documented=("inaturalist-open-data.s3.amazonaws.com", "static.inaturalist.org"),
    allowances=(Allowance(60, 60), Allowance(10_000, 86_400)),
    options=(
        Option("by", "taxon: the query names one; text: or stands in any text; taxon by itself", ("taxon", "text")),
        Option("photos", "the first photograph of an observation, or all of them; first by itself", ("first", "all")),
        Option("quality", "research: confirmed by others; any: all; research by itself", ("research", "any")),
        Option(
            "rights", "open: under Creative Commons; any: all rights reserved, too; open by itself", ("open", "any")
        ),
        Option("size", "longer side of a picture: 500, 1024 or 2048 pixels; large by itself", tuple(_LONGER_SIDE)),
    ),
    gives=(Gives.NEAR,),
    bounds="60 calls a minute, 10,000 a day",
    terms="wants no more than 5 GB of pictures an hour, 24 GB a day; most licences forbid commercial use",
)
