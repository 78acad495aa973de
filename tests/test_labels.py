"""What the training helpers share, without a framework; and what they say where there is none."""

import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from negbuild.errors import LibraryMissing, UsageError
from negbuild.labels import Target, read_split

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]


@pytest.fixture
def dataset(negbuild: Negbuild, photo: Photo, tmp_path: Path) -> Path:
    """Write two known categories, an unknown and an unseen one."""
    for number, (category, role) in enumerate(
        {"cup": "known", "bowl": "known", "street": "unknown", "dog": "unseen"}.items()
    ):
        (tmp_path / category).mkdir()
        for seed in range(100 * number, 100 * number + 6):
            (tmp_path / category / f"{seed}.jpg").write_bytes(photo(seed))
        assert negbuild("add", category, "--category", category, "--role", role).code == 0
    assert negbuild("split", "--ratio", "50/25/25").code == 0
    return tmp_path / "dataset"


def test_a_split_is_read_in_the_order_of_the_manifest(dataset: Path) -> None:
    lines = (dataset / "manifest.csv").read_text(encoding="utf-8").splitlines()
    for split in ("train", "valid", "test", "unseen"):
        labelled = read_split(dataset, split)
        files = [line.partition(",")[0] for line in lines if line.startswith(f"{split}/")]
        assert [row.file for row in labelled.rows] == files
        assert labelled.classes == ("0_na", "bowl", "cup")
        assert labelled.known_classes == ("bowl", "cup")
        assert all(path.is_file() for path in labelled.paths)
        expected = [("0_na", "bowl", "cup").index(file.split("/")[1]) for file in files]
        assert labelled.indices == expected
    assert {row.category: row.role for row in read_split(dataset, "unseen").rows} == {
        "bowl": "known",
        "cup": "known",
        "dog": "unseen",
    }


def test_targets(dataset: Path) -> None:
    labelled = read_split(dataset, "train")
    indices = labelled.targets(Target.INDEX)
    assert indices.dtype == np.int64
    assert set(indices.tolist()) == {0, 1, 2}
    one_hot, known = labelled.targets(Target("one-hot")), labelled.targets(Target("known"))
    assert one_hot.dtype == known.dtype == np.float32
    rows = {0: ([1, 0, 0], [0, 0]), 1: ([0, 1, 0], [1, 0]), 2: ([0, 0, 1], [0, 1])}
    assert one_hot.tolist() == [rows[index][0] for index in indices]
    assert known.tolist() == [rows[index][1] for index in indices]


def test_what_cannot_be_read_is_named_in_one_line(dataset: Path, tmp_path: Path) -> None:
    def fault(root: Path, split: str = "train") -> str:
        with pytest.raises(UsageError) as caught:
            read_split(root, split)
        return str(caught.value)

    assert fault(dataset, "val") == f"{dataset}: has no split val; there are train, valid, test, unseen"
    assert fault(tmp_path) == (
        f"{tmp_path}: no dataset that negbuild wrote (manifest.csv is missing); run: negbuild split"
    )
    with pytest.raises(UsageError, match=r"^target onehot: unknown; there are index, one-hot, known$"):
        Target("onehot")
    manifest = dataset / "manifest.csv"
    whole = manifest.read_text(encoding="utf-8").splitlines(keepends=True)
    manifest.write_text("".join(line for line in whole if "/0_na/" not in line), encoding="utf-8")
    assert fault(dataset) == f"{dataset}: has no class 0_na; any ImageFolder loader reads it"
    for broken in ("file,split\n", whole[0] + "a,b\n", "\0"):
        manifest.write_text(broken, encoding="utf-8")
        assert fault(dataset).endswith(f"run: negbuild verify {dataset}")
        assert "\n" not in fault(dataset)
    manifest.write_bytes(b"\xff\xfe")
    assert fault(dataset).endswith(f"run: negbuild verify {dataset}")


@pytest.mark.parametrize(
    ("framework", "line"),
    [
        ("torch", "negbuild.torch: needs PyTorch; run: pip install torch"),
        ("keras", "negbuild.keras: needs keras; run: pip install keras tensorflow"),
    ],
)
def test_without_a_framework_its_helper_says_how_to_install_it(framework: str, line: str) -> None:
    code = f"import sys; sys.modules[{framework!r}] = None\nimport negbuild.{framework}"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.stderr.splitlines()[-1] == f"negbuild.errors.LibraryMissing: {line}"
    assert issubclass(LibraryMissing, ImportError)
    assert LibraryMissing.exit_code == 2


def test_neither_framework_is_loaded_by_what_both_share() -> None:
    code = "import sys, negbuild.labels; print(sorted({'torch', 'keras', 'tensorflow'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
