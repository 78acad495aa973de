"""What a dataset says of itself: the card that Hugging Face reads. Pure."""

import re
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence

from negbuild.layouts import CLASSES_TREE, GATE, POSITIVE_CLASS, Layout, class_indices
from negbuild.manifest import ATTRIBUTION, CERTIFICATE, CLASS_INDICES, FOLDS, LOCK, MANIFEST, SHARD, Row
from negbuild.model import NEGATIVE_CLASS, UNKNOWN_LICENSE, Role, Split

_SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"))
_NAMES = {Split.VALID: "validation"}  # what Hugging Face calls it


def card(rows: Sequence[Row], layout: Layout) -> str:
    """Write the dataset card of one tree, or of the tar files."""
    return _front(rows, {"default": _files(rows, "")}) + _body(rows, layout)


def two_stage_card(trees: Mapping[str, Sequence[Row]]) -> str:
    """Write the dataset card of two trees, by their folders."""
    rows = trees[GATE]
    told_apart = list(class_indices(row.class_name for row in trees[CLASSES_TREE]))
    front = _front(rows, {name: _files(own, f"{name}/") for name, own in trees.items()})
    return f"""\
{front}
# Dataset in two stages: first whether, then which

From one plan: a picture is in the same split of both trees.

- [`{GATE}/`]({GATE}/README.md): `{POSITIVE_CLASS}` against `{NEGATIVE_CLASS}`, with the holdout of categories that
  training never saw. Train the gate on it, and choose its threshold on `valid`.
- [`{CLASSES_TREE}/`]({CLASSES_TREE}/README.md): {_listed(told_apart)}, and nothing else. Train the
  classifier on it that sees what the gate let through.

The accuracy of both together is what counts: run `{GATE}/test` and `{GATE}/unseen` through the gate, what passes
through the classifier, and compare with the column `category` of `{GATE}/{MANIFEST}`.

`negbuild verify` checks both trees, and that they are of one plan.
"""


def folds_card(trees: Sequence[str]) -> str:
    """Say what the trees of folds are."""
    return f"""\
# {len(trees)} datasets, each with other categories unseen

{_listed(trees)} are whole datasets from one plan: every negative category is unseen in one of them and trained on in
the others (`{FOLDS}` says which), and every other picture is in the same split of all. Train and measure in each by
itself, and report the mean and the range of what was rejected of the unseen: one number for categories that were never
seen, whichever they are.

`negbuild verify .` checks them all, `negbuild verify fold1` one of them.
"""


def _front(rows: Sequence[Row], configs: Mapping[str, Mapping[str, str]]) -> str:
    """Write what programs read of a card: YAML."""
    lines = ["license: other", "license_name: of-each-picture", f"license_link: {_link(configs)}{ATTRIBUTION}"]
    lines += ["task_categories:", "  - image-classification"]
    size = next((name for most, name in _SIZES if len(rows) < most), "n>1M")
    lines += ["size_categories:", f"  - {size}"]
    lines += ["tags:", "  - negbuild", "  - open-set-recognition", "  - out-of-distribution"]
    lines.append("configs:")
    for name, files in configs.items():
        lines.append(f"  - config_name: {name}")
        if not any(path.endswith(SHARD) for path in files.values()):
            lines.append("    drop_labels: false")  # the manifest is not their metadata
        lines.append("    data_files:")
        for split, path in files.items():
            lines += [f"      - split: {split}", f'        path: "{path}"']
    return "\n".join(["---", *lines, "---", ""])


def _link(configs: Mapping[str, object]) -> str:
    return "" if "default" in configs else f"{GATE}/"


def _files(rows: Sequence[Row], folder: str) -> dict[str, str]:
    """Files of each split, as Hugging Face wants them named."""
    splits = {row.split: f"{row.split}-*{SHARD}" if _shard(row) else f"{row.split}/**" for row in rows}
    return {_NAMES.get(split, str(split)): folder + splits[split] for split in Split if split in splits}


def _shard(row: Row) -> bool:
    return row.file.split("/")[0].endswith(SHARD)


def _body(rows: Sequence[Row], layout: Layout) -> str:
    classes = list(class_indices(row.class_name for row in rows))
    pictures = {row.sha256 for row in rows}
    return f"""
# {_title(rows, layout)}

## Summary

{len(pictures):,} pictures in {len(rows):,} files, written by negbuild. Classes, in the order of their indices:
{_listed(classes)}.
{_SAYS[layout]}

## Structure

{_structure(rows, classes)}
- `{MANIFEST}`: one row for each file, with split, class, category, role, hashes, group, source, author, licence.
- `{CLASS_INDICES}`, `classes.txt`: the classes. `{LOCK}`: the settings that made the dataset.
- `{CERTIFICATE}`: what is proven about copies between splits. `negbuild verify` proves it again from the files.

## Curation

{_curation(rows)}

## Source data

{_table(("source", "query", "category", "pictures"), _sources(rows))}
## Licensing

Each picture keeps its own licence, and the dataset as a whole has none. Author, page and licence of each are in
`{ATTRIBUTION}`, and whether it was changed. Licences are as the sources state them, and were not checked.

{_table(("licence", "pictures"), _licenses(rows))}{_duties(rows)}
## Known limits

- Copies are told by what a picture looks like: a part cut out of another, or the same thing taken from another side,
  can be in two splits.
- A negative picture can show what the classifier must recognise, where nobody looked at it.
- What `unseen` measures holds for categories like those held out, and not for everything there is.
- People, brands and places can be in the pictures; nobody asked them.
"""


