"""The command line: open the workspace, call one stage, print its result. The only module that prints."""

import json
import logging
import shlex
import sys
import warnings
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from negbuild import __version__, options, show, show_copies
from negbuild.errors import NegbuildError, SourceError, VerificationFailed
from negbuild.model import Role, Search

if TYPE_CHECKING:  # `negbuild --help` needs neither Pillow nor numpy
    from negbuild.manners import Manners
    from negbuild.picture import Limits
    from negbuild.stages.crawl import CrawlResult
    from negbuild.workspace import Workspace

_INTERRUPTED = 130
_POSITIVE = click.IntRange(min=1)


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; every error becomes one line and an exit code here."""
    # What Pillow says of odd metadata is no news to a person; what it cannot read becomes a skip with its reason.
    warnings.filterwarnings("ignore", category=UserWarning, module="PIL")
    logging.getLogger("PIL").addHandler(logging.NullHandler())
    logging.basicConfig(format="%(name)s: %(message)s", level=logging.WARNING)
    sys.exit(run(arguments))


def run(arguments: Sequence[str] | None, *, hints: bool = True) -> int:
    """Run one command and return its exit code; `hints` name the next useful command."""
    try:
        return int(cli.main(arguments, prog_name="negbuild", standalone_mode=False, obj=hints) or 0)
    except NegbuildError as error:
        _say(f"negbuild: {error}")
        return error.exit_code
    except click.UsageError as error:
        command = error.ctx.command_path if error.ctx else "negbuild"
        fault = " ".join(error.format_message().split()).rstrip(".")
        _say(f"{command}: {fault}; run: {command} --help")
        return error.exit_code
    except OSError as error:  # the system refused: a right that is missing, a disk that fails
        _say(f"negbuild: {error.filename or 'system'}: {error.strerror or error}")
        return NegbuildError.exit_code
    except (KeyboardInterrupt, click.Abort):
        _say("negbuild: interrupted; run the same command again to go on")
        return _INTERRUPTED


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Build the other half of an image dataset: its negatives, and splits that tell the truth."""


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), default=".")
def init(folder: Path) -> None:
    """Make a workspace: catalog.sqlite, images/ and negbuild.toml.

    \b
    Example:
      negbuild init hotdogs
    """
    from negbuild.workspace import Workspace

    new = Workspace(folder).make()
    _print(f"{folder}: {'a new workspace' if new else 'is a workspace already'}")
    _next("negbuild add PATH --category NAME --role known")


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--role", type=options.roles, required=True, help="What these pictures are to the classifier.")
@click.option("--category", help="What they show; else each folder is a category named after it.")
@options.limits
@options.workspace
@options.as_json
def add(
    path: Path, role: str, category: str | None, workspace: "Workspace", limits: "Limits", *, as_json: bool
) -> None:
    """Add your own pictures: a folder, an ImageFolder or an archive.

    The archive may be a zip or a tar. The files stay where they are; the workspace holds copies.

    \b
    Example:
      negbuild add photos --category hotdog --role known
    """
    from negbuild.order import Order
    from negbuild.source import find_source
    from negbuild.stages.crawl import crawl

    # The folder's name stands for the query; its path stays on this machine.
    order = Order(Search(path.resolve().name, path=path), category, Role(role), limits)
    with options.progress_bar(f"adding {path}") as progress:
        result = crawl(workspace, find_source("folder"), order, progress=progress)
    _show_crawl(result, order.role, str(path), None, workspace, as_json=as_json)


