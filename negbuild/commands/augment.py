"""The command `augment`."""

from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from negbuild import options, show_augment, terminal
from negbuild.errors import TooFewPictures, UsageError
from negbuild.presets import PRESETS
from negbuild.show import counted

if TYPE_CHECKING:
    from negbuild.pipeline import Recipe
    from negbuild.workspace import Workspace

_REASONS = "\n".join(f"      {preset.name:<10} {preset.reason}" for preset in PRESETS.values())


def _with_reasons(command: Callable[..., Any]) -> Callable[..., Any]:
    """Write the presets with their reasons into the help text."""
    command.__doc__ = (command.__doc__ or "").replace("PRESETS", _REASONS.lstrip())
    return command


@click.command()
@click.option("--category", help="Whose pictures get copies.")
@click.option("--to", "total", type=options.POSITIVE, help="Pictures wanted in train, originals included.")
@click.option("--factor", type=options.POSITIVE, help="The same, in times the originals.")
@click.option("--preset", type=click.Choice(list(PRESETS)), help="What may be done to them.  [default: object]")
@click.option(
    "--pipeline",
    type=click.Path(path_type=Path),
    metavar="FILE",
    help="Instead of a preset: steps of albumentations, as YAML or JSON.",
)
@click.option("--paste", is_flag=True, help="Lay things with a transparent background on negatives of train.")
@click.option(
    "--masks",
    type=click.Path(path_type=Path),
    metavar="FOLDER",
    help="Cut things out by masks (white: the thing) named after their pictures.",
)
@click.option("--preview", type=click.Path(path_type=Path), metavar="FILE", help="Only draw a sheet, .png or .html.")
@click.option("--undo", is_flag=True, help="Strike the copies of the category, or of all.")
@click.option("--ratio", help="Percent of train/valid/test, as for split, where nothing is planned yet.")
@click.option("--seed", default=0, show_default=True, help="Draws the copies; and as for split.")
@click.option(
    "--size", type=options.POSITIVE, default=512, show_default=True, help="Longer side in pixels, as for split."
)
@click.option("--workers", type=options.POSITIVE, help="Threads.  [default: one a core]")
@options.workspace
@options.as_json
@_with_reasons
def augment(
    category: str | None,
    total: int | None,
    factor: int | None,
    preset: str | None,
    pipeline: Path | None,
    masks: Path | None,
    preview: Path | None,
    ratio: str | None,
    seed: int,
    size: int,
    workers: int | None,
    workspace: "Workspace",
    *,
    paste: bool,
    undo: bool,
    as_json: bool,
) -> None:
    """Make more of scarce pictures, for training only.

    Copies are made of the pictures in train, evenly, and go wherever these go: valid, test and unseen never have one.
    They are drawn from the seed, the same ones whatever was added before, and keep the licence of their original.

    \b
    Presets:
      PRESETS

    A pipeline is a list of albumentations 2.0.8, such as [{HorizontalFlip: {p: 0.5}}, {Rotate: {limit: 10}}].

    \b
    Example:
      negbuild augment --category hotdog --preview sheet.png
      negbuild augment --category hotdog --to 40
      negbuild augment --category hotdog --factor 6 --preset strong
    """
    from negbuild.names import category_name
    from negbuild.parents import AugmentOptions
    from negbuild.shares import parse_ratio
    from negbuild.stages import augment as stage

    if undo:
        options.refuse_all_but({"undo", "category", "root", "as_json"}, "--undo only strikes copies")
        undone = stage.undo(workspace, category and category_name(category))
        terminal.show(undone, [f"{counted(undone.struck, 'copy', 'copies')} struck"], as_json=as_json)
        return
    if not category:
        raise click.UsageError("Missing option '--category'")
    if preview is None and (total is None) == (factor is None):
        raise click.UsageError("needs either --to or --factor")
    if masks and not paste:
        raise click.UsageError("--masks says what to cut out; add --paste")
    how = AugmentOptions(
        category=category_name(category),
        total=total,
        factor=factor or 1,
        recipe=_recipe(preset, pipeline),
        seed=seed,
        ratio=parse_ratio(ratio or workspace.setting("ratio") or "70/15/15"),
        side=size,
        paste=paste,
        masks=masks,
        workers=workers,
    )
    if preview:
        from negbuild.stages.preview_children import preview_children

        sheet = preview_children(workspace, how, preview)
        terminal.show(sheet, show_augment.preview_lines(sheet), as_json=as_json)
        return
    with terminal.progress_bar(f"augmenting {how.category}") as progress:
        result = stage.augment(workspace, how, progress=progress)
    terminal.say(*show_augment.augment_notes(result))
    terminal.show(result, show_augment.augment_lines(result), as_json=as_json, then="negbuild split")
    if result.missing:
        raise TooFewPictures(
            f"category {how.category}: {result.missing} copies came out flat or as good as identical each time; choose "
            "another --preset or --pipeline, or fewer with --to"
        )


def _recipe(preset: str | None, pipeline: Path | None) -> "Recipe":
    from negbuild.pipeline import parse_pipeline

    if not pipeline:
        return PRESETS[preset or "object"].recipe
    if preset:
        raise click.UsageError("--pipeline takes the place of --preset; leave one of them out")
    try:
        return parse_pipeline(pipeline.read_text(encoding="utf-8"), pipeline.name)
    except OSError as error:
        raise UsageError(f"{pipeline}: cannot be read ({error.strerror})") from error
    except UnicodeDecodeError as error:
        raise UsageError(f"{pipeline}: is no text in UTF-8") from error
