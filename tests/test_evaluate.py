"""`negbuild evaluate`: what it says of predictions, where its thresholds come from, and what it makes of bad ones."""

import csv
import json
import math
from collections.abc import Callable, Iterable, Mapping
from dataclasses import asdict, fields
from pathlib import Path
from typing import Any
from xml.etree import ElementTree as ET

import numpy as np
import pytest
from PIL import Image

from negbuild.errors import UsageError
from negbuild.manifest import Row, read_manifest
from negbuild.model import Role
from negbuild.openset import Arm, Rule
from negbuild.show_evaluate import evaluate_lines
from negbuild.stages.evaluate import EvaluateOptions, EvaluateResult, evaluate

Negbuild = Callable[..., Any]
Scored = Mapping[str, Iterable[tuple[float, ...]]]

# Pictures by split/role/class/category, each with its scores for bun and hotdog: a classifier that takes tacos for
# hotdogs. The threshold balances best anywhere above 0.5 (the highest unknown) and up to 0.7: in the middle, 0.6.
HAND: Scored = {
    "train/known/hotdog/hotdog": [(0.0, 1.0), (0.0, 1.0)],
    "valid/known/bun/bun": [(0.9, 0.1), (0.7, 0.3)],
    "valid/known/hotdog/hotdog": [(0.1, 0.8), (0.8, 0.2)],
    "valid/unknown/0_na/salad": [(0.1, 0.2), (0.5, 0.4), (0.3, 0.1), (0.2, 0.2)],
    "test/known/bun/bun": [(0.9, 0.1), (0.65, 0.3)],
    "test/known/hotdog/hotdog": [(0.1, 0.8), (0.75, 0.2), (0.3, 0.55)],
    "test/unknown/0_na/salad": [(0.1, 0.2), (0.3, 0.1)],
    "test/unknown/0_na/street": [(0.7, 0.1), (0.0, 0.1)],
    "unseen/known/bun/bun": [(0.9, 0.1), (0.65, 0.3)],
    "unseen/known/hotdog/hotdog": [(0.1, 0.8), (0.75, 0.2), (0.3, 0.55)],
    "unseen/unseen/0_na/car": [(0.2, 0.1), (0.1, 0.2), (0.55, 0.1), (0.1, 0.8)],
    "unseen/unseen/0_na/taco": [(0.1, 0.95), (0.1, 0.3)],
}


def rows_of(scored: Scored) -> dict[str, tuple[Row, tuple[float, ...]]]:
    rows = {}
    for place, pictures in scored.items():
        split, role, class_name, category = place.split("/")
        for number, given in enumerate(pictures):
            file = f"{split}/{class_name}/{category}_{number:012x}.jpg"
            words: dict[str, Any] = {field.name: "" for field in fields(Row) if field.type is str}
            words |= {"file": file, "split": split, "class_name": class_name, "category": category, "role": role}
            rows[file] = Row(**{**words, "width": 1, "height": 1}), given
    return rows


def write_csv(path: Path, head: Iterable[str], lines: Iterable[Iterable[object]]) -> Path:
    path.parent.mkdir(parents=True, exist_ok=True)
    with path.open("w", encoding="utf-8", newline="") as stream:
        csv.writer(stream, lineterminator="\n").writerows([list(head), *map(list, lines)])
    return path


def write_dataset(root: Path, scored: Scored) -> Path:
    rows = [asdict(row) for row, _ in rows_of(scored).values()]
    write_csv(root / "manifest.csv", rows[0], (row.values() for row in rows))
    return root


def write_scores(path: Path, scored: Scored, head: str = "file,bun,hotdog") -> Path:
    return write_csv(path, head.split(","), ((file, *given) for file, (_, given) in rows_of(scored).items()))


@pytest.fixture
def dataset(tmp_path: Path) -> Path:
    return write_dataset(tmp_path / "dataset", HAND)


@pytest.fixture
def predictions(tmp_path: Path) -> Path:
    return write_scores(tmp_path / "hand.csv", HAND)