@cli.command()
@click.option("--query", "-q", "queries", multiple=True, help="What to search for; repeatable.")
@click.option(
    "--source", "-s", "names", multiple=True, help="Where; repeatable.  [default: openverse, and flickr with a key]"
)
@click.option("--path", type=click.Path(path_type=Path), help="The file or folder, for sources that take one.")
@click.option(
    "--url",
    "base_url",
    default="",
    metavar="ADDRESS",
    callback=lambda _context, _parameter, url: url.rstrip("/"),
    help="Where the service is; else NEGBUILD_<SOURCE>_URL.",
)
@click.option(
    "--option",
    "-o",
    "options",
    multiple=True,
    metavar="NAME=VALUE",
    callback=options.parse_settings,
    help="What only this source has, see `negbuild sources NAME`; repeatable.",
)
@click.option(
    "--number",
    "-n",
    type=_POSITIVE,
    default=200,
    show_default=True,
    help="Unique pictures wanted in all, earlier runs included.",
)
@click.option("--category", help="Name to hold them under; else the query, the folder or the source.")
@click.option(
    "--role", type=options.roles, default="unknown", show_default=True, help="What they are to the classifier."
)
@click.option("--seed", default=0, show_default=True, help="Decides the order of sources that draw.")
@click.option("--retry", is_flag=True, help="Take up only what failed for now, in any crawl of the workspace.")
@click.option("--dry-run", is_flag=True, help="Say what would be fetched; fetch and write nothing.")
@click.option("--urls-only", is_flag=True, help="Print the addresses that would be fetched, one a line.")
@options.wishes
@options.limits
@options.workspace  # before the manners, which look into its settings
@options.manners
@options.as_json
def crawl(
    queries: tuple[str, ...],
    names: tuple[str, ...],
    number: int,
    category: str | None,
    role: str,
    workspace: "Workspace",
    limits: "Limits",
    manners: "Manners",
    wishes: "options.Wishes",
    *,
    retry: bool,
    dry_run: bool,
    urls_only: bool,
    as_json: bool,
    **asked: Any,  # noqa: ANN401  what only the sources read
) -> None:
    """Hold as many pictures as wanted, or say why not.

    Several queries and sources share the number evenly; what one cannot bring, the others do.

    \b
    Example:
      negbuild crawl --query "street food" -n 200
      negbuild crawl --source picsum -n 500 --contact you@example.org
      negbuild crawl --query tree --license commercial,derivatives --exclude "hot dog"
      negbuild crawl -q "city street" -q salad --source openverse --source noise -n 90
      negbuild crawl --retry
    """
    from negbuild.errands import errands
    from negbuild.order import Order
    from negbuild.stages import crawl as stage

    if retry:
        with options.progress_bar("trying again") as progress:
            again = stage.retry(workspace, limits, manners=manners, progress=progress)
        _show(again, show.retry_lines(again), as_json=as_json)
        return
    search = Search(licenses=wishes.licenses, safe=wishes.safe, **asked)
    order = Order(search, category, Role(role), limits, wishes.excluded, refresh=wishes.refresh)
    asking = errands(names, queries, order)
    subject = asking[0].subject if len(asking) == 1 else f"{len(asking)} searches"
    if dry_run or urls_only:
        seen = stage.preview(workspace, asking, number, manners=manners)
        _say(*show.preview_notes(seen))
        _show(seen, show.preview_lines(seen, subject, urls_only=urls_only), as_json=as_json)
        if seen.refusals and not seen.candidates:
            raise seen.refusals[0]
        return
    with options.progress_bar(subject) as progress:
        result = stage.crawl_all(workspace, asking, number, manners=manners, progress=progress)
    if any(errand.base_url for errand in asking) and not manners.contact:
        _say('negbuild: nobody to write to: name yourself with --contact, or contact = "..." in negbuild.toml')
    _show_crawl(result, order.role, subject, number, workspace, as_json=as_json)


def _show_crawl(
    result: "CrawlResult", role: Role, subject: str, wanted: int | None, workspace: "Workspace", *, as_json: bool
) -> None:
    _say(*show.crawl_notes(result, workspace.root))
    failure = show.crawl_failure(result, subject, wanted)
    then = "" if failure else "negbuild dedup"
    _show(result, show.crawl_lines(result, subject, role), as_json=as_json, then=then)
    if failure:
        raise failure


@cli.command()
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

    with options.progress_bar("asking") as progress:
        listed = stage.sources(names, manners=manners if check else None, progress=progress)
    _show(listed, show.sources_lines(listed, whole=bool(names) and not check), as_json=as_json)
    if broken := [one.name for one in listed if one.works is False]:
        raise SourceError(f"{', '.join(broken)}: failed the check, as the table says; use another --source meanwhile")


