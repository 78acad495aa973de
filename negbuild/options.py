"""What the commands share: options, and the progress bar."""

import functools
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import click

from negbuild.model import Progress, Role, no_progress

Command = Callable[..., None]

roles = click.Choice([str(role) for role in Role])


def workspace(command: Command) -> Command:
    """Add `--workspace`; the command gets the Workspace."""

    @functools.wraps(command)
    def with_workspace(root: Path, **given: Any) -> None:  # noqa: ANN401  the other options
        from negbuild.workspace import Workspace

        command(workspace=Workspace(root), **given)

    return click.option(
        "--workspace",
        "-w",
        "root",
        type=click.Path(path_type=Path),
        default=".",
        envvar="NEGBUILD_WORKSPACE",
        help="Folder of the project; else NEGBUILD_WORKSPACE, else the current folder.",
    )(with_workspace)


def as_json(command: Command) -> Command:
    """Add `--json`."""
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


def limits(command: Command) -> Command:
    """Add the limits of a picture; the command gets them as picture.Limits."""

    @functools.wraps(command)
    def with_limits(
        min_side: int,
        max_mbytes: float,
        max_mpixels: float,
        *,
        first_frame: bool,
        **given: Any,  # noqa: ANN401  the other options
    ) -> None:
        from negbuild.picture import Limits

        command(limits=Limits(round(max_mbytes * 2**20), round(max_mpixels * 1e6), min_side, first_frame), **given)

    options = (
        click.option("--min-side", default=64, show_default=True, help="Smallest side of a picture, in pixels."),
        click.option("--max-mbytes", default=32.0, show_default=True, help="Largest file, in MiB."),
        click.option("--max-mpixels", default=64.0, show_default=True, help="Largest picture, in million pixels."),
        click.option("--first-frame", is_flag=True, help="Hold the first frame of animated pictures."),
    )
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), with_limits)


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """Show a bar on a terminal, and nothing in a pipe."""
    if not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label.replace("[", r"\["), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
