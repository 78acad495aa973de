"""The command `verify`."""

from pathlib import Path

import click

from negbuild import options, show, terminal
from negbuild.errors import VerificationFailed


@click.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@options.as_json
def verify(dataset: Path, *, as_json: bool) -> None:
    """Read a dataset again and prove its promises, or exit with 5.

    \b
    Example:
      negbuild verify dataset
    """
    from negbuild.stages.verify import verify as stage

    with terminal.progress_bar(f"proving {dataset}") as progress:
        result = stage(dataset, progress=progress)
    terminal.show(result, show.verify_lines(result), as_json=as_json)
    broken = sum(bool(check.problems) for check in result.checks)
    if broken:
        raise VerificationFailed(f"{dataset}: {broken} of {len(result.checks)} promises are broken")
