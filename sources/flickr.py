"""Photographs of Flickr by search, each with its author and licence; needs a key and flickrapi, 3,600 calls an hour."""

import html
import importlib.util
import os
import re
import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import replace
from http import HTTPStatus
from types import SimpleNamespace
from typing import Any, NamedTuple
from urllib.parse import quote

from negbuild.errors import KeyRefused, SourceError, Unreachable
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
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

_KEY, _SECRET = "FLICKR_API_KEY", "FLICKR_API_SECRET"
_MOST_SHOWN = 4000  # of one search; what comes after that are repeats
_PAGE_SIZE, _LARGEST_PAGE = 250, 500  # both divide what is shown
_FIRST_UPLOAD = 1_076_371_200  # 2004-02-10, when Flickr opened, as Unix time
_LONGEST_QUOTE = 120

# What a person calls a size, and Flickr in its addresses; pixels on the longer side.
_SIZES = {
    "small": "n",  # 320
    "medium": "m",  # 500
    "medium640": "z",
    "medium800": "c",
    "large": "l",  # 1024
    "large1600": "h",
    "large2048": "k",
    "original": "o",
}

# flickr.photos.licenses.getInfo; those of version 4.0 came in June 2025.
_OLDER = ("by-nc-sa", "by-nc", "by-nc-nd", "by", "by-sa", "by-nd")
_NEWER = ("by", "by-sa", "by-nd", "by-nc", "by-nc-sa", "by-nc-nd")
_CREATIVE_COMMONS = (
    {str(number): (name, "2.0") for number, name in enumerate(_OLDER, 1)}
    | {"9": ("cc0", "1.0"), "10": ("pdm", "1.0")}
    | {str(number): (name, "4.0") for number, name in enumerate(_NEWER, 11)}
)
_HELP = "https://www.flickrhelp.com/hc/en-us/articles/10710266545556-Using-Flickr-images-shared-by-other-members"
_FREE = {
    "7": ("No known copyright restrictions", "https://www.flickr.com/commons/usage/"),
    "8": ("United States Government Work", "https://www.usa.gov/government-copyright"),
}
_LICENSES = {number: creative_commons(*one) for number, one in _CREATIVE_COMMONS.items()} | _FREE
_LICENSES["0"] = ("All Rights Reserved", _HELP)

