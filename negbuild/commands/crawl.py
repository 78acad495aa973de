"""The commands `crawl` and `add`, which is a crawl of your own folder."""

import os
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from negbuild import options, show, terminal
from negbuild.model import Role, Search
from negbuild.names import whole_characters
from negbuild.workers import SURELY_WORTHWHILE, WORTHWHILE

if TYPE_CHECKING:
    from negbuild.manners import Manners
    from negbuild.picture import Limits
    from negbuild.stages.crawl import CrawlResult
    from negbuild.workspace import Workspace


# What `--retry` goes by: how a picture is fetched and checked, and what is told. The rest is as the crawl had it.
_WITH_RETRY = {
    *("retry", "dry_run", "urls_only", "as_json", "root"),
    *("min_size", "max_mbytes", "max_mpixels", "first_frame"),
    *("contact", "allow_private", "ignore_opt_outs", "use_proxy"),
}


def _holds_many(path: Path, **_: object) -> bool:
    """Whether a folder has so many files; an archive tells while it is read."""
    files = (name for _, _, names in os.walk(path) for name in names)
    return next(islice(files, SURELY_WORTHWHILE - 1, None), None) is not None


def _asks_for_many(number: int, *, dry_run: bool, urls_only: bool, **_: object) -> bool:
    return number > WORTHWHILE and not (dry_run or urls_only)


@click.command()
@click.argument("path", type=options.Pictures(path_type=Path))
@click.option("--role", type=options.roles, required=True, help="What these pictures are to the classifier.")
@click.option("--category", help="What they show; else each folder is a category named after it.")
@options.checkers(_holds_many)
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
    order = Order(Search(whole_characters(path.resolve().name), path=path), category, Role(role), limits)
    with terminal.progress_bar(f"adding {path}") as progress:
        result = crawl(workspace, find_source("folder"), order, progress=progress)
    _show_crawl(result, order.role, str(path), None, workspace, as_json=as_json)


@click.command()
@click.option("--query", "-q", "queries", multiple=True, help="What to search for; repeatable.")
@click.option(
    "--source", "-s", "names", multiple=True, help="Where; repeatable.  [default: openverse, and flickr with a key]"
)
@click.option("--path", type=options.Pictures(path_type=Path), help="The file or folder, for sources that take one.")
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
    type=options.POSITIVE,
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
@options.checkers(_asks_for_many)
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

    Several queries and sources, asked at once, share the number evenly; what one cannot bring, the others do.

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
        _try_again(workspace, limits, manners, only_look=dry_run or urls_only, urls_only=urls_only, as_json=as_json)
        return
    search = Search(licenses=wishes.licenses, safe=wishes.safe, **asked)
    order = Order(search, category, Role(role), limits, wishes.excluded, refresh=wishes.refresh)
    asking = errands(names, queries, order)
    subject = asking[0].subject if len(asking) == 1 else f"{len(asking)} searches"
    if dry_run or urls_only:
        seen = stage.preview(workspace, asking, number, manners=manners)
        terminal.say(*show.preview_notes(seen))
        terminal.show(seen, show.preview_lines(seen, subject, urls_only=urls_only), as_json=as_json)
        if seen.refusals and not seen.candidates:
            raise seen.refusals[0]
        return
    with terminal.progress_bar(subject) as progress:
        result = stage.crawl_all(workspace, asking, number, manners=manners, progress=progress)
    if any(errand.base_url for errand in asking) and not manners.contact:
        terminal.say('negbuild: nobody to write to: name yourself with --contact, or contact = "..." in negbuild.toml')
    _show_crawl(result, order.role, subject, number, workspace, as_json=as_json)


def _try_again(
    workspace: "Workspace", limits: "Limits", manners: "Manners", *, only_look: bool, urls_only: bool, as_json: bool
) -> None:
    from negbuild.stages import retry as stage

    options.refuse_all_but(_WITH_RETRY, "--retry takes up what failed in any crawl")
    if only_look:
        would = stage.preview_retry(workspace, limits, manners=manners)
        terminal.show(would, show.retry_preview_lines(would, urls_only=urls_only), as_json=as_json)
        return
    with terminal.progress_bar("trying again") as progress:
        again = stage.retry(workspace, limits, manners=manners, progress=progress)
    terminal.show(again, show.retry_lines(again), as_json=as_json)


def _show_crawl(
    result: "CrawlResult", role: Role, subject: str, wanted: int | None, workspace: "Workspace", *, as_json: bool
) -> None:
    terminal.say(*show.crawl_notes(result, workspace.root))
    failure = show.crawl_failure(result, subject, wanted)
    then = "" if failure else "negbuild dedup"
    lines = show.crawl_lines(result, subject, role, short=failure is not None)
    terminal.show(result, lines, as_json=as_json, then=then)
    if failure:
        raise failure
