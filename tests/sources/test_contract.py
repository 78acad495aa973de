"""One contract over all sources, offline: what every adapter promises, and what it makes of a recorded answer."""

import importlib.util
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from negbuild.errors import SourceError, UsageError
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.source import Answer, Source, Takes, Web, find_source, source_names

HERE = Path(__file__).parent
ADAPTERS = HERE.parent.parent / "sources"
NETWORK = [
    name
    for name, source in ((name, find_source(name)) for name in source_names())
    if source.read is None and source.takes is not Takes.LIST
]
LOCAL = [name for name in source_names() if find_source(name).read]


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


class Deaf(Web, Protocol):
    asked: list[str]


Scripted = Callable[[Answer], Any]


def expected(name: str) -> Any:  # noqa: ANN401  a module
    spec = importlib.util.spec_from_file_location(f"expected_{name}", HERE / name / "expected.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def set_environment(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """Set what the source needs before it is ready, if anything: a key."""
    if name in NETWORK:
        for variable, value in getattr(expected(name), "ENVIRONMENT", {}).items():
            monkeypatch.setenv(variable, value)


def check(candidate: Candidate, source: Source) -> None:
    assert candidate.source == source.name
    assert candidate.source_id
    assert candidate.url
    assert candidate.license
    if source.name in NETWORK:
        assert candidate.url.startswith(("https://", "http://"))
        assert candidate.page.startswith(("https://", "http://"))
        assert candidate.license == UNKNOWN_LICENSE or candidate.license_url


@pytest.mark.parametrize("name", source_names())
def test_a_source_is_what_its_file_says(name: str) -> None:
    source = find_source(name)
    text = (ADAPTERS / f"{name}.py").read_text(encoding="utf-8")
    assert source.name == name
    assert source.summary.strip()
    assert "\n" not in source.summary.strip()
    assert text.rstrip().splitlines()[-1].startswith((")", "SOURCE = "))
    assert (source.takes is not Takes.QUERY) or source.example


@pytest.mark.parametrize("name", source_names())
def test_naming_candidates_asks_for_nothing_before_the_first_is_taken(
    name: str, deaf: Deaf, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = find_source(name)
    set_environment(name, monkeypatch)
    candidates = source.search(Search(text=source.example, path=HERE, base_url="http://example.invalid"), deaf)
    assert deaf.asked == []
    if name in NETWORK:
        with pytest.raises(SourceError, match="nobody answers"):
            next(candidates)
        assert len(deaf.asked) == 1  # and the first one costs one question


@pytest.mark.parametrize("name", NETWORK)
def test_answers_become_the_expected_candidates(
    name: str, server: Server, reply: Callable[..., Any], monkeypatch: pytest.MonkeyPatch
) -> None:
    from negbuild.manners import Manners
    from negbuild.web import Web

    source, pair = find_source(name), expected(name)
    set_environment(name, monkeypatch)
    for path, file in pair.ROUTES.items():
        server.routes[path] = reply((HERE / name / file).read_bytes())
    found = list(source.search(replace(pair.SEARCH, base_url=server.url), Web(Manners())))
    assert found == [replace(one, url=one.url.replace("{base}", server.url)) for one in pair.CANDIDATES]
    for candidate in found:
        check(candidate, source)
    assert server.asked == dict.fromkeys(pair.ROUTES, 1)


@pytest.mark.parametrize("name", NETWORK)
@pytest.mark.parametrize(
    "answer", [Answer(500, "oops"), Answer(200, "<html>"), Answer(403, "{}"), Answer(200, '{"a": 1}'), Answer(200, "7")]
)
def test_an_answer_of_another_form_is_a_named_error(
    name: str, answer: Answer, scripted: Scripted, monkeypatch: pytest.MonkeyPatch
) -> None:
    source = find_source(name)
    set_environment(name, monkeypatch)
    with pytest.raises(SourceError, match=f"^{name}: "):
        list(source.search(Search(text="x", base_url="http://example.invalid"), scripted(answer)))


@pytest.mark.parametrize("name", LOCAL)
def test_a_local_source_gives_the_bytes_it_names_in_the_same_order_every_time(
    name: str, photo: Callable[..., bytes], tmp_path: Path, deaf: Deaf
) -> None:
    import av
    import numpy as np
    from PIL import Image

    from negbuild.picture import Inspection, inspect

    with av.open(str(tmp_path / "film.mp4"), "w") as film:
        stream = film.add_stream("mpeg4", rate=1)
        stream.width, stream.height = 160, 120
        for number in range(3):
            (tmp_path / f"{number}.jpg").write_bytes(photo(number))
            with Image.open(tmp_path / f"{number}.jpg") as drawn:
                film.mux(stream.encode(av.VideoFrame.from_ndarray(np.asarray(drawn))))
        film.mux(stream.encode())
    source = find_source(name)
    search = Search(path=tmp_path) if source.takes is Takes.PATH else Search(text=source.example, limit=2)
    found = list(source.search(search, deaf))
    assert found == list(source.search(search, deaf))
    assert len({candidate.source_id for candidate in found}) == len(found) > 1
    assert source.read is not None
    for candidate in found:
        check(candidate, source)
        assert isinstance(inspect(source.read(candidate, 1 << 25)), Inspection)


def test_every_source_has_recorded_answers_or_is_local() -> None:
    for name in NETWORK:
        assert all((HERE / name / file).is_file() for file in expected(name).ROUTES.values())


def test_an_unknown_source_is_told_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"^source flickrr: unknown; there are .*openverse"):
        find_source("flickrr")


def test_another_package_adds_a_source(
    negbuild: Callable[..., Any], photo: Callable[..., bytes], tmp_path: Path
) -> None:
    site = tmp_path / "site"
    (site / "extra-1.0.dist-info").mkdir(parents=True)
    (site / "extra-1.0.dist-info" / "METADATA").write_text("Metadata-Version: 2.1\nName: extra\nVersion: 1.0\n")
    (site / "extra-1.0.dist-info" / "entry_points.txt").write_text("[negbuild.sources]\nattic = attic:SOURCE\n")
    (site / "one.jpg").write_bytes(photo(1))
    (site / "attic.py").write_text(
        '"""What lay in the attic."""\n'
        "from pathlib import Path\n"
        "from negbuild import Candidate, Source, Takes\n"
        "def search(search, web):\n"
        "    yield Candidate('attic', '1', 'attic:1')\n"
        "def read(candidate, max_bytes):\n"
        "    return Path(__file__).with_name('one.jpg').read_bytes()\n"
        "SOURCE = Source('attic', __doc__, search, Takes.NOTHING, read=read)\n"
    )
    env = {"PYTHONPATH": str(site)}
    listed = negbuild("sources", "--json", env=env).json
    (attic,) = (one for one in listed if one["name"] == "attic")
    assert (attic["takes"], attic["missing"], attic["summary"]) == ("nothing", "", "What lay in the attic.")
    assert negbuild("crawl", "--source", "attic", "-n", 1, "--json", env=env).json["unique"] == 1
    assert negbuild("crawl", "--source", "attic", "-n", 1).code == 2
