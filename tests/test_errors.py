"""Bad input gets one line that names the fault and the next step, the right exit code, and changes nothing."""

import os
import sqlite3
import subprocess
import sys
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]


def say(done: Any) -> str:  # noqa: ANN401
    """Return the one line of error, after notes and hints."""
    assert done.err.count("\n") >= 1
    return str(done.err.splitlines()[-1])


def fill(folder: Path, photo: Photo, count: int, first: int = 0) -> Path:
    folder.mkdir(parents=True, exist_ok=True)
    for number in range(first, first + count):
        (folder / f"{number}.jpg").write_bytes(photo(number))
    return folder


@pytest.mark.parametrize(
    ("command", "code", "line"),
    [
        ("add missing --role known", 2, "negbuild: missing: no such file or folder"),
        ("add empty --role known", 3, "negbuild: empty: holds no pictures"),
        (
            "add text.txt --role known",
            2,
            "negbuild: {here}/text.txt: neither a folder, nor a zip or tar archive that can be read",
        ),
        (
            "add photos",
            2,
            "negbuild add: Missing option '--role'. Choose from: known, unknown, unseen; run: negbuild add --help",
        ),
        (
            "crawl --query x --source flickrr",
            2,
            "negbuild: source flickrr: unknown; there are baidu, bing, flickr, folder, google, inaturalist, noise, "
            "openimages, openverse, picsum, samples, searxng, urls, video, wikimedia",
        ),
        (
            "crawl",
            2,
            "negbuild: source openverse: needs a query; run: negbuild crawl --source openverse --query flower",
        ),
        (
            "crawl --query x --source picsum",
            2,
            "negbuild: source picsum: takes no query, its pictures are what they are; leave --query out",
        ),
        ("crawl --source picsum --path photos", 2, "negbuild: source picsum: takes no path; leave --path out"),
        (
            "crawl --query x --source openverse --source bing --path photos",
            2,
            "negbuild: source openverse: takes no path; leave --path out",
        ),
        (
            "crawl --source urls --path list.txt --url http://example.org",
            2,
            "negbuild: source urls: asks no service; leave --url out",
        ),
        (
            "crawl --source noise --url http://example.org",
            2,
            "negbuild: source noise: asks no service; leave --url out",
        ),
        (
            "crawl --query x --source openverse --url example.org/v1",
            2,
            "negbuild: source openverse: the address of its service, example.org/v1, is not an http address; write it "
            "as in https://example.org",
        ),
        (
            "crawl --query x --source openverse --url ftp://name:secret@example.org --dry-run",
            2,
            "negbuild: source openverse: the address of its service, ftp://example.org, is not an http address; write "
            "it as in https://example.org",
        ),
        (
            "crawl --query x --source noise",
            2,
            "negbuild: source noise: takes no query, its pictures are what they are; leave --query out",
        ),
        (
            "crawl --query x --source folder",
            2,
            "negbuild: source folder: needs a path; run: negbuild crawl --source folder --path photos",
        ),
        (
            "crawl --query dogs --source samples",
            2,
            "negbuild: samples: no photograph named dogs; there are astronaut, brick, camera, cat, coffee, coins, "
            "grass, gravel, moon, motorcycle, page, rocket, stars, tissue",
        ),
        (
            "crawl --query x -n 0",
            2,
            "negbuild crawl: Invalid value for '--number' / '-n': 0 is not in the range x>=1; run: "
            "negbuild crawl --help",
        ),
        ("status", 2, "negbuild: .: not a negbuild workspace; run: negbuild init ."),
        ("dedup --workspace empty", 2, "negbuild: empty: not a negbuild workspace; run: negbuild init empty"),
        ("split --workspace gone", 2, "negbuild: gone: not a negbuild workspace; run: negbuild init gone"),
        ("split --ratio 70/20", 2, "negbuild: ratio 70/20: needs three parts, train/valid/test, such as 70/15/15"),
        (
            "split --ratio 70/20/20",
            2,
            "negbuild: ratio 70/20/20: the parts must be at least 1 and add up to 100, such as 70/15/15",
        ),
        (
            "split --size 0",
            2,
            "negbuild split: Invalid value for '--size': 0 is not in the range x>=1; run: negbuild split --help",
        ),
        ("verify dataset", 2, "negbuild: dataset: no such folder; run: negbuild split --out dataset"),
        (
            "verify photos",
            2,
            "negbuild: photos: holds no folders of pictures, one for each class; run: negbuild verify --help",
        ),
        ("init text.txt", 2, "negbuild: text.txt: is a file; choose a folder"),
        ("fly", 2, "negbuild: No such command 'fly'; run: negbuild --help"),
    ],
)
def test_one_line_an_exit_code_and_nothing_made(
    negbuild: Negbuild, tmp_path: Path, photo: Photo, command: str, code: int, line: str
) -> None:
    fill(tmp_path / "photos", photo, 1)
    (tmp_path / "empty").mkdir()
    (tmp_path / "text.txt").write_text("no picture")
    done = negbuild(*command.split())
    assert (done.code, say(done)) == (code, line.replace("{here}", str(tmp_path)))
    assert done.out == "" or code == 3
    assert not (tmp_path / "dataset").exists()


