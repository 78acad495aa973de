"""The command line: open the workspace, call one stage, print its result. The only module that prints."""

import json
import shlex
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from negbuild import __version__, show
from negbuild.errors import NegbuildError, SourceError, TooFewPictures, UsageError, VerificationFailed
from negbuild.model import Progress, Role, Search, no_progress

if TYPE_CHECKING:  # `negbuild --help` needs neither Pillow nor numpy
    from negbuild.picture import Limits
    from negbuild.stages.crawl import CrawlResult, Order
    from negbuild.workspace import Workspace

_INTERRUPTED = 130
_ROLES = click.Choice([str(role) for role in Role])

Command = Callable[..., None]


def main(arguments: Sequence[str] | None = None) -> None:
    """Run one command; every error becomes one line and an exit code here."""
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
    except (KeyboardInterrupt, click.Abort):
        _say("negbuild: interrupted; run the same command again to go on")
        return _INTERRUPTED


@click.group(context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 100})
@click.version_option(__version__, message="%(prog)s %(version)s")
def cli() -> None:
    """Build the other half of an image dataset: its negatives, and splits that tell the truth."""


def _workspace_option(command: Command) -> Command:
    return click.option(
        "--workspace",
        "-w",
        "root",
        type=click.Path(path_type=Path),
        default=".",
        envvar="NEGBUILD_WORKSPACE",
        help="Folder of the project; else NEGBUILD_WORKSPACE, else the current folder.",
    )(command)


def _json_option(command: Command) -> Command:
    return click.option("--json", "as_json", is_flag=True, help="Print the result as JSON.")(command)


def _limit_options(command: Command) -> Command:
    for option in (
        click.option("--first-frame", is_flag=True, help="Hold the first frame of animated pictures."),
        click.option("--max-mpixels", default=64.0, show_default=True, help="Largest picture, in million pixels."),
        click.option("--max-mbytes", default=32.0, show_default=True, help="Largest file, in MiB."),
        click.option("--min-side", default=64, show_default=True, help="Smallest side of a picture, in pixels."),
    ):
        command = option(command)
    return command


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), default=".")
def init(folder: Path) -> None:
    """Make a workspace: catalog.sqlite, images/ and negbuild.toml.

    \b
    Example:
      negbuild init hotdogs
    """
    new = _open(folder).make()
    _print(f"{folder}: {'a new workspace' if new else 'is a workspace already'}")
    _next("negbuild add PATH --category NAME --role known")


@cli.command()
@click.argument("path", type=click.Path(path_type=Path))
@click.option("--role", type=_ROLES, required=True, help="What these pictures are to the classifier.")
@click.option("--category", help="What they show; else each folder is a category named after it.")
@_limit_options
@_workspace_option
@_json_option
def add(path: Path, role: str, category: str | None, root: Path, *, as_json: bool, **limits: float) -> None:
    """Add your own pictures: a folder, an ImageFolder, or a zip or tar archive.

    The files stay where they are; the workspace holds copies.

    \b
    Example:
      negbuild add photos --category hotdog --role known
    """
    from negbuild.source import find_source
    from negbuild.stages.crawl import Order, crawl

    order = Order(Search(path=path), category, Role(role), _limits(**limits))
    workspace = _open(root)
    with _progress(f"adding {path}") as progress:
        result = crawl(workspace, find_source("folder"), order, progress=progress)
    _show_crawl(result, order, str(path), workspace, as_json=as_json)
    if not result.unique and not result.skips:
        raise TooFewPictures(f"{path}: holds no pictures")


