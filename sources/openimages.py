"""Open Images: photographs that people checked NOT to show a class; no key, no search, lists of 44 MB to 5 GB read."""

import csv
import gzip
import io
import zlib
from collections.abc import Iterator
from difflib import get_close_matches
from itertools import chain
from operator import itemgetter
from pathlib import Path

from negbuild.errors import FormChanged, NothingFound, SourceError, UsageError
from negbuild.model import Candidate, Search
from negbuild.source import Gives, Option, Source, Takes, Web, license_at

_CLASS_LIST = "v7/oidv7-class-descriptions.csv"
_LISTS = {
    ("classes", "validation"): _CLASS_LIST,
    ("classes", "test"): _CLASS_LIST,
    ("classes", "train"): _CLASS_LIST,
    ("labels", "validation"): "v7/oidv7-val-annotations-human-imagelabels.csv",
    ("labels", "test"): "v7/oidv7-test-annotations-human-imagelabels.csv",
    ("labels", "train"): "v7/oidv7-train-annotations-human-imagelabels.csv",
    ("images", "validation"): "2018_04/validation/validation-images-with-rotation.csv",
    ("images", "test"): "2018_04/test/test-images-with-rotation.csv",
    ("images", "train"): "v6/oidv6-train-images-with-labels-with-rotation.csv",
}
_CLASSES = ("LabelName", "DisplayName")
_LABELS = ("ImageID", "Source", "LabelName", "Confidence")
_IMAGES = (
    *("ImageID", "OriginalURL", "Thumbnail300KURL", "OriginalLandingURL"),
    *("License", "Author", "AuthorProfileURL", "Title"),
)
_PEOPLE = {"verification", "crowdsource-verification"}
_COPIES = "open-images-dataset.s3.amazonaws.com"  # of all pictures, at most 1,024 pixels wide and high
_GZIP = b"\x1f\x8b"


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Read the three lists one after the other, and name each picture that somebody found not to show the class."""
    mid, name = _class(search, web)
    wanted = _negatives(search, web, mid)
    named = False
    for row in _rows(_place(search, "images"), web, _IMAGES):
        if row[0] in wanted:
            wanted.remove(row[0])
            named = True
            yield _candidate(row, search)
        if not wanted:
            break
    if not named:
        raise NothingFound(
            f"openimages: none of the {len(wanted)} pictures checked for {name} is in {_place(search, 'images')}; "
            "look whether --option labels and images belong together"
        )


def _class(search: Search, web: Web) -> tuple[str, str]:
    """Find the class that was asked for, by its identifier or its name; gives both."""
    wanted, found = search.text.strip(), {}
    names: dict[str, str] = {}
    for mid, name in _rows(_place(search, "classes"), web, _CLASSES):
        if wanted == mid:
            return mid, name
        names[name.casefold()] = name
        if wanted.casefold() == name.casefold():
            found[mid] = name
    exact = {mid: name for mid, name in found.items() if name == wanted} or found
    if len(exact) == 1:
        return exact.popitem()
    if exact:
        raise UsageError(f"openimages: {len(exact)} classes are called {wanted}; ask for one of {', '.join(exact)}")
    close = " or ".join(f'--query "{names[one]}"' for one in get_close_matches(wanted.casefold(), names, cutoff=0.7))
    listed = f"its classes are listed in {_place(search, 'classes')}"
    raise UsageError(f"openimages: has no class {wanted}; {f'run again with {close}' if close else listed}")


def _negatives(search: Search, web: Web, mid: str) -> set[str]:
    """Pictures that people found not to show the class, without those that others found to show it."""
    absent, present = set(), set()
    for image, by, label, confidence in _rows(_place(search, "labels"), web, _LABELS, containing=mid):
        if label != mid:
            continue
        if confidence.strip("0.") or not confidence:
            present.add(image)
        elif by in _PEOPLE:
            absent.add(image)
    if not absent - present:
        raise NothingFound(
            f"openimages: no {_subset(search)} picture was checked not to show {search.text.strip()}; "
            "try another --option subset=, or another --query"
        )
    return absent - present


def _candidate(row: tuple[str, ...], search: Search) -> Candidate:
    image, original, thumbnail, page, license_url, author, author_url, title = row
    bucket = search.options.get("pictures", f"https://{_COPIES}").rstrip("/")
    copy = f"{bucket}/{_subset(search)}/{image}.jpg"
    url = {"copy": copy, "thumbnail": thumbnail or original, "original": original}[search.options.get("size", "copy")]
    return Candidate(
        source="openimages",
        source_id=image,
        url=url or copy,
        page=page or original or copy,
        title=title,
        author=author,
        author_url=author_url,
        license=license_at(license_url)[0],
        license_url=license_url,
    )


def _subset(search: Search) -> str:
    return search.options.get("subset", "validation")


def _place(search: Search, which: str) -> str:
    return search.options.get(which) or f"{search.base_url}/{_LISTS[which, _subset(search)]}"


def _rows(place: str, web: Web, columns: tuple[str, ...], containing: str = "") -> Iterator[tuple[str, ...]]:
    """Named columns of a list, row by row; of lines that do not contain a text nothing more is looked at."""
    lines = _lines(place, web)
    first = next(lines, "")
    header = next(csv.reader([first]), [])
    if header and header[0].startswith("/m/"):  # a list of classes of before 2020
        header, lines = list(columns), chain([first], lines)
    if missing := [column for column in columns if column not in header]:
        raise FormChanged(f"openimages: {place} is another list than expected (no column {missing[0]}); {_LOOK}")
    picked = itemgetter(*map(header.index, columns))
    try:
        for row in csv.reader(f"{line}\n" for line in lines if containing in line):
            if len(row) >= len(header):
                yield picked(row)
            elif row:
                raise FormChanged(f"openimages: {place} is damaged (a row begins {','.join(row)[:60]}); {_LOOK}")
    except csv.Error as error:
        raise FormChanged(f"openimages: {place} is damaged ({error}); {_LOOK}") from error


_LOOK = "look at --option classes, labels and images if you set them, else upgrade negbuild"


def _lines(place: str, web: Web) -> Iterator[str]:
    """Lines of a file, or of what an address leads to."""
    if place.startswith(("https://", "http://")):
        try:
            yield from web.lines(place)
        except SourceError as error:
            error.args = (f"openimages: {error}",)
            raise
        return
    try:
        with Path(place).expanduser().open("rb") as file:
            plain = gzip.GzipFile(fileobj=file) if file.peek(2).startswith(_GZIP) else file
            text = io.TextIOWrapper(plain, encoding="utf-8-sig", errors="replace", newline="\n")
            for line in text:
                yield line.rstrip("\r\n")
    except (OSError, EOFError, zlib.error) as error:
        raise UsageError(f"openimages: {place} cannot be read ({getattr(error, 'strerror', '') or error})") from error


def probe(search: Search, web: Web) -> object:
    """Read the head of the shortest list."""
    return next(_rows(_place(search, "classes"), web, _CLASSES))


SOURCE = Source(
    name="openimages",
    summary=__doc__,
    search=search,
    takes=Takes.QUERY,
    example="Pizza",
    base_url="https://storage.googleapis.com/openimages",
    probe=probe,
    documented=(
        _COPIES,
        "live.staticflickr.com",
        *(f"farm{number}.staticflickr.com" for number in range(1, 10)),
        *(f"c{number}.staticflickr.com" for number in range(1, 9)),
    ),
    options=(
        Option("subset", "Part of Open Images; validation by default", ("validation", "test", "train")),
        Option("size", "What is fetched: the copy of 1,024 pixels, or from Flickr", ("copy", "thumbnail", "original")),
        Option("classes", "List of classes: a file or an address"),
        Option("labels", "List of what people found in the pictures: a file or an address"),
        Option("images", "List of pictures with their authors: a file or an address"),
        Option("pictures", "Where the copies lie, if you keep a mirror"),
    ),
    gives=(Gives.NEAR, Gives.FAR),
    bounds="reads 44 MB of lists first (train: 5.4 GB)",
    terms="listed as CC BY 2.0, which nobody warrants",
)
