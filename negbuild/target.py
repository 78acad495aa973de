"""The folder that a dataset is written to: whole or untouched, and never in place of anybody else's files."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from negbuild.errors import UsageError
from negbuild.manifest import written_files
from negbuild.store import explaining_full_disk

_LITTER = {".DS_Store", "Thumbs.db", "desktop.ini"}  # what file managers leave; nobody's work


def prepare_target(out: Path) -> None:
    """Give a dataset back that a kill had put aside; raises UsageError where anything lies that is not negbuild's."""
    former = _beside(out, "former")
    if former.exists() and not out.exists():  # a run was killed between two renames
        former.rename(out)
    if Path.cwd().is_relative_to(out.resolve()):
        raise UsageError(f"{out}: holds the current folder; choose another --out")
    if out.is_symlink() or (out.exists() and not out.is_dir()):
        raise UsageError(f"{out}: is no folder; choose another --out")
    if not out.exists() or not any(out.iterdir()):
        return
    try:
        written = written_files(out)
    except (OSError, ValueError, KeyError, TypeError):
        written = set()
    foreign = sorted(file for file in _files(out) if file not in written and file.rpartition("/")[2] not in _LITTER)
    if foreign:
        raise UsageError(f"{out}: holds files that negbuild did not write, such as {foreign[0]}; choose another --out")


def _files(root: Path) -> Iterator[str]:
    """All files and links, relative to `root`."""
    for folder, subfolders, files in os.walk(root):
        inner = Path(folder).relative_to(root).as_posix()
        links = [name for name in subfolders if Path(folder, name).is_symlink()]
        yield from (name if inner == "." else f"{inner}/{name}" for name in (*files, *links))


@contextmanager
def replacing(out: Path) -> Iterator[Path]:
    """Give a folder to write to, which takes the place of `out` in one step when all went well.

    Where anything goes wrong, `out` stays as it was, and nothing else stays. Raises UsageError where the folder cannot
    be made or exchanged, StorageFull where there is no room.
    """
    draft, former = _beside(out, "draft"), _beside(out, "former")
    for leftover in (draft, former):
        shutil.rmtree(leftover, ignore_errors=True)
    try:
        draft.mkdir(parents=True)
    except OSError as error:
        raise UsageError(f"{out}: cannot be made ({error.strerror})") from error
    try:
        with explaining_full_disk(out):
            yield draft
    except BaseException:
        shutil.rmtree(draft, ignore_errors=True)
        raise
    _exchange(out, draft, former)


def _exchange(out: Path, draft: Path, former: Path) -> None:
    try:
        if out.exists():
            out.rename(former)
        draft.rename(out)
    except OSError as error:
        if former.exists() and not out.exists():
            former.rename(out)
        shutil.rmtree(draft, ignore_errors=True)
        raise UsageError(f"{out}: cannot be replaced ({error.strerror}); choose another --out") from error
    shutil.rmtree(former, ignore_errors=True)


def _beside(out: Path, kind: str) -> Path:
    return out.parent / f".{out.name}.negbuild-{kind}"
