"""What `make source` writes is good style, fails the contract test as it is, and passes once it is filled in."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent.parent
TESTS = ("tests/sources/test_contract.py", "tests/sources/test_museum.py")
FILLED_IN = """\
CANDIDATES = [
    Candidate(
        source="museum",
        source_id="1",
        url="https://img.museum.example/1.jpg",
        page="https://museum.example/1",
        title="One",
        author="A. Maker",
        license="CC-BY-4.0",
        license_url="https://creativecommons.org/licenses/by/4.0/",
    )
]
"""


@pytest.fixture
def checkout(tmp_path: Path) -> Path:
    """Copy what the contract test needs."""
    for folder in ("negbuild", "sources", "tests/sources"):
        shutil.copytree(ROOT / folder, tmp_path / folder, ignore=shutil.ignore_patterns("__pycache__"))
    for file in ("pyproject.toml", "tests/conftest.py"):
        shutil.copy(ROOT / file, tmp_path / file)
    (tmp_path / "negbuild" / "sources").symlink_to(tmp_path / "sources")
    return tmp_path


def run(checkout: Path, *command: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [sys.executable, *command],
        cwd=checkout,
        env={**os.environ, "PYTHONPATH": str(checkout)},
        capture_output=True,
        text=True,
        check=False,
    )


def test_a_new_source_passes_the_contract_as_soon_as_it_is_filled_in(checkout: Path) -> None:
    assert run(checkout, "tests/sources/new.py", "museum").returncode == 0
    written = ("sources/museum.py", "tests/sources/museum/expected.py", "tests/sources/test_museum.py")
    lint = run(checkout, "-m", "ruff", "check", *written)
    assert lint.returncode == 0, lint.stdout
    assert run(checkout, "-m", "ruff", "format", "--check", *written).returncode == 0
    contract = ("-m", "pytest", "-q", "-n0", "-k", "museum", *TESTS)
    as_written = run(checkout, *contract)
    assert as_written.returncode == 1
    assert (
        "FAILED tests/sources/test_contract.py::test_answers_become_the_expected_candidates[museum]"
        in as_written.stdout
    )
    assert "1 failed" in as_written.stdout.splitlines()[-1]

    file = checkout / "tests/sources/museum/expected.py"
    text = file.read_text(encoding="utf-8")
    file.write_text(text[: text.index("CANDIDATES")] + FILLED_IN, encoding="utf-8")
    filled_in = run(checkout, *contract)
    assert filled_in.returncode == 0, filled_in.stdout


@pytest.mark.parametrize(
    ("name", "fault"),
    [
        ("", "source '': is no name"),
        ("My Museum", "source 'My Museum': is no name"),
        ("../x", "is no name"),
        ("openverse", "sources/openverse.py is there already"),
    ],
)
def test_a_name_that_cannot_be_is_one_line_and_writes_nothing(checkout: Path, name: str, fault: str) -> None:
    before = sorted(checkout.rglob("*"))
    done = run(checkout, "tests/sources/new.py", name)
    assert done.returncode == 2
    assert fault in done.stderr
    assert done.stderr.count("\n") == 1
    assert sorted(checkout.rglob("*")) == before
