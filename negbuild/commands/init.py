"""The command `init`."""

from pathlib import Path

import click

from negbuild import terminal


@click.command()
@click.argument("folder", type=click.Path(path_type=Path), default=".")
def init(folder: Path) -> None:
    """Make a workspace: catalog.sqlite, images/ and negbuild.toml.

    \b
    Example:
      negbuild init hotdogs
    """
    from negbuild.workspace import Workspace

    new = Workspace(folder).make()
    terminal.write(f"{folder}: {'a new workspace' if new else 'is a workspace already'}")
    terminal.suggest("negbuild add PATH --category NAME --role known")