def only(result: EvaluateResult) -> Arm:
    (arm,) = result.arms
    return arm


# --- what is measured


def test_every_number_of_a_case_worked_by_hand(dataset: Path, predictions: Path) -> None:
    arm = only(evaluate([predictions], dataset))
    assert (arm.name, arm.classes, arm.ignored) == ("hand", ["bun", "hotdog"], 7)
    assert arm.threshold.value == pytest.approx(0.6)
    assert arm.threshold.rule == Rule.BALANCED
    assert arm.threshold.known is not None
    assert (arm.threshold.known.hits, arm.threshold.known.of) == (3, 4)
    assert arm.closed_set is not None
    assert (arm.closed_set.hits, arm.closed_set.of) == (4, 5)
    assert {one.name: (one.right.hits, one.right.of, one.instead) for one in arm.roles} == {
        "known": (3, 5, {"bun": 1, "none of these": 1}),
        "unknown": (3, 4, {"bun": 1}),
        "unseen": (4, 6, {"hotdog": 2}),
    }
    assert [(one.role, one.name, one.right.hits, one.right.of) for one in arm.categories] == [
        (Role.KNOWN, "bun", 2, 2),
        (Role.KNOWN, "hotdog", 1, 3),
        (Role.UNKNOWN, "salad", 2, 2),
        (Role.UNKNOWN, "street", 1, 2),
        (Role.UNSEEN, "car", 3, 4),
        (Role.UNSEEN, "taco", 1, 2),
    ]
    assert arm.worst is not None
    assert (arm.worst.name, arm.category_mean) == ("taco", 0.625)
    assert arm.confusion == [[2, 0, 0], [1, 1, 1], [1, 0, 3], [0, 2, 4]]
    assert arm.argmax == []
    unknown, unseen = arm.separations
    # Known .9 .8 .75 .65 .55 (.75 of the wrong class); unknown .7 .3 .2 .1; unseen .95 .8 .55 .3 .2 .2
    assert [unknown.auroc, unknown.auoscr] == pytest.approx([18 / 20, 14 / 20])
    assert [unseen.auroc, unseen.auoscr] == pytest.approx([21 / 30, 17 / 30])
    assert (unknown.accepted_at_95_known, unseen.accepted_at_95_known) == (0.25, 0.5)
    assert [(one.accepted, one.correct, one.enough) for one in unknown.correct_at] == [
        (rate, 0.4, False) for rate in (0.01, 0.05, 0.1)
    ]


def test_a_person_reads_it_in_a_minute(negbuild: Negbuild, dataset: Path, predictions: Path) -> None:
    del dataset, predictions
    done = negbuild("evaluate", "hand.csv", "--cant-say", "0")
    assert done.code == 0, done.err
    assert done.err == "next: negbuild evaluate hand.csv --dataset dataset --plots plots\n"
    assert done.out == (
        "test and unseen     right  of  95 % interval  answered instead\n"
        "known recognised   60.0 %   5        23-89 %  bun 1, none of these 1\n"
        "  bun             100.0 %   2       34-100 %\n"
        "  hotdog           33.3 %   3         6-80 %  bun 1, none of these 1\n"
        "unknown rejected   75.0 %   4        30-96 %  bun 1\n"
        "  salad           100.0 %   2       34-100 %\n"
        "  street           50.0 %   2         9-91 %  bun 1\n"
        "unseen rejected    66.7 %   6        29-91 %  hotdog 2\n"
        "  car              75.0 %   4        30-96 %  hotdog 1\n"
        "  taco             50.0 %   2         9-91 %  hotdog 1\n"
        "\n"
        "worst unseen category: taco, 50.0 % rejected; the mean of 2 categories is 62.5 %\n"
        "\n"
        "threshold 0.6: chosen on valid alone, where it balances best: known right (75.0 % of 4) and "
        "unknown rejected (100.0 % of 4)\n"
        "\n"
        "known against, at any threshold                  unknown  unseen\n"
        "AUROC                                              0.900   0.700\n"
        "AUPR, known as the positive side                   0.927   0.578\n"
        "AUOSCR                                             0.700   0.567\n"
        "taken for known when 95 % of known are accepted   25.0 %  50.0 %\n"
        "too few pictures for known right at lower false acceptance (1 % takes 1,000, 5 % takes 200, 10 % takes 100)\n"
        "closed-set accuracy (known pictures, no threshold): 80.0 % of 5, 37-97 %\n"
        "\n"
        "can't say from 0.6 to 0.85: outside of it, on valid at most 0 % of the answers on either side are wrong\n"
        "with a band   right   wrong  can't say\n"
        "known        20.0 %  20.0 %     60.0 %\n"
        "unknown      75.0 %   0.0 %     25.0 %\n"
        "unseen       66.7 %  16.7 %     16.7 %\n"
        "\n"
        "few pictures (known 5, unknown 4, unseen 6): below 100 a share may be off by more than ten points\n"
    )


