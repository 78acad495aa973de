"""What a crawl is asked for, and which candidates are not even tried, told from what their source says of them."""

import re
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from urllib.parse import unquote, urlsplit

from negbuild.addresses import host_of
from negbuild.errors import UsageError
from negbuild.model import Candidate, Role, Search, Skip, SkipReason
from negbuild.picture import DEFAULT_LIMITS, Limits

LICENSES = ("cc0", "pdm", "by", "by-sa", "by-nc", "by-nd", "by-nc-sa", "by-nc-nd")
"""Creative Commons' licences and marks, by the short names that they share in all versions."""

GROUPS = ("commercial", "derivatives")
"""What a licence may have to allow: commercial use, changed copies."""

# No Creative Commons licences, but whoever states them allows both.
_FREE = {"unsplash license", "public domain", "no known copyright restrictions", "united states government work"}
# As SPDX writes them or people do: CC-BY-2.0-DE, cc by-sa 4.0 International, CC0 1.0. What a country made of a
# licence counts as that licence.
_SPDX = re.compile(
    r"(?:cc-?|creative-commons-)?(?P<name>(?:cc)?0|zero|pdm|public-domain-mark|by(?:-nc)?(?:-sa|-nd)?)"
    r"(?:-v?(?P<version>\d\.\d)(?:-(?:[a-z]{2}|igo|scotland|int|international|unported|universal|generic))?)?"
)
_USUAL_NAMES = {"0": "cc0", "zero": "cc0", "public-domain-mark": "pdm"}
_SITE = re.compile(r"(?:[^\W_]|-)+(?:\.(?:[^\W_]|-)+)+")
_PLACE = re.compile(r"(?:https?://|\*\.|\.)?(?P<host>[^\s/?#@*]+?)\.?/?", re.IGNORECASE)
# Written without spaces: Thai, Lao, Tibetan, Burmese, Khmer, kana and Chinese characters.
_UNSPACED = re.compile(
    "[\u0e00-\u0fff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u31f0-\u31ff\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff"
    "\U00020000-\U0003ffff]"
)


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
            if _is_left_out(candidate, excluded):
                return Skip(SkipReason.EXCLUDED, excluded.removeprefix("//"))
        licenses, least = self.search.licenses, self.limits.min_side
        if licenses and not allows(candidate.license, licenses):
            return Skip(SkipReason.LICENSE, candidate.license)
        if candidate.width and candidate.height and min(candidate.width, candidate.height) < least:
            return Skip(SkipReason.TOO_SMALL, f"{candidate.width} x {candidate.height}, its source states", least)
        return None


def parse_licenses(text: str) -> tuple[str, ...]:
    """Read a list such as `cc0,by,CC BY-SA 4.0` or `commercial,derivatives` into short names; raises UsageError."""
    wanted = []
    known = f"choose from {', '.join((*LICENSES, *GROUPS))}, or an SPDX identifier of one of them"
    for one in (part.strip().lower() for part in text.split(",") if part.strip()):
        name, version = _named(one)
        if one not in GROUPS and not name:
            raise UsageError(f"licence {one}: not known; {known}")
        wanted.append(one if one in GROUPS else f"{name}-{version}" if version else name)
    if text and not wanted:
        raise UsageError(f"--license {text}: names no licence; {known}")
    return tuple(wanted)


def _named(license_: str) -> tuple[str, str]:
    """Short name and version of a licence of Creative Commons; '' for what is not told."""
    spdx = _SPDX.fullmatch("-".join(re.findall(r"[^\s_-]+", license_.lower())))
    if not spdx:
        return "", ""
    return _USUAL_NAMES.get(spdx["name"], spdx["name"]), spdx["version"] or ""


def parse_excluded(texts: Sequence[str]) -> tuple[str, ...]:
    """Bring excluded words and sites into the form that they are compared in; raises UsageError.

    What can only be a site begins with `//`; a name with dots in it is a site, or those words of a title.
    """
    return tuple(_excluded(text.strip()) for text in texts)


