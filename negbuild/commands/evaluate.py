"""The command `evaluate`."""

import shlex
from pathlib import Path

import click

from negbuild import options, terminal
from negbuild.show_evaluate import evaluate_lines


@click.command()
@click.argument("predictions", nargs=-1, required=True, type=click.Path(path_type=Path))
@click.option(
    "--dataset",
    type=click.Path(path_type=Path),
    default="dataset",
    show_default=True,
    help="What they are predictions of: a dataset that `negbuild split` wrote.",
)
@click.option(
    "--known-accuracy",
    type=click.FloatRange(0, 1, min_open=True),
    help="Take the highest threshold that keeps this share of valid's known pictures right, such as 0.9.",
)
@click.option("--threshold", type=float, help="Take your own threshold, instead of one chosen on valid.")
@click.option(
    "--cant-say",
    type=click.FloatRange(0, 1, max_open=True),
    metavar="SHARE",
    help="Also choose a band without answers, so that at most this share of the others is wrong, such as 0.05.",
)
@click.option("--plots", type=click.Path(path_type=Path), help="Folder to draw the curves into, as PNG and SVG.")
@options.as_json
def evaluate(
    predictions: tuple[Path, ...],
    dataset: Path,
    known_accuracy: float | None,
    threshold: float | None,
    cant_say: float | None,
    plots: Path | None,
    *,
    as_json: bool,
) -> None:
    """Say how well a classifier rejects what it does not know.

    PREDICTIONS is a CSV file with a column `file` (the path below the dataset) and a column of scores for each class,
    of all pictures in valid, test and unseen; 0_na may be left out. A picture is taken for its highest known class from
    a threshold on, which is chosen on valid. Several files are compared at the same share of known pictures right.

    \b
    Example:
      negbuild evaluate predictions.csv
      negbuild evaluate predictions.csv --known-accuracy 0.9 --cant-say 0.05 --plots plots
    """
    from negbuild.stages import evaluate as stage

    how = stage.EvaluateOptions(known_accuracy, threshold, cant_say)
    with terminal.progress_bar("reading") as progress:
        result = stage.evaluate(predictions, dataset, how, plots=plots, progress=progress)
    again = [*map(str, predictions), "--dataset", str(dataset), "--plots", "plots"]
    then = "" if plots else shlex.join(["negbuild", "evaluate", *again])
    terminal.show(result, evaluate_lines(result), as_json=as_json, then=then)
