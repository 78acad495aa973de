"""What a person reads, to the letter."""

from dataclasses import replace
from pathlib import Path

import pytest

from negbuild.errors import NetworkDown, SourceError
from negbuild.model import Drop, Role, SkipReason, Split
from negbuild.plan import Move, Omission
from negbuild.proof import Certificate
from negbuild.show import (
    certificate_line,
    crawl_failure,
    crawl_lines,
    crawl_notes,
    reasons,
    status_lines,
    table,
)
from negbuild.show_copies import dedup_lines
from negbuild.show_split import split_lines
from negbuild.show_verify import verify_lines
from negbuild.stages.crawl import CrawlResult, Share
from negbuild.stages.dedup import Copy, DedupResult
from negbuild.stages.split import SplitCount, SplitResult
from negbuild.stages.status import CategoryCount, StatusResult
from negbuild.stages.verify import Check, VerifyResult

PROVEN = Certificate(
    statement="no two compared pictures in different splits are within 16 bits of each other",
    descriptor="",
    threshold=16,
    texture=3.0,
    compared=1234,
    excluded=5,
    margin=22,
    nearest={"32-39": 1, "48-55": 1233},
    leaks=[],
)
PROVEN_LINE = (
    "certificate: no two compared pictures in different splits are within 16 bits of each other "
    "(1,234 compared, 5 too plain; the nearest pair is 38 bits apart, of 192)"
)


def test_columns_are_as_wide_as_their_widest_and_numbers_stand_to_the_right() -> None:
    rows = [("hotdog", "known", "1,234", "-"), ("street_food", "unknown", "9", "10")]
    assert table(("category", "role", "pictures", "copies"), rows) == [
        "category     role     pictures  copies",
        "hotdog       known       1,234       -",
        "street_food  unknown         9      10",
    ]


def test_lines_end_without_blanks() -> None:
    assert table(("a", "from"), [("x", ""), ("y", "folder")]) == ["a  from", "x", "y  folder"]


def test_reasons_are_listed_in_the_order_given() -> None:
    assert reasons({SkipReason.GONE: 1500, SkipReason.FLAT: 2}) == "1,500 gone, 2 flat"
    assert reasons({}) == ""


def crawled(unique: int = 0, new: int = 0, copies: int = 0, refusal: SourceError | None = None) -> CrawlResult:
    return CrawlResult(
        unique=unique,
        new=new,
        copies=copies,
        tried=0,
        pending=0,
        skips={SkipReason.GONE: 3} if copies else {},
        refusal=refusal,
        categories={"Street food": "street_food", "salad": "salad"} if new else {"salad": "salad"},
        made_workspace=bool(new),
    )


def test_crawl_says_what_it_brought() -> None:
    assert crawl_lines(crawled(unique=1), "openverse salad", Role.UNKNOWN) == [
        "openverse salad: 1 unique picture in category salad (unknown), 0 of them new"
    ]
    assert crawl_lines(crawled(unique=1040, new=40, copies=1), "picsum", Role.UNSEEN) == [
        "picsum: 1,040 unique pictures in 2 categories (unseen), 40 of them new, and 1 copy of pictures held",
        "skipped 3: 3 gone",
    ]


def test_a_crawl_that_fell_short_has_a_table_of_reasons() -> None:
    result = replace(crawled(unique=1), skips={SkipReason.GONE: 1200, SkipReason.ROBOTS: 3})
    assert crawl_lines(result, "salad", Role.UNKNOWN, short=True)[1:] == [
        "",
        "skipped  reason",
        "  1,200  gone",
        "      3  robots.txt",
    ]


def test_crawl_notes_what_it_did_beside() -> None:
    assert crawl_notes(crawled(), Path("here")) == []
    assert crawl_notes(crawled(new=1), Path("here")) == [
        "negbuild: here: a new workspace",
        "negbuild: category 'Street food' is held as street_food",
    ]


