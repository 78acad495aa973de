"""Show a workspace and its dataset on one page: counts, pictures, copies, conflicts, licences, and what to do next."""

import json
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from negbuild import foreign
from negbuild.catalog import Catalog
from negbuild.errors import UsageError
from negbuild.exhibits import Exhibits, shortened, web_address
from negbuild.findings import Bar, Credit, Facts, Findings, Part, Written, by_split, next_steps, sample
from negbuild.fingerprint import VERSION
from negbuild.inventory import read_evidence
from negbuild.keepers import standing
from negbuild.layouts import GATE
from negbuild.manifest import CERTIFICATE, FOLDS, MANIFEST, Row, readable_rows
from negbuild.model import UNKNOWN_LICENSE, Count, Drop, Held, Pair, Progress, Role, Split, no_progress
from negbuild.names import whole_characters
from negbuild.omissions import chained, conflicts, omissions
from negbuild.pages import report_page
from negbuild.planner import unwritten
from negbuild.ruling import Verdict
from negbuild.shortcuts import find_shortcuts
from negbuild.store import explaining_full_disk, write_whole
from negbuild.twins import PLAIN_TEXTURE
from negbuild.workspace import Workspace

_CREDITS = 3000
_BARS = 60
_MEASURED = 2000  # training pictures that are looked at for shortcuts


@dataclass(frozen=True, slots=True)
class ReportResult:
    """The page, its size in bytes, and how many pictures it shows of how many."""

    page: Path
    size: int
    shown: int
    pictures: int


@dataclass(frozen=True, slots=True)
class _Seen:
    """What a report reads of the catalog, all at one time."""

    categories: dict[str, Role]
    held: dict[str, Held]
    counts: list[Count]
    pairs: list[Pair]
    drops: list[Drop]
    disputes: list[Pair]
    chained: dict[str, str]
    left_out: set[str]
    unwritten: set[str]
    placed: dict[str, Split]
    plain: int
    pending: int


def report(
    workspace: Workspace, out: Path, dataset: Path | None = None, *, progress: Progress = no_progress
) -> ReportResult:
    """Write the page to the file `out`, with `dataset` (None: dataset/ in the workspace, if negbuild wrote one there).

    Other processes may write meanwhile. Raises UsageError where `out` cannot be written, or `dataset` is none.
    """
    if out.is_dir():
        raise UsageError(f"{out}: is a folder; name a file with --out")
    if dataset and not any((tree / MANIFEST).is_file() for tree in (dataset, dataset / GATE)):
        one = "; name one of its folds" if (dataset / FOLDS).is_file() else ""
        raise UsageError(f"{dataset}: no dataset that negbuild wrote ({MANIFEST} is missing){one}")
    with workspace.reading() as catalog:
        seen = _read(catalog)
    exhibits = Exhibits(seen.held, seen.pairs, seen.drops)
    exhibits.choose(seen.disputes, seen.chained)
    exhibits.draw(workspace.store, progress)
    dataset = dataset or workspace.root / "dataset"
    findings = _findings(whole_characters(workspace.root.resolve().name), dataset, seen, exhibits)
    page = report_page(findings).encode("utf-8")
    draft = out.with_name(f".{out.name}.negbuild-draft")
    try:
        with explaining_full_disk(out):
            out.parent.mkdir(parents=True, exist_ok=True)
            write_whole(draft, page, durably=False)
            draft.replace(out)
    except OSError as error:
        raise UsageError(f"{out}: cannot be written ({error.strerror}); choose another --out") from error
    return ReportResult(out, len(page), exhibits.shown, len(seen.held))


def _read(catalog: Catalog) -> _Seen:
    held, pairs = catalog.images(), catalog.pairs()
    return _Seen(
        categories=catalog.categories(),
        held=held,
        counts=catalog.counts(),
        pairs=pairs,
        drops=catalog.drops(),
        disputes=conflicts(held, pairs),
        chained=chained(held, pairs),
        left_out=set(omissions(catalog, held)),
        unwritten=unwritten(catalog, held),
        placed=catalog.assignments(),
        plain=catalog.plain_count(VERSION, PLAIN_TEXTURE),
        pending=catalog.pending_count(),
    )


def _findings(name: str, dataset: Path, seen: _Seen, exhibits: Exhibits) -> Findings:
    aside = {drop.sha256 for drop in seen.drops}
    used = {sha256: held for sha256, held in seen.held.items() if sha256 not in aside and not held.verdict.excludes}
    roles = Counter(held.role for held in used.values())
    dataset = dataset if (dataset / MANIFEST).is_file() else dataset / GATE  # of two stages, the one with all pictures
    rows = readable_rows(dataset)  # a damaged one is the business of `verify`
    written = _written(dataset, rows) if rows else None
    credits_ = [_credit(held) for held in seen.held.values() if _owed(held)]
    return Findings(
        name=name,
        pictures=len(seen.held),
        candidates=sum(count.number for count in seen.counts),
        roles={role: roles[role] for role in Role},
        aside=len(aside),
        decided=sum(held.verdict is not Verdict.UNDECIDED for held in seen.held.values()),
        steps=next_steps(_facts(seen, used, rows, written)),
        categories=_categories(seen, aside),
        sources=_bars(Counter(held.origin.source for held in seen.held.values()), "other"),
        skips=_bars(_skips(seen.counts), "skip"),
        licenses=_bars(Counter(held.origin.license for held in seen.held.values()), "other"),
        sheets=exhibits.sheets(),
        sheets_left_out=exhibits.sheets_left_out,
        twins=exhibits.twins(),
        twin_groups=exhibits.groups,
        disputes=exhibits.disputes(),
        dispute_count=len(seen.disputes) + len(seen.chained),
        credits=sample(credits_, _CREDITS),
        credit_count=len(credits_),
        written=written,
        plain=seen.plain,
        unreadable=exhibits.unreadable,
    )


