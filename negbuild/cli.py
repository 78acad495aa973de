"""The command line: what every command has in common, from the arguments to the exit code."""

import gc
import logging
import shlex
import sys
import warnings
from collections.abc import Sequence
from pathlib import Path

import click

from negbuild import __version__, terminal
from negbuild.commands.augment import augment
from negbuild.commands.crawl import add, crawl
from negbuild.commands.dedup import dedup
from negbuild.commands.evaluate import evaluate
from negbuild.commands.init import init
from negbuild.commands.pairs import pairs
from negbuild.commands.report import report
from negbuild.commands.review import review
from negbuild.commands.sources import sources
from negbuild.commands.split import split
from negbuild.commands.status import status
from negbuild.commands.verify import verify
from negbuild.errors import NegbuildError

_INTERRUPTED = 130
_SELDOM = 20_000  # objects made before the collector looks through the young ones; Python's own is 700


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; every error becomes one line and an exit code here."""
    # What Pillow says of odd metadata is no news to a person; what it cannot read becomes a skip with its reason.
    warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    # What urllib3 says of odd headers and certificates names whole addresses, with the keys in them.
    logging.getLogger("urllib3").setLevel(logging.CRITICAL)
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.WARNING)
    # An eighth of the time of a short command went into looking for circles among what was just imported.
    gc.set_threshold(_SELDOM)
    code = run(arguments)
    terminal.leave(code)


def run(arguments: Sequence[str] | None, *, hints: bool = True) -> int:
    """Run one command and return its exit code; `hints` name the next useful command."""
    try:
        return int(cli.main(arguments, prog_name="negbuild", standalone_mode=False, obj=hints) or 0)
    except NegbuildError as error:
        terminal.say(f"negbuild: {error}")
        return error.exit_code
    except click.exceptions.NoArgsIsHelpError as error:  # its message is the help, in lines
        terminal.say(*error.format_message().splitlines())
        return error.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "negbuild"
        fault = " ".join(error.format_message().split()).rstrip(".")
        terminal.say(f"{command}: {fault}; run: {command} --help")
        return error.exit_code
    except OSError as error:  # the system refused: a right that is missing, a disk that fails
        terminal.say(f"negbuild: {error.filename or 'system'}: {error.strerror or error}")
        return NegbuildError.exit_code
    except (KeyboardInterrupt, click.Abort):
        terminal.say("negbuild: interrupted; run the same command again to go on")
        return _INTERRUPTED


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Build the other half of an image dataset: its negatives, and splits that tell the truth."""


for command in (init, add, crawl, sources, status, dedup, augment, split, verify, evaluate, pairs, report, review):
    cli.add_command(command)


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), default="negbuild-demo")
def demo(folder: Path) -> None:
    """Run the whole way on bundled photographs, without a network.

    \b
    Example:
      negbuild demo
    """
    import os

    from negbuild.demo import COMMANDS, NEXT

    folder.mkdir(parents=True, exist_ok=True)
    terminal.write(f"$ cd {shlex.quote(str(folder))}")
    os.chdir(folder)
    for command in COMMANDS:
        terminal.write("", f"$ {shlex.join(['negbuild', *command])}")
        if code := run(command, hints=False):
            sys.exit(code)
    terminal.write("", *NEXT.splitlines())
