"""The plan of a workspace: what dedup and the roles of categories decide together."""

import csv
import hashlib
import importlib.util
import re
from collections.abc import Callable
from io import BytesIO
from pathlib import Path
from typing import Any

import pytest
from PIL import Image

from negbuild.model import Candidate, Role, Settled
from negbuild.model import Image as Record
from negbuild.planner import group_images, plan_workspace
from negbuild.ruling import Ruling, Verdict
from negbuild.suspicion import Grade, suspicions
from negbuild.workspace import Workspace

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]
Server = Any
Reply = Any


def recoded(data: bytes, quality: int = 50) -> bytes:
    """Encode a photograph once more, as another site would."""
    buffer = BytesIO()
    with Image.open(BytesIO(data)) as image:
        image.transpose(Image.Transpose.FLIP_LEFT_RIGHT).save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


@pytest.fixture
def project(tmp_path: Path, photo: Photo, negbuild: Negbuild) -> Callable[..., None]:
    """Add a category: its pictures by seed, and further bytes."""

    def add(category: str, role: str, seeds: range, *more: bytes) -> None:
        folder = tmp_path / category
        folder.mkdir()
        for place, data in enumerate([*(photo(seed) for seed in seeds), *more]):
            (folder / f"{place}.jpg").write_bytes(data)
        assert negbuild("add", category, "--category", category, "--role", role).code == 0

    return add


def rows(tmp_path: Path, dataset: str = "dataset") -> list[str]:
    return (tmp_path / dataset / "manifest.csv").read_text(encoding="utf-8").splitlines()[1:]