def changed(split_role: str, scored: Scored = HAND) -> Scored:
    random = np.random.default_rng(7)
    return {
        place: [tuple(random.random(2)) for _ in given] if place.startswith(split_role) else given
        for place, given in scored.items()
    }


@pytest.mark.parametrize("options", [EvaluateOptions(cant_say=0.1), EvaluateOptions(known_accuracy=0.75, cant_say=0)])
def test_thresholds_come_from_valid_alone(tmp_path: Path, dataset: Path, options: EvaluateOptions) -> None:
    before = only(evaluate([write_scores(tmp_path / "a.csv", HAND)], dataset, options))
    for where in ("test", "unseen", "train"):
        after = only(evaluate([write_scores(tmp_path / "a.csv", changed(where))], dataset, options))
        assert (after.threshold, after.band) == (before.threshold, before.band)
        assert (after.roles == before.roles) is (where == "train")
    after = only(evaluate([write_scores(tmp_path / "a.csv", changed("valid"))], dataset, options))
    assert after.threshold != before.threshold


def test_only_the_order_of_scores_counts(tmp_path: Path, dataset: Path, predictions: Path) -> None:
    logits = {place: [tuple(math.log(s / 3 + 1e-3) for s in one) for one in given] for place, given in HAND.items()}
    moved = only(evaluate([write_scores(tmp_path / "logits.csv", logits)], dataset))
    arm = only(evaluate([predictions], dataset))
    assert (moved.separations, moved.roles, moved.closed_set) == (arm.separations, arm.roles, arm.closed_set)


def test_known_pictures_of_the_holdout_count_once(tmp_path: Path, dataset: Path, predictions: Path) -> None:
    without = {place: given for place, given in HAND.items() if not place.startswith(("unseen/known", "train"))}
    arm = only(evaluate([write_scores(tmp_path / "hand.csv", without)], dataset))
    assert arm.ignored == 0
    assert arm.roles == only(evaluate([write_scores(predictions, HAND)], dataset)).roles


def test_a_column_of_the_negative_class_adds_its_own_rule(tmp_path: Path, dataset: Path) -> None:
    # The negative class scores 0.6 always, and 0.8 in one tie, which it wins.
    scored = {place: [(0.8 if 0.8 in one else 0.6, *one) for one in given] for place, given in HAND.items()}
    path = write_scores(tmp_path / "na.csv", scored, "file,0_na,bun,hotdog")
    result = evaluate([path], dataset)
    assert [(one.name, one.right.hits) for one in only(result).argmax] == [("known", 2), ("unknown", 3), ("unseen", 5)]
    assert (
        "by the highest score alone, 0_na among them: known recognised 40.0 %, unknown rejected 75.0 %, "
        "unseen rejected 83.3 %"
    ) in evaluate_lines(result)


