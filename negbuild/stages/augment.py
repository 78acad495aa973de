"""Make children of the pictures that train has of a category: for training only, each traceable to its original."""

import hashlib
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import islice

from negbuild.augmentation import Made, library, library_version
from negbuild.catalog import Catalog
from negbuild.errors import UsageError
from negbuild.family import Child, spread
from negbuild.model import Held, Image, Progress, Split, no_progress
from negbuild.parents import AugmentOptions, Parents, Pasting, check_category, find_parents, thing_to_paste, usable
from negbuild.planner import plan_workspace
from negbuild.workshop import Bench, Job, Workshop
from negbuild.workspace import Workspace

_BATCH = 64  # children that are written at once


@dataclass(frozen=True, slots=True)
class AugmentResult:
    """What train has of a category now. `originals` and `children` are those in use; `made` children are new.

    `most` is the largest number of children of one original. `again` children came out flat or as good as identical and
    were drawn again, `missing` ones did so each time. `forbidden` originals have no children for their licence, and
    `unlicensed` others have no licence that anybody stated. `uncut` originals have nothing to cut out and paste;
    `pasted` children lie on another background, and so do `others`, which are pieces of negatives.
    """

    category: str
    originals: int
    children: int
    made: int
    most: int
    again: int
    missing: int
    forbidden: int
    unlicensed: int
    uncut: int
    pasted: int
    others: int


@dataclass(frozen=True, slots=True)
class UndoResult:
    """How many children were struck."""

    struck: int


@dataclass(slots=True)
class _Run:
    """One run: where it writes, what is in train, how it makes children, and what it made."""

    workspace: Workspace
    catalog: Catalog
    train: dict[str, Held]
    options: AugmentOptions
    shop: Workshop
    progress: Progress
    copies: Counter[str] = field(default_factory=Counter)
    known: set[str] = field(default_factory=set)
    again: int = 0

    def take_stock(self, parents: Parents, wanted: int) -> int:
        """Look at what was made before; return how many children are lacking."""
        before = self.catalog.children()
        self.copies.update(child.parent for child in before)
        self.known.update(child.image.sha256 for child in before)
        return wanted - parents.number - len(self._children(parents))

    def fill(self, parents: Mapping[str, Held], lacking: int, job_of: Callable[[Held, int], Job]) -> int:
        """Make children until as many as were lacking are there, or no parent gives another; return how many."""
        able, made = dict(parents), 0
        while made < lacking and able:
            named = spread({sha256: self.copies[sha256] for sha256 in able}, lacking - made)
            jobs = (job_of(able[sha256], copy) for sha256, copy in named)
            spent: set[str] = set()
            drawn = self.shop.make(jobs)
            while batch := list(islice(drawn, _BATCH)):
                made += self._keep(batch, spent)
                self.progress(made, lacking)
            able = {sha256: held for sha256, held in able.items() if sha256 not in spent}
        return made

    def _keep(self, batch: Sequence[tuple[Job, Made | None]], spent: set[str]) -> int:
        """Write a batch; a parent that gives no other child is `spent`, and its later ones are left out."""
        kept: dict[Image, bytes] = {}
        children = []
        for job, drawn in batch:
            made = drawn if job.parent.sha256 not in spent else None
            while made and _sha256(made) in self.known:
                made = self.shop.one(job, made.attempt + 1)
            if not made:
                spent.add(job.parent.sha256)
                continue
            image = Image(_sha256(made), "JPEG", *made.size, len(made.data))
            self.known.add(image.sha256)
            self.copies[job.parent.sha256] += 1
            self.again += made.attempt
            kept[image] = made.data
            children.append(self._child(job, made, image))
        self.workspace.store.receive(kept)
        self.catalog.add_children(children)
        self.workspace.store.publish(kept)
        return len(children)

    def result(self, parents: Parents, made: int, others: int, *, missing: int, uncut: int) -> AugmentResult:
        """Say what there is now."""
        children = self._children(parents)
        return AugmentResult(
            category=self.options.category,
            originals=parents.number,
            children=len(children),
            made=made,
            most=max(Counter(child.parent for child in children).values(), default=0),
            again=self.again,
            missing=missing,
            forbidden=parents.forbidden,
            unlicensed=parents.unlicensed,
            uncut=uncut if self.options.paste else 0,
            pasted=sum(child.background is not None for child in children),
            others=others,
        )

    def _children(self, parents: Parents) -> list[Child]:
        return [child for child in usable(self.catalog.children(), self.train) if child.parent in parents.able]

    def _child(self, job: Job, made: Made, image: Image) -> Child:
        recipe = self.options.recipe.text(
            attempt=made.attempt, seed=self.options.seed, side=self.options.side, library=library_version()
        )
        background = job.background.sha256 if job.background else None
        return Child(image, job.parent.sha256, job.copy, made.seed, recipe, background)