@pytest.mark.parametrize(
    "command",
    ["add --role known", "crawl --source folder --path", "dedup", "dedup --against", "verify"],
)
def test_an_empty_name_is_not_the_current_folder(
    negbuild: Negbuild, tmp_path: Path, photo: Photo, command: str
) -> None:
    """It is what a shell makes of a variable that is not set."""
    fill(tmp_path / "here", photo, 1)
    done = negbuild(*command.split(), "", env={"NEGBUILD_WORKSPACE": "elsewhere"})
    assert (done.code, done.out) == (2, "")
    assert ": is empty; write . for the current folder; run: negbuild " in say(done)
    assert not (tmp_path / "elsewhere").exists()


def test_without_a_command_the_help_is_told_in_lines(negbuild: Negbuild) -> None:
    done = negbuild()
    assert (done.code, done.out, done.err) == (2, "", negbuild("--help").out)


@pytest.mark.parametrize(
    ("command", "line"),
    [
        (["status", "-w", "my dogs"], "negbuild: my dogs: not a negbuild workspace; run: negbuild init 'my dogs'"),
        (["verify", "my data"], "negbuild: my data: no such folder; run: negbuild split --out 'my data'"),
        (
            ["verify", "the dogs"],
            "negbuild: the dogs: is a workspace, no dataset; run: negbuild verify 'the dogs/dataset'",
        ),
        (
            ["evaluate", "p.csv", "--dataset", "my data"],
            "negbuild: my data: no such folder; run: negbuild split --out 'my data'",
        ),
    ],
)
def test_a_command_that_is_named_can_be_typed_as_it_stands(negbuild: Negbuild, command: list[str], line: str) -> None:
    assert negbuild("init", "the dogs").code == 0
    done = negbuild(*command)
    assert (done.code, say(done)) == (2, line)


