"""Write the dataset: plan, pictures, records and certificate, in one step or not at all."""

import shutil
from collections import Counter
from collections.abc import Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from negbuild import __version__, proof
from negbuild.errors import UsageError, VerificationFailed
from negbuild.fingerprint import VERSION
from negbuild.imagefolder import (
    CERTIFICATE,
    LOCK,
    RECORDS,
    Look,
    Row,
    comparable_files,
    places,
    read_manifest,
    write_json,
    write_pictures,
    write_records,
)
from negbuild.model import Progress, no_progress
from negbuild.plan import Move, Omission
from negbuild.planner import Planned, plan_workspace
from negbuild.shares import Shares
from negbuild.store import explaining_full_disk
from negbuild.workspace import Workspace

_LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}  # what file managers leave; nobody's work


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """How to split: percent of train, valid and test, categories to hold out, seed, and how pictures are written."""

    ratio: Shares = (70, 15, 15)
    unseen: Sequence[str] = ()
    seed: int = 0
    look: Look = field(default_factory=Look)


@dataclass(frozen=True, slots=True)
class SplitCount:
    """How many pictures of one role a class folder of a split holds."""

    split: str
    class_name: str
    role: str
    number: int


@dataclass(frozen=True, slots=True)
class SplitResult:
    """What was written where, what was left out and why, what moved, and the proof."""

    dataset: Path
    counts: list[SplitCount]
    omitted: dict[Omission, int]
    moves: list[Move]
    certificate: proof.Certificate


def split(workspace: Workspace, out: Path, options: SplitOptions, *, progress: Progress = no_progress) -> SplitResult:
    """Write the dataset to the folder `out`, in place of one that negbuild wrote there before.

    Raises UsageError where the split cannot be, or `out` holds anything else; VerificationFailed where copies were
    found across splits.
    """
    with workspace.writing() as catalog:
        draft, former = (out.parent / f".{out.name}.negbuild-{kind}" for kind in ("draft", "former"))
        if former.exists() and not out.exists():  # a run was killed between two renames
            former.rename(out)
        _check_target(out)
        planned = plan_workspace(catalog, workspace.store, options.ratio, options.seed, options.unseen, progress)
        for leftover in (draft, former):
            shutil.rmtree(leftover, ignore_errors=True)
        try:
            draft.mkdir(parents=True)
        except OSError as error:
            raise UsageError(f"{out}: cannot be made ({error.strerror})") from error
        try:
            with explaining_full_disk(out):
                rows, certificate = _write(workspace, draft, planned, options, progress)
        except BaseException:
            shutil.rmtree(draft, ignore_errors=True)
            raise
        _exchange(out, draft, former)
    return SplitResult(
        dataset=out,
        counts=[
            SplitCount(*key, number)
            for key, number in sorted(Counter((row.split, row.class_name, row.role) for row in rows).items())
        ],
        omitted=dict(Counter(planned.plan.omitted.values())),
        moves=planned.plan.moves,
        certificate=certificate,
    )


def _write(
    workspace: Workspace, draft: Path, planned: Planned, options: SplitOptions, progress: Progress
) -> tuple[list[Row], proof.Certificate]:
    laid = places(planned.held, planned.groups, planned.plan.splits)
    rows = write_pictures(draft, laid, lambda held: workspace.store.read(held.image), options.look, progress)
    certificate = proof.certify(draft, comparable_files(rows))
    if certificate.leaks:
        leak = certificate.leaks[0]
        raise VerificationFailed(
            f"split: {len(certificate.leaks)} pairs of copies across splits, such as {leak.one} and {leak.other} "
            f"({leak.distance} bits apart); nothing was written"
        )
    write_records(draft, rows, _settings(planned, options))
    write_json(draft / CERTIFICATE, asdict(certificate))
    return rows, certificate


def _settings(planned: Planned, options: SplitOptions) -> dict[str, object]:
    categories = {held.category: held.role for held in planned.held.values()}
    return {
        "negbuild": __version__,
        "fingerprint": VERSION,
        "layout": "multiclass",
        "ratio": list(options.ratio),
        "seed": options.seed,
        "longer_side": options.look.longer_side,
        "jpeg_quality": options.look.quality,
        "categories": dict(sorted(categories.items())),
        "left_out": dict(sorted(Counter(planned.plan.omitted.values()).items())),
    }


def _check_target(out: Path) -> None:
    """Refuse a target in which anything lies that negbuild did not write."""
    if Path.cwd().is_relative_to(out.resolve()):
        raise UsageError(f"{out}: holds the current folder; choose another --out")
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UsageError(f"{out}: is no folder; choose another --out")
    if not out.exists() or not any(out.iterdir()):
        return
    try:
        written = {row.file for row in read_manifest(out)} | set(RECORDS) if (out / LOCK).is_file() else set()
    except (OSError, ValueError, TypeError, UnicodeDecodeError):
        written = set()
    foreign = sorted(
        file
        for path in out.rglob("*")
        if (path.is_symlink() or not path.is_dir())
        and (file := path.relative_to(out).as_posix()) not in written
        and path.name not in _LITTER
    )
    if foreign:
        raise UsageError(f"{out}: holds files that negbuild did not write, such as {foreign[0]}; choose another --out")


def _exchange(out: Path, draft: Path, former: Path) -> None:
    try:
        if out.exists():
            out.rename(former)
        draft.rename(out)
    except OSError as error:
        if former.exists() and not out.exists():
            former.rename(out)
        shutil.rmtree(draft, ignore_errors=True)
        raise UsageError(f"{out}: cannot be replaced ({error.strerror}); choose another --out") from error
    shutil.rmtree(former, ignore_errors=True)
