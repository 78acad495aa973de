"""Write pairs and triplets over a dataset, or over the plan of a workspace, for learning to compare."""

import csv
import io
from collections import Counter
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import astuple, dataclass, fields
from pathlib import Path

from negbuild.errors import UsageError
from negbuild.fingerprint import Grids, fingerprints, grids
from negbuild.manifest import written_rows
from negbuild.model import Fingerprint, Progress, Role, Skip, Split, no_progress
from negbuild.omissions import in_use
from negbuild.pairing import Draw, PairRow, Subject, Triplet, draw_triplets, pairs_of
from negbuild.parents import usable
from negbuild.picture import Limits, inspect
from negbuild.store import explaining_full_disk
from negbuild.workspace import Workspace

PAIRS, TRIPLETS = "pairs.csv", "triplets.csv"

_ANY = Limits(min_side=1, first_frame=True, max_bytes=2**40, max_pixels=2**40)


@dataclass(frozen=True, slots=True)
class PairsResult:
    """The folder that was written, what its file names are relative to, and how many pairs of each split and kind."""

    out: Path
    relative_to: Path
    triplets: int
    pairs: dict[str, dict[str, int]]
    alone: list[str]


def pairs(dataset: Path, out: Path, draw: Draw, *, progress: Progress = no_progress) -> PairsResult:
    """Write pairs.csv and triplets.csv over a dataset that negbuild wrote, into the folder `out`.

    `alone` names classes, with their split, that have too few originals for a pair. Raises UsageError where there is no
    such dataset, or no class has two originals.
    """
    rows = written_rows(dataset)
    subjects = [
        Subject(
            row.file,
            row.split,
            row.category if row.role == Role.KNOWN else None,
            row.parent or row.sha256,
            not row.parent,
        )
        for row in rows
    ]
    return _drawn(subjects, dataset, out, draw, progress)


def pairs_of_plan(workspace: Workspace, out: Path, draw: Draw, *, progress: Progress = no_progress) -> PairsResult:
    """Write the same over the pictures of a workspace as they came, by the last plan.

    Raises UsageError where nothing is planned yet, or no class has two originals.
    """
    with workspace.reading() as catalog:
        held = catalog.images()
        splits, children = in_use(catalog, held), catalog.children()
    if not splits:
        raise UsageError(f"{workspace.root}: nothing is planned yet; run: negbuild split")
    used = {sha256: held[sha256] for sha256 in splits}
    train = {sha256: one for sha256, one in used.items() if splits[sha256] is Split.TRAIN}

    def label(sha256: str) -> str | None:
        return used[sha256].category if used[sha256].role is Role.KNOWN else None

    def file(path: Path) -> str:
        return path.relative_to(workspace.root).as_posix()

    subjects = [
        Subject(file(workspace.store.path(one.image)), splits[sha256], label(sha256), sha256)
        for sha256, one in used.items()
    ] + [
        Subject(
            file(workspace.store.path(child.image)), Split.TRAIN, label(child.parent), child.parent, is_original=False
        )
        for child in usable(children, train)
    ]
    return _drawn(subjects, workspace.root, out, draw, progress)


def _drawn(subjects: Sequence[Subject], root: Path, out: Path, draw: Draw, progress: Progress) -> PairsResult:
    originals = {one.original: one.file for one in subjects if one.is_original}
    triplets = draw_triplets(subjects, _prints(originals, root, progress), draw)
    if not triplets:
        raise UsageError(f"{root}: no class has two originals in one split, and a pair takes two; add more")
    rows = pairs_of(triplets)
    _write(out, {PAIRS: _csv(PairRow, rows), TRIPLETS: _csv(Triplet, triplets)})
    counts: dict[str, Counter[str]] = {}
    for row in rows:
        counts.setdefault(row.split, Counter())[row.kind] += 1
    return PairsResult(
        out, root, len(triplets), {split: dict(count) for split, count in counts.items()}, _alone(subjects)
    )


def _write(out: Path, texts: Mapping[str, str]) -> None:
    """Write both files, or leave both as they were."""
    drafts = {name: out / f".{name}.negbuild-draft" for name in texts}
    try:
        with explaining_full_disk(out):
            out.mkdir(parents=True, exist_ok=True)
            for name, draft in drafts.items():
                draft.write_text(texts[name], encoding="utf-8", newline="\n")
            for name, draft in drafts.items():
                draft.replace(out / name)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror}); choose another --out") from error
    finally:
        for draft in drafts.values():
            with suppress(OSError):  # renamed, or never made
                draft.unlink()


def _alone(subjects: Sequence[Subject]) -> list[str]:
    numbers = Counter(f"{one.label} in {one.split}" for one in subjects if one.is_original and one.label is not None)
    return sorted(name for name, number in numbers.items() if number == 1)


def _prints(files: Mapping[str, str], root: Path, progress: Progress) -> dict[str, Fingerprint]:
    """Fingerprints of the originals; one that is too plain for a fingerprint is never a hard negative."""

    def reduced(file: str) -> Grids | None:
        try:
            found = inspect((root / file).read_bytes(), _ANY)
        except OSError as error:
            raise UsageError(f"{root / file}: cannot be read ({error.strerror or error})") from error
        return None if isinstance(found, Skip) else grids(found.thumbnail)

    keys, reductions = [], []
    with ThreadPoolExecutor() as threads:
        for done, (key, found) in enumerate(zip(files, threads.map(reduced, files.values()), strict=True), 1):
            if found:
                keys.append(key)
                reductions.append(found)
            progress(done, len(files))
    return dict(zip(keys, fingerprints(reductions), strict=True))


def _csv(kind: type[PairRow] | type[Triplet], rows: Sequence[PairRow | Triplet]) -> str:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator="\n")
    writer.writerow(field.name for field in fields(kind))
    writer.writerows(astuple(row) for row in rows)
    return buffer.getvalue()
