"""Write the dataset: plan, pictures, records and certificate, in one step or not at all."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from pathlib import Path

from negbuild import __version__, proof
from negbuild.cards import two_stage_card
from negbuild.encoding import Look, encoder
from negbuild.errors import VerificationFailed
from negbuild.fingerprint import VERSION
from negbuild.imagefolder import Place, entries, places, write_records, write_tree
from negbuild.layouts import Layout, require_classes
from negbuild.manifest import CERTIFICATE, LOCK, README, Row, write_json, write_text
from negbuild.model import Progress, Role, no_progress
from negbuild.normalised import NormalisedPicture, NormalisedStore
from negbuild.plan import Move, Omission
from negbuild.planner import Planned, plan_workspace
from negbuild.shares import Shares
from negbuild.target import prepare_target, replacing
from negbuild.webdataset import write_shards
from negbuild.workspace import Workspace


@dataclass(frozen=True, slots=True)
class SplitOptions:
    """How to split: percent of train, valid and test, categories to hold out, seed, and how it all is written.

    `copies` shares no bytes with the workspace; `shard_size` is how many samples a tar file holds at most.
    """

    ratio: Shares = (70, 15, 15)
    unseen: Sequence[str] = ()
    seed: int = 0
    look: Look = field(default_factory=Look)
    layout: Layout = Layout.MULTICLASS
    copies: bool = False
    shard_size: int = 5000


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


def split(workspace: Workspace, out: Path, options: SplitOptions, *, progress: Progress = no_progress) -> SplitResult:
    """Write the dataset to the folder `out`, in place of one that negbuild wrote there before.

    Raises UsageError where the split cannot be, or `out` holds anything else; VerificationFailed where copies were
    found across splits.
    """
    with workspace.writing() as catalog:
        prepare_target(out)
        known = [name for name, role in catalog.categories().items() if role is Role.KNOWN]
        require_classes(options.layout, known)
        planned = plan_workspace(catalog, workspace.store, options.ratio, options.seed, options.unseen, progress)
        laid = places(planned.held, planned.groups, planned.plan.splits)
        store = NormalisedStore(workspace.cache / "normalised", options.look)
        with replacing(out) as draft:
            pictures = store.pictures((one.held.image for one in laid), workspace.store.read, progress)
            trees = _Writing(laid, pictures, store, _settings(planned, options), options).write(draft)
    first, *more = trees
    placed = {row.sha256 for tree in trees for row in tree.rows}
    return SplitResult(
        dataset=out,
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
    )


@dataclass(frozen=True, slots=True)
class _Written:
    tree: Tree
    rows: list[Row]


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
        chosen = entries(self.laid, self.pictures, layout)
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
            Tree(layout, [SplitCount(*key, number) for key, number in sorted(counts.items())], certificate), rows
        )


def _settings(planned: Planned, options: SplitOptions) -> dict[str, object]:
    categories = {held.category: held.role for held in planned.held.values()}
    return {
        "negbuild": __version__,
        "fingerprint": VERSION,
        "layout": options.layout,
        "ratio": list(options.ratio),
        "seed": options.seed,
        "longer_side": options.look.longer_side,
        "jpeg_quality": options.look.quality,
        "originals": options.look.originals,
        "encoder": encoder(),
        "categories": dict(sorted(categories.items())),
        "left_out": dict(sorted(Counter(planned.plan.omitted.values()).items())),
    }
