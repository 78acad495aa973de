"""The report: one page that says what is there, safe whatever a title holds, and small however much there is."""

import os
import re
from collections.abc import Callable
from html.parser import HTMLParser
from io import BytesIO
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from negbuild.exhibits import shortened, web_address
from negbuild.findings import Bar, Facts, Part, Step, by_split, next_steps, sample
from negbuild.manifest import read_manifest
from negbuild.model import Candidate, Pair, Role, Settled, Split
from negbuild.model import Image as Picture
from negbuild.ruling import Ruling, Verdict
from negbuild.stages.report import report
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]


class Page(HTMLParser):
    """What a browser would make of the page: its addresses, its scripts, its text by section."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.addresses: list[str] = []
        self.elements: list[str] = []
        self.pictures: list[str] = []
        self.handlers: list[str] = []
        self.sections: dict[str, str] = {}
        self._section = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attributes: list[tuple[str, str | None]]) -> None:
        given = dict(attributes)
        self.elements.append(tag)
        self.handlers += [name for name in given if name.startswith("on")]
        self.addresses += [value for name, value in given.items() if name in {"href", "src"} and value]
        if tag == "img":
            self.pictures.append(given["alt"] or "")
        if tag == "section":
            self._section = given["id"] or ""

    def handle_data(self, data: str) -> None:
        self.sections[self._section] = self.sections.get(self._section, "") + " ".join(data.split()) + " "


@pytest.fixture
def photos(tmp_path: Path, photo: Callable[..., bytes]) -> Path:
    """Three categories of ten; one negative is a copy of a known picture, another of one beside it."""
    for folder, first in (("hotdog", 0), ("street", 100), ("dog", 200)):
        (tmp_path / "photos" / folder).mkdir(parents=True)
        for number in range(10):
            (tmp_path / "photos" / folder / f"{number}.jpg").write_bytes(photo(first + number))
    (tmp_path / "photos" / "street" / "hidden.jpg").write_bytes(photo(3, quality=60))
    (tmp_path / "photos" / "street" / "again.jpg").write_bytes(photo(104, quality=50))
    return tmp_path / "photos"


@pytest.fixture
def project(negbuild: Negbuild, photos: Path) -> Negbuild:
    for category, role in (("hotdog", "known"), ("street", "unknown"), ("dog", "unseen")):
        assert negbuild("add", photos / category, "--category", category, "--role", role).code == 0
    return negbuild


def read(folder: Path) -> Page:
    return Page((folder / "report.html").read_text(encoding="utf-8"))


def test_the_page_says_what_is_held_and_what_to_do_next(project: Negbuild, tmp_path: Path) -> None:
    done = project("report", "--json")
    assert done.json["pictures"] == 32
    assert done.json["size"] == (tmp_path / "report.html").stat().st_size
    page = read(tmp_path)
    assert "32 candidates = 32 pictures + 0 skips" in page.sections["counts"]
    assert "Copies to set aside: 1." in page.sections["next"]
    assert "Copies with different labels, to be looked at: 1." in page.sections["next"]
    assert "No dataset is written yet. negbuild split" in page.sections["next"]
    assert "hotdog (known): 3" in page.sections["conflicts"]
    assert "dataset" not in page.sections
    assert len(page.pictures) == 32 + 2


def test_after_dedup_and_split_it_shows_the_copies_and_the_proof(project: Negbuild, tmp_path: Path) -> None:
    for command in ("dedup", "split", "report"):
        assert project(command).code == 0
    page = read(tmp_path)
    assert "to set aside" not in page.sections["next"]
    assert "kept" in page.sections["twins"]
    assert "<polygon points=" in (tmp_path / "report.html").read_text()
    assert "no two compared pictures in different splits are within 16 bits" in page.sections["dataset"]
    for split in Split:
        assert f"{split} " in page.sections["dataset"]
    rows = read_manifest(tmp_path / "dataset")
    pictures = len({row.sha256 for row in rows})
    assert pictures < len(rows)  # the known pictures of test are in the holdout once more
    assert f"dataset : {pictures} originals" in page.sections["dataset"]


@pytest.mark.parametrize("how", [(), ("--negatives", "6")])
def test_what_split_leaves_out_does_not_wait_for_the_next_one(
    project: Negbuild, photos: Path, photo: Callable[..., bytes], tmp_path: Path, how: tuple[str, ...]
) -> None:
    """Pictures like an unseen one, and more negatives than were asked for."""
    (photos / "dog" / "street.jpg").write_bytes(photo(108, quality=60))
    assert project("add", photos / "dog", "--category", "dog", "--role", "unseen").code == 0
    for command in (("dedup",), ("split", *how), ("report",)):
        assert project(*command).code == 0
    assert "not in the dataset yet" not in read(tmp_path).sections["next"]
    (photos / "dog" / "new.jpg").write_bytes(photo(300))
    assert project("add", photos / "dog", "--category", "dog", "--role", "unseen").code == 0
    assert project("report").code == 0
    assert "Pictures in use that are not in the dataset yet: 1. negbuild split" in read(tmp_path).sections["next"]


def test_what_tells_the_classes_apart_without_looking_is_named(
    negbuild: Negbuild, photo: Callable[..., bytes], tmp_path: Path
) -> None:
    for folder, first, size in (("hotdog", 0, (240, 180)), ("street", 100, (96, 96))):
        (tmp_path / folder).mkdir()
        for number in range(60):
            (tmp_path / folder / f"{number}.jpg").write_bytes(photo(first + number, size))
    assert negbuild("add", "hotdog", "--category", "hotdog", "--role", "known").code == 0
    assert negbuild("add", "street", "--category", "street", "--role", "unknown").code == 0
    assert negbuild("split").code == negbuild("report").code == 0
    assert "width alone tells 0_na from hotdog 100% of the time: chance is 50%" in read(tmp_path).sections["dataset"]


def test_what_a_person_decided_is_counted_and_what_is_left_to_look_at(project: Negbuild, tmp_path: Path) -> None:
    assert project("report").code == 0
    assert "Negatives that nobody looked at yet: 12." in read(tmp_path).sections["next"]
    with Workspace(tmp_path).judging() as catalog:
        streets = [sha256 for sha256, one in catalog.images().items() if one.category == "street"]
        catalog.decide(
            dict.fromkeys(streets[:5], Ruling(Verdict.DROP)) | dict.fromkeys(streets[5:7], Ruling(Verdict.KEEP))
        )
    assert project("report").code == 0
    page = read(tmp_path)
    assert "Negatives that nobody looked at yet: 5." in page.sections["next"]
    assert "decided by a person 7" in page.sections[""]
    assert "unknown 7 " in page.sections[""]
    assert "street   12 7 unknown, 5 excluded" in page.sections["counts"]


def test_of_two_stages_the_gate_is_shown(project: Negbuild, photos: Path, tmp_path: Path) -> None:
    assert project("add", photos / "dog", "--category", "cat", "--role", "known").code == 0  # one more to tell apart
    assert project("split", "--layout", "two-stage").code == project("report").code == 0
    assert "gate : 31 originals" in read(tmp_path).sections["dataset"]
    assert "No dataset is written" not in read(tmp_path).sections["next"]


def test_the_page_asks_nobody_for_anything(project: Negbuild, tmp_path: Path) -> None:
    assert project("report").code == 0
    page = read(tmp_path)
    assert {"script", "iframe", "object"}.isdisjoint(page.elements)
    assert page.handlers == []
    beside = [one for one in page.addresses if not one.startswith(("data:", "#"))]
    assert beside == []  # pictures of one's own folder have no page to lead to
    assert set(re.findall(r"url\(([^)]*)\)|@import", (tmp_path / "report.html").read_text())) == set()


def test_links_within_the_page_lead_somewhere(project: Negbuild, tmp_path: Path) -> None:
    assert project("dedup").code == project("split").code == project("report").code == 0
    html = (tmp_path / "report.html").read_text()
    for target in (one for one in Page(html).addresses if one.startswith("#")):
        assert f'id="{target[1:]}"' in html


def test_the_same_workspace_gives_the_same_page(project: Negbuild, tmp_path: Path) -> None:
    assert project("report").code == 0
    first = (tmp_path / "report.html").read_bytes()
    assert project("report").code == 0
    assert (tmp_path / "report.html").read_bytes() == first


def test_a_picture_that_is_lost_is_counted_and_the_page_is_written(project: Negbuild, tmp_path: Path) -> None:
    next(file for file in (tmp_path / "images").rglob("*.jpg")).unlink()
    assert project("report").code == 0
    page = read(tmp_path)
    assert "1 of those chosen cannot be read from the store" in page.sections["pictures"]
    assert "cannot be read" in page.sections["pictures"].partition("put images/ back")[2]


@pytest.mark.parametrize(
    ("arguments", "fault"),
    [
        (["--out", "."], "negbuild: .: is a folder; name a file with --out"),
        (["--out", "photos/hotdog/0.jpg/page.html"], "cannot be written (File exists); choose another --out"),
        (["--workspace", "nowhere"], "negbuild: nowhere: not a negbuild workspace; run: negbuild init nowhere"),
    ],
)
def test_what_cannot_be_written_is_told_in_one_line(
    project: Negbuild, tmp_path: Path, arguments: list[str], fault: str
) -> None:
    before = sorted(tmp_path.rglob("*"))
    done = project("report", *arguments)
    assert (done.code, done.out) == (2, "")
    assert fault in done.err
    assert len(done.err.splitlines()) == 1
    assert sorted(tmp_path.rglob("*")) == before


def test_a_dataset_that_is_named_is_shown_or_refused(project: Negbuild, tmp_path: Path) -> None:
    assert project("split", "--unseen-folds", "2", "--out", "folds").code == 0
    for place, hint in (("dataste", ""), ("photos", ""), ("folds", "; name one of its folds")):
        done = project("report", "--dataset", place)
        told = f"negbuild: {place}: no dataset that negbuild wrote (manifest.csv is missing){hint}\n"
        assert (done.code, done.out, done.err) == (2, "", told)
    assert not (tmp_path / "report.html").exists()
    assert project("report", "--dataset", "folds/fold1").code == 0
    assert "fold1 :" in read(tmp_path).sections["dataset"]


def test_a_workspace_and_a_dataset_whose_names_are_no_utf_8_have_a_page(
    negbuild: Negbuild, photos: Path, tmp_path: Path
) -> None:
    place, dataset = os.fsdecode(b"work-\xff"), os.fsdecode(b"data-\xfe")
    for category, role in (("hotdog", "known"), ("street", "unknown"), ("dog", "unseen")):
        assert negbuild("add", photos / category, "--category", category, "--role", role, "-w", place).code == 0
    assert negbuild("split", "-w", place, "--out", dataset).code == 0
    done = negbuild("report", "-w", place, "--dataset", dataset, "--out", "page.html")
    assert done.code == 0, done.err
    page = (tmp_path / "page.html").read_text(encoding="utf-8")
    assert "work-?" in page
    assert "data-?" in page


def test_a_broken_dataset_does_not_stop_the_page(project: Negbuild, tmp_path: Path) -> None:
    assert project("split").code == 0
    (tmp_path / "dataset" / "certificate.json").write_text("{")
    assert project("report").code == 0
    assert "the certificate cannot be read" in read(tmp_path).sections["dataset"]
    (tmp_path / "dataset" / "manifest.csv").write_text("nonsense")
    assert project("report").code == 0
    assert "dataset" not in read(tmp_path).sections


def workspace_of(folder: Path, data: list[bytes], categories: int, title: str, page: str) -> Workspace:
    """Make a workspace that holds these bytes, each under an address, author and title of its own."""
    workspace = Workspace(folder)
    workspace.make()
    batch, pairs = [], []
    with workspace.writing() as catalog:
        for number in range(categories):
            catalog.declare(f"c{number}", list(Role)[number % 3])
        for number, bytes_ in enumerate(data):
            picture = Picture(f"{number:064x}", "JPEG", 160, 160, len(bytes_))
            file = workspace.store.path(picture)
            file.parent.mkdir(exist_ok=True)
            file.write_bytes(bytes_)
            candidate = Candidate(
                "web", str(number), f"https://x.example/{number}", page, f"{title}{number}", title, page, "CC-BY-4.0"
            )
            kept = Candidate(
                **{name: getattr(candidate, name) for name in candidate.__slots__}
                | {"category": f"c{number % categories}"}
            )
            batch.append(Settled(kept, title, picture))
            if number % 2:
                pairs.append(Pair(f"{number - 1:064x}", f"{number:064x}", 5, 0, twins=True))
        catalog.settle(batch, pairs, "version")
    return workspace


def test_what_a_stranger_wrote_stays_text(tmp_path: Path, photo: Callable[..., bytes]) -> None:
    hostile = '"><script>alert(1)</script><img src=x onerror=alert(1)>'
    workspace = workspace_of(tmp_path / "w", [photo(1)], 1, hostile, "javascript:alert(1)")
    report(workspace, tmp_path / "report.html")
    page = read(tmp_path)
    assert {"script"}.isdisjoint(page.elements)
    assert page.handlers == []
    assert not [one for one in page.addresses if "javascript" in one]
    assert hostile in page.sections["licences"]


def test_the_worst_pictures_and_titles_stay_under_15_mb(tmp_path: Path) -> None:
    random = np.random.default_rng(0)
    noise = [Image.fromarray(random.integers(0, 256, (160, 160, 3), dtype=np.uint8)) for _ in range(40)]
    data = []
    for picture in noise:
        buffer = BytesIO()
        picture.save(buffer, "JPEG", quality=95)
        data.append(buffer.getvalue())
    workspace = workspace_of(tmp_path / "w", data * 100, 90, "long title " * 200, "https://x.example/" + "y" * 280)
    made = report(workspace, tmp_path / "report.html")
    assert made.size < 15 * 10**6
    assert (made.pictures, made.shown) == (4000, 814)
    assert "8 of 45 shown" in read(tmp_path).sections["pictures"]
    assert "3,000 of 4,000" in read(tmp_path).sections["licences"]


def test_a_sample_is_spread_over_all() -> None:
    assert sample(range(10), 20) == list(range(10))
    assert sample(range(100), 4) == [0, 25, 50, 75]


def test_only_addresses_of_the_web_are_linked_to() -> None:
    assert web_address("https://x.example/1") == "https://x.example/1"
    for text in ("javascript:alert(1)", "file:///etc/passwd", "", "https://x.example/" + "y" * 300):
        assert web_address(text) == ""
    assert shortened("t" * 200) == "t" * 119 + "…"


def facts(**changes: Any) -> Facts:  # noqa: ANN401  any of its fields
    whole: dict[str, Any] = {
        "categories": {"hotdog": Role.KNOWN, "dog": Role.UNSEEN} | dict.fromkeys("abcd", Role.UNKNOWN),
        "used": {Role.KNOWN: 100, Role.UNKNOWN: 200, Role.UNSEEN: 50},
        "pending": 0,
        "failing": 0,
        "twins_in_use": 0,
        "disputes": 0,
        "undecided": 0,
        "dataset": True,
        "waiting": 0,
        "leaks": 0,
    }
    return Facts(**(whole | changes))


@pytest.mark.parametrize(
    ("changes", "steps"),
    [
        ({}, [Step("Nothing is missing: train on train/, choose the threshold on valid/, read unseen/ once.")]),
        (
            {"used": {}, "categories": {}, "dataset": False},
            [
                Step("There is nothing to recognise yet.", "negbuild add my-photos/ --category NAME --role known"),
                Step("There are no negatives to train on yet.", 'negbuild crawl --query "street food" -n 200'),
            ],
        ),
        (
            {"used": {Role.KNOWN: 5, Role.UNKNOWN: 5}},
            [
                Step(
                    "No category is held out, so nothing will tell whether “none of these” works.",
                    "negbuild split --unseen auto",
                )
            ],
        ),
        (
            {"used": {Role.KNOWN: 5, Role.UNKNOWN: 5, Role.UNSEEN: 29}},
            [Step("Few pictures are held out (29): what is read from them is a wide guess.")],
        ),
        (
            {"categories": {"hotdog": Role.KNOWN, "dog": Role.UNSEEN, "a": Role.UNKNOWN}},
            [Step("Negatives come from few categories (2); five or more, some of them near, teach more.")],
        ),
        ({"twins_in_use": 1200}, [Step("Copies to set aside: 1,200.", "negbuild dedup")]),
        ({"failing": 3}, [Step("Candidates that failed for now: 3.", "negbuild crawl --retry")]),
        ({"pending": 3}, [Step("Candidates that were named and not tried: 3; run that crawl again.")]),
        ({"undecided": 12}, [Step("Negatives that nobody looked at yet: 12.", "negbuild review")]),
        ({"leaks": 2}, [Step("Copies across splits of the dataset: 2.", "negbuild split")]),
        ({"waiting": 9}, [Step("Pictures in use that are not in the dataset yet: 9.", "negbuild split")]),
        ({"dataset": False}, [Step("No dataset is written yet.", "negbuild split")]),
    ],
)
def test_the_next_steps_follow_from_the_facts(changes: dict[str, Any], steps: list[Step]) -> None:
    assert next_steps(facts(**changes)) == steps


def test_bars_by_split_leave_out_what_is_not_there() -> None:
    assert by_split({(Split.TRAIN, Role.KNOWN): 3, (Split.TRAIN, Role.UNKNOWN): 4, (Split.UNSEEN, Role.UNSEEN): 5}) == [
        Bar("train", [Part("known", 3, "known"), Part("unknown", 4, "unknown")]),
        Bar("unseen", [Part("unseen", 5, "unseen")]),
    ]