def test_a_crawl_tells_each_refusal_once_and_the_network_is_one() -> None:
    refusals = [NetworkDown("network: a"), SourceError("x: no"), None, NetworkDown("network: b"), SourceError("x: no")]
    shares = [Share("x", str(place), 0, 0, 0, 0, 0, {}, refusal) for place, refusal in enumerate(refusals)]
    assert crawl_notes(replace(crawled(), shares=shares), Path("here")) == ["negbuild: network: a", "negbuild: x: no"]


@pytest.mark.parametrize(
    ("skips", "step"),
    [
        ({}, "try another --query or --source"),
        ({SkipReason.GONE: 1, SkipReason.NOAI: 2}, "try another --query or --source"),
        (
            {SkipReason.GONE: 1, SkipReason.HOST_DOWN: 2},
            "try what failed for now again later with: negbuild crawl --retry",
        ),
        (
            {SkipReason.PRIVATE_ADDRESS: 1, SkipReason.TIMEOUT: 2},
            "add --allow-private if this is your own network",
        ),
    ],
)
def test_a_crawl_that_fell_short_says_the_next_step(skips: dict[SkipReason, int], step: str) -> None:
    assert str(crawl_failure(replace(crawled(unique=1), skips=skips), "salad", 5)).endswith(f"; {step}")


@pytest.mark.parametrize(
    ("result", "wanted", "code", "message"),
    [
        (crawled(unique=3), 3, 0, ""),
        (crawled(unique=3), None, 0, ""),
        (crawled(), None, 3, "salad: holds no pictures"),
        (replace(crawled(copies=2), skips={}), None, 0, ""),  # nothing but copies of what is held
        (
            crawled(unique=2, copies=1),
            5,
            3,
            "salad: 2 of 5 pictures, there are no more; try another --query or --source",
        ),
        (crawled(refusal=SourceError("no key")), 5, 4, "no key"),
        (crawled(unique=2, refusal=SourceError("no quota")), 5, 4, "no quota; 2 of 5 pictures are held"),
    ],
)
def test_crawl_says_why_it_fell_short(result: CrawlResult, wanted: int | None, code: int, message: str) -> None:
    failure = crawl_failure(result, "salad", wanted)
    assert (failure.exit_code if failure else 0, str(failure or "")) == (code, message)


def test_status_of_an_empty_workspace() -> None:
    assert status_lines(StatusResult(0, 0, 0, {}, [], {})) == [
        "no pictures yet",
        "",
        "0 candidates = 0 images + 0 skips",
    ]


def test_status_counts_one_as_one() -> None:
    one_skip = StatusResult(2, 0, 1, {SkipReason.GONE: 1}, [], {})
    assert status_lines(one_skip)[2:] == ["2 candidates = 1 image + 1 skip", "skipped: 1 gone"]


def test_status_counts_everything() -> None:
    categories = [
        CategoryCount("hotdog", Role.KNOWN, 1200, 3, {"folder": 1200}),
        CategoryCount("street", Role.UNKNOWN, 40, 0, {"openverse": 30, "picsum": 10}),
    ]
    skips = {SkipReason.GONE: 5, SkipReason.FLAT: 2}
    assert status_lines(StatusResult(1247, 3, 1240, skips, categories, {Split.TRAIN: 900, Split.TEST: 100})) == [
        "category  role     pictures  copies  from",
        "hotdog    known       1,200       3  1,200 folder",
        "street    unknown        40       0  30 openverse, 10 picsum",
        "",
        "1,247 candidates = 1,240 images + 7 skips",
        "skipped: 5 gone, 2 flat",
        "named, and not tried yet: 3",
        "planned: 900 train, 100 test",
    ]