def augment(workspace: Workspace, options: AugmentOptions, *, progress: Progress = no_progress) -> AugmentResult:
    """Make children until there are as many pictures as wanted; those that were made before stay.

    The plan is the one that `split` writes: only pictures of train get children. Raises UsageError where there is no
    original, or fewer pictures are wanted than there are originals; nothing is made then.
    """
    library()  # whether it is there is told before anything is planned
    bench = Bench(options.recipe, options.side, options.seed, workspace.store.read)
    with workspace.writing() as catalog, Workshop(bench, options.workers) as shop:
        planned = plan_workspace(catalog, workspace.store, options.ratio, options.seed, (), progress)
        train = {sha256: planned.held[sha256] for sha256, split in planned.plan.splits.items() if split is Split.TRAIN}
        parents = find_parents(options.category, catalog.categories(), train)
        wanted = _wanted(options, parents)
        pasting = Pasting.of(workspace.store.read, options.masks, options.seed, train) if options.paste else None
        cut = thing_to_paste(pasting, parents.able, options.category) if pasting else {}
        run = _Run(workspace, catalog, train, options, shop, progress)
        lacking = run.take_stock(parents, wanted)

        def job_of(held: Held, copy: int) -> Job:
            return pasting.job(held, copy) if pasting and held.image.sha256 in cut else Job(held.image, copy)

        made = run.fill(parents.able, lacking, job_of)
        others = _fill_others(run, pasting) if pasting else 0
        return run.result(parents, made, others, missing=max(0, lacking - made), uncut=len(parents.able) - len(cut))


def undo(workspace: Workspace, category: str | None) -> UndoResult:
    """Strike the children of a category, or all; anybody can make the same ones again.

    Raises UsageError where there is no such category.
    """
    with workspace.writing() as catalog:
        if category is not None:
            check_category(category, catalog.categories())
        held = catalog.images()
        gone = [one for one in catalog.children() if category in {None, held[one.parent].category}]
        workspace.store.withdraw(one.image for one in gone)
        catalog.remove_children(gone)
        workspace.store.recover(catalog.stored)
    return UndoResult(len(gone))


def _wanted(options: AugmentOptions, parents: Parents) -> int:
    originals = parents.number
    wanted = options.total if options.total is not None else originals * options.factor
    if wanted < originals:
        raise UsageError(
            f"category {options.category}: has {originals} originals in train, and --to {wanted} is fewer; copies are "
            f"only added, such as with --to {2 * originals}"
        )
    return wanted


def _fill_others(run: _Run, pasting: Pasting) -> int:
    """Paste as many negatives as there are pasted positives, so that no seam tells the classes apart."""
    pasted = [child for child in usable(run.catalog.children(), run.train) if child.background is not None]
    positive = sum(not run.train[child.parent].role.negative for child in pasted)
    return run.fill(pasting.grounds, positive - (len(pasted) - positive), pasting.job)


def _sha256(made: Made) -> str:
    return hashlib.sha256(made.data).hexdigest()
