"""Picsum, whose whole list is drawn from by seed."""

import json
from collections.abc import Callable
from typing import Any

from negbuild.model import Search
from negbuild.source import Answer, find_source

Scripted = Callable[[Answer], Any]


def test_picsum_draws_by_seed_without_replacement(scripted: Scripted) -> None:
    listed = json.dumps([{"id": str(n), "width": 10, "height": 10, "author": "", "url": ""} for n in range(50)])
    source = find_source("picsum")

    def ids(seed: int) -> list[str]:
        search = Search(seed=seed, base_url="http://example.invalid")
        return [one.source_id for one in source.search(search, scripted(Answer(200, listed)))]

    assert ids(1) == ids(1) != ids(2)
    assert sorted(ids(1), key=int) == [str(number) for number in range(50)]