def test_a_category_has_one_role(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    fill(tmp_path / "photos", photo, 2)
    assert negbuild("add", "photos", "--category", "dog", "--role", "known").code == 0
    done = negbuild("add", "photos", "--category", "Dog", "--role", "unseen")
    assert (done.code, say(done)) == (
        2,
        "negbuild: category dog: is known in this workspace and cannot be unseen too; choose another --category",
    )


def test_a_category_that_was_refused_or_brought_nothing_has_no_role_yet(
    negbuild: Negbuild, tmp_path: Path, photo: Photo
) -> None:
    fill(tmp_path / "photos", photo, 2)
    fill(tmp_path / "many" / "cat", photo, 2, first=10)
    fill(tmp_path / "many" / "dog", photo, 2, first=20)
    (tmp_path / "empty").mkdir()
    assert negbuild("add", "photos", "--category", "dog", "--role", "known").code == 0
    assert negbuild("add", "many", "--role", "unknown").code == 2
    assert negbuild("add", "many/cat", "--category", "cat", "--role", "unseen").code == 0
    assert negbuild("add", "empty", "--category", "bun", "--role", "known").code == 3
    assert negbuild("add", "many/dog", "--category", "bun", "--role", "unknown").code == 0
    roles = {one["name"]: one["role"] for one in negbuild("status", "--json").json["categories"]}
    assert roles == {"bun": "unknown", "cat": "unseen", "dog": "known"}


@pytest.mark.parametrize("command", ["add {} --role unknown", "crawl --source folder --path {}"])
@pytest.mark.parametrize("place", ["images", "images/incoming", "cache/normalised"])
def test_what_negbuild_keeps_is_not_added_again(
    negbuild: Negbuild, tmp_path: Path, photo: Photo, command: str, place: str
) -> None:
    """Among it are the augmented copies, which would count as pictures of their own."""
    fill(tmp_path / "photos", photo, 1)
    assert negbuild("add", "photos", "--role", "known").code == 0
    fill(tmp_path / place, photo, 1, first=9)
    done = negbuild(*command.format(place).split())
    assert (done.code, say(done)) == (
        2,
        f"negbuild: {place}: holds what negbuild made of this workspace; choose the folder it came from",
    )
    assert negbuild("status", "--json").json["images"] == 1


@pytest.mark.parametrize(
    ("given", "held"), [("test tube", "testtube"), ("../x", "x"), ("NUL", "xnul"), ("猫", "u732b"), ("0_na", "x0_na")]
)
def test_an_odd_category_is_held_under_a_safe_name_and_that_is_said(
    negbuild: Negbuild, tmp_path: Path, photo: Photo, given: str, held: str
) -> None:
    fill(tmp_path / "photos", photo, 1)
    done = negbuild("add", "photos", "--category", given, "--role", "known")
    assert done.code == 0
    assert f"negbuild: category {given!r} is held as {held}" in done.err.splitlines()
    assert [one["name"] for one in negbuild("status", "--json").json["categories"]] == [held]
    assert sorted(path.name for path in tmp_path.parent.iterdir() if path.name == "x") == []


def test_a_classifier_needs_two_classes(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    fill(tmp_path / "photos", photo, 9)
    negbuild("add", "photos", "--category", "hotdog", "--role", "known")
    done = negbuild("split")
    assert (done.code, say(done)) == (
        2,
        "negbuild: split: hotdog without negatives to train on, and a classifier trained on one class says yes to "
        'everything; run: negbuild crawl --query "street food" -n 200',
    )
    negbuild("add", fill(tmp_path / "others", photo, 9, 100), "--category", "street", "--role", "unknown")
    done = negbuild("split", "--unseen", "street")
    assert done.code == 2
    assert negbuild("status", "--json").json["categories"][1]["role"] == "unknown"  # nothing was changed


def test_negatives_alone_are_no_dataset(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    negbuild("add", fill(tmp_path / "others", photo, 9), "--category", "street", "--role", "unknown")
    done = negbuild("split")
    assert (done.code, say(done)) == (
        2,
        "negbuild: split: no known pictures, and a classifier needs something to recognise; run: negbuild add PATH "
        "--category NAME --role known",
    )


def test_two_pictures_cannot_fill_three_splits(negbuild: Negbuild, tmp_path: Path, photo: Photo) -> None:
    negbuild("add", fill(tmp_path / "photos", photo, 2), "--category", "hotdog", "--role", "known")
    negbuild("add", fill(tmp_path / "others", photo, 9, 100), "--category", "street", "--role", "unknown")
    done = negbuild("split")
    assert (done.code, say(done)) == (
        2,
        "negbuild: hotdog: 2 independent pictures cannot fill train, valid and test (copies and look-alikes count "
        "once); add more",
    )


@pytest.mark.parametrize(
    ("unseen", "line"),
    [
        ("hotdog", "negbuild: category hotdog: is known, and only a negative category can be held out"),
        ("cat", "negbuild: category cat: not in this workspace; negative categories: street"),
    ],
)
def test_only_a_negative_category_that_is_there_can_be_held_out(
    negbuild: Negbuild, tmp_path: Path, photo: Photo, unseen: str, line: str
) -> None:
    negbuild("add", fill(tmp_path / "photos", photo, 4), "--category", "hotdog", "--role", "known")
    negbuild("add", fill(tmp_path / "others", photo, 4, 100), "--category", "street", "--role", "unknown")
    done = negbuild("split", "--unseen", unseen)
    assert (done.code, say(done)) == (2, line)


def test_settings_come_from_the_command_line_then_the_environment_then_the_file(
    negbuild: Negbuild, tmp_path: Path, photo: Photo
) -> None:
    negbuild("add", fill(tmp_path / "photos", photo, 20), "--category", "hotdog", "--role", "known")
    negbuild("add", fill(tmp_path / "others", photo, 20, 100), "--category", "street", "--role", "unknown")

    def train(*arguments: str, **env: str) -> int:
        for leftover in ("catalog.sqlite-wal", "catalog.sqlite-shm"):
            assert not (tmp_path / leftover).exists()
        catalog = sqlite3.connect(tmp_path / "catalog.sqlite")
        catalog.execute("DELETE FROM assignments")
        catalog.commit()
        catalog.close()
        counts = negbuild("split", "--json", *arguments, env=env).json["counts"]
        return sum(one["number"] for one in counts if one["split"] == "train")

    assert train() == 28
    (tmp_path / "negbuild.toml").write_text('ratio = "80/10/10"\n')
    assert train() == 32
    assert train(NEGBUILD_RATIO="60/20/20") == 24
    assert train("--ratio", "50/25/25", NEGBUILD_RATIO="60/20/20") == 20
    (tmp_path / "negbuild.toml").write_text("ratio = \n")
    done = negbuild("split")
    assert (done.code, say(done)) == (
        2,
        "negbuild: negbuild.toml: cannot be read (Invalid value (at line 1, column 9))",
    )


@pytest.mark.parametrize(
    "command", ["add locked --role known", "add locked/inside --role known", "add half --role known", "init locked/x"]
)
def test_what_may_not_be_read_is_told_in_one_line(command: str) -> None:
    """Root may read everything, so that there the command gives that right up first."""
    humble = ["setpriv", "--bounding-set=-dac_override,-dac_read_search"] if os.getuid() == 0 else []
    with tempfile.TemporaryDirectory() as name:
        here = Path(name)
        for folder in ("locked/inside", "half/inner"):
            (here / folder).mkdir(parents=True)
        (here / "half" / "locked.jpg").write_bytes(b"")
        for path, mode in ((here, 0o777), (here / "locked", 0), (here / "half" / "inner", 0)):
            path.chmod(mode)
        (here / "half" / "locked.jpg").chmod(0)
        done = subprocess.run(
            [*humble, sys.executable, "-m", "negbuild", *command.split()],
            cwd=here,
            capture_output=True,
            text=True,
            check=False,
        )
        for path in (here / "locked", here / "half" / "inner"):
            path.chmod(0o700)
        assert done.returncode in {1, 2}, done
        (line,) = done.stderr.splitlines()
        assert line.startswith("negbuild")
        assert "Permission denied" in line or "is not readable" in line


@pytest.mark.parametrize("code", [0, 3])
def test_a_command_leaves_with_its_exit_code_and_all_it_said(code: int) -> None:
    program = f"from negbuild import terminal; print('word ' * 50_000); terminal.leave({code})"
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=False, timeout=60)
    assert (done.returncode, done.stdout, done.stderr) == (code, "word " * 50_000 + "\n", "")


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
def test_what_cannot_be_said_is_a_failure() -> None:
    program = "from negbuild import terminal; print('word'); terminal.leave(0)"
    with Path("/dev/full").open("w") as full:
        done = subprocess.run(
            [sys.executable, "-c", program], stdout=full, stderr=subprocess.PIPE, text=True, check=False, timeout=60
        )
    assert done.returncode != 0
    assert "No space left" in done.stderr


@pytest.mark.parametrize("closed", [">&-", "2>&-", ">&- 2>&-"])
def test_a_command_ends_well_where_nobody_listens(tmp_path: Path, closed: str) -> None:
    command = f"exec {sys.executable} -m negbuild add no-such-folder --category c --role known {closed}"
    done = subprocess.run(
        ["/bin/sh", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False, timeout=60
    )
    assert (done.returncode, done.stdout) == (2, "")
    assert "Traceback" not in done.stderr