def _excluded(text: str) -> str:
    folded, words = _folded(text), _words(text).strip()
    if not words:
        raise UsageError(f"--exclude {text}: holds no word; give a word, or a site such as example.org")
    if _SITE.fullmatch(folded):
        return folded
    place = _PLACE.fullmatch(folded)
    given = place["host"] if place else ""
    host = _host(f"http://{given}") if given else ""
    named = folded.startswith(("http:", "https:", "*.", "."))
    if host and (named or (":" in given and "." in given) or _SITE.fullmatch(given)):
        return f"//{host}"
    if named or "://" in folded:
        raise UsageError(f"--exclude {text}: is no site; give its name alone, such as example.org")
    return words


def allows(license_: str, wanted: Sequence[str]) -> bool:
    """Whether a licence is one of those wanted, and belongs to every group wanted."""
    named, groups = [one for one in wanted if one not in GROUPS], [one for one in wanted if one in GROUPS]
    name, version = _named(license_)
    granted = license_.lower() in _FREE or name in LICENSES
    refused = {"commercial": "-nc", "derivatives": "-nd"}
    if not all(granted and refused[group] not in name for group in groups):
        return False
    return not named or (name != "" and any(_named(one) in {(name, ""), (name, version)} for one in named))


def forbids_changes(license_: str) -> bool:
    """Whether a licence says that no changed copies may be passed on; one that nobody stated says nothing."""
    return bool(re.search(r"\bnd\b|no[- ]?deriv", license_.lower()))


def _is_left_out(candidate: Candidate, excluded: str) -> bool:
    if excluded.startswith("//"):
        return _names_site(candidate, excluded[2:])
    if _SITE.fullmatch(excluded):
        return _names_site(candidate, excluded) or _say(candidate.title, _words(excluded).strip())
    return _says(candidate, excluded)


def _names_site(candidate: Candidate, site: str) -> bool:
    hosts = (_host(url) for url in (candidate.url, candidate.page) if "//" in url)
    if not re.search(r":\d+$", site):
        hosts = (re.sub(r":\d+$", "", host) for host in hosts)
    return any(host == site or host.endswith(f".{site}") for host in hosts)


@lru_cache(maxsize=4096)
def _host(url: str) -> str:
    """Host of an address, and its port unless that is the scheme's own, as it is shown to people (RFC 5890)."""
    host = host_of(url)
    try:
        return _folded(host.encode().decode("idna")) if "xn--" in host else _folded(host)
    except ValueError:
        return host


def _says(candidate: Candidate, words: str) -> bool:
    paths = (_path(url) for url in (candidate.url, candidate.page) if "//" in url)
    return _say(" ".join([candidate.title, *paths]), words)


def _path(url: str) -> str:
    try:
        return unquote(urlsplit(url).path)
    except ValueError:  # it will be skipped for that
        return ""


def _say(text: str, words: str) -> bool:
    text = _words(text)
    return (_UNSPACED.search(words) is not None and words in text) or any(
        f" {words}{ending} " in text for ending in ("", "s", "es")
    )


def _words(text: str) -> str:
    """Return the words as they are compared, one space around each."""
    text = _folded(text)
    if text.isascii():
        return " ".join(["", *re.findall(r"[^\W_]+", text), ""])
    # Vowel signs and tone marks are no letters to `re`, and part of the word.
    kept = (one if one.isalnum() or unicodedata.category(one).startswith("M") else " " for one in text)
    return " ".join(["", *"".join(kept).split(), ""])


def _folded(text: str) -> str:
    """Write a text so that spellings of the same are equal: case, composed accents, wide letters (Unicode, D146)."""
    if text.isascii():
        return text.lower()
    return unicodedata.normalize("NFKC", unicodedata.normalize("NFKC", text).casefold())
