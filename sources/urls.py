"""Your own list of addresses: a text file with one a line; blank lines and those that begin with # are passed over."""

from collections.abc import Iterator

from negbuild.errors import UsageError
from negbuild.model import Candidate, Search
from negbuild.source import Source, Takes, Web


def search(search: Search, web: Web) -> Iterator[Candidate]:  # noqa: ARG001  the list is a file
    """Read the list line by line, however long it is."""
    assert search.path is not None
    try:
        with search.path.open(encoding="utf-8", errors="replace") as lines:
            for line in lines:
                if (url := line.strip()) and not url.startswith("#"):
                    yield Candidate(source="urls", source_id=url, url=url)
    except OSError as error:
        raise UsageError(f"{search.path}: cannot be read ({error.strerror})") from error


SOURCE = Source(name="urls", summary=__doc__, search=search, takes=Takes.LIST, example="list.txt")
