"""The command `verify`."""

from pathlib import Path

import click

from negbuild import options, show_verify, terminal
from negbuild.errors import VerificationFailed


@click.command()
@click.argument("dataset", type=options.Pictures(path_type=Path))
@options.as_json
def verify(dataset: Path, *, as_json: bool) -> None:
    """Read a dataset again and prove its promises, or exit with 5.

    Of a dataset that negbuild did not write, train/valid/test or one folder of classes, it proves what can be proven,
    and says what cannot. Nothing is written.

    \b
    Example:
      negbuild verify dataset
    """
    from negbuild.stages.verify import verify as stage

    with terminal.progress_bar(f"proving {dataset}") as progress:
        result = stage(dataset, progress=progress)
    terminal.show(result, show_verify.verify_lines(result), as_json=as_json)
    broken, kind = sum(bool(check.problems) for check in result.all_checks), "promises" if result.layout else "checks"
    if broken:
        raise VerificationFailed(f"{dataset}: {broken} of {len(result.all_checks)} {kind} are broken")
