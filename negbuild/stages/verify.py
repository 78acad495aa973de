"""Read a written dataset again and prove its promises, or name each file that breaks one."""

import hashlib
import json
import re
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from dataclasses import asdict, dataclass
from itertools import pairwise
from pathlib import Path

from PIL import Image

from negbuild import proof
from negbuild.errors import UsageError
from negbuild.imagefolder import (
    CERTIFICATE,
    CLASS_INDICES,
    CLASSES,
    MANIFEST,
    RECORDS,
    Row,
    comparable_files,
    read_manifest,
)
from negbuild.model import NEGATIVE_CLASS, Progress, Role, Split, no_progress

_FILE = re.compile(r"(train|valid|test|unseen)/([a-z0-9_]+)/([a-z][a-z0-9_]*_[0-9a-f]{12})\.jpg")


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, and what breaks it (nothing: it holds)."""

    promise: str
    problems: list[str]


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """All checks of a dataset, and the certificate as recomputed from its files (None: it could not be)."""

    checks: list[Check]
    certificate: proof.Certificate | None

    @property
    def holds(self) -> bool:
        """Whether every promise holds."""
        return not any(check.problems for check in self.checks)


@dataclass(frozen=True, slots=True)
class _Tree:
    root: Path
    files: list[str]
    rows: list[Row]


def verify(dataset: Path, *, progress: Progress = no_progress) -> VerifyResult:
    """Check a dataset that negbuild wrote, reading nothing but its files.

    Raises UsageError where there is no such dataset.
    """
    if not dataset.is_dir():
        raise UsageError(f"{dataset}: no such folder; run: negbuild split --out {dataset}")
    if not (dataset / MANIFEST).is_file():
        raise UsageError(f"{dataset}: no dataset that negbuild wrote ({MANIFEST} is missing)")
    try:
        rows = read_manifest(dataset)
    except (ValueError, TypeError, UnicodeDecodeError) as error:
        return VerifyResult([Check("the manifest can be read", [f"{MANIFEST}: {error}"])], None)
    files = sorted(path.relative_to(dataset).as_posix() for path in dataset.rglob("*") if not path.is_dir())
    tree = _Tree(dataset, files, rows)
    promises: list[tuple[str, Callable[[_Tree], Iterator[str]]]] = [
        ("the tree is split/class/file, the same classes in every split, none empty", _shape),
        (f"every loader gives the same class indices, {NEGATIVE_CLASS} first", _indices),
        ("manifest and files agree, byte for byte", _manifest),
        ("every picture decodes: JPEG, RGB, upright, one frame, as large as stated", _pictures),
        ("unseen categories are in the holdout and nowhere else", _unseen),
        ("no group is divided between splits", _groups),
    ]
    checks = [Check(promise, list(find(tree))) for promise, find in promises]
    try:
        certificate = proof.certify(dataset, comparable_files(rows), progress)
    except (OSError, ValueError) as error:
        return VerifyResult([*checks, Check("no two twins lie in different splits", [f"unproven: {error}"])], None)
    twins = Check("no two twins lie in different splits", list(_twins(tree, certificate)))
    return VerifyResult([*checks, twins], certificate)


def _shape(tree: _Tree) -> Iterator[str]:
    classes: dict[str, set[str]] = defaultdict(set)
    for file in tree.files:
        if match := _FILE.fullmatch(file):
            classes[match[1]].add(match[2])
        elif file not in RECORDS:
            yield f"{file}: does not belong here"
    yield from (f"{name}: missing" for name in RECORDS if name not in tree.files)
    yield from (f"{split}: missing" for split in ("train", "valid", "test") if split not in classes)
    everywhere = set().union(*classes.values())
    for split, present in sorted(classes.items()):
        yield from (f"{split}/{name}: missing or empty" for name in sorted(everywhere - present))
    for path in tree.root.rglob("*"):
        if path.is_symlink() or (path.is_dir() and not any(path.iterdir())):
            yield f"{path.relative_to(tree.root).as_posix()}: a link or an empty folder"


def _indices(tree: _Tree) -> Iterator[str]:
    def by_number(name: str) -> list[tuple[int, str]]:
        return [(int(part), "") if part.isdigit() else (-1, part) for part in re.split(r"(\d+)", name)]

    stated = _json(tree.root / CLASS_INDICES)
    lines = (
        (tree.root / CLASSES).read_text(encoding="utf-8", errors="replace").splitlines()
        if CLASSES in tree.files
        else []
    )
    for split in sorted({file.split("/")[0] for file in tree.files if file.count("/") > 1}):
        names = [path.name for path in (tree.root / split).iterdir() if path.is_dir()]
        indices = {name: index for index, name in enumerate(sorted(names))}
        if not all(by_number(one) < by_number(other) for one, other in pairwise(indices)):
            yield f"{split}: loaders that sort numbers by value give other indices"
        if indices != stated or list(indices) != lines:
            yield f"{split}: {CLASS_INDICES} or {CLASSES} states other classes"
        if indices.get(NEGATIVE_CLASS) != 0:
            yield f"{split}: {NEGATIVE_CLASS} is not the first class"


def _manifest(tree: _Tree) -> Iterator[str]:
    listed = Counter(row.file for row in tree.rows)
    yield from (f"{file}: {count} rows in {MANIFEST}" for file, count in listed.items() if count > 1)
    pictures = {file for file in tree.files if file not in RECORDS}
    yield from (f"{file}: not in {MANIFEST}" for file in sorted(pictures - listed.keys()))
    yield from (f"{file}: missing" for file in sorted(listed.keys() - pictures))
    for row in tree.rows:
        if row.file in pictures:
            if hashlib.sha256((tree.root / row.file).read_bytes()).hexdigest() != row.file_sha256:
                yield f"{row.file}: its bytes are not those that were written"
            if not row.file.startswith(f"{row.split}/{row.class_name}/{row.category}_{row.sha256[:12]}."):
                yield f"{row.file}: its row states another place"


def _pictures(tree: _Tree) -> Iterator[str]:
    def fault(row: Row) -> str:
        try:
            with Image.open(tree.root / row.file) as image:
                image.load()
                seen = (
                    image.format,
                    image.mode,
                    getattr(image, "n_frames", 1),
                    len(image.getexif()),
                    image.size,
                )
        except (OSError, SyntaxError, ValueError) as error:
            return f"{row.file}: does not decode ({error})"
        expected = ("JPEG", "RGB", 1, 0, (row.width, row.height))
        return "" if seen == expected else f"{row.file}: is {seen}, not {expected}"

    present = set(tree.files)
    with ThreadPoolExecutor() as threads:
        yield from filter(None, threads.map(fault, [row for row in tree.rows if row.file in present]))


def _unseen(tree: _Tree) -> Iterator[str]:
    trained = {row.category for row in tree.rows if row.split != Split.UNSEEN}
    for row in tree.rows:
        if row.role == Role.UNSEEN and row.split != Split.UNSEEN:
            yield f"{row.file}: an unseen picture outside the holdout"
        elif row.role == Role.UNKNOWN and row.split == Split.UNSEEN:
            yield f"{row.file}: a category of training in the holdout"
        elif row.role == Role.UNSEEN and row.category in trained:
            yield f"{row.file}: its category is in another split too"
        if (row.role == Role.KNOWN) == (row.class_name == NEGATIVE_CLASS):
            yield f"{row.file}: role {row.role} in class {row.class_name}"
    known = {
        split: {row.file_sha256 for row in tree.rows if row.split == split and row.role == Role.KNOWN}
        for split in (Split.TEST, Split.UNSEEN)
    }
    if known[Split.UNSEEN] and known[Split.UNSEEN] != known[Split.TEST]:
        yield "unseen: its known pictures are not those of test"


def _groups(tree: _Tree) -> Iterator[str]:
    splits: dict[str, set[str]] = defaultdict(set)
    for row in tree.rows:
        splits[row.group].add(Split.TEST if row.role == Role.KNOWN and row.split == Split.UNSEEN else row.split)
    yield from (f"group {group}: in {', '.join(sorted(of))}" for group, of in sorted(splits.items()) if len(of) > 1)


def _twins(tree: _Tree, certificate: proof.Certificate) -> Iterator[str]:
    for leak in certificate.leaks:
        yield f"{leak.one} and {leak.other}: copies, {leak.distance} bits apart"
    if _json(tree.root / CERTIFICATE) != json.loads(json.dumps(asdict(certificate))):
        yield f"{CERTIFICATE}: does not say what the files say"


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