def test_a_known_accuracy_is_kept_on_valid(negbuild: Negbuild, dataset: Path, predictions: Path) -> None:
    del dataset, predictions
    done = negbuild("evaluate", "hand.csv", "--known-accuracy", "0.5", "--json")
    chosen = done.json["arms"][0]["threshold"]
    assert (chosen["value"], chosen["rule"], chosen["known"]["hits"]) == (0.8, Rule.KNOWN_ACCURACY, 2)
    given = negbuild("evaluate", "hand.csv", "--threshold", "0.2", "--json").json["arms"][0]["threshold"]
    assert (given["value"], given["rule"], given["unknown"]["hits"]) == (0.2, "given", 0)


@pytest.fixture
def arms(tmp_path: Path, dataset: Path) -> list[Path]:
    """Write three classifiers; the last one keeps 50 % of valid's known pictures right at best."""
    del dataset
    weak = {**HAND, "valid/known/bun/bun": [(0.9, 0.1), (0.1, 0.3)], "unseen/unseen/0_na/taco": [(0.1, 0.2)] * 2}
    return [
        write_scores(tmp_path / "ce.csv", HAND),
        write_scores(tmp_path / "bce.csv", changed("unseen")),
        write_scores(tmp_path / "bcena.csv", weak),
    ]


def test_arms_are_compared_where_all_keep_the_same_known_accuracy(negbuild: Negbuild, arms: list[Path]) -> None:
    names = [path.name for path in arms]
    done = negbuild("evaluate", *names)
    assert done.code == 0, done.err
    lines = done.out.splitlines()
    assert " ".join(lines[0].split()) == (
        "threshold known recognised unknown rejected unseen rejected worst unseen AUROC unseen AUOSCR unseen"
    )
    assert [line.split()[:4] for line in lines[1:4]] == [
        ["ce", "0.8", "40.0", "%"],
        ["bce", "0.8", "40.0", "%"],
        ["bcena", "0.8", "40.0", "%"],
    ]
    assert "taco 50.0 %" in lines[1]
    assert lines[5] == (
        "each threshold is chosen on valid alone, the highest that keeps 50.0 % of its known pictures right"
    )
    result = negbuild("evaluate", *names, "--json").json
    assert (result["matched"], [arm["name"] for arm in result["arms"]]) == (0.5, ["ce", "bce", "bcena"])
    assert negbuild("evaluate", *names[:2], "--json").json["matched"] == 0.75
    assert negbuild("evaluate", *names, "--known-accuracy", 0.25, "--json").json["matched"] == 0.25
    own = negbuild("evaluate", *names, "--threshold", 0.5)
    assert "the threshold is your own, the same for all" in own.out
    refused = negbuild("evaluate", *names, "--known-accuracy", 0.6)
    assert (refused.code, refused.err) == (
        2,
        "negbuild: bcena.csv: 2 of 4 known pictures are right at any threshold in valid; ask for less: "
        "--known-accuracy 0.5\n",
    )


def test_arms_of_one_name_are_called_by_their_paths(tmp_path: Path, dataset: Path) -> None:
    paths = [write_scores(tmp_path / folder / "$_{$.csv", HAND) for folder in ("one", "two", "one-")]
    result = evaluate(paths, dataset, plots=tmp_path / "plots")
    assert [arm.name for arm in result.arms] == [path.as_posix() for path in paths]
    assert len({*result.plots}) == len(result.plots) == 16


def test_with_many_pictures_low_false_acceptance_is_told(tmp_path: Path) -> None:
    many = {place: list(given) * 50 for place, given in HAND.items()}
    result = evaluate(
        [write_scores(tmp_path / "many.csv", many)], write_dataset(tmp_path / "many", many), EvaluateOptions()
    )
    lines = evaluate_lines(result)
    assert "known right when 5 % are taken for known          40.0 %   0.0 %" in lines
    assert "too few pictures for known right at lower false acceptance (1 % takes 1,000)" in lines
    assert not any(line.startswith("few pictures") for line in lines)


