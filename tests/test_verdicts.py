"""What people decide: an append-only log with undo and redo, and what every other command makes of it."""

import json
import threading
from collections.abc import Callable
from contextlib import contextmanager
from io import BytesIO
from itertools import count
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, invariant, rule
from PIL import Image as Pillow

from negbuild.catalog import Catalog
from negbuild.database import writer_lock
from negbuild.keepers import choose_keepers, doubtful_copies
from negbuild.model import Candidate, Held, Image, Pair, Role
from negbuild.omissions import outvoted
from negbuild.ruling import Ruling, Verdict
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]

SHAS = "abcdef"
RULINGS = [Ruling(verdict) for verdict in Verdict if verdict is not Verdict.MOVE]
RULINGS += [Ruling(Verdict.MOVE, "hotdog"), Ruling(Verdict.MOVE, "burger")]


class History(RuleBasedStateMachine):
    """The log beside the simplest history there is: a list of states, and where in it we are."""

    def __init__(self) -> None:
        super().__init__()
        self.catalog = Catalog(Path(":memory:"))
        self.states: list[dict[str, Ruling]] = [{}]
        self.now = 0
        self.seen: dict[str, Ruling] = {}
        self.row = 0

    def teardown(self) -> None:
        self.catalog.close()

    @rule(pictures=st.sets(st.sampled_from(SHAS), min_size=1), ruling=st.sampled_from(RULINGS))
    def decide(self, pictures: set[str], ruling: Ruling) -> None:
        self.catalog.decide(dict.fromkeys(sorted(pictures), ruling))
        state = dict(self.states[self.now]) | dict.fromkeys(pictures, ruling)
        state = {sha: one for sha, one in state.items() if one.verdict}
        if state != self.states[self.now]:  # to decide the same again is no step
            self.states[self.now + 1 :] = [state]
            self.now += 1

    @rule()
    def undo(self) -> None:
        touched = self.catalog.undo_step()
        assert bool(touched) == (self.now > 0)
        self.now = max(0, self.now - 1)

    @rule()
    def redo(self) -> None:
        touched = self.catalog.redo_step()
        assert bool(touched) == (self.now < len(self.states) - 1)
        self.now = min(len(self.states) - 1, self.now + 1)

    @rule()
    def look(self) -> None:
        changes = self.catalog.verdicts_since(self.row)
        self.row = changes.last
        self.seen = {sha: one for sha, one in (self.seen | changes.rulings).items() if one.verdict}
        assert self.seen == self.states[self.now]

    @invariant()
    def agree(self) -> None:
        assert self.catalog.rulings() == self.states[self.now]
        assert self.catalog.reach() == (self.now > 0, self.now < len(self.states) - 1)


TestHistory = History.TestCase
TestHistory.settings = settings(max_examples=60, stateful_step_count=40, deadline=None)


def test_the_log_is_only_ever_added_to(tmp_path: Path) -> None:
    catalog = Catalog(tmp_path / "catalog.sqlite")

    def rows() -> list[Any]:
        return catalog._file.read(lambda *row: row, "SELECT * FROM verdicts ORDER BY id")  # noqa: SLF001

    before: list[Any] = []
    acts: list[Callable[[], object]] = [
        lambda: catalog.decide({"a": Ruling(Verdict.DROP), "b": Ruling(Verdict.DROP)}),
        lambda: catalog.decide({"a": Ruling(Verdict.KEEP)}),
        catalog.undo_step,
        catalog.undo_step,
        catalog.redo_step,
    ]
    for act in acts:
        act()
        after = rows()
        assert after[: len(before)] == before
        assert len(after) > len(before)
        before = after
    assert [(row[1], row[2], row[5], row[6]) for row in before] == [
        ("a", "drop", 1, "set"),
        ("b", "drop", 1, "set"),
        ("a", "keep", 2, "set"),
        ("a", "drop", 3, "undo"),
        ("a", "", 4, "undo"),
        ("b", "", 4, "undo"),
        ("a", "drop", 5, "redo"),
        ("b", "drop", 5, "redo"),
    ]
    catalog.close()


# ---------------------------------------------------------------------- which copy is kept