@cli.command()
@click.option("--query", "-q", default="", help="What to search for.")
@click.option("--source", "-s", "name", default="openverse", show_default=True, help="Where; see `negbuild sources`.")
@click.option("--number", "-n", default=200, show_default=True, help="Unique pictures wanted, earlier runs included.")
@click.option("--category", help="Name to hold them under; else the query, or the source.")
@click.option("--role", type=_ROLES, default="unknown", show_default=True, help="What they are to the classifier.")
@click.option("--seed", default=0, show_default=True, help="Decides the order of sources that draw.")
@click.option("--contact", help="Whom a webmaster may write to; else NEGBUILD_CONTACT, else negbuild.toml.")
@click.option("--allow-private", is_flag=True, help="Fetch from private addresses too: your own network.")
@_limit_options
@_workspace_option
@_json_option
def crawl(
    query: str,
    name: str,
    number: int,
    category: str | None,
    role: str,
    seed: int,
    contact: str | None,
    root: Path,
    *,
    allow_private: bool,
    as_json: bool,
    **limits: float,
) -> None:
    """Search a source and hold what it leads to: exactly the number of pictures wanted, or the reasons why not.

    \b
    Example:
      negbuild crawl --query "street food" -n 200
      negbuild crawl --source picsum -n 500 --contact you@example.org
    """
    from negbuild.source import find_source
    from negbuild.stages import crawl as stage
    from negbuild.web import Manners

    if number < 1:
        raise UsageError(f"-n {number}: at least one picture must be wanted")
    source, workspace = find_source(name), _open(root)
    order = stage.Order(
        Search(query.strip(), limit=number, seed=seed),
        category or query.strip() or name,
        Role(role),
        _limits(**limits),
    )
    manners = Manners(contact=contact or workspace.setting("contact"), allow_private=allow_private)
    subject = f'{name} "{query}"' if query else name
    with _progress(subject) as progress:
        result = stage.crawl(workspace, source, order, manners=manners, progress=progress)
    if source.base_url and not manners.contact:
        _say('negbuild: nobody to write to: name yourself with --contact, or contact = "..." in negbuild.toml')
    _show_crawl(result, order, subject, workspace, as_json=as_json)


def _show_crawl(result: "CrawlResult", order: "Order", subject: str, workspace: "Workspace", *, as_json: bool) -> None:
    if result.made_workspace:
        _say(f"negbuild: {workspace.root}: a new workspace")
    for given, held in result.categories.items():
        if given != held:
            _say(f"negbuild: category {given!r} is held as {held}")
    if as_json:
        _print_json(result)
    else:
        _print(*show.crawl_lines(result, subject, order.role))
    wanted = order.search.limit
    if result.refusal:
        kept = f"; {result.unique} of {wanted} pictures are held" if result.unique else ""
        raise SourceError(f"{result.refusal}{kept}")
    if wanted is not None and result.unique < wanted:
        why = show.reasons(result.skips)
        raise TooFewPictures(
            f"{subject}: {result.unique} of {wanted} pictures, there are no more{f' ({why})' if why else ''}; "
            "try another --query or --source"
        )
    if not as_json:
        _next("negbuild dedup")


@cli.command()
@_json_option
def sources(*, as_json: bool) -> None:
    """List every source: what it gives, what it takes, and whether it is ready.

    \b
    Example:
      negbuild sources
    """
    from negbuild.source import find_source, source_names

    found = [find_source(name) for name in source_names()]
    if as_json:
        _print_json([{"name": s.name, "takes": s.takes, "missing": s.missing(), "summary": s.summary} for s in found])
        return
    rows = [(source.name, source.takes, source.missing() or "ready", source.summary.strip()) for source in found]
    _print(*show.table(("source", "takes", "ready", "gives"), rows))


@cli.command()
@_workspace_option
@_json_option
def status(root: Path, *, as_json: bool) -> None:
    """Count what is held, by category, role, source and skip reason.

    \b
    Example:
      negbuild status
    """
    from negbuild.stages.status import status as stage

    result = stage(_open(root))
    if as_json:
        _print_json(result)
    else:
        _print(*show.status_lines(result))


@cli.command()
@_workspace_option
@_json_option
def dedup(root: Path, *, as_json: bool) -> None:
    """Find copies, mirrored and turned ones too, and keep the best of each; nothing is deleted.

    \b
    Example:
      negbuild dedup
    """
    from negbuild.stages.dedup import dedup as stage

    result = stage(_open(root))
    if as_json:
        _print_json(result)
    else:
        _print(*show.dedup_lines(result))
        _next("negbuild split")


