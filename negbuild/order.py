"""What a crawl is asked for, and which candidates are not even tried, told from what their source says of them."""

import re
from collections.abc import Sequence
from dataclasses import dataclass
from urllib.parse import unquote, urlsplit

from negbuild.errors import UsageError
from negbuild.model import Candidate, Role, Search, Skip, SkipReason
from negbuild.picture import DEFAULT_LIMITS, Limits

LICENSES = ("cc0", "pdm", "by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")
"""Creative Commons' licences and marks, by the short names that they share in all versions."""

GROUPS = ("commercial", "derivatives")
"""What a licence may have to allow: commercial use, changed copies."""

# No Creative Commons licences, but whoever states them allows both.
_FREE = {"unsplash license", "public domain", "no known copyright restrictions", "united states government work"}
_SPDX = re.compile(r"(?:cc-)?(?P<name>[a-z0-9-]+?)(?:-(?P<version>\d\.\d))?")
_SITE = re.compile(r"[a-z0-9-]+(\.[a-z0-9-]+)+")


@dataclass(frozen=True, slots=True)
class Order:
    """What is wanted: the search, the category (None: as the source groups them) and role, the limits of a picture.

    `excluded` are words and sites, as `parse_excluded` gives them, whose pictures are left out. With `refresh`, what
    was skipped before is asked for again, if it changed.
    """

    search: Search
    category: str | None
    role: Role
    limits: Limits = DEFAULT_LIMITS
    excluded: tuple[str, ...] = ()
    refresh: bool = False

    def refusal(self, candidate: Candidate) -> Skip | None:
        """Say why a candidate is not even tried, if so."""
        for excluded in self.excluded:
            if _names_site(candidate, excluded) if _SITE.fullmatch(excluded) else _says(candidate, excluded):
                return Skip(SkipReason.EXCLUDED, excluded)
        licenses, least = self.search.licenses, self.limits.min_side
        if licenses and not allows(candidate.license, licenses):
            return Skip(SkipReason.LICENSE, candidate.license)
        if candidate.width and candidate.height and min(candidate.width, candidate.height) < least:
            return Skip(SkipReason.TOO_SMALL, f"{candidate.width} x {candidate.height}, its source states", least)
        return None


def parse_licenses(text: str) -> tuple[str, ...]:
    """Read a list such as `cc0,by,CC-BY-SA-4.0` or `commercial,derivatives`; raises UsageError."""
    wanted = tuple(part.strip().lower() for part in text.split(",") if part.strip())
    for one in wanted:
        spdx = _SPDX.fullmatch(one)
        if one not in GROUPS and not (spdx and spdx["name"] in LICENSES):
            known = ", ".join((*LICENSES, *GROUPS))
            raise UsageError(f"licence {one}: not known; choose from {known}, or an SPDX identifier of one of them")
    return wanted


def parse_excluded(texts: Sequence[str]) -> tuple[str, ...]:
    """Bring excluded words and sites into the form that they are compared in."""
    return tuple(
        text if _SITE.fullmatch(text) else _words(text).strip() for text in map(str.lower, texts) if text.strip()
    )


def allows(license_: str, wanted: Sequence[str]) -> bool:
    """Whether a licence is one of those wanted, and belongs to every group wanted."""
    named, groups = [one for one in wanted if one not in GROUPS], [one for one in wanted if one in GROUPS]
    spdx = _SPDX.fullmatch(license_.lower())
    name = spdx["name"] if spdx else ""
    granted = license_.lower() in _FREE or name in LICENSES
    refused = {"commercial": "-nc", "derivatives": "-nd"}
    if not all(granted and refused[group] not in name for group in groups):
        return False
    return not named or any(name and _same(name, spdx["version"] if spdx else None, one) for one in named)


def forbids_changes(license_: str) -> bool:
    """Whether a licence says that no changed copies may be passed on; one that nobody stated says nothing."""
    return bool(re.search(r"\bnd\b|no[- ]?deriv", license_.lower()))


def _same(name: str, version: str | None, wanted: str) -> bool:
    spdx = _SPDX.fullmatch(wanted)
    return spdx is not None and spdx["name"] == name and spdx["version"] in {None, version}


def _names_site(candidate: Candidate, site: str) -> bool:
    hosts = (urlsplit(url).hostname or "" for url in (candidate.url, candidate.page) if "//" in url)
    return any(host == site or host.endswith(f".{site}") for host in hosts)


def _says(candidate: Candidate, words: str) -> bool:
    paths = (urlsplit(url).path for url in (candidate.url, candidate.page) if "//" in url)
    text = _words(" ".join([candidate.title, *map(unquote, paths)]))
    return any(f" {words}{ending} " in text for ending in ("", "s", "es"))


def _words(text: str) -> str:
    """Return the words in lower case, one space around each."""
    return " ".join(["", *re.findall(r"[^\W_]+", text.lower()), ""])