def held(sha: str, role: str = "unknown", category: str = "street", verdict: str = "", width: int = 100) -> Held:
    origin = Candidate("folder", sha, f"file:///{sha}", category=category)
    return Held(Image(sha, "JPEG", width, 100, 1000), category, Role(role), origin, "", Verdict(verdict))


def twins(*pairs: str, distance: int = 3) -> list[Pair]:
    return [Pair(one, other, distance, 0, twins=True) for one, other in map(tuple, pairs)]


@pytest.mark.parametrize(
    ("verdicts", "dropped"),
    [
        (("", "", ""), {"b": "a", "c": "a"}),  # the largest is kept
        (("", "keep", ""), {"a": "b", "c": "b"}),
        (("keep", "keep", ""), {"b": "a", "c": "a"}),  # of two that are kept one is enough
        (("drop", "", ""), {}),  # its copies stay out with it
        (("unsure", "", ""), {}),
        (("drop", "keep", ""), {}),  # b stays; c is a copy of what was dropped
        (("duplicate", "", ""), {"c": "b"}),
        (("", "duplicate", ""), {"c": "a"}),
    ],
)
def test_the_keeper_of_three_copies(verdicts: tuple[str, ...], dropped: dict[str, str]) -> None:
    images = {
        sha: held(sha, verdict=verdict, width=width)
        for sha, verdict, width in zip("abc", verdicts, (300, 200, 100), strict=True)
    }
    drops = choose_keepers(images, twins("ab", "ac", "bc"))
    assert {drop.sha256: drop.keeper for drop in drops} == dropped


def test_what_is_in_doubt_takes_its_undecided_copies_along_and_no_others() -> None:
    images = {
        "a": held("a", verdict="drop"),
        "b": held("b"),
        "c": held("c", verdict="keep"),
        "d": held("d"),  # a copy of b only
        "e": held("e", "known", "hotdog"),  # another label
        "f": held("f", "unseen", "dog"),  # another role
        "g": held("g"),  # equal to b
    }
    pairs = [*twins("ab", "ac", "ae", "af", "bd"), *twins("bg", distance=0)]
    assert doubtful_copies(images, pairs) == {"b", "g"}


@given(st.lists(st.sampled_from([str(verdict) for verdict in Verdict if verdict != "move"]), min_size=6, max_size=6))
def test_whatever_is_decided_each_picture_in_use_has_its_say(verdicts: list[str]) -> None:
    images = {sha: held(sha, verdict=verdict) for sha, verdict in zip("abcdef", verdicts, strict=True)}
    pairs = twins("ab", "bc", "cd", "de", "ef", "af")
    drops = {drop.sha256: drop.keeper for drop in choose_keepers(images, pairs)}
    out = {sha for sha in images if images[sha].verdict.excludes} | doubtful_copies(images, pairs)
    assert out.isdisjoint(drops.keys())
    assert out.isdisjoint(drops.values())
    assert set(drops.values()).isdisjoint(drops)


@pytest.mark.parametrize(
    ("verdicts", "out"),
    [
        ("   ", "bc"),
        ("k  ", "bc"),  # a person says that the known one is right
        ("d  ", "bc"),  # nobody said that the others show none of it
        ("c  ", "bc"),
        ("u  ", "bc"),
        (" k ", "a"),  # what is kept carries nothing on
        (" d ", "b"),  # which takes c along as a doubtful copy
        (" c ", "b"),
        ("  k", "b"),  # may show another part: a stays
        ("  d", "b"),
        ("kk ", ""),
        ("k k", "b"),
    ],
)
def test_what_a_person_decides_on_a_chain_of_copies(verdicts: str, out: str) -> None:
    meant = {" ": "", "k": "keep", "d": "drop", "u": "unsure", "c": "duplicate"}
    a, b, c = (meant[letter] for letter in verdicts)
    images = {"a": held("a", "known", "hotdog", a), "b": held("b", verdict=b), "c": held("c", verdict=c)}
    assert outvoted(images, twins("ab", "bc")) == set(out)