def _facts(seen: _Seen, used: Mapping[str, Held], rows: Sequence[Row], written: Written | None) -> Facts:
    in_dataset = {row.sha256 for row in rows}
    planned = used.keys() - seen.left_out
    return Facts(
        categories=seen.categories,
        used=Counter(held.role for held in used.values()),
        pending=seen.pending,
        failing=sum(count.number for count in seen.counts if count.reason and count.reason.transient),
        twins_in_use=sum(
            pair.twins
            and {pair.older, pair.newer} <= planned
            and standing(used[pair.older]) == standing(used[pair.newer])
            for pair in seen.pairs
        ),
        disputes=len(seen.disputes) + len(seen.chained),
        undecided=sum(held.role is Role.UNKNOWN and held.verdict is Verdict.UNDECIDED for held in used.values()),
        dataset=written is not None,
        waiting=len(used.keys() - seen.unwritten - in_dataset - seen.placed.keys()),
        leaks=written.leaks if written else 0,
    )


def _skips(counts: Sequence[Count]) -> Counter[str]:
    skips: Counter[str] = Counter()
    for count in counts:
        if count.reason:
            skips[count.reason] += count.number
    return skips


def _categories(seen: _Seen, aside: set[str]) -> list[Bar]:
    """Pictures of each category in use and not, the known first; those after the most numerous in one line."""
    numbers = Counter(
        (held.role, held.category, "copies" if sha256 in aside else "excluded" if held.verdict.excludes else held.role)
        for sha256, held in seen.held.items()
    )
    order = sorted(seen.categories.items(), key=lambda entry: (list(Role).index(entry[1]), entry[0]))
    bars = [
        Bar(
            name,
            [
                Part(part, number, colour)
                for part, colour in ((role, role), ("copies", "copy"), ("excluded", "skip"))
                if (number := numbers[role, name, part])
            ],
        )
        for name, role in order
    ]
    return _fewer(bars)


def _bars(numbers: Counter[str], colour: str) -> list[Bar]:
    return _fewer(
        [Bar(name, [Part(name, number, colour)]) for name, number in sorted(numbers.items(), key=_most_first)]
    )


def _most_first(entry: tuple[str, int]) -> tuple[int, str]:
    return -entry[1], entry[0]


def _fewer(bars: list[Bar]) -> list[Bar]:
    if len(bars) <= _BARS:
        return bars
    rest = bars[_BARS:]
    return [*bars[:_BARS], Bar(f"{len(rest):,} more", [Part("pictures", sum(bar.total for bar in rest), "other")])]


def _owed(held: Held) -> bool:
    return bool(held.origin.author) or held.origin.license != UNKNOWN_LICENSE


def _credit(held: Held) -> Credit:
    origin = held.origin
    return Credit(
        title=shortened(origin.title),
        page=web_address(origin.page),
        author=shortened(origin.author),
        author_url=web_address(origin.author_url),
        license=origin.license,
        license_url=web_address(origin.license_url),
        source=origin.source,
    )


def _written(dataset: Path, rows: Sequence[Row]) -> Written:
    numbers = Counter((Split(row.split), Role(row.role)) for row in rows)
    try:
        certificate = json.loads((dataset / CERTIFICATE).read_text(encoding="utf-8"))
        statement, margin = str(certificate["statement"]), certificate["margin"]
        threshold, nearest = int(certificate["threshold"]), dict(certificate["nearest"])
        leaks = len(certificate["leaks"])
    except (OSError, ValueError, TypeError, KeyError):
        statement, margin, threshold, nearest, leaks = "the certificate cannot be read", None, 0, {}, 0
    children = sum(bool(row.parent) for row in rows)
    originals = {row.sha256 for row in rows if not row.parent}  # the known ones of the holdout are those of test
    return Written(
        name=whole_characters(dataset.name),
        splits=by_split(numbers),
        originals=len(originals),
        children=children,
        statement=statement,
        threshold=threshold,
        margin=margin,
        nearest=nearest,
        leaks=leaks,
        shortcuts=_shortcuts(dataset, rows),
    )


def _shortcuts(dataset: Path, rows: Sequence[Row]) -> list[str] | None:
    """Say which properties tell the classes of training apart, on a sample of its originals."""
    trained = {row.file: row for row in rows if row.split == Split.TRAIN and not row.parent}
    seen = read_evidence(dataset, sample(list(trained), _MEASURED))
    measured = [
        foreign.sample(trained[file].class_name, trained[file].group, one.size, one.picture)
        for file, one in seen.items()
        if one.picture
    ]
    return [one.text for one in find_shortcuts(measured)] if measured else None
