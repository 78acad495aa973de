"""The photographs that lie in a wheel."""

from collections.abc import Callable
from typing import Any

from negbuild.model import Search
from negbuild.source import Answer, Web, find_source

Scripted = Callable[[Answer], Any]


def test_samples_never_overlap_and_plant_copies_beside_their_originals(deaf: Web) -> None:
    source = find_source("samples")
    found = list(source.search(Search(), deaf))
    crops = [one.source_id.split("/") for one in found if one.source_id.endswith("/crop")]
    corners = {(name, int(x) // 96, int(y) // 96) for name, x, y, _ in crops if int(x) % 96 == int(y) % 96 == 0}
    assert len(corners) == len(crops) > 300
    copies = [one for one in found if one.source_id.endswith("/copy")]
    assert len(copies) > 30
    assert {one.source_id[:-4] + "crop" for one in copies} <= {one.source_id for one in found}
    assert len({one.category for one in found}) == 14
    assert len({one.page for one in found}) == len(found)  # each crop is an origin of its own