@cli.command()
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
    _show(result, show.status_lines(result), as_json=as_json)


@cli.command()
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

        with options.progress_bar(f"reading {path}") as progress:
            found = audit(path, progress=progress)
        _show(found, show_copies.audit_lines(found, str(path), whole=listed), as_json=as_json)
        return
    from negbuild.stages import dedup as stage

    if undo:
        undone = stage.undo(workspace)
        line = f"{undone.put_back:,} copies put back; `negbuild dedup` sets them aside again"
        _show(undone, [line], as_json=as_json)
        return
    with options.progress_bar("comparing") as progress:
        result = stage.dedup(workspace, progress=progress)
    _show(result, show_copies.dedup_lines(result, whole=listed), as_json=as_json, then="negbuild split")


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; else dataset/ in the workspace.")
@click.option("--unseen", multiple=True, metavar="CATEGORY", help="Hold this category out of training; repeatable.")
@click.option("--ratio", help="Percent of train/valid/test; else NEGBUILD_RATIO, negbuild.toml, 70/15/15.")
@click.option("--seed", default=0, show_default=True, help="Decides which new group goes where.")
@click.option("--size", type=_POSITIVE, default=512, show_default=True, help="Longer side of pictures, in pixels.")
@options.workspace
@options.as_json
def split(
    out: Path | None,
    unseen: tuple[str, ...],
    ratio: str | None,
    seed: int,
    size: int,
    workspace: "Workspace",
    *,
    as_json: bool,
) -> None:
    """Write train, valid, test and unseen, no copy in two of them.

    \b
    Example:
      negbuild split --unseen dog --ratio 80/10/10
    """
    from negbuild.imagefolder import Look
    from negbuild.names import category_name
    from negbuild.plan import parse_ratio
    from negbuild.stages import split as stage

    how = stage.SplitOptions(
        ratio=parse_ratio(ratio or workspace.setting("ratio") or "70/15/15"),
        unseen=[category_name(category) for category in unseen],
        seed=seed,
        look=Look(longer_side=size),
    )
    out = workspace.root / "dataset" if out is None else out
    with options.progress_bar(f"writing {out}") as progress:
        result = stage.split(workspace, out, how, progress=progress)
    then = shlex.join(["negbuild", "verify", str(result.dataset)])
    _show(result, show.split_lines(result), as_json=as_json, then=then)


@cli.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@options.as_json
def verify(dataset: Path, *, as_json: bool) -> None:
    """Read a dataset again and prove its promises, or exit with 5.

    \b
    Example:
      negbuild verify dataset
    """
    from negbuild.stages.verify import verify as stage

    with options.progress_bar(f"proving {dataset}") as progress:
        result = stage(dataset, progress=progress)
    _show(result, show.verify_lines(result), as_json=as_json)
    broken = sum(bool(check.problems) for check in result.checks)
    if broken:
        raise VerificationFailed(f"{dataset}: {broken} of {len(result.checks)} promises are broken")


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
    _print(f"$ cd {shlex.quote(str(folder))}")
    os.chdir(folder)
    for command in COMMANDS:
        _print(f"\n$ {shlex.join(['negbuild', *command])}")
        if code := run(command, hints=False):
            sys.exit(code)
    _print("", NEXT.rstrip())


def _print(*lines: str) -> None:
    click.echo("\n".join(lines))


def _show(result: Any, lines: Sequence[str], *, as_json: bool, then: str = "") -> None:  # noqa: ANN401  of any stage
    """Print a result as JSON, or as lines for a person with the next useful command."""
    if as_json:
        plain = [asdict(one) for one in result] if isinstance(result, list) else asdict(result)
        click.echo(json.dumps(plain, indent=2, default=str))
        return
    _print(*lines)
    if then:
        _next(then)


def _next(command: str) -> None:
    if click.get_current_context().obj:
        _say(f"next: {command}")


def _say(*lines: str) -> None:
    for line in lines:
        click.echo(line, err=True)