def test_a_useless_classifier_is_called_so(tmp_path: Path, dataset: Path) -> None:
    nothing = {place: [(0.0, 0.0) for _ in given] for place, given in HAND.items()}
    reversed_ = {place: [(0.0 + ("known" not in place), 0.0) for _ in given] for place, given in HAND.items()}
    for scored in (nothing, reversed_):
        result = evaluate([write_scores(tmp_path / "bad.csv", scored)], dataset, plots=tmp_path / "plots")
        assert (
            "bad: no better than chance on valid; is a higher score surer, each in the column of its class?"
        ) in evaluate_lines(result)


# --- other forms of the same


@pytest.mark.parametrize(
    "named",
    [
        "./{}",
        "dataset/{}",
        "/home/me/somewhere/test/dataset/{}",
        "C:\\data\\dataset\\{}",
        " {} ",
    ],
)
def test_a_path_that_ends_in_a_file_of_the_dataset_means_it(
    tmp_path: Path, dataset: Path, predictions: Path, named: str
) -> None:
    lines = [(named.format(file), *given) for file, (_, given) in rows_of(HAND).items()]
    path = write_csv(tmp_path / "named" / "hand.csv", ["file", "bun", "hotdog"], lines)
    assert only(evaluate([path], dataset)) == only(evaluate([predictions], dataset))


def test_order_of_rows_and_columns_is_free_and_a_byte_order_mark_is_read_over(
    tmp_path: Path, dataset: Path, predictions: Path
) -> None:
    expected = only(evaluate([predictions], dataset))
    lines = [(file, given[1], given[0]) for file, (_, given) in rows_of(HAND).items()]
    path = write_csv(tmp_path / "other" / "hand.csv", ["file", " hotdog", "bun "], reversed(lines))
    path.write_text("\ufeff\r\n" + path.read_text().replace("\n", "\r\n\r\n"), encoding="utf-8")
    assert only(evaluate([path], dataset)) == expected


@pytest.mark.parametrize("name", ["positive", "hotdog"])
def test_one_sigmoid_will_do(tmp_path: Path, name: str) -> None:
    binary: dict[str, list[tuple[float, ...]]] = {}
    for place, given in HAND.items():
        split, role, class_name, category = place.split("/")
        home = name if class_name != "0_na" else class_name
        binary[f"{split}/{role}/{home}/{category}"] = [(max(one),) for one in given]
    dataset = write_dataset(tmp_path / "dataset", binary)
    result = evaluate([write_scores(tmp_path / "p.csv", binary, f"file,{name}")], dataset, plots=tmp_path / "plots")
    arm = only(result)
    assert (arm.classes, arm.closed_set) == ([name], None)
    assert [(one.name, one.right.hits) for one in arm.roles] == [("known", 4), ("unknown", 3), ("unseen", 4)]
    assert [one.name for one in arm.categories][:2] == ["bun", "hotdog"]  # categories stay, whatever their class
    assert not any("closed-set" in line for line in evaluate_lines(result))


def test_without_unseen_pictures_it_says_what_cannot_be_judged(
    negbuild: Negbuild, tmp_path: Path, dataset: Path
) -> None:
    seen = {place: given for place, given in HAND.items() if not place.startswith("unseen")}
    write_dataset(dataset, seen)
    write_scores(tmp_path / "seen.csv", seen)
    done = negbuild("evaluate", "seen.csv", "--plots", "plots")
    assert done.code == 0, done.err
    assert 'no unseen pictures: "none of these" cannot be judged for things that training never saw\n' in done.out
    assert "unseen rejected" not in done.out
    assert negbuild("evaluate", "seen.csv", "--json").json["arms"][0]["separations"][0]["role"] == "unknown"


