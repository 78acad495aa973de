"""Read a dataset again and prove its promises, or name each file that breaks one; of a foreign one what can be."""

import json
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from tarfile import TarError

from negbuild import foreign, promises, proof, records, shard_checks
from negbuild.agreement import SplitReading, agreement, unfound
from negbuild.errors import UsageError, typed
from negbuild.evidence import Evidence
from negbuild.inventory import read_evidence, take_inventory
from negbuild.layouts import Layout
from negbuild.manifest import (
    ATTRIBUTION,
    CERTIFICATE,
    CLASS_INDICES,
    CLASS_WEIGHTS,
    CLASSES,
    FOLDS,
    LOCK,
    MANIFEST,
    README,
    RECORDS,
    Row,
    check_folder,
    comparable_files,
    read_manifest,
    readable_rows,
)
from negbuild.model import NEGATIVE_CLASS, Progress, Split, no_progress
from negbuild.promises import LAYOUTS, Written
from negbuild.shortcuts import Sample, Shortcut, find_shortcuts
from negbuild.webdataset import Shards
from negbuild.workspace import Workspace

_NO_TWINS = "no two twins lie in different splits"


@dataclass(frozen=True, slots=True)
class Check:
    """One promise, what breaks it (nothing: it holds), and what was found in detail."""

    promise: str
    problems: list[str]
    details: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class VerifyResult:
    """All checks of a dataset, and the certificate as computed from its files (None: it could not be).

    `layout` is what the dataset says of itself, and "" where negbuild did not write it: then `unprovable` says what no
    look at files can tell. `warnings` and `notes` break no promise. `trees` are those of a dataset that has several.
    """

    layout: str
    checks: list[Check]
    certificate: proof.Certificate | None = None
    splits: list[SplitReading] = field(default_factory=list)
    shortcuts: list[Shortcut] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    unprovable: list[str] = field(default_factory=list)
    trees: dict[str, "VerifyResult"] = field(default_factory=dict)

    @property
    def all_checks(self) -> list[Check]:
        """Checks of the dataset, and of its trees."""
        return [*self.checks, *(check for tree in self.trees.values() for check in tree.all_checks)]

    @property
    def holds(self) -> bool:
        """Whether every promise holds."""
        return not any(check.problems for check in self.all_checks)


def verify(dataset: Path, *, progress: Progress = no_progress) -> VerifyResult:
    """Check a dataset, reading nothing but its files, each once, and changing none.

    Raises UsageError where there is no folder, or no picture in it.
    """
    check_folder(dataset)
    if Workspace(dataset).exists:
        raise UsageError(f"{dataset}: is a workspace, no dataset; run: negbuild verify {typed(dataset / 'dataset')}")
    lock = records.read_lock(_text(dataset / LOCK)) or {}
    written = (dataset / MANIFEST).is_file()
    if isinstance(trees := lock.get("trees"), list) and trees and not written:
        return _pair(dataset, str(lock.get("layout")), [str(tree) for tree in trees], progress)
    if not written and not (dataset / LOCK).is_file():
        return _foreign(dataset, progress)
    layout = str(lock.get("layout", "multiclass"))
    if layout not in (*LAYOUTS, Layout.WEBDATASET):  # what is no tree of folders has a reader of its own
        return VerifyResult(layout, [Check("the layout is known", [f"{LOCK}: layout {layout}; upgrade negbuild"])])
    try:
        rows = read_manifest(dataset)
    except (OSError, ValueError, TypeError, UnicodeDecodeError) as error:
        fault = error.strerror if isinstance(error, OSError) else error
        return VerifyResult(layout, [Check("the manifest can be read", [f"{MANIFEST}: {fault}"])])
    if layout == Layout.WEBDATASET:
        return _shards(dataset, rows, progress)
    inventory = take_inventory(dataset)
    files = [file for file in inventory.tree.files if file not in RECORDS]
    return _written(Written(inventory, rows, read_evidence(dataset, files, progress), layout))