_SAYS = {
    Layout.MULTICLASS: f"`{NEGATIVE_CLASS}` holds everything that is none of the others.",
    Layout.BINARY: f"`{POSITIVE_CLASS}` holds every known category, `{NEGATIVE_CLASS}` everything else.",
    Layout.ONE_CLASS: f"""\
`train` holds known pictures only, the other splits `{NEGATIVE_CLASS}` as well: for detectors that learn what is normal.
The indices are those of the other splits; a loader that lists `train` alone counts from its own first class.""",
    Layout.CLASSES: "Known categories alone: the second stage, behind a gate.",
    Layout.WEBDATASET: f"""\
`{NEGATIVE_CLASS}` holds everything that is none of the others. A sample of the tar files is `key.jpg` (or .png),
`key.cls` with its index, and `key.json` with its row of the manifest.""",
}


def _title(rows: Sequence[Row], layout: Layout) -> str:
    known = _listed(sorted({row.category for row in rows if row.role == Role.KNOWN}), mark="")
    return known if layout is Layout.CLASSES else f"{known}, or none of these"


def _structure(rows: Sequence[Row], classes: Sequence[str]) -> str:
    counts = Counter((row.split, row.class_name) for row in rows)
    splits = [split for split in Split if any(row.split == split for row in rows)]
    lines = [(f"`{split}`", *(f"{counts[split, name]:,}" for name in classes)) for split in splits]
    return _table(("split", *(f"`{name}`" for name in classes)), lines)


def _curation(rows: Sequence[Row]) -> str:
    unseen = sorted({row.category for row in rows if row.role == Role.UNSEEN})
    children = sum(bool(row.parent) for row in rows)
    kept = sum(row.sha256 == row.file_sha256 for row in rows)
    where = f"at most {max((max(row.width, row.height) for row in rows), default=0):,} pixels wide or high"
    holdout = f"Held out of training completely, and only in `unseen`: {_listed(unseen)}. "
    said = [
        "Copies and look-alikes (mirrored and turned ones too) form groups, and no group is divided between splits.",
        holdout + "The known pictures there are those of `test`."
        if unseen
        else "No category was held out: nothing here measures what a classifier does with things it never saw.",
        f"All pictures went through one encoder, {where}, without metadata"
        + (f"; {kept:,} files needed no change, and were kept as they came." if kept else "."),
    ]
    if children:
        said.append(f"{children:,} files are augmented copies of pictures in `train`; `parent` names these.")
    return "\n".join(f"- {line}" for line in said)


def _sources(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    first = {row.sha256: row for row in rows if not row.parent}
    counts = Counter((row.source, row.query, row.category) for row in first.values())
    return [(*map(plain_text, key), f"{number:,}") for key, number in sorted(counts.items())]


def _licenses(rows: Sequence[Row]) -> list[tuple[str, ...]]:
    counts = Counter({row.sha256: row.license for row in rows}.values())
    most_first = sorted(counts.items(), key=lambda one: (-one[1], one[0]))
    return [(plain_text(name), f"{number:,}") for name, number in most_first]


def _duties(rows: Sequence[Row]) -> str:
    """Say what the licences that are here forbid or leave open."""
    names = {row.license for row in rows}
    parts = {part for name in names for part in re.split(r"[^a-z]+", name.lower())}
    said = []
    if "nc" in parts:
        said.append("Pictures under an NC licence are not for commercial use.")
    if "nd" in parts:
        said.append("Pictures under an ND licence may not be passed on changed, and resizing can count as that.")
    if "sa" in parts:
        said.append("What is made from pictures under an SA licence carries the same licence.")
    if UNKNOWN_LICENSE in names:
        said.append("Where the licence is unknown, nobody has granted anything.")
    return "".join(f"\n{line}\n" for line in said)


def _listed(names: Sequence[str], mark: str = "`") -> str:
    return ", ".join(f"{mark}{name}{mark}" for name in names)


def _table(head: Sequence[str], lines: Iterable[Sequence[str]]) -> str:
    return "".join(f"| {' | '.join(row)} |\n" for row in (head, ["---"] * len(head), *lines))


def plain_text(text: str) -> str:
    """Keep what a source or a person wrote from being read as Markdown or HTML: a backslash before each sign."""
    return re.sub(r"([\\`*_{}\[\]()<>#+!|&~$])", r"\\\1", " ".join(text.split())[:80]) or "-"
