"""The command `pairs`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from negbuild import options, show_pairs, terminal

if TYPE_CHECKING:
    from negbuild.workspace import Workspace


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path), required=False)
@click.option("--originals", type=options.POSITIVE, help="Originals of each class and split at most.  [default: all]")
@click.option(
    "--each", type=options.POSITIVE, default=10, show_default=True, help="Triplets for each of these originals."
)
@click.option("--seed", default=0, show_default=True, help="Draws them.")
@click.option(
    "--out",
    type=click.Path(path_type=Path),
    help="Folder to write; else pairs/ beside the dataset, or in the workspace.",
)
@options.workspace
@options.as_json
def pairs(
    dataset: Path | None,
    originals: int | None,
    each: int,
    seed: int,
    out: Path | None,
    workspace: "Workspace",
    *,
    as_json: bool,
) -> None:
    """Write pairs and triplets, for learning to compare.

    With few originals a network learns sooner whether two pictures show the same than what they show: pairs.csv says
    same or different, triplets.csv gives an anchor, another original of its class, and something else. Half of the
    others are hard, the most similar of another class; none is from another split. Without DATASET, the pictures are
    those of the workspace as they came, by its last plan.

    \b
    Example:
      negbuild pairs dataset
      negbuild pairs --originals 10 --each 20
    """
    from negbuild.pairing import Draw
    from negbuild.stages import pairs as stage

    how = Draw(originals, each, seed)
    with terminal.progress_bar("comparing") as progress:
        if dataset:
            result = stage.pairs(dataset, out or dataset.parent / "pairs", how, progress=progress)
        else:
            result = stage.pairs_of_plan(workspace, out or workspace.root / "pairs", how, progress=progress)
    terminal.show(result, show_pairs.pairs_lines(result), as_json=as_json)
