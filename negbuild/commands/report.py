"""The command `report`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from negbuild import options, terminal

if TYPE_CHECKING:
    from negbuild.workspace import Workspace


@click.command()
@click.option("--out", type=click.Path(path_type=Path), help="File to write; else report.html in the workspace.")
@click.option("--dataset", type=click.Path(path_type=Path), help="Dataset to show; else dataset/ in the workspace.")
@click.option("--open", "opened", is_flag=True, help="Show it in the browser.")
@options.workspace
@options.as_json
def report(out: Path | None, dataset: Path | None, workspace: "Workspace", *, opened: bool, as_json: bool) -> None:
    """Write one HTML page: pictures, plots, copies, conflicts, licences, what to do next.

    The page needs no network and nothing beside it.

    \b
    Example:
      negbuild report
    """
    from negbuild.stages.report import report as stage

    out = out or workspace.root / "report.html"
    with terminal.progress_bar("drawing") as progress:
        result = stage(workspace, out, dataset, progress=progress)
    shown = f"{result.shown:,} of {result.pictures:,} pictures shown"
    terminal.show(result, [f"{result.page}: {result.size / 2**20:.1f} MiB, {shown}"], as_json=as_json)
    if opened:
        click.launch(str(result.page.resolve()))
