"""Build a verified dataset from Python: bundled photographs here, your own in their place."""

import sys
from pathlib import Path

from negbuild import Order, Role, Search, SplitOptions, Workspace, crawl, dedup, find_source, split, verify


def main(root: Path) -> None:
    """Hold three categories, one of each role, and write the splits below `root`."""
    workspace = Workspace(root)
    samples = find_source("samples")  # your own photos: find_source("folder"), Search(path=Path("photos"))
    for photograph, role in (("coffee", Role.KNOWN), ("astronaut", Role.UNKNOWN), ("gravel", Role.UNSEEN)):
        result = crawl(workspace, samples, Order(Search(photograph, limit=20), photograph, role))
        print(f"{photograph}: {result.unique} pictures, {role}")
    print(f"{len(dedup(workspace).dropped)} copies set aside")
    written = split(workspace, root / "dataset", SplitOptions(ratio=(60, 20, 20)))
    for count in written.counts:
        print(f"{count.split}/{count.class_name}: {count.number} {count.role}")
    print(written.certificate.statement)
    print("verified" if verify(written.dataset).holds else "broken")


if __name__ == "__main__":
    main(Path(sys.argv[1]))