def test_a_real_dataset_from_the_first_command_to_the_last(
    negbuild: Negbuild, tmp_path: Path, photo: Callable[..., bytes]
) -> None:
    for first, (category, role) in enumerate([("hotdog", "known"), ("salad", "unknown"), ("dog", "unseen")]):
        (tmp_path / category).mkdir()
        for number in range(8):
            (tmp_path / category / f"{number}.jpg").write_bytes(photo(100 * first + number))
        assert negbuild("add", category, "--role", role, "--category", category).code == 0
    assert negbuild("split", "--ratio", "50/25/25").code == 0
    rows = read_manifest(tmp_path / "dataset")
    lines = [(row.file, 0.9 if row.role == Role.KNOWN else 0.95 * (row.role == Role.UNSEEN)) for row in rows]
    write_csv(tmp_path / "predictions.csv", ["file", "hotdog"], lines)
    done = negbuild("evaluate", "predictions.csv", "--plots", "plots")
    assert done.code == 0, done.err
    assert [line.split()[:3] for line in done.out.splitlines()[1:6]] == [
        ["known", "recognised", "100.0"],
        ["unknown", "rejected", "100.0"],
        ["salad", "100.0", "%"],
        ["unseen", "rejected", "0.0"],
        ["dog", "0.0", "%"],
    ]
    assert done.out.splitlines()[-1] == (
        "drawn in plots: oscr.png, roc.png, scores.png, confusion.png, each as SVG too"
    )


# --- plots


def test_plots_are_pictures_of_equal_bytes_each_time(negbuild: Negbuild, tmp_path: Path, arms: list[Path]) -> None:
    (tmp_path / "matplotlibrc").write_text("axes.facecolor: red\nfont.size: 30\n")  # a person's own style
    names = [path.name for path in arms]
    for folder in ("one", "two"):
        assert negbuild("evaluate", *names, "--cant-say", "0.1", "--plots", folder).code == 0
    (tmp_path / "matplotlibrc").unlink()
    assert negbuild("evaluate", *names, "--cant-say", "0.1", "--plots", "two").code == 0  # over the old ones
    one, two = ({path.name: path.read_bytes() for path in (tmp_path / name).iterdir()} for name in ("one", "two"))
    assert one == two
    each = [f"{name}-{arm}" for arm in ("ce", "bce", "bcena") for name in ("scores", "confusion")]
    assert sorted(one) == sorted(f"{name}.{kind}" for name in ("oscr", "roc", *each) for kind in ("png", "svg"))
    for name in one:
        if name.endswith(".png"):
            with Image.open(tmp_path / "one" / name) as picture:
                assert min(picture.size) > 300
                assert len(picture.convert("RGB").getcolors(2**24) or []) > 50
        else:
            assert ET.fromstring(one[name]).tag == "{http://www.w3.org/2000/svg}svg"


def test_without_matplotlib_one_line_says_how_to_get_it(
    negbuild: Negbuild, tmp_path: Path, dataset: Path, predictions: Path
) -> None:
    del dataset, predictions
    broken = tmp_path / "site" / "matplotlib"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('not installed')")
    done = negbuild("evaluate", "hand.csv", "--plots", "plots", env={"PYTHONPATH": str(broken.parent)})
    assert (done.code, done.out, done.err) == (
        2,
        "",
        'negbuild: --plots: needs matplotlib; run: pip install "negbuild[plots]"\n',
    )
    assert negbuild("evaluate", "hand.csv", env={"PYTHONPATH": str(broken.parent)}).code == 0


# --- what is wrong is said in one line


def spoiled(change: Callable[[list[list[str]]], object]) -> list[list[str]]:
    lines = [["file", "bun", "hotdog"], *([file, *map(str, given)] for file, (_, given) in rows_of(HAND).items())]
    change(lines)
    return lines


def _set(line: int, column: int, value: str) -> Callable[[list[list[str]]], None]:
    return lambda lines: lines[line - 1].__setitem__(column, value)


FIRST = "valid/bun/bun_000000000000.jpg"  # line 4, after the header and two rows of train


