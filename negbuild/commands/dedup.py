"""The command `dedup`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from negbuild import options, show_copies, terminal

if TYPE_CHECKING:
    from negbuild.workspace import Workspace


@click.command()
@click.argument("path", type=click.Path(path_type=Path), required=False)
@click.option("--list", "listed", is_flag=True, help="List every copy, and what it is a copy of.")
@click.option("--undo", is_flag=True, help="Put all copies back that were set aside.")
@options.workspace
@options.as_json
def dedup(path: Path | None, workspace: "Workspace", *, listed: bool, undo: bool, as_json: bool) -> None:
    """Find copies and keep the best of each; nothing is deleted.

    Mirrored and turned copies are found too. With PATH, only report on any folder or archive, workspace or not: which
    pictures are copies, and which of them leak from one split into another.

    \b
    Example:
      negbuild dedup
      negbuild dedup --list
      negbuild dedup photos
    """
    if path and undo:
        raise click.UsageError("--undo puts back the copies of a workspace; leave PATH out")
    if path:
        from negbuild.stages.audit import audit

        with terminal.progress_bar(f"reading {path}") as progress:
            found = audit(path, progress=progress)
        terminal.show(found, show_copies.audit_lines(found, str(path), whole=listed), as_json=as_json)
        return
    from negbuild.stages import dedup as stage

    if undo:
        undone = stage.undo(workspace)
        line = f"{undone.put_back:,} copies put back; `negbuild dedup` sets them aside again"
        terminal.show(undone, [line], as_json=as_json)
        return
    with terminal.progress_bar("comparing") as progress:
        result = stage.dedup(workspace, progress=progress)
    terminal.show(result, show_copies.dedup_lines(result, whole=listed), as_json=as_json, then="negbuild split")
