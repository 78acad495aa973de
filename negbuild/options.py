"""The options that commands share."""

import functools
from collections.abc import Callable, Collection
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import click

from negbuild import workers
from negbuild.errors import UsageError
from negbuild.model import Role

if TYPE_CHECKING:
    from negbuild.workspace import Workspace

Command = Callable[..., None]

_LARGEST = 1_000_000  # MiB or million pixels: more than any file has


class Pictures(click.Path):
    """A place that holds pictures; an empty name, as of a variable that is not set, is not the current folder."""

    def convert(self, value: Any, param: click.Parameter | None, ctx: click.Context | None) -> Any:  # noqa: ANN401
        """Refuse the empty name, else do as click does."""
        if value == "":
            self.fail("is empty; write . for the current folder", param, ctx)
        return super().convert(value, param, ctx)


POSITIVE = click.IntRange(min=1)
NOT_NEGATIVE = click.IntRange(min=0)
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
        min_size: int,
        max_mbytes: float,
        max_mpixels: float,
        *,
        first_frame: bool,
        **given: Any,  # noqa: ANN401  the other options
    ) -> None:
        from negbuild.picture import Limits

        command(limits=Limits(round(max_mbytes * 2**20), round(max_mpixels * 1e6), min_size, first_frame), **given)

    options = (
        click.option(
            "--min-size",
            type=NOT_NEGATIVE,
            default=64,
            show_default=True,
            help="Shorter side of a picture at least, in pixels.",
        ),
        click.option("--max-mbytes", default=32.0, show_default=True, callback=_size, help="Largest file, in MiB."),
        click.option(
            "--max-mpixels",
            default=64.0,
            show_default=True,
            callback=_size,
            help="Largest picture, in million pixels.",
        ),
        click.option("--first-frame", is_flag=True, help="Hold the first frame of animated pictures."),
    )
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), with_limits)


def _size(_context: click.Context, _parameter: click.Parameter, size: float) -> float:
    """Refuse what is no size; `nan` and `inf` are numbers to Python."""
    if not 0 < size <= _LARGEST:
        raise click.BadParameter(f"{size:g} is not in the range 0<x<={_LARGEST:,}")
    return size


def checkers(many: Callable[..., bool]) -> Callable[[Command], Command]:
    """Where `many` pictures are to be checked, start the processes for that while the command still imports.

    `many` gets what the command gets. To be used outside the other options.
    """

    def starting(command: Command) -> Command:
        @functools.wraps(command)
        def with_checkers(**given: Any) -> None:  # noqa: ANN401  the options
            with workers.prepared(workers.PROCESSES if many(**given) else 0, "negbuild.checking"):
                command(**given)

        return with_checkers

    return starting


def _contact(given: str) -> str:
    """Refuse what cannot stand in a header: every host would seem to fail."""
    whom = given.strip()
    if not whom.isprintable() or whom.encode("latin-1", "ignore").decode("latin-1") != whom:
        raise UsageError(f"contact {whom}: cannot be sent; write it in Latin letters on one line: you@example.org")
    return whom


def manners(command: Command) -> Command:
    """Add how to behave on the web; the command gets manners.Manners. To be used inside `workspace`."""

    @functools.wraps(command)
    def with_manners(
        contact: str | None,
        workspace: "Workspace",
        *,
        allow_private: bool,
        ignore_opt_outs: bool,
        use_proxy: bool,
        **given: Any,  # noqa: ANN401  the other options
    ) -> None:
        from negbuild.manners import Manners

        whom = _contact(workspace.setting("contact") if contact is None else contact)
        how = Manners(whom, allow_private, obey_opt_outs=not ignore_opt_outs, use_proxy=use_proxy)
        command(manners=how, workspace=workspace, **given)

    options = (
        click.option("--contact", help="Whom a webmaster may write to; else NEGBUILD_CONTACT, else negbuild.toml."),
        click.option(
            "--allow-private",
            is_flag=True,
            envvar="NEGBUILD_ALLOW_PRIVATE",
            help="Fetch from private addresses too: your own network.",
        ),
        click.option(
            "--ignore-opt-outs",
            is_flag=True,
            help="Fetch what robots.txt or X-Robots-Tag forbid too: your own sites.",
        ),
        click.option(
            "--use-proxy",
            is_flag=True,
            help="Go through HTTP_PROXY and HTTPS_PROXY; the proxy then decides which addresses are reached.",
        ),
    )
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), with_manners)


@dataclass(frozen=True, slots=True)
class Wishes:
    """What is left out of a crawl, and whether what was tried is asked for again."""

    licenses: tuple[str, ...]
    excluded: tuple[str, ...]
    safe: bool
    refresh: bool


def wishes(command: Command) -> Command:
    """Add what to leave out; the command gets Wishes."""

    @functools.wraps(command)
    def with_wishes(
        licenses: str,
        excluded: tuple[str, ...],
        *,
        unsafe: bool,
        refresh: bool,
        **given: Any,  # noqa: ANN401  the other options
    ) -> None:
        from negbuild.order import parse_excluded, parse_licenses

        wanted = Wishes(parse_licenses(licenses), parse_excluded(excluded), not unsafe, refresh)
        command(wishes=wanted, **given)

    options = (
        click.option(
            "--license",
            "licenses",
            default="",
            metavar="LIST",
            help="Only these: cc0, pdm, by, by-sa, by-nc, by-nd, ..., in any usual spelling (CC BY 4.0), and the "
            "groups commercial, derivatives.",
        ),
        click.option(
            "--exclude",
            "excluded",
            multiple=True,
            metavar="WORD|SITE",
            help="Leave out what has this word in its title or address, or comes from this site (example.org, with "
            "all below it); a name with dots is also looked for in titles; repeatable.",
        ),
        click.option("--unsafe", is_flag=True, help="Take what the source marks as not for everybody, too."),
        click.option("--refresh", is_flag=True, help="Ask again for what was skipped before, if it changed."),
    )
    return functools.reduce(lambda decorated, option: option(decorated), reversed(options), with_wishes)


def parse_settings(_context: click.Context, _parameter: click.Parameter, texts: tuple[str, ...]) -> dict[str, str]:
    """Read what was given as NAME=VALUE; the callback of an option."""
    for text in texts:
        if "=" not in text:
            raise click.UsageError(f"--option {text}: is no NAME=VALUE")
    return {name.strip(): value.strip() for name, _, value in (text.partition("=") for text in texts)}


def refuse_all_but(names: Collection[str], why: str) -> None:
    """Raise UsageError where the command line holds options of other names, which would mean nothing."""
    context = click.get_current_context()
    odd = [
        max(parameter.opts, key=len)
        for parameter in context.command.params
        if parameter.name not in names
        and context.get_parameter_source(parameter.name or "") is click.core.ParameterSource.COMMANDLINE
    ]
    if odd:
        raise UsageError(f"{why}: leave {', '.join(odd)} out")
