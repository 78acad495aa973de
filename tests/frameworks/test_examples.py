"""The training examples, as a person runs them: three arms, and predictions of all pictures but those of train."""

import csv
import re
import shlex
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from negbuild.manifest import read_manifest

ROOT = Path(__file__).parent.parent.parent
ARMS = {"ce": True, "bce-with-na": True, "bcena": False}  # whether na has an output


@pytest.mark.parametrize("framework", ["pytorch", "keras"])
def test_an_example_trains_three_arms(
    dataset: Path, tmp_path: Path, environment: Callable[..., dict[str, str]], framework: str
) -> None:
    command = [sys.executable, ROOT / "examples" / f"train_{framework}.py", dataset]
    done = subprocess.run(
        list(map(str, command)), cwd=tmp_path, env=environment(), capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    *_, ce, bce_with_na, bcena, command_line = done.stdout.splitlines()
    for line, arm in ((ce, "ce"), (bce_with_na, "bce-with-na"), (bcena, "bcena")):
        assert re.fullmatch(rf"predictions-{arm} +known +\d+% of \d+ +unknown +\d+% of \d+ +unseen +\d+% of \d+", line)
    program, *arguments = shlex.split(command_line)
    assert program == "negbuild"
    read = subprocess.run(
        [sys.executable, "-m", "negbuild", *arguments],
        cwd=tmp_path,
        env=environment(),
        capture_output=True,
        check=False,
    )
    assert read.returncode == 0, read.stderr
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(f"predictions-{arm}.csv" for arm in ARMS)
    for arm, na_output in ARMS.items():
        check_predictions(dataset, tmp_path / f"predictions-{arm}.csv", na_output=na_output)


def check_predictions(dataset: Path, path: Path, *, na_output: bool) -> None:
    with path.open(encoding="utf-8", newline="") as stream:
        header, *lines = csv.reader(stream)
    classes = (dataset / "classes.txt").read_text(encoding="utf-8").split()
    assert header == ["file", *(classes if na_output else classes[1:])]
    rows = {row.file: row for row in read_manifest(dataset) if row.split != "train"}
    assert sorted(line[0] for line in lines) == sorted(rows)
    scores = np.array([line[1:] for line in lines], float)
    assert ((scores >= 0) & (scores <= 1)).all()
    if path.stem.endswith("-ce"):
        np.testing.assert_allclose(scores.sum(1), 1, atol=1e-6)
    labels = np.array([rows[line[0]].class_name for line in lines])
    roles = np.array([rows[line[0]].role for line in lines])
    for known in classes[1:]:  # something was learned: the area under the curve of guessing is one half
        score = scores[:, header.index(known) - 1]
        pictures, unknown = score[labels == known], score[roles == "unknown"]
        assert (pictures[:, None] > unknown).mean() > 0.8, known
