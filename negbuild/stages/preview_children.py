"""Look at children without making any: parents beside what would become of them, on one sheet."""

import io
from dataclasses import dataclass
from pathlib import Path

from PIL import Image as Pillow

from negbuild.augmentation import Made, library
from negbuild.catalog import Catalog
from negbuild.contact_sheet import Family, html_sheet, png_sheet
from negbuild.errors import UsageError
from negbuild.family import spread
from negbuild.model import Held, Role, Split
from negbuild.parents import AugmentOptions, Pasting, find_parents, thing_to_paste
from negbuild.picture import normalised
from negbuild.workshop import Bench, Job, Workshop
from negbuild.workspace import Workspace

_FAMILIES, _CHILDREN, _OTHERS = 6, 5, 2


@dataclass(frozen=True, slots=True)
class PreviewResult:
    """The sheet that was written, and how many originals and children it shows."""

    sheet: Path
    originals: int
    children: int


def preview_children(workspace: Workspace, options: AugmentOptions, sheet: Path) -> PreviewResult:
    """Write the sheet, PNG or HTML by its name; the workspace stays as it is, and no split is planned.

    The children are those that `augment` makes first. Pictures that no plan has placed yet may be shown too.
    Raises UsageError where there is no original, or the sheet cannot be written.
    """
    library()
    if sheet.suffix.lower() not in {".png", ".html"}:
        raise UsageError(f"{sheet}: a preview is a .png or an .html")
    bench = Bench(options.recipe, options.side, options.seed, workspace.store.read)
    with workspace.reading() as catalog, Workshop(bench, options.workers) as shop:
        train = _train(catalog)
        parents = find_parents(options.category, catalog.categories(), train)
        jobs = _jobs(workspace, options, parents.able, train)
        made = list(shop.make(jobs))
    families: dict[str, list[Pillow.Image]] = {}
    for job, one in made:
        families.setdefault(job.parent.sha256, []).extend([_opened(one)] if one else [])
    shown = [
        Family(_label(train[sha256]), normalised(workspace.store.read(train[sha256].image), options.side), children)
        for sha256, children in families.items()
    ]
    title = f"{options.category}: {options.recipe.name}{', pasted' * options.paste}, seed {options.seed}"
    data = png_sheet(title, shown) if sheet.suffix.lower() == ".png" else html_sheet(title, shown).encode()
    _write(sheet, data)
    return PreviewResult(sheet, len(shown), sum(len(family.children) for family in shown))


def _train(catalog: Catalog) -> dict[str, Held]:
    """Return pictures of train, and those that no plan has placed yet."""
    splits = catalog.assignments()
    return {
        sha256: held
        for sha256, held in catalog.images().items()
        if held.role is not Role.UNSEEN and splits.get(sha256, Split.TRAIN) is Split.TRAIN
    }


def _jobs(workspace: Workspace, options: AugmentOptions, able: dict[str, Held], train: dict[str, Held]) -> list[Job]:
    def first(parents: dict[str, Held], number: int) -> list[tuple[Held, int]]:
        few = dict.fromkeys(list(parents)[:number], 0)
        return [(parents[sha256], copy) for sha256, copy in sorted(spread(few, len(few) * _CHILDREN))]

    if not options.paste:
        return [Job(held.image, copy) for held, copy in first(able, _FAMILIES)]
    pasting = Pasting.of(workspace.store.read, options.masks, options.seed, train)
    cut = thing_to_paste(pasting, able, options.category)
    return [
        pasting.job(held, copy)
        for parents, number in ((cut, _FAMILIES), (pasting.grounds, _OTHERS))
        for held, copy in first(parents, number)
    ]


def _label(held: Held) -> str:
    return f"{held.category}/{held.origin.title or held.image.sha256[:12]}"


def _opened(made: Made) -> Pillow.Image:
    with Pillow.open(io.BytesIO(made.data)) as opened:
        return opened.convert("RGB")


def _write(sheet: Path, data: bytes) -> None:
    draft = sheet.with_name(f".{sheet.name}.negbuild-draft")
    try:
        draft.write_bytes(data)
        draft.replace(sheet)
    except OSError as error:
        draft.unlink(missing_ok=True)
        raise UsageError(f"{sheet}: cannot be written ({error.strerror})") from error