def _pair(dataset: Path, layout: str, trees: Sequence[str], progress: Progress) -> VerifyResult:
    """Verify the trees of a dataset that has several, and that they agree about splits."""
    needed = {tree: dataset / tree / MANIFEST for tree in trees} | {README: dataset / README}
    problems = [f"{name}: missing" for name, file in needed.items() if not file.is_file()]
    beside = sorted({path.name for path in dataset.iterdir()} - {*trees, LOCK, README, FOLDS})
    problems += [f"{name}: does not belong here" for name in beside]
    whole = [tree for tree in trees if (dataset / tree / MANIFEST).is_file()]
    problems += [f"{tree}: is a link" for tree in whole if (dataset / tree).is_symlink()]
    results = {tree: verify(dataset / tree, progress=progress) for tree in whole}
    stages = Layout.TWO_STAGE.trees if layout == Layout.TWO_STAGE else {}
    for tree, result in results.items():
        if result.layout != stages.get(tree, result.layout):
            problems.append(f"{tree}: is {result.layout}, and should be {stages[tree]}")
    rows = {tree: readable_rows(dataset / tree) for tree in whole}
    checks = [Check("a picture is in the same split of every tree", [*problems, *records.across(rows)])]
    if layout == "folds":
        stated = list(records.folds(_text(dataset / FOLDS), rows))
        checks.append(Check(f"every fold holds out what {FOLDS} says", stated))
    return VerifyResult(layout, checks, trees=results)


def _shards(root: Path, rows: Sequence[Row], progress: Progress) -> VerifyResult:
    """Verify a dataset in tar files."""
    samples = "the tar files hold samples of picture, class and row, numbered from 0, and nothing lies beside them"
    stated = "every sample states its class and its row, and every split has every class"
    try:
        shards = Shards(root)
        evidence = shard_checks.read_evidence(shards, progress)
    except (OSError, ValueError, TarError) as error:
        return VerifyResult(Layout.WEBDATASET, [Check(samples, [str(error)])])
    inventory = take_inventory(root)
    tree = replace(inventory.tree, files=[*inventory.tree.files, *shards.files])
    one = Written(replace(inventory, tree=tree), rows, evidence, Layout.WEBDATASET)
    checks = [
        Check(samples, list(shard_checks.shape(root, shards))),
        Check(stated, list(shard_checks.classes(root, shards, rows))),
        Check("manifest and tar files agree, byte for byte", list(shard_checks.files(shards, rows, evidence))),
        *_of_pictures(one),
    ]
    certificate, twins = _twins(one)
    return VerifyResult(Layout.WEBDATASET, [*checks, twins], certificate)


def _of_pictures(one: Written) -> Iterator[Check]:
    """Check what does not depend on how files lie in folders."""
    yield Check("every picture decodes: RGB, upright, one frame, as large as stated", list(promises.pictures(one)))
    yield Check("attribution, settings and README say what the manifest says", list(_records(one)))
    yield Check("unseen categories are in the holdout and nowhere else", list(promises.unseen(one)))
    yield Check("no group is divided between splits", list(promises.groups(one)))
    if promises.has_children(one.rows):
        yield Check("augmented copies are in train, as their parents are", list(promises.children(one)))


def _twins(one: Written) -> tuple[proof.Certificate | None, Check]:
    certificate, problems = _certified(comparable_files(one.rows), one.evidence)
    if certificate and _json(one.inventory.root / CERTIFICATE) != json.loads(json.dumps(asdict(certificate))):
        problems.append(f"{CERTIFICATE}: does not say what the files say")
    return certificate, Check(_NO_TWINS, problems)


def _written(one: Written) -> VerifyResult:
    root, tree = one.inventory.root, one.inventory.tree
    splits = [split for split in Split if any(file.startswith(f"{split}/") for file in tree.files)]
    readings = agreement(tree, splits, one.rules.apart)
    first = "" if one.layout == "classes" else f", {NEGATIVE_CLASS} first"
    checks = [
        Check(promises.shape_promise(one.layout), list(promises.shape(one))),
        Check(
            f"every loader reads the same classes, indices and pictures{first}",
            list(promises.indices(one, readings, _json(root / CLASS_INDICES), _text(root / CLASSES).splitlines())),
            _details(readings),
        ),
        Check("manifest and files agree, byte for byte", list(promises.manifest(one))),
        *_of_pictures(one),
    ]
    certificate, twins = _twins(one)
    checks.append(twins)
    shortcuts = find_shortcuts(list(_samples(one)))
    return VerifyResult(one.layout, checks, certificate, readings, shortcuts, *_told(shortcuts))


def _records(one: Written) -> Iterator[str]:
    root = one.inventory.root
    present = {name: _text(root / name) for name in RECORDS if name in one.inventory.tree.files}
    if ATTRIBUTION in present:
        yield from records.attribution(present[ATTRIBUTION], one.rows)
    if LOCK in present:
        yield from records.settings(present[LOCK], one.rows)
    if CLASS_WEIGHTS in present:
        yield from records.weights(present[CLASS_WEIGHTS], one.rows)
    if README in present:
        yield from records.configuration(present[README], one.inventory.tree.configs, one.rows)