def test_a_copy_that_was_set_aside_comes_back_when_its_category_is_held_out(
    project: Callable[..., None], negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    project("hotdog", "known", range(100, 108))
    project("street", "unknown", range(200, 212))
    project("dog", "unknown", range(300, 312), recoded(photo(205)))
    assert len(negbuild("dedup", "--json").json["dropped"]) == 1
    done = negbuild("split", "--unseen", "dog", "--json")
    assert done.json["omitted"] == {"like an unseen picture": 1}
    unseen = [row for row in rows(tmp_path) if row.startswith("unseen/0_na/")]
    assert len(unseen) == 13
    assert all(",dog,unseen," in row for row in unseen)
    assert sum(",street,unknown," in row for row in rows(tmp_path)) == 11
    assert negbuild("verify", "dataset").code == 0


def test_a_positive_hiding_among_the_negatives_is_a_conflict_and_in_no_split(
    project: Callable[..., None], negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    project("hotdog", "known", range(100, 108))
    project("street", "unknown", range(200, 212), recoded(photo(103)))
    found = negbuild("dedup", "--json").json
    assert (found["conflicts"], found["dropped"]) == (1, [])
    (pair,) = found["conflict_pairs"]
    distance = pair.pop("distance")
    assert pair == {"category": "hotdog", "title": "3.jpg", "other_category": "street", "other_title": "12.jpg"}
    told = negbuild("dedup", "--list")
    assert told.err == "next: negbuild review\n"
    assert [line.split() for line in told.out.splitlines()[-3:]] == [
        [],
        ["copy", "with", "another", "label", "bits", "apart"],
        ["hotdog/3.jpg", "street/12.jpg", str(distance)],
    ]
    assert negbuild("split", "--json").json["omitted"] == {"a copy with another label": 1}
    assert sum(",hotdog,known," in row for row in rows(tmp_path)) == 8
    assert sum(",street,unknown," in row for row in rows(tmp_path)) == 12


def crops() -> list[bytes]:
    """Cut a photograph three times: the first and the last cut are too far apart to be compared."""
    package = importlib.util.find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    with Image.open(Path(package.origin).parent / "data" / "coffee.png") as image:
        width, height = image.size
        cuts = [image.crop((width * left // 100, 0, width * (left + 92) // 100, height)) for left in (0, 4, 8)]
    cuts[2] = cuts[2].resize((2 * cuts[2].width, 2 * height))
    buffers = [BytesIO() for _ in cuts]
    for cut, buffer in zip(cuts, buffers, strict=True):
        cut.convert("RGB").save(buffer, "JPEG", quality=90)
    return [buffer.getvalue() for buffer in buffers]


def test_a_chain_of_copies_to_a_known_picture_is_in_no_split_until_a_person_decides(
    project: Callable[..., None], negbuild: Negbuild, tmp_path: Path
) -> None:
    a, b, c = crops()
    shas = {name: hashlib.sha256(data).hexdigest() for name, data in zip("abc", (a, b, c), strict=True)}
    project("hotdog", "known", range(100, 108), a)
    project("street", "unknown", range(200, 212), b, c)

    def found() -> tuple[str, int, int]:
        """Say which are in the dataset, how many conflicts there are, and how many were left out for that."""
        told = negbuild("dedup", "--json").json
        out = negbuild("split", "--json").json["omitted"].get("a copy with another label", 0)
        used = {row.split(",")[5] for row in rows(tmp_path)}
        return "".join(name for name in "abc" if shas[name] in used), told["conflicts"], out

    assert negbuild("dedup", "--json").json["twins"] == 2
    assert negbuild("dedup", "--json").json["dropped"] == []
    assert found() == ("a", 2, 2)
    listed = [line.split() for line in negbuild("dedup", "--list").out.splitlines()[-2:]]
    assert [(row[:2], row[2:] == ["over", "copies"]) for row in listed] == [
        (["hotdog/8.jpg", "street/12.jpg"], False),
        (["street/13.jpg", "hotdog/8.jpg"], True),
    ]
    assert negbuild("verify", "dataset").code == 0
    with Workspace(tmp_path).writing() as catalog:
        images, pairs = catalog.images(), catalog.pairs()
        suspicious = {sha for sha, one in suspicions(images, pairs, {}).items() if one.grade is Grade.CONTRARY}
        assert suspicious == set(shas.values())
    assert negbuild("report").code == 0
    page = (tmp_path / "report.html").read_text(encoding="utf-8")
    assert "Copies with different labels, to be looked at: 2." in page
    assert "to set aside:" not in page
    assert "not in the dataset yet" not in page

    def decide(name: str, ruling: Ruling) -> None:
        with Workspace(tmp_path).writing() as catalog:
            catalog.decide({shas[name]: ruling})

    decide("a", Ruling(Verdict.KEEP))
    assert found() == ("a", 0, 2)
    decide("c", Ruling(Verdict.KEEP))
    assert found() == ("ac", 0, 1)
    decide("c", Ruling(Verdict.UNDECIDED))
    decide("a", Ruling(Verdict.UNDECIDED))
    decide("b", Ruling(Verdict.DUPLICATE))
    assert found() == ("ac", 0, 0)


def test_a_conflict_that_came_after_dedup_brings_nothing_in_for_what_was_set_aside(
    project: Callable[..., None], negbuild: Negbuild
) -> None:
    a, b, c = crops()
    project("street", "unknown", range(200, 212), b, c)
    assert len(negbuild("dedup", "--json").json["dropped"]) == 1
    project("hotdog", "known", range(100, 108), a)
    assert negbuild("split", "--json").json["omitted"] == {"a copy with another label": 2}
    assert negbuild("dedup", "--json").json["conflicts"] == 2


def test_copies_under_two_known_labels_are_used_for_neither(
    project: Callable[..., None], negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    project("hotdog", "known", range(100, 108))
    project("burger", "known", range(120, 128), recoded(photo(103)), photo(104))
    project("street", "unknown", range(200, 212))
    assert negbuild("split", "--json").json["omitted"] == {"a copy with another label": 3}
    told = negbuild("dedup", "--list").out
    assert "2 conflicts: copies with different labels; splits use the known one or none" in told
    assert [line.split()[:2] for line in told.splitlines()[-2:]] == [
        ["hotdog/3.jpg", "burger/8.jpg"],
        ["hotdog/4.jpg", "burger/4.jpg"],  # the same bytes, brought for both
    ]
    assert sum(",hotdog,known," in row for row in rows(tmp_path)) == 6
    assert sum(",burger,known," in row for row in rows(tmp_path)) == 8


def test_copies_found_without_dedup_share_a_split(
    project: Callable[..., None], negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    project("hotdog", "known", range(100, 110), *(recoded(photo(seed)) for seed in range(100, 110)))
    project("street", "unknown", range(200, 212))
    assert negbuild("split", "--json").json["omitted"] == {}
    groups: dict[str, set[str]] = {}
    for row in rows(tmp_path):
        split, *_ = row.split(",")[1:]
        groups.setdefault(row.split(",")[7], set()).add(split)
    assert len(groups) == 22
    assert all(len(splits) == 1 for splits in groups.values())
    assert negbuild("verify", "dataset").code == 0


def test_another_stage_that_plans_leaves_in_use_what_the_last_split_used(
    project: Callable[..., None], negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    project("hotdog", "known", range(100, 108))
    project("street", "unknown", range(200, 224))
    assert negbuild("split", "--negatives", "1x").code == 0
    first = rows(tmp_path)
    for seed in range(300, 320):
        (tmp_path / "street" / f"{seed}.jpg").write_bytes(photo(seed))
    assert negbuild("add", "street", "--category", "street", "--role", "unknown").code == 0
    workspace = Workspace(tmp_path)
    with workspace.writing() as catalog:  # as augment does, of all that is held
        planned = plan_workspace(catalog, workspace.store, (70, 15, 15), 5)
        assert len(planned.plan.splits) == 8 + 44
    assert negbuild("split", "--negatives", "1x").code == 0
    assert rows(tmp_path) == first


def test_status_and_pairs_count_what_the_last_split_uses(
    project: Callable[..., None], negbuild: Negbuild, photo: Photo, tmp_path: Path
) -> None:
    project("hotdog", "known", range(100, 108), recoded(photo(103)))
    project("street", "unknown", range(200, 224))
    assert negbuild("dedup").code == 0
    assert negbuild("split", "--negatives", "1x").code == 0
    with Workspace(tmp_path).writing() as catalog:  # as augment does, of all that is held
        plan_workspace(catalog, Workspace(tmp_path).store, (70, 15, 15), 5)
    assert sum(negbuild("status", "--json").json["splits"].values()) == len(rows(tmp_path)) == 16
    assert negbuild("pairs", "--each", 40).code == 0
    used = {row.split(",")[5] for row in rows(tmp_path)}
    drawn = set(re.findall(r"images/../(\w+)", (tmp_path / "pairs" / "pairs.csv").read_text()))
    assert drawn <= used
    assert len(drawn) > 8
    with Workspace(tmp_path).writing() as catalog:
        street = next(sha for sha, one in catalog.images().items() if one.category == "street" and sha in used)
        catalog.decide({street: Ruling(Verdict.DROP)})
    assert sum(negbuild("status", "--json").json["splits"].values()) == 15


def test_a_size_comes_after_the_folds_of_a_workspace_as_if_they_were_not(
    project: Callable[..., None], negbuild: Negbuild, tmp_path: Path
) -> None:
    project("hotdog", "known", range(100, 108))
    project("street", "unknown", range(200, 212))
    project("dog", "unknown", range(300, 312))
    assert negbuild("split", "--unseen-folds", 2).code == 0
    folds = {row.split(",")[5]: row.split(",")[1] for row in rows(tmp_path, "folds/fold1") if ",unseen," not in row}
    assert negbuild("split", "--negatives", "1x").code == 0
    split = {row.split(",")[5]: row.split(",")[1] for row in rows(tmp_path)}
    assert {sha: folds[sha] for sha in split if sha in folds} == {sha: split[sha] for sha in split if sha in folds}
    assert len(split) == 16


def test_pictures_of_one_page_or_one_address_belong_together(tmp_path: Path) -> None:
    workspace = Workspace(tmp_path)
    workspace.make()
    page, other = "https://page.example/1", "https://page.example/2"
    places = [("https://x.example/a", page), ("https://x.example/b", page), ("https://x.example/c", other)]
    places += [("https://x.example/d", ""), ("https://x.example/d", ""), ("https://x.example/e", "")]
    with workspace.writing() as catalog:
        catalog.declare("dog", Role.UNKNOWN)
        settled = [
            Settled(Candidate("web", str(n), url, page, category="dog"), "", Record(f"{n}", "JPEG", 9, 9, 9))
            for n, (url, page) in enumerate(places)
        ]
        catalog.settle(settled, [], "1")
        assert group_images(catalog, "012345") == {"0": "0", "1": "0", "2": "2", "3": "3", "4": "3", "5": "5"}


def test_different_pictures_of_one_page_are_never_divided(
    project: Callable[..., None], negbuild: Negbuild, photo: Photo, tmp_path: Path, server: Server, reply: Reply
) -> None:
    listed = ["url,page"]
    for number in range(20):
        for place in "ab":
            server.routes[f"/{number}{place}.jpg"] = reply(photo(1000 + 2 * number + (place == "b")))
            listed.append(f"{server.url}/{number}{place}.jpg,https://page.example/{number}")
    (tmp_path / "list.csv").write_text("\n".join(listed))
    crawl = ("crawl", "-s", "urls", "--path", "list.csv", "-n", 40, "--category", "street", "--allow-private")
    assert negbuild(*crawl).code == 0
    project("hotdog", "known", range(10))
    assert negbuild("dedup", "--json").json["groups"] == 20
    assert negbuild("split", "--ratio", "50/25/25").code == 0
    where: dict[str, list[str]] = {}
    with (tmp_path / "dataset" / "manifest.csv").open(encoding="utf-8", newline="") as manifest:
        for row in csv.DictReader(manifest):
            if row["category"] == "street":
                where.setdefault(row["page"], []).append(row["split"])
    assert len(where) == 20
    assert all(len(splits) == 2 and len(set(splits)) == 1 for splits in where.values())
    assert {split for splits in where.values() for split in splits} == {"train", "valid", "test"}