@pytest.mark.parametrize(
    ("change", "fault"),
    [
        (lambda lines: lines.clear(), "is empty; write a column file and one a class"),
        (lambda lines: lines.__delitem__(slice(1, None)), "holds no predictions, only the names of columns"),
        (
            lambda lines: [line.__setitem__(slice(None), [";".join(line)]) for line in lines],
            "its columns are to be separated by commas; with pandas: to_csv(..., index=False)",
        ),
        (
            lambda lines: [line.__setitem__(slice(None), [";".join(line), "5"]) for line in lines[1:]]
            and lines[0].__setitem__(slice(None), ["file;bun;hotdog"]),
            "its columns are to be separated by commas; with pandas: to_csv(..., index=False)",
        ),
        (_set(1, 0, "path"), "the first column is 'path', not file; the header is file,bun,hotdog"),
        (
            lambda lines: [line.insert(0, str(number)) for number, line in enumerate(lines)] and _set(1, 0, "")(lines),
            "the first column is '', not file; with pandas: to_csv(..., index=False)",
        ),
        (_set(1, 2, "hot_dog"), "column 'hot_dog' is no class of the dataset; there are 0_na, bun, hotdog"),
        (_set(1, 2, "0_na"), "no column hotdog; each known class needs one: bun, hotdog"),
        (_set(1, 2, "bun"), "2 columns bun"),
        (lambda lines: lines[3].append("1"), "line 4 has 4 values for 3 columns"),
        (lambda lines: lines[3].pop(), "line 4 has 2 values for 3 columns"),
        (_set(4, 2, "much"), f"line 4: hotdog is 'much', not a finite number ({FIRST})"),
        (_set(4, 1, "nan"), f"line 4: bun is 'nan', not a finite number ({FIRST})"),
        (_set(4, 1, "-inf"), f"line 4: bun is '-inf', not a finite number ({FIRST})"),
        (_set(4, 1, ""), f"line 4: bun is '', not a finite number ({FIRST})"),
        (lambda lines: lines.insert(7, lines[3]), f"line 8: {FIRST} is in line 4 already"),
        (
            _set(4, 0, "valid/bun/pretzel.jpg"),
            "1 file is not in the manifest of dataset (line 4: 'valid/bun/pretzel.jpg'); predict the files that are "
            "there",
        ),
        (
            lambda lines: [_set(line, 0, f"{line}.jpg")(lines) for line in (5, 6, 2)],
            "3 files are not in the manifest of dataset (line 2: '2.jpg'); predict the files that are there",
        ),
        (lambda lines: lines.pop(3), f"1 picture has no prediction (1 of valid; such as {FIRST}); predict all of "
         "valid, test and unseen"),
        (
            lambda lines: lines.__delitem__(slice(11, None)),
            "15 pictures have no prediction (9 of test, 6 of unseen; such as test/bun/bun_000000000000.jpg); predict "
            "all of valid, test and unseen",
        ),
    ],
)  # fmt: skip
def test_bad_predictions_get_one_line(
    tmp_path: Path,
    dataset: Path,
    change: Callable[[list[list[str]]], object],
    fault: str,
    monkeypatch: Any,  # noqa: ANN401
) -> None:
    del dataset
    monkeypatch.chdir(tmp_path)
    lines = spoiled(change)
    (tmp_path / "p.csv").write_text("".join(",".join(line) + "\n" for line in lines))
    with pytest.raises(UsageError) as error:
        evaluate([Path("p.csv")], Path("dataset"))
    assert str(error.value) == f"p.csv: {fault}"


