"""Write the dataset: plan, pictures, records and certificate, in one step or not at all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path

from negbuild import __version__, proof
from negbuild.advice import advise
from negbuild.cards import folds_card, two_stage_card
from negbuild.catalog import Catalog
from negbuild.encoding import Look, encoder
from negbuild.errors import UsageError, VerificationFailed
from negbuild.family import Child, ChildCount, count_children, leaking, with_children
from negbuild.fingerprint import VERSION
from negbuild.imagefolder import (
    Entry,
    Place,
    entries,
    places,
    row_of,
    tree_file,
    weights_of,
    write_records,
    write_tree,
)
from negbuild.layouts import Layout, require_classes
from negbuild.manifest import CERTIFICATE, FOLDS, LOCK, README, Row, csv_text, write_json, write_text
from negbuild.model import Progress, Role, no_progress
from negbuild.normalised import NormalisedPicture, NormalisedStore
from negbuild.plan import Move, Omission, TopUp, Wanted
from negbuild.planner import Planned, Request, plan_dataset, plan_folds, stock_in_use
from negbuild.shares import Shares
from negbuild.target import prepare_target, replacing
from negbuild.unseen import HeldOut
from negbuild.webdataset import write_shards
from negbuild.weights import ClassWeight
from negbuild.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """How to split: percent of train, valid and test, categories to hold out, seed, and how it all is written.

    Where `auto` stands among `unseen`, a rule chooses; `seen` are to be trained on again; `wanted` says how many there
    should be. `copies` shares no bytes with the workspace; `shard_size` is how many samples a tar file holds at most.
    """

    ratio: Shares = (70, 15, 15)
    unseen: Sequence[str] = ()
    seed: int = 0
    look: Look = field(default_factory=Look)
    layout: Layout = Layout.MULTICLASS
    copies: bool = False
    shard_size: int = 5000
    seen: Sequence[str] = ()
    wanted: Wanted = field(default_factory=Wanted)

    @property
    def request(self) -> Request:
        """What of it the plan needs to know."""
        return Request(self.ratio, self.seed, self.unseen, self.seen, self.wanted)


@dataclass(frozen=True, slots=True)
class SplitCount:
    """How many pictures of one role a class folder of a split holds."""

    split: str
    class_name: str
    role: str
    number: int


@dataclass(frozen=True, slots=True)
class Tree:
    """One tree of a dataset: what it holds, and what is proven of it."""

    layout: Layout
    counts: list[SplitCount]
    certificate: proof.Certificate


@dataclass(frozen=True, slots=True)
class SplitResult:
    """What was written where, what was left out and why, what moved, and the proof.

    Of two stages, counts and certificate are those of the gate, and `classes` is the second tree. `shards` counts the
    tar files of each split, `unplaced` the planned pictures that the layout has no place for, `kept` those that are
    written as they came.
    """

    dataset: Path
    counts: list[SplitCount]
    omitted: dict[Omission, int]
    moves: list[Move]
    certificate: proof.Certificate
    layout: Layout = Layout.MULTICLASS
    classes: Tree | None = None
    shards: dict[str, int] = field(default_factory=dict)
    unplaced: int = 0
    kept: int = 0
    held_out: Sequence[HeldOut] = ()
    seen: Sequence[str] = ()
    topped_up: Sequence[TopUp] = ()
    weights: Sequence[ClassWeight] = ()
    advice: Sequence[str] = ()
    children: ChildCount = field(default_factory=ChildCount)


@dataclass(frozen=True, slots=True)
class Fold:
    """A negative category, and the fold in which it is the unseen one; a line of folds.csv."""

    fold: int
    category: str
    pictures: int
    nearness: str


@dataclass(frozen=True, slots=True)
class FoldsResult:
    """What was written where: a dataset for each fold, where each category is unseen, and what moved in all of them."""

    dataset: Path
    folds: list[Fold]
    results: list[SplitResult]
    moves: list[Move]


def split(workspace: Workspace, out: Path, options: SplitOptions, *, progress: Progress = no_progress) -> SplitResult:
    """Write the dataset to the folder `out`, in place of one that negbuild wrote there before.

    Raises UsageError where the split cannot be, or `out` holds anything else; VerificationFailed where copies were
    found across splits.
    """
    with workspace.writing() as catalog:
        prepare_target(out)
        _require_classes(catalog, options)
        planned = plan_dataset(catalog, workspace.store, options.request, progress)
        with replacing(out) as draft:
            result = _write(workspace, draft, _Laid(planned, catalog.children()), options, progress)
    return replace(result, dataset=out, seen=options.seen)


def split_folds(
    workspace: Workspace, out: Path, options: SplitOptions, number: int, *, progress: Progress = no_progress
) -> FoldsResult:
    """Write a dataset for each of so many folds, `out`/fold1 and so on: every negative category is unseen in one.

    The roles of the workspace stay. Raises as `split` does.
    """
    if options.unseen or options.seen:
        raise UsageError("unseen-folds: holds every negative category out once; leave --unseen and --seen out")
    with workspace.writing() as catalog:
        prepare_target(out)
        _require_classes(catalog, options)
        planned = plan_folds(catalog, workspace.store, options.request, number, progress)
        with replacing(out) as draft:
            trees = {f"fold{fold}": plan for fold, plan in enumerate(planned.plans, 1)}
            results, children = [], catalog.children()
            for tree, plan in trees.items():
                (draft / tree).mkdir()
                written = _write(workspace, draft / tree, _Laid(plan, children), options, progress)
                results.append(replace(written, dataset=out / tree))
            folds = [
                Fold(planned.folds[one.name], one.name, one.pictures, one.nearness.name.lower())
                for one in planned.stocks
                if one.name in planned.folds
            ]
            folds.sort(key=lambda one: (one.fold, one.category))
            write_text(draft / FOLDS, csv_text(Fold, folds))
            lock = {"negbuild": __version__, "layout": "folds", "seed": options.seed, "trees": list(trees)}
            write_json(draft / LOCK, lock)
            write_text(draft / README, folds_card(list(trees)))
    return FoldsResult(out, folds, results, planned.moves)


def _require_classes(catalog: Catalog, options: SplitOptions) -> None:
    require_classes(options.layout, [name for name, role in catalog.categories().items() if role is Role.KNOWN])


class _Laid:
    """A plan laid out, with the children that may stand in it; the others are `apart`."""

    def __init__(self, planned: Planned, children: Sequence[Child]) -> None:
        self.planned = planned
        originals = places(planned.held, planned.groups, planned.plan.splits)
        self.places = with_children(originals, children)
        self.apart = len(children) - (len(self.places) - len(originals))


def _write(workspace: Workspace, draft: Path, laid: _Laid, options: SplitOptions, progress: Progress) -> SplitResult:
    planned = laid.planned
    store = NormalisedStore(workspace.cache / "normalised", options.look)
    pictures = store.pictures((one.image for one in laid.places), workspace.store.read, progress)
    first, *more = _Writing(laid.places, pictures, store, _settings(planned, options), options).write(draft)
    placed = {row.sha256 for tree in (first, *more) for row in tree.rows}
    return SplitResult(
        dataset=draft,
        counts=first.tree.counts,
        omitted=dict(Counter(planned.plan.omitted.values())),
        moves=planned.plan.moves,
        certificate=first.tree.certificate,
        layout=options.layout,
        classes=more[0].tree if more else None,
        shards=dict(Counter(shard.split("-")[0] for shard in sorted({row.file.split("/")[0] for row in first.rows})))
        if options.layout is Layout.WEBDATASET
        else {},
        unplaced=len(pictures.keys() - placed),
        kept=sum(one.sha256 == sha256 for sha256, one in pictures.items() if sha256 in placed),
        held_out=planned.held_out,
        topped_up=planned.plan.topped_up,
        weights=weights_of(first.rows),
        advice=advise(stock_in_use(planned)),
        children=count_children(first.rows, apart=laid.apart, alike=first.alike),
    )


@dataclass(frozen=True, slots=True)
class _Written:
    tree: Tree
    rows: list[Row]
    alike: int


@dataclass(frozen=True, slots=True)
class _Writing:
    """What is to be written, and how."""

    laid: Sequence[Place]
    pictures: Mapping[str, NormalisedPicture]
    store: NormalisedStore
    settings: Mapping[str, object]
    options: SplitOptions

    def write(self, draft: Path) -> list[_Written]:
        """Write all trees of the layout, and what stands above them."""
        trees = self.options.layout.trees
        written = {folder: self._tree(draft / folder, layout) for folder, layout in trees.items()}
        if len(trees) > 1:
            write_json(draft / LOCK, {**self.settings, "layout": self.options.layout, "trees": list(trees)})
            write_text(draft / README, two_stage_card({folder: one.rows for folder, one in written.items()}))
        return list(written.values())

    def _tree(self, root: Path, layout: Layout) -> _Written:
        root.mkdir(exist_ok=True)
        wanted = entries(self.laid, self.pictures, layout)
        chosen = self._without_leaks(wanted)
        if layout is Layout.WEBDATASET:
            rows = write_shards(root, chosen, self.options.seed, self.options.shard_size)
        else:
            rows = write_tree(root, chosen, copies=self.options.copies)
        certificate = self.store.certificate(rows, self.pictures)
        if certificate.leaks:
            leak = certificate.leaks[0]
            raise VerificationFailed(
                f"split: {len(certificate.leaks)} pairs of copies across splits, such as {leak.one} and {leak.other} "
                f"({leak.distance} bits apart); nothing was written"
            )
        write_records(root, rows, {**self.settings, "layout": layout})
        write_json(root / CERTIFICATE, asdict(certificate))
        counts = Counter((row.split, row.class_name, row.role) for row in rows)
        return _Written(
            Tree(layout, [SplitCount(*key, number) for key, number in sorted(counts.items())], certificate),
            rows,
            len(wanted) - len(chosen),
        )

    def _without_leaks(self, wanted: list[Entry]) -> list[Entry]:
        """Leave out the children that came out like a picture of another split."""
        if not any(entry.place.child for entry in wanted):
            return wanted
        rows = [row_of(entry, tree_file(entry)) for entry in wanted]
        leaks = {row.file for row in leaking(rows, self.store.certificate(rows, self.pictures))}
        return [entry for entry in wanted if tree_file(entry) not in leaks]


def _settings(planned: Planned, options: SplitOptions) -> dict[str, object]:
    categories = {held.category: held.role for held in planned.held.values()}
    negatives, cap = options.wanted.size.negatives, options.wanted.size.cap
    return {
        "negbuild": __version__,
        "fingerprint": VERSION,
        "layout": options.layout,
        "ratio": list(options.ratio),
        "seed": options.seed,
        "min_per_class": options.wanted.minimum,
        "topped_up": [asdict(one) for one in planned.plan.topped_up],
        "negatives": negatives.text if negatives else None,
        "cap": cap.text if cap else None,
        "longer_side": options.look.longer_side,
        "jpeg_quality": options.look.quality,
        "originals": options.look.originals,
        "encoder": encoder(),
        "categories": dict(sorted(categories.items())),
        "left_out": dict(sorted(Counter(planned.plan.omitted.values()).items())),
    }