@cli.command()
@click.option("--out", type=click.Path(path_type=Path), help="Folder to write; else dataset/ in the workspace.")
@click.option("--unseen", multiple=True, metavar="CATEGORY", help="Hold this category out of training; repeatable.")
@click.option("--ratio", help="Percent of train/valid/test; else NEGBUILD_RATIO, negbuild.toml, 70/15/15.")
@click.option("--seed", default=0, show_default=True, help="Decides which new group goes where.")
@click.option("--size", default=512, show_default=True, help="Longer side of written pictures at most, in pixels.")
@_workspace_option
@_json_option
def split(
    out: Path | None,
    unseen: tuple[str, ...],
    ratio: str | None,
    seed: int,
    size: int,
    root: Path,
    *,
    as_json: bool,
) -> None:
    """Write train, valid, test and the unseen holdout as ImageFolders, no copy in two of them.

    \b
    Example:
      negbuild split --unseen dog --ratio 80/10/10
    """
    from negbuild.imagefolder import Look
    from negbuild.names import category_name
    from negbuild.plan import parse_ratio
    from negbuild.stages import split as stage

    if size < 1:
        raise UsageError(f"--size {size}: at least one pixel must be left")
    workspace = _open(root)
    options = stage.SplitOptions(
        ratio=parse_ratio(ratio or workspace.setting("ratio") or "70/15/15"),
        unseen=[category_name(category) for category in unseen],
        seed=seed,
        look=Look(longer_side=size),
    )
    out = workspace.root / "dataset" if out is None else out
    with _progress(f"writing {out}") as progress:
        result = stage.split(workspace, out, options, progress=progress)
    if as_json:
        _print_json(result)
    else:
        _print(*show.split_lines(result))
        _next(shlex.join(["negbuild", "verify", str(result.dataset)]))


@cli.command()
@click.argument("dataset", type=click.Path(path_type=Path))
@_json_option
def verify(dataset: Path, *, as_json: bool) -> None:
    """Read a written dataset again and prove its promises; exit 5 if one is broken.

    \b
    Example:
      negbuild verify dataset
    """
    from negbuild.stages.verify import verify as stage

    with _progress(f"proving {dataset}") as progress:
        result = stage(dataset, progress=progress)
    if as_json:
        _print_json(result)
    else:
        _print(*show.verify_lines(result))
    broken = sum(bool(check.problems) for check in result.checks)
    if broken:
        raise VerificationFailed(f"{dataset}: {broken} of {len(result.checks)} promises are broken")


@cli.command()
@click.argument("folder", type=click.Path(path_type=Path), default="negbuild-demo")
def demo(folder: Path) -> None:
    """Run the whole way on bundled photographs: no key, no network, under a minute.

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


def _open(root: Path) -> "Workspace":
    from negbuild.workspace import Workspace

    return Workspace(root)


def _limits(*, min_side: float, max_mbytes: float, max_mpixels: float, first_frame: float) -> "Limits":
    from negbuild.picture import Limits

    return Limits(
        max_bytes=round(max_mbytes * 2**20),
        max_pixels=round(max_mpixels * 1e6),
        min_side=int(min_side),
        first_frame=bool(first_frame),
    )


@contextmanager
def _progress(label: str) -> Iterator[Progress]:
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


def _print(*lines: str) -> None:
    for line in lines:
        click.echo(line)


def _print_json(result: Any) -> None:  # noqa: ANN401  any result of a stage
    plain = result if isinstance(result, list) else asdict(result)
    click.echo(json.dumps(plain, indent=2, default=str))


def _next(command: str) -> None:
    if click.get_current_context().obj:
        click.echo(f"next: {command}", err=True)


def _say(line: str) -> None:
    click.echo(line, err=True)
