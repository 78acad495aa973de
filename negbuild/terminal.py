"""What a person reads: results go to stdout, everything else to stderr. The only module that prints."""

import json
import os
import re
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict
from typing import Any, NoReturn

import click

from negbuild.model import Progress, no_progress

# What moves the cursor, turns the direction of writing, or cannot be encoded: names of files and titles hold anything.
_NO_TEXT = re.compile(r"[\x00-\x1f\x7f-\x9f\u2028-\u202e\u2066-\u2069\ud800-\udfff]")


def show(result: Any, lines: Sequence[str], *, as_json: bool, then: str = "") -> None:  # noqa: ANN401  of any stage
    """Print a result as JSON, or as lines for a person with the next useful command."""
    if as_json:
        plain = [asdict(one) for one in result] if isinstance(result, list) else asdict(result)
        click.echo(json.dumps(plain, indent=2, default=str))
        return
    write(*lines)
    if then:
        suggest(then)


def write(*lines: str) -> None:
    """Print lines of a result; none are not even an empty one."""
    if lines:
        click.echo("\n".join(map(_plain, lines)))


def suggest(command: str) -> None:
    """Name the next useful command, unless the run wants no hints."""
    if click.get_current_context().obj:
        say(f"next: {command}")


def say(*lines: str) -> None:
    """Print lines beside the result: warnings, hints and errors."""
    for line in lines:
        click.echo(_plain(line), err=True)


def _plain(line: str) -> str:
    """Write what is no text as Python does."""
    return _NO_TEXT.sub(lambda sign: sign[0].encode("unicode_escape").decode(), line)


def leave(code: int) -> NoReturn:
    """End the process with this exit code, once all that was printed is out.

    The system takes back at once what the interpreter would take apart piece by piece, in some 0.05 s.
    """
    with suppress(OSError):  # it cannot be got out: the usual end says so
        for stream in filter(None, (sys.stdout, sys.stderr)):  # one that was closed from the start is None
            stream.flush()
        os._exit(code)
    sys.exit(code)


@contextmanager
def progress_bar(label: str) -> Iterator[Progress]:
    """Show a bar on a terminal, and nothing in a pipe."""
    if not sys.stderr or not sys.stderr.isatty():
        yield no_progress
        return
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, TextColumn, TimeElapsedColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
    with Bar(*columns, console=Console(stderr=True), transient=True) as bar:
        task = bar.add_task(label.replace("[", r"\["), total=None)
        yield lambda done, total: bar.update(task, completed=done, total=total)