def _samples(one: Written) -> Iterator[Sample]:
    for row in one.rows:
        seen = one.evidence.get(row.file)
        if row.split == Split.TRAIN and seen and seen.picture:
            yield foreign.sample(row.class_name, row.group, seen.size, seen.picture)


def _foreign(dataset: Path, progress: Progress) -> VerifyResult:
    """Prove what can be proven of a dataset that negbuild did not write."""
    inventory = take_inventory(dataset)
    splits = foreign.splits_of(inventory)
    files = foreign.picture_files(inventory, splits)
    if not any("/" in file for file in files):
        raise UsageError(f"{dataset}: holds no folders of pictures, one for each class; run: negbuild verify --help")
    one = foreign.Foreign(inventory, splits, read_evidence(dataset, files, progress))
    readings = agreement(inventory.tree, splits)
    certificate, problems = _certified(foreign.comparable(one), one.evidence)
    checks = list(_foreign_checks(one, readings))
    if len(splits) > 1:
        checks.append(Check(_NO_TWINS, problems))
    else:
        certificate = None
    shortcuts = find_shortcuts(foreign.samples_of(one))
    warnings, notes = _told(shortcuts)
    notes += unfound(foreign.needed_in_training(splits))
    if splits == [""]:
        warnings += foreign.deeper_splits(inventory)
    if repeated := foreign.repetitions(one):
        warnings.append(
            f"{repeated:,} {'file repeats another of its' if repeated == 1 else 'files repeat another of their'} class"
        )
    unprovable = list(foreign.UNPROVABLE)
    return VerifyResult("", checks, certificate, readings, shortcuts, warnings, notes, unprovable)


def _foreign_checks(one: foreign.Foreign, readings: Sequence[SplitReading]) -> Iterator[Check]:
    problems = [problem for reading in readings for problem in reading.problems]
    yield Check("every loader reads the same classes, indices and pictures", problems, _details(readings))
    promised: list[tuple[str, Callable[[foreign.Foreign], Iterator[str]]]] = [
        ("names mean the same everywhere, and nothing lies there that is no picture", foreign.names),
        ("every picture decodes", foreign.decoding),
        ("every picture is RGB, upright and one frame", foreign.plainness),
        ("no file is in two classes", foreign.disputes),
    ]
    yield from (Check(promise, list(find(one))) for promise, find in promised)


def _certified(
    splits: Mapping[str, Sequence[str]], evidence: Mapping[str, Evidence]
) -> tuple[proof.Certificate | None, list[str]]:
    """Compare pictures across splits, and files that are equal but too plain to compare."""
    sketches, owners, problems = {}, dict[str, tuple[str, str]](), []
    for split, files in splits.items():
        for file in files:
            seen = evidence.get(file)
            if not seen or not seen.sketch:
                return None, [f"unproven: {file}: {seen.fault if seen else 'missing'}"]
            sketches[file] = seen.sketch
            owner, other = owners.setdefault(seen.sha256, (split, file))
            if owner != split and seen.sketch.texture < proof.TEXTURE:
                problems.append(f"{other} and {file}: the same bytes")
    certificate = proof.certify_sketches(splits, sketches)
    copies = [f"{leak.one} and {leak.other}: copies, {leak.distance} bits apart" for leak in certificate.leaks]
    return certificate, copies + problems


def _told(shortcuts: Sequence[Shortcut]) -> tuple[list[str], list[str]]:
    """Say what may be a shortcut: a warning where files were made differently, else a note."""
    return (
        [one.text for one in shortcuts if one.encoding],
        [f"{one.text} (perhaps what it looks like)" for one in shortcuts if not one.encoding],
    )


def _details(readings: Sequence[SplitReading]) -> list[str]:
    few = 8  # classes that fit into a line
    return [
        f"{reading.split or 'all'}: {sum(reading.pictures.values()):,} pictures, "
        + (
            ", ".join(f"{name} is {index} ({reading.pictures[name]:,})" for name, index in reading.indices.items())
            if len(reading.indices) <= few
            else f"{len(reading.indices):,} classes"
        )
        for reading in readings
    ]


def _text(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8", errors="replace")  # a title may have any line ends
    except OSError:
        return ""


def _json(path: Path) -> object:
    try:
        return json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