# Codes of flickr.photos.search and of all methods: what is wrong with the key, and what will pass by itself.
_KEY_CODES = {"96", "97", "98", "99", "100"}
_DOWN_CODES = {"0", "10", "105", "106", "201"}


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Name the most relevant photos first; where there are more than a search shows, then by time of upload."""
    query = _Query(search, web)
    total = yield from query.pages({})
    if total >= _MOST_SHOWN:
        yield from query.halves(_FIRST_UPLOAD, int(time.time()), total)


class _Page(NamedTuple):
    """One page of results: photos not named before, how many it showed, how many there are of in all."""

    new: list[Candidate]
    shown: int
    total: int


class _Query:
    """One query, and the photos that it has named by now."""

    def __init__(self, search: Search, web: Web) -> None:
        self._api = _client(search.base_url, web)
        self._page_size = _PAGE_SIZE if 0 < (search.limit or 0) <= _PAGE_SIZE else _LARGEST_PAGE
        self._named: set[str] = set()
        sizes = list(_SIZES)
        asked = sizes.index(search.options.get("size", "large"))
        self._sizes = [_SIZES[size] for size in [*sizes[asked::-1], *sizes[asked + 1 :]]]
        self._wish = {
            "text": search.text,
            "sort": "relevance",
            "media": "photos",
            "content_type": 1,  # photos, neither screenshots nor drawings: the older name of the parameter,
            "content_types": 0,  # and the newer one
            "safe_search": 1 if search.safe else 3,
            "extras": ",".join(["license,owner_name,path_alias,o_dims", *(f"url_{size}" for size in _SIZES.values())]),
            "per_page": self._page_size,
            "license": _license_ids(search.licenses),  # None is not sent
        }

    def pages(self, dates: Mapping[str, int], first: int = 1) -> Generator[Candidate, None, int]:
        """Name what a search shows on all its pages, from the `first` one on; returns how many there are of."""
        total = 0
        for number in range(first, _MOST_SHOWN // self._page_size + 1):
            page = self._page(number, dates)
            total = page.total
            yield from page.new
            if not page.shown or number * self._page_size >= total:
                break
        return total

    def halves(self, start: int, end: int, total: int) -> Generator[Candidate, None, bool]:
        """Cut a time of which too little is shown in two; returns whether anything new came of it."""
        middle = (start + end) // 2
        later, new = yield from self._span(middle + 1, end)
        if new or later < total:  # else there is nothing in the earlier half, or the service knows of no dates
            _, more = yield from self._span(start, middle)
            new = new or more
        return new

    def _span(self, start: int, end: int) -> Generator[Candidate, None, tuple[int, bool]]:
        """Name what was uploaded in a time; returns how many there are of, and whether any of them was new."""
        before, dates = len(self._named), {"min_upload_date": start, "max_upload_date": end}
        page = self._page(1, dates)
        yield from page.new
        if page.total >= _MOST_SHOWN and start < end:
            yield from self.halves(start, end, page.total)
        elif page.total > self._page_size:
            yield from self.pages(dates, first=2)
        return page.total, len(self._named) > before

    def _page(self, number: int, dates: Mapping[str, int]) -> _Page:
        photos = self._api.photos.search(**self._wish, **dates, page=number).get("photos")
        records = photos.get("photo") if isinstance(photos, dict) else None
        if not isinstance(records, list) or not all(isinstance(record, dict) for record in records):
            raise refusal("flickr", HTTPStatus.OK)
        try:
            total = int(photos["total"])
        except (KeyError, TypeError, ValueError):
            raise refusal("flickr", HTTPStatus.OK, "no total in it") from None
        found = [one for one in (_candidate(record, self._sizes) for record in records) if one]
        if records and not found and not self._named:
            raise refusal("flickr", HTTPStatus.OK, "no photo with an address in it")
        new: dict[str, Candidate] = {}
        for one in found:
            if one.source_id not in self._named:
                new.setdefault(one.source_id, one)
        self._named.update(new)
        return _Page(list(new.values()), len(records), total)


def _candidate(record: dict[str, Any], sizes: list[str]) -> Candidate | None:
    """Read one photo, in the first of the sizes that there is; None where it has no address or no name."""

    def text(key: str) -> str:
        value = record.get(key)
        return str(value) if isinstance(value, str | int) else ""

    # The picture that stands for one that was taken away is no photo.
    there = (size for size in sizes if text(f"url_{size}").startswith("http"))
    size = next((size for size in there if "photo_unavailable" not in text(f"url_{size}")), None)
    number, owner = text("id"), quote(text("owner"), safe="@")
    if not number or not size:
        return None
    place = quote(text("path_alias")) or owner
    license_, license_url = _LICENSES.get(text("license"), (UNKNOWN_LICENSE, ""))
    return Candidate(
        source="flickr",
        source_id=number,
        url=text(f"url_{size}"),
        page=f"https://www.flickr.com/{f'photos/{place}/{number}' if place else f'photo.gne?id={number}'}",
        title=text("title"),
        author=text("ownername"),
        author_url=f"https://www.flickr.com/people/{owner}/" if owner else "",
        license=license_,
        license_url=license_url,
        width=pixels(record.get(f"width_{size}")),
        height=pixels(record.get(f"height_{size}")),
    )


def _license_ids(wanted: tuple[str, ...]) -> str | None:
    """Numbers of all licences that may be meant; None for any."""
    if not wanted:
        return None
    names = {one.removeprefix("cc-") for one in wanted} - {"commercial", "derivatives"}
    numbers = [
        number
        for number, (name, version) in _CREATIVE_COMMONS.items()
        if (not names or names & {name, f"{name}-{version}"})
        and not ("commercial" in wanted and "-nc" in name)
        and not ("derivatives" in wanted and "-nd" in name)
    ]
    if not names:
        numbers += _FREE
    if not numbers:
        raise SourceError(f"flickr: none of its licences is {' and '.join(wanted)}; try another --license or --source")
    return ",".join(numbers)


def _client(base_url: str, web: Web) -> Any:  # noqa: ANN401  flickrapi has no types
    """Return flickrapi's client for the service, which makes its calls through `web`."""
    if problem := _missing():
        raise SourceError(f"flickr: {problem}")
    import flickrapi

    api = flickrapi.FlickrAPI(os.environ[_KEY], os.environ[_SECRET], format="parsed-json", store_token=False)
    api.REST_URL = f"{base_url}/services/rest/"
    api.flickr_oauth.session = _Session(web)
    return api


