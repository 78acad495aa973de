"""Openverse as it answers callers without a key."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from negbuild.errors import SourceError
from negbuild.model import Search
from negbuild.source import Answer, find_source

Scripted = Callable[[Answer], Any]


def test_openverse_asks_what_it_may_without_a_key(scripted: Scripted) -> None:
    web = scripted(Answer(200, json.dumps({"page_count": 99, "results": [{"id": "1", "url": "http://a.example/"}]})))
    found = list(find_source("openverse").search(Search(text="q" * 500, base_url="http://example.invalid"), web))
    assert len(found) == 12  # 12 pages of 20 are 240 results, and no more are shown
    assert web.asked[-1][1] == {"q": "q" * 200, "page": 12, "page_size": 20, "mature": "false", "filter_dead": "true"}


RECORDED = {
    "doc_search_200.json": ("4bc43a04-ef46-4544-a0c1-63c63f56e276", "CC0-1.0", "Tim Sullivan"),
    "search_page3_first_result.json": ("046ef304-98ad-4ca7-864b-6a4a09320e8d", "CC-BY-2.0", "Acabashi"),
}


@pytest.mark.parametrize("file", RECORDED)
def test_recorded_answers_of_openverse_become_candidates(fixtures: Path, file: str, scripted: Scripted) -> None:
    web = scripted(Answer(200, (fixtures / "openverse" / file).read_text(encoding="utf-8")))
    source = find_source("openverse")
    found = next(source.search(Search(text="x", base_url="http://example.invalid"), web))
    assert (found.source_id, found.license, found.author) == RECORDED[file]


def test_the_whole_recorded_page_of_the_predecessor_reads_too(fixtures: Path, scripted: Scripted) -> None:
    text = (fixtures / "openverse" / "cc_search_2019.json").read_text(encoding="utf-8")
    source = find_source("openverse")
    results = len(json.loads(text)["results"])
    candidates = source.search(Search(text="x", base_url="http://example.invalid"), scripted(Answer(200, text)))
    found = [next(candidates) for _ in range(results)]
    assert all(one.page.startswith("https://www.flickr.com/") for one in found)
    assert {one.license for one in found} <= {"CC-BY-2.0", "CC-BY-SA-2.0", "CC-BY-NC-2.0", "CC-BY-NC-ND-2.0"}


def test_no_results_are_no_error(fixtures: Path, scripted: Scripted) -> None:
    web = scripted(Answer(200, (fixtures / "openverse" / "search_no_results.json").read_text(encoding="utf-8")))
    assert list(find_source("openverse").search(Search(text="x", base_url="http://example.invalid"), web)) == []


@pytest.mark.parametrize(
    ("file", "status", "message"),
    [
        ("error_429.json", 429, "the allowance without a key is used up .Request was throttled"),
        ("doc_error_400.json", 400, "answered 400 .Invalid input given for fields"),
        ("doc_error_404.json", 404, "answered 404 .Not found"),
    ],
)
def test_recorded_errors_of_openverse_are_named(
    fixtures: Path, file: str, status: int, message: str, scripted: Scripted
) -> None:
    web = scripted(Answer(status, (fixtures / "openverse" / file).read_text(encoding="utf-8")))
    with pytest.raises(SourceError, match=f"^openverse: {message}"):
        next(find_source("openverse").search(Search(text="x", base_url="http://example.invalid"), web))
