"""What is shipped: the wheel holds negbuild and nothing else, runs from anywhere, and starts light."""

import email
import os
import re
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import pytest

import negbuild

ROOT = Path(__file__).parent.parent


def isolation() -> list[str]:
    """With the backend of pyproject.toml at hand, nothing is asked of a registry."""
    try:
        return ["--no-isolation"] if int(version("setuptools").partition(".")[0]) >= 80 else []
    except PackageNotFoundError:
        return []


def tracked(*places: str) -> list[str]:
    """Files under version control, and those that are about to be."""
    listed = subprocess.run(
        ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard", *places],
        cwd=ROOT,
        capture_output=True,
        text=True,
        check=True,
    )
    return [name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel as `make dist` does, from the sdist, in a copy of the checkout."""
    copy, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("dist")
    for name in tracked():
        (copy / name).parent.mkdir(parents=True, exist_ok=True)
        shutil.copy(ROOT / name, copy / name)
    done = subprocess.run(
        [sys.executable, "-m", "build", *isolation(), "--outdir", out, copy],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (built,) = out.glob("*.whl")
    return built


@pytest.fixture(scope="module")
def unpacked(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("unpacked")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(folder)
    return folder


def run(*command: str, where: Path, path: Path) -> str:
    """Run Python in another folder, with the packages in `path` before all others."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith("NEGBUILD_")}
    done = subprocess.run(
        [sys.executable, "-W", "error", *command],
        cwd=where,
        env={**kept, "PYTHONPATH": str(path)},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def test_the_wheel_holds_the_files_of_negbuild_and_nothing_else(wheel: Path) -> None:
    info = f"negbuild-{negbuild.__version__}.dist-info/"
    with zipfile.ZipFile(wheel) as archive:
        held = {name: archive.read(name) for name in archive.namelist() if not name.startswith(info)}
        beside = {name.removeprefix(info) for name in archive.namelist() if name.startswith(info)}
    expected = {
        name if name.startswith("negbuild/") else f"negbuild/{name}": (ROOT / name).read_bytes()
        for name in tracked("negbuild", "sources")
    }
    assert sorted(held) == sorted(expected)
    assert held == expected
    assert {"negbuild/py.typed", "negbuild/sources/folder.py", "negbuild/stages/crawl.py"} < set(held)
    assert beside == {"METADATA", "RECORD", "WHEEL", "entry_points.txt", "licenses/LICENSE", "top_level.txt"}


def test_the_metadata_say_what_a_registry_shows(unpacked: Path) -> None:
    (info,) = unpacked.glob("*.dist-info")
    metadata = email.message_from_string((info / "METADATA").read_text(encoding="utf-8"))
    assert metadata["Version"] == negbuild.__version__
    assert metadata["License-Expression"] == "MIT"
    required = {
        re.split(r"[^\w-]", line)[0] for line in metadata.get_all("Requires-Dist", []) if "extra ==" not in line
    }
    assert required.isdisjoint({"torch", "tensorflow", "pandas", "scikit-image", "keras"})
    assert {"pillow", "numpy", "click"} <= required
    assert "negbuild = negbuild.__main__:main" in (info / "entry_points.txt").read_text()


def test_the_wheel_works_from_another_folder_with_all_its_sources(unpacked: Path, tmp_path: Path) -> None:
    listed = run("-m", "negbuild", "sources", where=tmp_path, path=unpacked)
    assert {line.split()[0] for line in listed.splitlines()[1:]} >= {"folder", "openverse", "picsum", "samples"}
    where = run(
        "-c",
        "import negbuild.cli, negbuild.sources.folder as folder; print(negbuild.cli.__file__); print(folder.__file__)",
        where=tmp_path,
        path=unpacked,
    )
    assert where.splitlines() == [str(unpacked / "negbuild" / name) for name in ("cli.py", "sources/folder.py")]


def loaded(command: str, where: Path) -> set[str]:
    """Packages that a command loads."""
    said = run(
        "-c",
        "import sys; from negbuild.cli import run; assert run(sys.argv[1:]) == 0; print(); print(*sys.modules)",
        *command.split(),
        where=where,
        path=ROOT,
    )
    return {name.partition(".")[0] for name in said.splitlines()[-1].split()}


@pytest.mark.parametrize("option", ["--help", "--version", "split --help"])
def test_what_only_tells_loads_no_heavy_package(option: str, tmp_path: Path) -> None:
    packages = loaded(option, tmp_path)
    assert {"negbuild", "click"} <= packages
    assert packages.isdisjoint({"PIL", "numpy", "aiohttp", "requests", "rich", "sqlite3", "skimage"})


@pytest.mark.parametrize(
    "command", ["crawl --source noise -n 2", "add cup --role known", "dedup", "dedup cup", "split"]
)
def test_who_asks_nobody_does_not_load_what_is_asked_with(
    command: str, photo: Callable[[int], bytes], tmp_path: Path
) -> None:
    for first, (category, role) in enumerate([("cup", "known"), ("street", "unknown")]):
        (tmp_path / category).mkdir()
        for seed in range(6):
            (tmp_path / category / f"{seed}.jpg").write_bytes(photo(6 * first + seed))
        run("-m", "negbuild", "add", category, "--role", role, where=tmp_path, path=ROOT)
    packages = loaded(command, tmp_path)
    assert {"negbuild", "numpy"} <= packages
    assert packages.isdisjoint({"aiohttp", "requests"})


def test_every_public_name_is_there(tmp_path: Path) -> None:
    for name in negbuild.__all__:
        assert getattr(negbuild, name) is not None, name
    said = run("-c", "from negbuild import *; print(Role.KNOWN, find_source('folder').name)", where=tmp_path, path=ROOT)
    assert said == "known folder\n"


def test_the_changelog_begins_with_this_version() -> None:
    headings = re.findall(r"^## (\d\S*)", (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"), re.MULTILINE)
    assert headings[0] == negbuild.__version__
