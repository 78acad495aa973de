"""One contract over all sources, offline: what every adapter promises, and what it makes of a recorded answer."""

import importlib.util
import json
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Protocol

import pytest

from negbuild.errors import SourceError, UsageError
from negbuild.model import UNKNOWN_LICENSE, Answer, Candidate, Search
from negbuild.source import Source, Takes, find_source, source_names

HERE = Path(__file__).parent
ADAPTERS = HERE.parent.parent / "sources"
NETWORK = [name for name in source_names() if find_source(name).base_url]
LOCAL = [name for name in source_names() if find_source(name).read]


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


class Deaf:
    """A web that gives no answer, and remembers who asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def get(self, url: str, params: Mapping[str, str | int] | None = None) -> Answer:
        self.asked.append(f"{url} {params}")
        raise SourceError(f"{url}: nobody answers")


@dataclass
class Scripted:
    """A web that gives one answer to everything, and remembers the questions."""

    answer: Answer

    def get(self, url: str, params: Mapping[str, str | int] | None = None) -> Answer:
        assert url
        self.params = dict(params or {})
        return self.answer


def expected(name: str) -> Any:  # noqa: ANN401  a module
    spec = importlib.util.spec_from_file_location(f"expected_{name}", HERE / name / "expected.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def check(candidate: Candidate, source: Source) -> None:
    assert candidate.source == source.name
    assert candidate.source_id
    assert candidate.url
    assert candidate.license
    if source.base_url:
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
def test_naming_candidates_asks_for_nothing_before_the_first_is_taken(name: str) -> None:
    source, web = find_source(name), Deaf()
    candidates = source.search(Search(text=source.example, path=HERE, base_url="http://example.invalid"), web)
    assert web.asked == []
    if source.base_url:
        with pytest.raises(SourceError, match="nobody answers"):
            next(candidates)
        assert len(web.asked) == 1  # and the first one costs one question


@pytest.mark.parametrize("name", NETWORK)
def test_an_answer_becomes_the_expected_candidates(name: str, server: Server, reply: Callable[..., Any]) -> None:
    from negbuild.manners import Manners
    from negbuild.web import Web

    source, pair = find_source(name), expected(name)
    server.routes[pair.ROUTE] = reply((HERE / name / "answer.json").read_bytes())
    found = list(source.search(replace(pair.SEARCH, base_url=server.url), Web(Manners())))
    assert found == [replace(one, url=one.url.replace("{base}", server.url)) for one in pair.CANDIDATES]
    for candidate in found:
        check(candidate, source)
    assert server.asked[pair.ROUTE] == 1


@pytest.mark.parametrize("name", NETWORK)
@pytest.mark.parametrize(
    "answer", [Answer(500, "oops"), Answer(200, "<html>"), Answer(403, "{}"), Answer(200, '{"a": 1}'), Answer(200, "7")]
)
def test_an_answer_of_another_form_is_a_named_error(name: str, answer: Answer) -> None:
    source = find_source(name)
    with pytest.raises(SourceError, match=f"^{name}: "):
        list(source.search(Search(text="x", base_url="http://example.invalid"), Scripted(answer)))


@pytest.mark.parametrize("name", LOCAL)
def test_a_local_source_gives_the_bytes_it_names_in_the_same_order_every_time(
    name: str, photo: Callable[..., bytes], tmp_path: Path
) -> None:
    from negbuild.picture import Inspection, inspect

    for number in range(3):
        (tmp_path / f"{number}.jpg").write_bytes(photo(number))
    source = find_source(name)
    search = Search(path=tmp_path) if source.takes is Takes.PATH else Search(text=source.example)
    found = list(source.search(search, Deaf()))
    assert found == list(source.search(search, Deaf()))
    assert len({candidate.source_id for candidate in found}) == len(found) > 1
    assert source.read is not None
    for candidate in found:
        check(candidate, source)
        assert isinstance(inspect(source.read(candidate, 1 << 25)), Inspection)


def test_every_source_has_recorded_answers_or_is_local() -> None:
    for name in NETWORK:
        assert (HERE / name / "answer.json").is_file()
        assert (HERE / name / "expected.py").is_file()


def test_an_unknown_source_is_told_with_those_there_are() -> None:
    with pytest.raises(UsageError, match=r"^source flickrr: unknown; there are .*openverse"):
        find_source("flickrr")


def test_samples_never_overlap_and_plant_copies_beside_their_originals() -> None:
    source = find_source("samples")
    found = list(source.search(Search(), Deaf()))
    crops = [one.source_id.split("/") for one in found if one.source_id.endswith("/crop")]
    corners = {(name, int(x) // 96, int(y) // 96) for name, x, y, _ in crops if int(x) % 96 == int(y) % 96 == 0}
    assert len(corners) == len(crops) > 300
    copies = [one for one in found if one.source_id.endswith("/copy")]
    assert len(copies) > 30
    assert {one.source_id[:-4] + "crop" for one in copies} <= {one.source_id for one in found}
    assert len({one.category for one in found}) == 14
    assert len({one.page for one in found}) == len(found)  # each crop is an origin of its own


def test_picsum_draws_by_seed_without_replacement() -> None:
    listed = json.dumps([{"id": str(n), "width": 10, "height": 10, "author": "", "url": ""} for n in range(50)])
    source = find_source("picsum")

    def ids(seed: int) -> list[str]:
        search = Search(seed=seed, base_url="http://example.invalid")
        return [one.source_id for one in source.search(search, Scripted(Answer(200, listed)))]

    assert ids(1) == ids(1) != ids(2)
    assert sorted(ids(1), key=int) == [str(number) for number in range(50)]


def test_openverse_asks_what_it_may_without_a_key() -> None:
    web = Scripted(Answer(200, json.dumps({"page_count": 99, "results": [{"id": "1", "url": "http://a.example/"}]})))
    found = list(find_source("openverse").search(Search(text="q" * 500, base_url="http://example.invalid"), web))
    assert len(found) == 12  # 12 pages of 20 are 240 results, and no more are shown
    assert web.params == {"q": "q" * 200, "page": 12, "page_size": 20, "mature": "false", "filter_dead": "true"}


RECORDED = {
    "doc_search_200.json": ("4bc43a04-ef46-4544-a0c1-63c63f56e276", "CC0-1.0", "Tim Sullivan"),
    "search_page3_first_result.json": ("046ef304-98ad-4ca7-864b-6a4a09320e8d", "CC-BY-2.0", "Acabashi"),
}


@pytest.mark.parametrize("file", RECORDED)
def test_recorded_answers_of_openverse_become_candidates(fixtures: Path, file: str) -> None:
    web = Scripted(Answer(200, (fixtures / "openverse" / file).read_text(encoding="utf-8")))
    source = find_source("openverse")
    found = next(source.search(Search(text="x", base_url="http://example.invalid"), web))
    check(found, source)
    assert (found.source_id, found.license, found.author) == RECORDED[file]


def test_the_whole_recorded_page_of_the_predecessor_reads_too(fixtures: Path) -> None:
    text = (fixtures / "openverse" / "cc_search_2019.json").read_text(encoding="utf-8")
    source = find_source("openverse")
    results = len(json.loads(text)["results"])
    candidates = source.search(Search(text="x", base_url="http://example.invalid"), Scripted(Answer(200, text)))
    found = [next(candidates) for _ in range(results)]
    assert all(one.page.startswith("https://www.flickr.com/") for one in found)
    assert {one.license for one in found} <= {"CC-BY-2.0", "CC-BY-SA-2.0", "CC-BY-NC-2.0", "CC-BY-NC-ND-2.0"}


def test_no_results_are_no_error(fixtures: Path) -> None:
    web = Scripted(Answer(200, (fixtures / "openverse" / "search_no_results.json").read_text(encoding="utf-8")))
    assert list(find_source("openverse").search(Search(text="x", base_url="http://example.invalid"), web)) == []


@pytest.mark.parametrize(
    ("file", "status", "message"),
    [
        ("error_429.json", 429, "the allowance without a key is used up .Request was throttled"),
        ("doc_error_400.json", 400, "answered 400 .Invalid input given for fields"),
        ("doc_error_404.json", 404, "answered 404 .Not found"),
    ],
)
def test_recorded_errors_of_openverse_are_named(fixtures: Path, file: str, status: int, message: str) -> None:
    web = Scripted(Answer(status, (fixtures / "openverse" / file).read_text(encoding="utf-8")))
    with pytest.raises(SourceError, match=f"^openverse: {message}"):
        next(find_source("openverse").search(Search(text="x", base_url="http://example.invalid"), web))


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
    assert {"name": "attic", "takes": "nothing", "missing": "", "summary": "What lay in the attic."} in listed
    assert negbuild("crawl", "--source", "attic", "-n", 1, "--json", env=env).json["unique"] == 1
    assert negbuild("crawl", "--source", "attic", "-n", 1).code == 2
