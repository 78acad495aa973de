"""The command `sources`."""

from typing import TYPE_CHECKING

import click

from negbuild import options, show, terminal
from negbuild.errors import SourceError

if TYPE_CHECKING:
    from negbuild.manners import Manners
    from negbuild.workspace import Workspace


@click.command()
@click.argument("names", nargs=-1, metavar="[NAME]...")
@click.option("--check", is_flag=True, help="Ask each that is ready one small question, and say whether it works.")
@options.workspace  # before the manners, which look into its settings
@options.manners
@options.as_json
def sources(names: tuple[str, ...], workspace: "Workspace", manners: "Manners", *, check: bool, as_json: bool) -> None:
    """List every source, what it is good for, and whether it is ready.

    With names, tell all about these: terms, limits, and the options that only they have.

    \b
    Example:
      negbuild sources
      negbuild sources noise
      negbuild sources --check samples noise
    """
    del workspace  # only its settings count, and the manners have them
    from negbuild.stages import sources as stage

    with terminal.progress_bar("asking") as progress:
        listed = stage.sources(names, manners=manners if check else None, progress=progress)
    terminal.show(listed, show.sources_lines(listed, whole=bool(names) and not check), as_json=as_json)
    if broken := [one.name for one in listed if one.works is False]:
        raise SourceError(f"{', '.join(broken)}: failed the check, as the table says; use another --source meanwhile")