def test_a_copy_that_was_moved_is_the_known_end_of_the_chain() -> None:
    images = {
        "a": held("a", "known", "hotdog"),
        "b": held("b", "known", "hotdog", "move"),
        "c": held("c"),
        "d": held("d"),
    }
    assert outvoted(images, twins("ab", "bc", "cd")) == {"c", "d"}


def test_known_pictures_under_two_labels_are_out_over_a_chain_and_negatives_alone_are_not() -> None:
    images = {
        "a": held("a", "known", "hotdog"),
        "b": held("b"),
        "c": held("c", "known", "burger"),
        "e": held("e", "unseen", "dog"),
        "f": held("f"),
        "g": held("g"),
    }
    assert outvoted(images, twins("ab", "bc", "ef", "fg")) == {"a", "b", "c"}
    images["c"] = held("c", "known", "burger", "drop")
    assert outvoted(images, twins("ab", "bc", "ef", "fg")) - {"c"} == {"b"}


# ---------------------------------------------------------------------- what the commands make of it


def recoded(data: bytes, quality: int = 50) -> bytes:
    buffer = BytesIO()
    with Pillow.open(BytesIO(data)) as image:
        image.transpose(Pillow.Transpose.FLIP_LEFT_RIGHT).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture
def project(tmp_path: Path, photo: Photo, negbuild: Negbuild) -> Callable[..., None]:
    """Add a category: its pictures by seed, and further bytes."""
    folders = count()

    def add(category: str, role: str, seeds: range, *more: bytes) -> None:
        folder = tmp_path / f"{category}{next(folders)}"
        folder.mkdir()
        for place, data in enumerate([*(photo(seed) for seed in seeds), *more]):
            (folder / f"{place:03}.jpg").write_bytes(data)
        assert negbuild("add", folder, "--category", category, "--role", role).code == 0

    return add


@contextmanager
def catalog_of(folder: Path) -> Any:  # noqa: ANN401
    with Workspace(folder).judging() as catalog:
        yield catalog


def decide(folder: Path, verdict: str, *titles: str, category: str = "", of: str = "street") -> None:
    """Decide on the pictures of one category that have these names."""
    with catalog_of(folder) as catalog:
        origins = {sha: one.origin for sha, one in catalog.images().items()}
        names = {one.title or one.source_id: sha for sha, one in origins.items() if one.category == of}
        found = [sha for title, sha in names.items() if Path(title).stem in titles]
        assert len(found) == len(titles), names
        catalog.decide(dict.fromkeys(found, Ruling(Verdict(verdict), category)))


def rows(folder: Path) -> list[dict[str, str]]:
    import csv

    with (folder / "dataset" / "manifest.csv").open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_split_obeys_each_verdict_and_says_so(
    project: Callable[..., None], negbuild: Negbuild, tmp_path: Path
) -> None:
    project("hotdog", "known", range(100, 108))
    project("street", "unknown", range(200, 220))
    decide(tmp_path, "drop", "000", "001")
    decide(tmp_path, "unsure", "002")
    decide(tmp_path, "duplicate", "003")
    decide(tmp_path, "keep", "004")
    decide(tmp_path, "move", "005", category="hotdog")
    assert negbuild("split", "--json").json["omitted"] == {
        "dropped in review": 2,
        "unsure in review": 1,
        "a copy of one in use": 1,
    }
    told = negbuild("split").out
    assert "left out: 1 (a copy of one in use), 2 (dropped in review), 1 (unsure in review)" in told
    written = [row for row in rows(tmp_path) if row["split"] != "unseen"]
    assert sum(row["category"] == "hotdog" and row["role"] == "known" for row in written) == 9
    assert sum(row["category"] == "street" for row in written) == 15
    assert negbuild("verify", "dataset").code == 0

    counted = negbuild("status", "--json").json
    assert counted["verdicts"] == {"keep": 1, "drop": 2, "unsure": 1, "move": 1, "duplicate": 1}
    assert {one["name"]: one["images"] for one in counted["categories"]} == {"hotdog": 9, "street": 19}
    assert "reviewed: 6 of 28: 1 keep, 2 drop, 1 unsure, 1 move, 1 duplicate" in negbuild("status").out

    with catalog_of(tmp_path) as catalog:  # the last step was the move
        catalog.undo_step()
    negbuild("split")
    assert sum(row["category"] == "hotdog" for row in rows(tmp_path) if row["split"] != "unseen") == 8