class _Session:
    """What flickrapi has in place of a session of requests: it signs a call as asked, and has the web make it."""

    def __init__(self, web: Web) -> None:
        self._web = web

    def post(self, url: str, data: Mapping[str, object], auth: Any, timeout: object) -> SimpleNamespace:  # noqa: ANN401, ARG002  as flickrapi calls it
        """Make one call; raises the SourceError that its answer stands for."""
        import requests

        form = {name: str(value) for name, value in data.items()}
        for _ in range(2):
            signed = requests.Request("POST", url, data=form, auth=auth).prepare().headers["Authorization"]
            header = signed.decode() if isinstance(signed, bytes) else signed
            answer = self._web.post(url, form, {"Authorization": header})
            if "oauth_problem=nonce_used" not in answer.text:  # as when the web made a call twice, signed once
                break
        return SimpleNamespace(status_code=answer.status, content=_checked(answer).encode())


def _checked(answer: Answer) -> str:
    """Return an answer as the JSON object that was asked for, whatever it is wrapped in; raises SourceError."""
    text = SOURCE.masked(answer.text).strip().rstrip(",")
    text = re.sub(r"\AjsonFlickrApi\((.*)\)\Z", r"\1", text, flags=re.DOTALL)
    if failure := re.search(r'<err code="(\d+)" msg="([^"]*)"', text):
        raise _failure(failure[1], html.unescape(failure[2]))
    if problem := re.search(r"\boauth_problem=(\w+)", text):
        raise _failure("98", problem[1])
    body = read_json("flickr", replace(answer, text=text))
    if not isinstance(body, dict):
        raise refusal("flickr", HTTPStatus.OK)
    if body.get("stat") == "fail":
        raise _failure(str(body.get("code")), str(body.get("message")))
    return text


def _failure(code: str, said: str) -> SourceError:
    """Error that one of Flickr's own codes stands for; they come with status 200."""
    why = f"{code}, {' '.join(said.split()).rstrip('.')[:_LONGEST_QUOTE]}"
    if code in _KEY_CODES:
        return KeyRefused(f"flickr: the key is refused ({why}); look at {_KEY} and {_SECRET}")
    if code in _DOWN_CODES:
        return Unreachable(f"flickr: fails by itself ({why}); run the same command later")
    return SourceError(f"flickr: does not understand the request ({why}); try another --query or --source")


def _missing() -> str:
    if not importlib.util.find_spec("flickrapi"):
        return 'needs flickrapi; run: pip install "negbuild[flickr]"'
    unset = [name for name in (_KEY, _SECRET) if not os.environ.get(name)]
    return f"set {' and '.join(unset)}; keys are made at https://www.flickr.com/services/apps/create" if unset else ""


SOURCE = Source(
    name="flickr",
    summary=__doc__,
    search=search,
    takes=Takes.QUERY,
    example="flower",
    base_url="https://api.flickr.com",
    missing=_missing,
    allowances=(Allowance(3600, 3600),),
    documented=("live.staticflickr.com",),
    secrets=(_KEY, _SECRET),
    options=(Option("size", "size to fetch, else the next smaller one, else the next larger one", tuple(_SIZES)),),
    gives=(Gives.NEAR, Gives.FAR),
    bounds="all of a query; 3,600 calls an hour",
    terms="new keys need Flickr Pro; most photos are all rights reserved, so ask with --license",
)
