"""The words of negbuild as frozen values: what travels between its modules."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from pathlib import Path

from negbuild.names import whole_characters
from negbuild.ruling import Verdict

UNKNOWN_LICENSE = "unknown"
"""A licence that nobody stated; everything else is an SPDX identifier or the source's own name for its terms."""

Progress = Callable[[int, int | None], None]
"""Told (done, total) as a stage goes on; total is None where nobody knows it."""


def no_progress(_done: int, _total: int | None) -> None:
    """Ignore progress."""


class Role(StrEnum):
    """What a category is to the classifier."""

    KNOWN = "known"
    UNKNOWN = "unknown"
    UNSEEN = "unseen"

    @property
    def negative(self) -> bool:
        """Whether pictures of this role belong to the negative class."""
        return self is not Role.KNOWN


class SkipReason(StrEnum):
    """Why a candidate is not held."""

    DUPLICATE = "duplicate"
    NOT_AN_IMAGE = "not an image"
    TRUNCATED = "truncated"
    DAMAGED = "damaged"
    ANIMATED = "animated"
    TOO_MANY_BYTES = "over the byte cap"
    TOO_MANY_PIXELS = "over the pixel cap"
    TOO_SMALL = "under the minimum side"
    FLAT = "flat"
    UNREADABLE = "unreadable"
    EXCLUDED = "excluded"
    LICENSE = "another licence"
    BAD_URL = "not an http address"
    CREDENTIALS = "a password in the address"
    PRIVATE_ADDRESS = "private address"
    TOO_MANY_REDIRECTS = "too many redirects"
    ROBOTS = "robots.txt"
    NOAI = "noai"
    NOIMAGEAI = "noimageai"
    NOINDEX = "noindex"
    NOIMAGEINDEX = "noimageindex"
    NOML = "noml"
    GONE = "gone"
    REFUSED = "refused"
    HTTP_ERROR = "http error"
    MALFORMED = "malformed answer"
    BAD_CERTIFICATE = "bad certificate"
    NO_SUCH_HOST = "no such host"
    UNREACHABLE = "unreachable"
    ROBOTS_UNREACHABLE = "robots.txt unreachable"
    HOST_DOWN = "host down"
    THROTTLED = "throttled"
    TIMEOUT = "timeout"
    TOO_SLOW = "too slow"

    @property
    def transient(self) -> bool:
        """Whether the candidate only failed for now, so that a later run tries it again."""
        return self in _FOR_NOW

    @property
    def opt_out(self) -> bool:
        """Whether the host asks that the picture be left alone."""
        return self in _OPT_OUTS


_FOR_NOW = {
    SkipReason.UNREADABLE,
    SkipReason.NO_SUCH_HOST,
    SkipReason.UNREACHABLE,
    SkipReason.ROBOTS_UNREACHABLE,
    SkipReason.HOST_DOWN,
    SkipReason.THROTTLED,
    SkipReason.TIMEOUT,
    SkipReason.TOO_SLOW,
}
_OPT_OUTS = {
    SkipReason.ROBOTS,
    SkipReason.NOAI,
    SkipReason.NOIMAGEAI,
    SkipReason.NOINDEX,
    SkipReason.NOIMAGEINDEX,
    SkipReason.NOML,
}


@dataclass(frozen=True, slots=True)
class Search:
    """What a source is asked for.

    `text` is the query of sources that take one, `path` the place of local ones, `limit` how many candidates are wanted
    (None: all), `base_url` the address of the service, without a slash at its end. `licenses` are what `order.LICENSES`
    names; `safe` leaves out what the service marks as not for everybody. A source asks its service for as much of both
    as that understands; what comes is looked at again. `options` are those of the source's own that a person set, by
    name. `links` wants of a local place what lies behind links to folders, too.
    """

    text: str = ""
    path: Path | None = None
    limit: int | None = None
    seed: int = 0
    base_url: str = ""
    licenses: tuple[str, ...] = ()
    safe: bool = True
    options: Mapping[str, str] = field(default_factory=dict)
    links: bool = False


