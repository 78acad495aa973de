"""The command `status`."""

from typing import TYPE_CHECKING

import click

from negbuild import options, show, terminal

if TYPE_CHECKING:
    from negbuild.workspace import Workspace


@click.command()
@options.workspace
@options.as_json
def status(workspace: "Workspace", *, as_json: bool) -> None:
    """Count what is held, by category, role, source and skip reason.

    \b
    Example:
      negbuild status
    """
    from negbuild.stages.status import status as stage

    result = stage(workspace)
    terminal.show(result, show.status_lines(result), as_json=as_json)
