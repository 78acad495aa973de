"""The command `dedup`."""

from pathlib import Path
from typing import TYPE_CHECKING

import click

from negbuild import options, show_copies, terminal
from negbuild.show import counted

if TYPE_CHECKING:
    from negbuild.workspace import Workspace

_USUAL_DISTANCE = 10  # imagededup's


@click.command()
@click.argument("path", type=options.Pictures(path_type=Path), required=False)
@click.option(
    "--list", "listed", is_flag=True, help="List every copy and what it is a copy of, and every conflict of labels."
)
@click.option("--undo", is_flag=True, help="Put all copies back that were set aside.")
@click.option(
    "--against",
    multiple=True,
    type=options.Pictures(path_type=Path),
    metavar="PATH",
    help="Keep copies of the pictures of this folder or archive out, from now on; repeatable.",
)
@click.option(
    "--forget-against",
    "forgotten",
    type=options.Pictures(path_type=Path),
    metavar="PATH",
    help="Let in again what --against kept out.",
)
@click.option(
    "--hash",
    "algorithm",
    type=click.Choice(["phash", "dhash", "ahash", "whash", "colorhash", "crop-resistant"]),
    help="With PATH: report by this hash of ImageHash alone, as other tools do; needs the extra hashes.",
)
@click.option(
    "--hash-size", type=int, help="Side of the hash; for colorhash bits of each bin.  [default: 8, and 3 for colorhash]"
)
@click.option(
    "--distance", type=click.IntRange(min=0), help="Bits that differ in pairs by --hash, at most.  [default: 10]"
)
@options.workspace
@options.as_json
def dedup(
    path: Path | None,
    against: tuple[Path, ...],
    forgotten: Path | None,
    algorithm: str | None,
    hash_size: int | None,
    distance: int | None,
    workspace: "Workspace",
    *,
    listed: bool,
    undo: bool,
    as_json: bool,
) -> None:
    """Find copies and keep the best of each; nothing is deleted.

    Mirrored and turned copies are found too. With PATH, only report on any folder or archive, workspace or not: which
    pictures are copies, and which of them leak from one split into another (train, val2017, images/test).

    With --against, what is held of a test set or of another dataset is left out of every split, mirrored and cropped
    copies too, and never counts for `crawl -n`. That is remembered: the folder need not stay.

    \b
    Example:
      negbuild dedup
      negbuild dedup --list
      negbuild dedup photos
      negbuild dedup --against testset
    """
    if algorithm is None and (hash_size is not None or distance is not None):
        raise click.UsageError("--hash-size and --distance are those of a --hash; name it")
    if algorithm and not path:
        raise click.UsageError("--hash only reports on a folder or archive; give its PATH")
    if path and (undo or against or forgotten):
        given = "--undo" if undo else "--against" if against else "--forget-against"
        raise click.UsageError(f"{given} is for the pictures of a workspace; leave PATH out")
    if bool(undo) + bool(against) + bool(forgotten) > 1:
        raise click.UsageError("--undo, --against and --forget-against exclude each other; give one of them")
    if listed and (undo or forgotten):
        raise click.UsageError(
            f"{'--undo' if undo else '--forget-against'} and --list exclude each other; give one of them"
        )
    if path and algorithm:
        from negbuild.hashes import Algorithm
        from negbuild.stages.audit_hashes import audit_hashes

        most = _USUAL_DISTANCE if distance is None else distance
        with terminal.progress_bar(f"reading {path}") as progress:
            hashed = audit_hashes(path, Algorithm(algorithm), hash_size, most, progress=progress)
        terminal.show(hashed, show_copies.hash_lines(hashed, str(path), whole=listed), as_json=as_json)
        return
    if path:
        from negbuild.stages.audit import audit

        with terminal.progress_bar(f"reading {path}") as progress:
            found = audit(path, progress=progress)
        terminal.show(found, show_copies.audit_lines(found, str(path), whole=listed), as_json=as_json)
        return
    from negbuild.stages import dedup as stage

    if undo:
        undone = stage.undo(workspace)
        again = f"`negbuild dedup` sets {'it' if undone.put_back == 1 else 'them'} aside again"
        line = f"{counted(undone.put_back, 'copy', 'copies')} put back; {again}"
        terminal.show(undone, [line if undone.put_back else "no copy was set aside"], as_json=as_json)
        return
    if forgotten:
        freed = stage.forget(workspace, forgotten)
        kept_out, free = counted(freed.guards, "picture"), counted(freed.let_in, "held is", "held are")
        line = f"{freed.place}: {kept_out} kept out no more, {free} free for splits"
        terminal.show(freed, [line], as_json=as_json, then="negbuild dedup")
        return
    with terminal.progress_bar("comparing") as progress:
        result = stage.dedup(workspace, against, progress=progress)
    then = "negbuild review" if result.conflicts else "negbuild split"
    terminal.show(result, show_copies.dedup_lines(result, whole=listed), as_json=as_json, then=then)
