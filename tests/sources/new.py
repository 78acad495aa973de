"""Write the files of a new source, `make source NAME=museum`: an adapter, an answer, and what should become of it.

The contract test holds as soon as they are filled in; until then it fails, and says where.
"""

import re
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent

ADAPTER = '''\
"""Pictures of NAME by search; no key."""

from collections.abc import Iterator
from typing import Any

from negbuild.model import Candidate, Search
from negbuild.source import Gives, Source, Takes, Web, creative_commons, read_json, refusal

_PAGE_SIZE = 50  # fill in: what the service gives at once


def search(search: Search, web: Web) -> Iterator[Candidate]:
    """Page through the results of one query, most relevant first."""
    page = 1
    while True:
        # fill in: the path and the parameters of the search
        answer = web.get(f"{search.base_url}/search", {"q": search.text, "page": page, "per_page": _PAGE_SIZE})
        body = read_json("NAME", answer)
        if not isinstance(body, dict) or not isinstance(body.get("results"), list):
            raise refusal("NAME", answer.status)
        yield from (_candidate(record) for record in body["results"] if record.get("url"))
        if len(body["results"]) < _PAGE_SIZE:
            return
        page += 1


def _candidate(record: dict[str, Any]) -> Candidate:
    # fill in: the names of the fields
    def text(key: str) -> str:
        return str(record.get(key) or "")

    license_, license_url = creative_commons(text("license"), "4.0")
    return Candidate(
        source="NAME",
        source_id=text("id"),
        url=text("url"),
        page=text("page"),
        title=text("title"),
        author=text("author"),
        license=license_,
        license_url=license_url,
    )


SOURCE = Source(
    name="NAME",
    summary=__doc__,
    search=search,
    takes=Takes.QUERY,
    example="flower",
    base_url="https://api.NAME.example",  # fill in
    gives=(Gives.NEAR, Gives.FAR),
    bounds="",  # fill in: how many there are to be had, and how fast
)
'''

ANSWER = """\
{"results": [{"id": 1, "url": "https://img.NAME.example/1.jpg", "page": "https://NAME.example/1", "title": "One",
  "author": "A. Maker", "license": "by"}]}
"""

EXPECTED = '''\
"""What the adapter makes of answer.json."""

from negbuild.model import Candidate, Search

ROUTES = {"/search": "answer.json"}
SEARCH = Search(text="flower", limit=10)
CANDIDATES: list[Candidate] = []  # fill in, beginning with Candidate(source="NAME", source_id="1", ...)
'''

TEST = '''\
"""NAME, beyond the contract that tests/sources/test_contract.py holds it to."""

from collections.abc import Callable
from typing import Any

import pytest

from negbuild.errors import QuotaExhausted
from negbuild.model import Search
from negbuild.source import Answer, find_source

Scripted = Callable[[Answer], Any]


def test_a_used_up_quota_is_named(scripted: Scripted) -> None:
    candidates = find_source("NAME").search(Search("flower", base_url="http://a.example"), scripted(Answer(429, "")))
    with pytest.raises(QuotaExhausted, match=r"^NAME: grants no more calls for now"):
        next(candidates)
'''


def main(name: str) -> int:
    """Write the files below the root of the checkout; return an exit code."""
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        print(f"source {name!r}: is no name; use small letters and digits: make source NAME=museum", file=sys.stderr)
        return 2
    files = {
        f"sources/{name}.py": ADAPTER,
        f"tests/sources/{name}/answer.json": ANSWER,
        f"tests/sources/{name}/expected.py": EXPECTED,
        f"tests/sources/test_{name}.py": TEST,
    }
    if present := [file for file in files if (ROOT / file).exists()]:
        print(f"source {name}: {present[0]} is there already; choose another NAME", file=sys.stderr)
        return 2
    for file, text in files.items():
        (ROOT / file).parent.mkdir(exist_ok=True)
        (ROOT / file).write_text(text.replace("NAME", name), encoding="utf-8")
        print(file)
    print(f"\nnext: fill in what says so, put a recorded answer in, and run: make test-source NAME={name}")
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:2] or [""]))