@dataclass(frozen=True, slots=True)
class Candidate:
    """What a source says exists: an address with page, title, author and licence; not fetched yet.

    `source_id` names the picture within its source for ever; `category` is the source's own grouping, if it has one.
    Sizes are in pixels, before any rotation; halves of characters are replaced (`names.whole_characters`).
    """

    source: str
    source_id: str
    url: str
    page: str = ""
    title: str = ""
    author: str = ""
    author_url: str = ""
    license: str = UNKNOWN_LICENSE
    license_url: str = ""
    width: int | None = None
    height: int | None = None
    category: str = ""

    def __post_init__(self) -> None:
        for name in self.__slots__:
            value = getattr(self, name)
            if isinstance(value, str) and not value.isascii():
                object.__setattr__(self, name, whole_characters(value))


@dataclass(frozen=True, slots=True)
class Skip:
    """Why a candidate is not held: the reason, what exactly was seen, and the limit that refused it, if one did.

    `retry_at` is the Unix time before which it is no use to try again, where the host or its failures say one.
    """

    reason: SkipReason
    detail: str = ""
    limit: int | None = None
    retry_at: int | None = None


@dataclass(frozen=True, slots=True)
class Image:
    """Bytes that negbuild holds: checked, and stored once under their SHA-256 (hex).

    `format` is Pillow's name of the sniffed format; width and height are in pixels, upright.
    """

    sha256: str
    format: str
    width: int
    height: int
    size: int


@dataclass(frozen=True, slots=True)
class Fingerprint:
    """The perceptual descriptor of an image: 192 bits in each of 8 orientations, and how much there is to compare.

    `codes` holds 192 bytes: for each of `fingerprint.ORIENTATIONS` pHash, dHash and vertical dHash, 8 bytes each, most
    significant first. `texture` is the mean step between neighbouring pixels, in grey levels.
    """

    codes: bytes
    texture: float


@dataclass(frozen=True, slots=True)
class Pair:
    """Two images that look alike: the one held first, the later one, and how far apart they are.

    `distance` counts differing bits of 192 in the best of the 8 orientations; `orientation` is its index in
    `fingerprint.ORIENTATIONS`, applied to the later image; `twins` says that the two are copies of each other. `reason`
    says what told that, and is empty as long as only fingerprints did; `alignment` is where a place of the older image
    lies in the later one, both in fractions of their sides: 2 x 3 numbers of an affine map, as JSON.
    """

    older: str
    newer: str
    distance: int
    orientation: int
    twins: bool
    reason: str = ""
    alignment: str = ""


@dataclass(frozen=True, slots=True)
class Held:
    """An image as the catalog knows it: with its category, the role of that, and where it first came from.

    One that a person moved has the category it was moved to.
    """

    image: Image
    category: str
    role: Role
    origin: Candidate
    query: str
    verdict: Verdict = Verdict.UNDECIDED


@dataclass(frozen=True, slots=True)
class Drop:
    """A copy that is not used, the twin that is kept instead, and how far apart they are."""

    sha256: str
    keeper: str
    distance: int


@dataclass(frozen=True, slots=True)
class Validators:
    """What a host said of a file's version (RFC 9110, 8.8): handed back, it tells whether the file changed."""

    etag: str = ""
    last_modified: str = ""


NO_VALIDATORS = Validators()

PackedSketch = tuple[bytes, float, int]
"""A sketch (see `looks.Sketch`) as plain values: its square row by row, its aspect ratio, its blocks with detail."""


@dataclass(frozen=True, slots=True)
class Settled:
    """A candidate that was tried: a skip, or the image it brought with its fingerprint, and its sketch if there is one.

    `sha256` of a duplicate names the image held already.
    """

    candidate: Candidate
    query: str
    outcome: Image | Skip
    sha256: str | None = None
    fingerprint: Fingerprint | None = None
    validators: Validators = NO_VALIDATORS
    sketch: PackedSketch | None = None


@dataclass(frozen=True, slots=True)
class Earlier:
    """What came of a candidate, or of its address, before: its skip, its image, and what its host said.

    `here` says that this very candidate was tried for this very category.
    """

    here: bool
    skip: Skip | None
    sha256: str | None
    validators: Validators


@dataclass(frozen=True, slots=True)
class Count:
    """How many candidates of one category, source and outcome there are; `reason` is None for images."""

    category: str
    role: Role
    source: str
    reason: SkipReason | None
    number: int


class Split(StrEnum):
    """Part of a dataset, in the order of strictness: what has been held out once never goes back to training."""

    TRAIN = "train"
    VALID = "valid"
    TEST = "test"
    UNSEEN = "unseen"


NEGATIVE_CLASS = "0_na"
"""The one class of all negatives; sorts before every letter, so that its index is 0 in every loader."""