def test_a_dropped_picture_takes_its_copies_along_unless_they_are_kept(
    project: Callable[..., None], negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    project("hotdog", "known", range(100, 108))
    project("street", "unknown", range(200, 212), recoded(photo(205)), recoded(photo(206)))
    assert len(negbuild("dedup", "--json").json["dropped"]) == 2
    decide(tmp_path, "drop", "005", "006")  # what dedup keeps: its copies must not come in its place
    decide(tmp_path, "keep", "013")
    assert "reviewed: 3 of 21: 1 keep, 2 drop" in negbuild("status").out  # a copy set aside waits for nobody
    expected = {"dropped in review": 2, "a copy of one dropped or unsure in review": 1}
    assert negbuild("split", "--json").json["omitted"] == expected
    assert negbuild("dedup", "--json").json["dropped"] == []
    assert negbuild("split", "--json").json["omitted"] == expected


def test_dedup_keeps_what_a_person_kept_before_what_is_larger(
    project: Callable[..., None], negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    project("street", "unknown", range(200, 206), photo(205, size=(320, 240)), recoded(photo(204, size=(320, 240))))
    with catalog_of(tmp_path) as catalog:
        sizes = {sha: one.image.width for sha, one in catalog.images().items()}
    assert {sizes[drop["keeper"]] for drop in negbuild("dedup", "--json").json["dropped"]} == {320}
    decide(tmp_path, "keep", "005")
    kept = sorted(sizes[drop["keeper"]] for drop in negbuild("dedup", "--json").json["dropped"])
    assert kept == [160, 320]


@pytest.mark.parametrize(
    ("positive", "negative", "hotdogs", "streets", "conflicts"),
    [
        ("", "", 8, 12, 1),  # the known one is used
        ("keep", "", 8, 12, 0),
        ("", "keep", 7, 13, 0),  # a person says that the negative one is right
        ("keep", "keep", 8, 13, 0),  # who kept both wants both
        ("drop", "", 7, 12, 0),  # nobody said that the negative one shows no hotdog
        ("", "drop", 8, 12, 0),
        ("unsure", "", 7, 12, 0),
        ("", "move", 9, 12, 0),
    ],
)
def test_a_person_settles_a_conflict(
    project: Callable[..., None],
    negbuild: Negbuild,
    photo: Photo,
    tmp_path: Path,
    positive: str,
    negative: str,
    hotdogs: int,
    streets: int,
    conflicts: int,
) -> None:
    project("hotdog", "known", range(100, 108))
    project("street", "unknown", range(200, 212), recoded(photo(103)))
    decide(tmp_path, positive, "003", of="hotdog")
    decide(tmp_path, negative, "012", category="hotdog" if negative == "move" else "")
    assert negbuild("split").code == 0
    used = [row for row in rows(tmp_path) if row["split"] != "unseen"]
    assert sum(row["category"] == "hotdog" for row in used) == hotdogs
    assert sum(row["category"] == "street" for row in used) == streets
    assert negbuild("verify", "dataset").code == 0
    assert negbuild("dedup", "--json").json["conflicts"] == conflicts


def test_every_equal_of_a_hidden_positive_is_a_conflict(
    project: Callable[..., None], negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    """Of equal fingerprints only the first is paired with the known picture; the others are its copies all the same."""
    with Pillow.open(BytesIO(photo(103))) as image:
        cut = image.crop((4, 3, 156, 117))
        equal = []
        for kind in ("PNG", "BMP", "TIFF"):
            buffer = BytesIO()
            cut.save(buffer, kind)
            equal.append(buffer.getvalue())
    project("hotdog", "known", range(100, 108))
    project("street", "unknown", range(200, 212), *equal)
    assert negbuild("split", "--json").json["omitted"] == {"a copy with another label": 3}
    assert sum(row["category"] == "street" for row in rows(tmp_path)) == 12


def test_the_same_crawl_brings_others_for_what_was_dropped_and_never_the_same_again(
    server: Any,  # noqa: ANN401
    reply: Callable[..., Any],
    photo: Photo,
    negbuild: Negbuild,
    tmp_path: Path,
) -> None:
    def search(query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        first = (int(query["page"]) - 1) * 20
        found = [
            {"id": str(n), "title": f"{n:03}", "url": f"{server.url}/{n}.jpg", "license": "cc0"}
            for n in range(first, first + 20)
        ]
        return reply(json.dumps({"page_count": 5, "results": found}).encode())

    server.routes["/v1/images/"] = search
    for n in range(100):
        server.routes[f"/{n}.jpg"] = reply(photo(n))
    assert negbuild("add", _one(tmp_path, photo), "--category", "hotdog", "--role", "known").code == 0

    def crawl() -> Any:  # noqa: ANN401
        done = negbuild(
            *("crawl", "-q", "street", "-s", "openverse", "-n", 20, "--allow-private", "--json"),
            env={"NEGBUILD_OPENVERSE_URL": server.url},
        )
        assert done.code == 0, done.err
        return done.json

    assert crawl()["new"] == 20
    with catalog_of(tmp_path) as catalog:
        names = {one.origin.title: sha for sha, one in catalog.images().items() if one.category == "street"}
        dropped = [names[title] for title in sorted(names)[:5]]
        catalog.decide(dict.fromkeys(dropped, Ruling(Verdict.DROP)))
        catalog.decide({names[sorted(names)[5]]: Ruling(Verdict.MOVE, "hotdog")})
        catalog.decide({names[sorted(names)[6]]: Ruling(Verdict.UNSURE)})  # may still be wanted: counts
    again = crawl()
    assert (again["unique"], again["new"]) == (20, 6)
    assert max(server.asked[f"/{n}.jpg"] for n in range(100)) == 1
    assert crawl()["new"] == 0
    with catalog_of(tmp_path) as catalog:
        assert {sha for sha, one in catalog.images().items() if one.verdict is Verdict.DROP} == set(dropped)


def _one(folder: Path, photo: Photo) -> Path:
    (folder / "mine").mkdir()
    for seed in range(3):
        (folder / "mine" / f"{seed}.jpg").write_bytes(photo(9000 + seed))
    return folder / "mine"


def test_verdicts_are_written_while_another_command_has_the_right_to_write(
    project: Callable[..., None], tmp_path: Path
) -> None:
    project("street", "unknown", range(4))
    with writer_lock(tmp_path / "catalog.lock"):
        decide(tmp_path, "drop", "000")
    with catalog_of(tmp_path) as catalog:
        assert [ruling.verdict for ruling in catalog.rulings().values()] == [Verdict.DROP]


def test_two_who_decide_at_once_lose_nothing(tmp_path: Path) -> None:
    Workspace(tmp_path).make()

    def work(mine: str) -> None:
        with catalog_of(tmp_path) as catalog:
            for number in range(60):
                catalog.decide({f"{mine}{number}": Ruling(Verdict.KEEP)})

    threads = [threading.Thread(target=work, args=(name,)) for name in "abc"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    with catalog_of(tmp_path) as catalog:
        assert len(catalog.rulings()) == 180
        steps = catalog._file.read(int, "SELECT step FROM verdicts ORDER BY id")  # noqa: SLF001
        assert steps == list(range(1, 181))


def test_the_augmented_copies_of_a_dropped_picture_are_in_no_split(
    project: Callable[..., None], negbuild: Negbuild, tmp_path: Path
) -> None:
    project("hotdog", "known", range(100, 112))
    project("street", "unknown", range(200, 220))
    assert negbuild("augment", "--category", "hotdog", "--to", "24").code == 0
    assert negbuild("split").code == 0
    parents = {row["parent"] for row in rows(tmp_path) if row["parent"]}
    assert len(parents) > 3
    dropped = min(parents)
    with catalog_of(tmp_path) as catalog:
        catalog.decide({dropped: Ruling(Verdict.DROP)})
    assert negbuild("split").code == 0
    assert not [row for row in rows(tmp_path) if dropped in {row["parent"], row["sha256"]}]
    assert {row["parent"] for row in rows(tmp_path) if row["parent"]} < parents
    assert negbuild("verify", "dataset").code == 0