def test_dedup_counts_in_words() -> None:
    copy = Copy("dog", "b.jpg", "dog", "a.jpg", 3)
    few = DedupResult(2, 1, 1, 0, 0, [Drop("b", "a", 3)], [copy], {"aligned": 1}, {3: 1}, {25: 2, 31: 1})
    assert dedup_lines(few, whole=True) == [
        "2 pictures: 1 pair of twins (1 aligned), 1 copy set aside, the best of each kept; nothing is deleted",
        "1 group of look-alikes, which a split never divides",
        "",
        "bits apart  copies  others",
        "0-7              1       -",
        "8-15             -       -",
        "16-23            -       -",
        "24-31            -       3",
        "copies reach 3 bits, other pictures begin at 25: a gap",
        "",
        "copy       kept instead  bits apart",
        "dog/b.jpg  dog/a.jpg              3",
    ]
    near = DedupResult(2, 1, 1, 0, 0, [], [], {"aligned": 1}, {30: 1}, {25: 1})
    assert dedup_lines(near)[-1] == (
        "copies reach 30 bits, other pictures begin at 25: no gap, only their pixels tell them apart"
    )
    many = DedupResult(1000, 2, 0, 1, 7, [], [], {}, {}, {})
    assert dedup_lines(many) == [
        "1,000 pictures: 2 pairs of twins, 0 copies set aside, the best of each kept; nothing is deleted",
        "0 groups of look-alikes, which a split never divides",
        "7 pictures with too little in them to compare: only equal pixels count",
        "1 conflict: copies with different labels; splits use the known one or none",
    ]


COUNTS = [
    SplitCount("train", "0_na", "unknown", 1400),
    SplitCount("train", "hotdog", "known", 70),
    SplitCount("valid", "0_na", "unknown", 300),
    SplitCount("valid", "hotdog", "known", 15),
    SplitCount("test", "0_na", "unknown", 300),
    SplitCount("test", "hotdog", "known", 15),
]


def test_split_draws_its_tree() -> None:
    holdout = [SplitCount("unseen", "0_na", "unseen", 99), SplitCount("unseen", "hotdog", "known", 15)]
    omitted = {Omission.NEAR_UNSEEN: 1, Omission.COPY: 2}
    moves = [Move("a", Split.TRAIN, Split.TEST)]
    lines = split_lines(SplitResult(Path("dataset"), COUNTS + holdout, omitted, moves, PROVEN))
    assert [" ".join(line.split()) for line in lines[:5]] == [
        "dataset/",
        "├── train/ 0_na/ 1,400 hotdog/ 70",
        "├── valid/ 0_na/ 300 hotdog/ 15",
        "├── test/ 0_na/ 300 hotdog/ 15",
        "└── unseen/ 0_na/ 99 hotdog/ 15",
    ]
    assert len({line.index("hotdog/") for line in lines[1:5]}) == 1
    assert len({len(line) for line in lines[1:5]}) == 1
    assert lines[5:] == [
        "",
        "role     train  valid  test  unseen",
        "known       70     15    15      15",
        "unknown  1,400    300   300       -",
        "unseen       -      -     -      99",
        "",
        f"left out: 2 ({Omission.COPY}), 1 ({Omission.NEAR_UNSEEN})",
        "moved to a stricter split: 1 picture",
        PROVEN_LINE,
    ]


def test_split_without_a_holdout_says_what_that_means() -> None:
    lines = split_lines(SplitResult(Path("out/data"), COUNTS, {}, [], PROVEN))
    assert lines[0] == "out/data/"
    assert [line.split()[1] for line in lines[1:4]] == ["train/", "valid/", "test/"]
    assert lines[3].startswith("└── test/")
    assert lines[-2:] == [
        "no unseen category: nothing measures what the classifier does with things it never saw",
        PROVEN_LINE,
    ]


def test_certificate_without_a_pair_states_no_distance() -> None:
    alone = Certificate("nothing was compared", "", 16, 3.0, 0, 9, None, {}, [])
    assert certificate_line(alone) == "certificate: nothing was compared"


def test_verify_lists_promises_and_the_first_problems() -> None:
    checks = [
        Check("manifest and files agree", []),
        Check("no group is divided", [f"group {number}: in test, train" for number in range(1007)]),
    ]
    assert verify_lines(VerifyResult("multiclass", checks, PROVEN)) == [
        "holds   manifest and files agree",
        "broken  no group is divided",
        "          group 0: in test, train",
        "          group 1: in test, train",
        "          group 2: in test, train",
        "          group 3: in test, train",
        "          group 4: in test, train",
        "          and 1,002 more",
        PROVEN_LINE,
    ]
    assert verify_lines(VerifyResult("multiclass", checks[:1])) == ["holds   manifest and files agree"]