@pytest.mark.parametrize(
    ("command", "line"),
    [
        ("gone.csv", "negbuild: gone.csv: no such file; write one with a column file and one a class"),
        ("hand.csv hand.csv", "negbuild: hand.csv: is named twice; each file is one classifier"),
        ("picture.csv", "negbuild: picture.csv: no CSV in UTF-8 ('utf-8' codec can't decode byte 0xff in position 0: "
         "invalid start byte)"),
        ("hand.csv --dataset gone", "negbuild: gone: no such folder; run: negbuild split --out gone"),
        ("hand.csv --dataset empty", "negbuild: empty: no dataset that negbuild wrote (manifest.csv is missing); "
         "run: negbuild split"),
        ("hand.csv --dataset foreign", "negbuild: foreign: manifest.csv cannot be read (other columns than negbuild "
         "writes); run: negbuild verify foreign"),
        ("hand.csv --dataset known", 'negbuild: known: test and unseen hold no negatives, so that "none of these" '
         'cannot be judged; run: negbuild crawl --role unseen --query "street food"'),
        ("hand.csv --dataset negatives", "negbuild: negatives: valid holds no known pictures; run: negbuild split "
         "--out negatives"),
        ("two.csv --dataset unbalanced", "negbuild: two.csv: valid holds no unknown pictures to balance a threshold "
         "with; add --known-accuracy 0.9"),
        ("hand.csv --known-accuracy 1", "negbuild: hand.csv: 3 of 4 known pictures are right at any threshold in "
         "valid; ask for less: --known-accuracy 0.75"),
        ("hand.csv --known-accuracy 0.5 --threshold 0.5", "negbuild: evaluate: a known accuracy and a threshold of "
         "your own; leave one of them out"),
        ("hand.csv --known-accuracy 90", "negbuild evaluate: Invalid value for '--known-accuracy': 90.0 is not in the "
         "range 0<x<=1; run: negbuild evaluate --help"),
        ("hand.csv --threshold nan", "negbuild: threshold nan: must be a finite number"),
        ("hand.csv --plots hand.csv", "negbuild: hand.csv: is a file; choose a folder for --plots"),
        ("", "negbuild evaluate: Missing argument 'PREDICTIONS...'; run: negbuild evaluate --help"),
    ],
)  # fmt: skip
def test_bad_requests_get_one_line(
    negbuild: Negbuild, tmp_path: Path, dataset: Path, predictions: Path, command: str, line: str
) -> None:
    del dataset, predictions
    (tmp_path / "empty").mkdir()
    (tmp_path / "picture.csv").write_bytes(b"\xff\xd8\xff")
    write_csv(tmp_path / "foreign" / "manifest.csv", ["a"], [["b"]])
    write_dataset(tmp_path / "known", {place: given for place, given in HAND.items() if "/known/" in place})
    write_dataset(tmp_path / "negatives", {place: given for place, given in HAND.items() if "/0_na/" in place})
    unbalanced = {place: given for place, given in HAND.items() if not place.startswith("valid/unknown")}
    write_scores(tmp_path / "two.csv", unbalanced)
    write_dataset(tmp_path / "unbalanced", unbalanced)
    before = sorted(tmp_path.rglob("*"))
    done = negbuild("evaluate", *command.split())
    assert (done.code, done.out, done.err) == (2, "", f"{line}\n")
    assert sorted(tmp_path.rglob("*")) == before


def test_options_are_checked_from_python_too(dataset: Path, predictions: Path) -> None:
    for options, fault in (
        (EvaluateOptions(known_accuracy=0), "known accuracy 0: must be above 0 and at most 1, such as 0.9"),
        (EvaluateOptions(cant_say=1), "share of wrong answers 1: must be at least 0 and below 1, such as 0.05"),
    ):
        with pytest.raises(UsageError, match=fault):
            evaluate([predictions], dataset, options)
    with pytest.raises(UsageError, match="no predictions; name at least one file"):
        evaluate([], dataset)


def test_the_json_is_whole_and_plain(negbuild: Negbuild, dataset: Path, predictions: Path) -> None:
    del predictions
    done = negbuild("evaluate", "hand.csv", "--json", "--cant-say", "0.25")
    assert done.code == 0, done.err
    told = json.loads(done.out, parse_constant=pytest.fail)  # no NaN, no Infinity
    expected = asdict(only(evaluate([dataset.parent / "hand.csv"], dataset, EvaluateOptions(cant_say=0.25))))
    assert told == {"dataset": "dataset", "arms": [json.loads(json.dumps(expected))], "matched": None, "plots": []}
