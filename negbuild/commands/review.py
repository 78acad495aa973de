"""The command `review`."""

from typing import TYPE_CHECKING

import click

from negbuild import options, show_review, terminal

if TYPE_CHECKING:
    from negbuild.lighttable.server import Opened
    from negbuild.workspace import Workspace


@click.command()
@click.option(
    "--port",
    type=click.IntRange(0, 65535),
    default=0,
    show_default="any free one",
    help="Port of 127.0.0.1 to serve the page on.",
)
@click.option("--no-open", is_flag=True, help="Only print the address; open no browser.")
@options.workspace
@options.as_json
def review(workspace: "Workspace", port: int, *, no_open: bool, as_json: bool) -> None:
    """Look through the pictures in a browser and decide: keep, drop, unsure, move, duplicate.

    The page is served on this machine alone, the most suspicious pictures first, until Ctrl-C. Each verdict is saved
    at once; crawl, dedup and split obey it.

    \b
    Example:
      negbuild review
      negbuild review --no-open --port 8765
    """
    from negbuild.stages.review import review as stage

    def announce(opened: "Opened") -> None:
        terminal.say(*show_review.address_lines(opened))
        if not no_open:
            _open(opened.once)

    result = stage(workspace, announce, port=port)
    terminal.show(result, show_review.review_lines(result), as_json=as_json, then="negbuild split")


def _open(address: str) -> None:
    """Open a browser; in a thread, because some only come back when they are closed."""
    import webbrowser
    from threading import Thread

    Thread(target=webbrowser.open, args=(address,), daemon=True).start()
