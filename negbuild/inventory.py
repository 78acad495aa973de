"""What lies in a folder: all names in it, and what is seen of its files, each read once. Changes nothing."""

import os
import re
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

from negbuild.evidence import Evidence, examine
from negbuild.loaders import Configs, Tree
from negbuild.manifest import README
from negbuild.model import Progress, no_progress

_BATCH = 32  # files that a thread reads and hashes at once
_FRONT_MATTER = re.compile(r"\A---\n(.*?)^---$", re.DOTALL | re.MULTILINE)
_CONFIG = re.compile(
    r"""^\s*-\s+split:\s*['"]?(\w+)['"]?\s*\n\s+path:\s*['"]?([^'"\s]+?)(?:/\*\*|-\*\.tar)['"]?\s*$""", re.MULTILINE
)
_LABELLED = re.compile(r"drop_labels:\s*false|-\*\.tar")  # tar files state the class of each sample


@dataclass(frozen=True, slots=True)
class Inventory:
    """Names below a folder, as loaders find them; which of them are links, and which folders hold nothing."""

    root: Path
    tree: Tree
    links: Sequence[str]
    empty: Sequence[str]


def take_inventory(root: Path) -> Inventory:
    """List all names below a folder, also what lies behind links, but no folder within itself."""
    files, folders, links, empty = list[str](), list[str](), list[str](), list[str]()
    linked_folders = set()
    waiting = [(root, "", frozenset({root.resolve()}))]
    while waiting:
        folder, start, above = waiting.pop()
        entries = sorted(os.scandir(folder), key=lambda entry: entry.name)
        if start and not entries:
            empty.append(start.rstrip("/"))
        for entry in entries:
            name = start + entry.name
            if entry.is_symlink():
                links.append(name)
            if not entry.is_dir():
                files.append(name)
                continue
            folders.append(name)
            if entry.is_symlink():
                linked_folders.add(name)
            if (real := Path(entry.path).resolve()) not in above:
                waiting.append((Path(entry.path), f"{name}/", above | {real}))
    tree = Tree(sorted(files), sorted(folders), frozenset(linked_folders), read_configs(root / README))
    return Inventory(root, tree, sorted(links), sorted(empty))


def read_configs(readme: Path) -> Configs | None:
    """Read the splits that a README.md names for Hugging Face; None where it names no folders or tar files."""
    try:
        text = readme.read_text(encoding="utf-8", errors="replace")
    except OSError:
        return None
    front = _FRONT_MATTER.match(text)
    if not front or not (found := _CONFIG.findall(front[1])):
        return None
    return Configs(
        {folder: name for name, folder in found}, bool(re.search(r"drop_labels:\s*false|-\*\.tar", front[1]))
    )


def read_evidence(root: Path, files: Sequence[str], progress: Progress = no_progress) -> dict[str, Evidence]:
    """Read files (relative to `root`), each once; one that cannot be read, or is no file, has that as its fault."""
    batches = [files[start : start + _BATCH] for start in range(0, len(files), _BATCH)]
    seen: dict[str, Evidence] = {}
    with ThreadPoolExecutor(os.cpu_count()) as threads:
        for batch, found in zip(batches, threads.map(lambda batch: _look(root, batch), batches), strict=True):
            seen.update(zip(batch, found, strict=True))
            progress(len(seen), len(files))
    return seen


def _look(root: Path, batch: Sequence[str]) -> list[Evidence]:
    held = [_bytes(root / file) for file in batch]
    seen = iter(examine([data for data in held if isinstance(data, bytes)]))
    return [next(seen) if isinstance(data, bytes) else data for data in held]


def _bytes(path: Path) -> bytes | Evidence:
    if not path.is_file():  # a pipe would never end
        return Evidence("", 0, fault="is no file")
    try:
        return path.read_bytes()
    except OSError as error:
        return Evidence("", 0, fault=f"cannot be read ({error.strerror})")
