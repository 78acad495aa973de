"""The command `split`."""

import shlex
from pathlib import Path
from typing import TYPE_CHECKING

import click

from negbuild import options, show_split, terminal
from negbuild.layouts import LAYOUTS, Layout

if TYPE_CHECKING:
    from negbuild.workspace import Workspace


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; else dataset/ in the workspace.")
@click.option(
    "--unseen",
    multiple=True,
    metavar="CATEGORY|auto",
    help="Hold this category out of training, or those that a rule chooses; repeatable.",
)
@click.option("--seen", multiple=True, metavar="CATEGORY", help="Train on a category again that was held out.")
@click.option(
    "--unseen-folds",
    type=click.IntRange(min=2),
    metavar="K",
    help="Write K datasets, in which every negative category is unseen once; roles stay.",
)
@click.option("--ratio", help="Percent of train/valid/test; else NEGBUILD_RATIO, negbuild.toml, 70/15/15.")
@click.option(
    "--min-per-class",
    type=options.POSITIVE,
    default=1,
    show_default=True,
    help="Independent pictures of each class in each split, at least.",
)
@click.option(
    "--negatives", metavar="N|Nx", help="Negatives used: a number, or a multiple of the positives.  [default: all]"
)
@click.option(
    "--cap", metavar="N|N%", help="Negatives used of one category: a number, or a part of all.  [default: all]"
)
@click.option("--seed", default=0, show_default=True, help="Decides which new group goes where.")
@click.option(
    "--size", type=options.POSITIVE, default=512, show_default=True, help="Longer side of pictures, in pixels."
)
@click.option(
    "--layout",
    type=click.Choice([str(layout) for layout in LAYOUTS]),
    default="multiclass",
    show_default=True,
    help="How the plan becomes folders, or tar files.",
)
@click.option("--originals", is_flag=True, help="Keep files as they came where every loader reads them so.")
@click.option("--copies", is_flag=True, help="Write files of their own, not links to the workspace's cache/.")
@click.option(
    "--shard-size",
    type=options.POSITIVE,
    default=5000,
    show_default=True,
    help="Pictures in a tar file of webdataset, at most.",
)
@options.workspace
@options.as_json
def split(
    out: Path | None,
    unseen: tuple[str, ...],
    seen: tuple[str, ...],
    unseen_folds: int | None,
    min_per_class: int,
    negatives: str | None,
    cap: str | None,
    ratio: str | None,
    seed: int,
    size: int,
    layout: str,
    shard_size: int,
    workspace: "Workspace",
    *,
    originals: bool,
    copies: bool,
    as_json: bool,
) -> None:
    """Write train, valid, test and unseen, no copy in two of them.

    \b
    Example:
      negbuild split --unseen dog --ratio 80/10/10
      negbuild split --unseen auto --negatives 1.5x
      negbuild split --unseen-folds 5 --out folds
      negbuild split --layout binary --out gate
    """
    from negbuild.encoding import Look
    from negbuild.names import category_name
    from negbuild.plan import Wanted
    from negbuild.shares import parse_ratio
    from negbuild.sizing import Size, parse_cap, parse_negatives
    from negbuild.stages import split as stage

    how = stage.SplitOptions(
        ratio=parse_ratio(ratio or workspace.setting("ratio") or "70/15/15"),
        unseen=[category_name(category) for category in unseen],
        seen=[category_name(category) for category in seen],
        wanted=Wanted(
            min_per_class,
            Size(
                None if negatives is None else parse_negatives(negatives),
                None if cap is None else parse_cap(cap),
            ),
        ),
        seed=seed,
        look=Look(longer_side=size, originals=originals),
        layout=Layout(layout),
        copies=copies,
        shard_size=shard_size,
    )
    if unseen_folds:
        out = workspace.root / "folds" if out is None else out
        with terminal.progress_bar(f"writing {out}") as progress:
            folds = stage.split_folds(workspace, out, how, unseen_folds, progress=progress)
        then = shlex.join(["negbuild", "verify", str(folds.dataset)])
        terminal.show(folds, show_split.folds_lines(folds), as_json=as_json, then=then)
        return
    out = workspace.root / "dataset" if out is None else out
    with terminal.progress_bar(f"writing {out}") as progress:
        result = stage.split(workspace, out, how, progress=progress)
    then = shlex.join(["negbuild", "verify", str(result.dataset)])
    terminal.show(result, show_split.split_lines(result), as_json=as_json, then=then)
