"""A list of addresses, as a person writes one."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from negbuild.errors import UsageError
from negbuild.manners import Manners
from negbuild.model import Search
from negbuild.source import find_source
from negbuild.web import Web


def named(path: Path) -> list[str]:
    return [one.url for one in find_source("urls").search(Search(path=path), Web(Manners()))]


def test_blank_lines_and_comments_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("# my list\n\n  http://a.example/1.jpg \r\nhttp://b.example/2.jpg?x=1#top")
    assert named(file) == ["http://a.example/1.jpg", "http://b.example/2.jpg?x=1#top"]


def test_a_list_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="cannot be read"):
        named(tmp_path)


def test_a_list_is_asked_for(negbuild: Callable[..., Any]) -> None:
    done = negbuild("crawl", "--source", "urls")
    assert (done.code, done.err) == (
        2,
        "negbuild: source urls: needs a list; run: negbuild crawl --source urls --path list.txt\n",
    )
