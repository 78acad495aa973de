"""Results as text for a person: pure functions from a result to lines. Nothing here prints."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

from negbuild.errors import NegbuildError, NetworkDown, SourceError, TooFewPictures
from negbuild.model import Candidate, Role, SkipReason

if TYPE_CHECKING:  # the stages import numpy and Pillow, and `--help` needs neither
    from negbuild.proof import Certificate
    from negbuild.stages.crawl import CrawlResult, Preview
    from negbuild.stages.retry import RetryPreview, RetryResult
    from negbuild.stages.sources import SourceState
    from negbuild.stages.status import StatusResult

SHOWN = 10
"""Lines of a list that are shown, where nobody wants all of it."""

Text = TypeVar("Text", bound=str)


def reasons(counts: Mapping[Text, int]) -> str:
    """List reasons with their numbers, such as `5 gone, 2 flat`."""
    return ", ".join(f"{number:,} {reason}" for reason, number in counts.items())


def crawl_lines(result: "CrawlResult", subject: str, role: Role, *, short: bool = False) -> list[str]:
    """Say what a crawl brought: in all, each source and query of several, and in a table why it fell `short`."""
    skipped = sum(result.skips.values())
    names = sorted(set(result.categories.values()))
    where = f"category {names[0]}" if len(names) == 1 else f"{len(names)} categories"
    copies = f", and {counted(result.copies, 'copy', 'copies')} of pictures held" if result.copies else ""
    lines = [
        f"{subject}: {counted(result.unique, 'unique picture')} in {where} ({role}), {result.new:,} of them new{copies}"
    ]
    if skipped and short:
        lines += ["", *table(("skipped", "reason"), [(f"{n:,}", reason) for reason, n in result.skips.items()])]
    elif skipped:
        lines.append(f"skipped {skipped:,}: {reasons(result.skips)}")
    if len(result.shares) > 1:
        rows = [
            (one.source, one.query, f"{one.unique:,}", f"{one.new:,}", reasons(one.skips) or "-")
            for one in result.shares
        ]
        lines += ["", *table(("source", "query", "pictures", "new", "skipped"), rows)]
    return lines


def crawl_notes(result: "CrawlResult", root: Path) -> list[str]:
    """Say what a crawl did beside holding pictures: a workspace made, a category held under another name."""
    lines = [f"negbuild: {root}: a new workspace"] if result.made_workspace else []
    names = result.categories.items()
    lines += [f"negbuild: category {given!r} is held as {held}" for given, held in names if given != held]
    if len(result.shares) > 1:
        told: dict[object, SourceError] = {}
        for refusal in filter(None, (share.refusal for share in result.shares)):
            # There is one network, whichever host it was missed at.
            told.setdefault(NetworkDown if isinstance(refusal, NetworkDown) else str(refusal), refusal)
        lines += [f"negbuild: {refusal}" for refusal in told.values()]
    return lines


def retry_lines(result: "RetryResult") -> list[str]:
    """Say what trying again brought."""
    lines = [
        f"tried {result.tried:,} again: {counted(result.new, 'unique picture')}"
        + (f", and {counted(result.copies, 'copy', 'copies')} of pictures held" if result.copies else "")
    ]
    if result.failed:
        lines.append(f"still failing for now: {reasons(result.failed)}")
    return lines + _not_due(result)


def retry_preview_lines(result: "RetryPreview", *, urls_only: bool) -> list[str]:
    """Say what would be tried again, or list the addresses alone."""
    if urls_only:
        return [candidate.url for candidate in result.candidates]
    lines = [f"would try {counted(len(result.candidates), 'candidate')} again", *_not_due(result)]
    return lines + _first_of(result.candidates)


def _not_due(result: "RetryResult | RetryPreview") -> list[str]:
    if result.next_at is None:
        return []
    when = datetime.fromtimestamp(result.next_at).astimezone().strftime("%Y-%m-%d %H:%M")
    return [f"not due yet: {result.later:,}, the first of them at {when}"]


def preview_lines(result: "Preview", subject: str, *, urls_only: bool) -> list[str]:
    """Say what a crawl would fetch, or list the addresses alone."""
    if urls_only:
        return [candidate.url for candidate in result.candidates]
    lines = [f"{subject}: would try {counted(len(result.candidates), 'candidate')}, {result.known:,} were tried before"]
    if result.skips:
        lines.append(f"would leave out {sum(result.skips.values()):,}: {reasons(result.skips)}")
    return lines + _first_of(result.candidates)


def _first_of(candidates: Sequence[Candidate]) -> list[str]:
    rows = [(one.title[:40] or one.source_id[:40], one.license, one.url) for one in candidates[:SHOWN]]
    return ["", *table(("title", "licence", "address"), rows)] if rows else []


def preview_notes(result: "Preview") -> list[str]:
    """Say which sources stopped answering, where others did not."""
    return [f"negbuild: {refusal}" for refusal in result.refusals] if result.candidates else []


def crawl_failure(result: "CrawlResult", subject: str, wanted: int | None) -> NegbuildError | None:
    """Say why a crawl did not give what was wanted, if it did not."""
    enough = wanted is not None and result.unique >= wanted
    others_gave = any(share.unique and not share.refusal for share in result.shares)
    if result.refusal and not enough and not others_gave:
        kept = f"; {result.unique} of {wanted} pictures are held" if result.unique else ""
        return SourceError(f"{result.refusal}{kept}")
    if wanted is None:
        something = result.unique or result.copies or result.skips
        return None if something else TooFewPictures(f"{subject}: holds no pictures")
    if enough:
        return None
    refused = dict.fromkeys(share.source for share in result.shares if share.refusal)
    no_more = f"{', '.join(refused)} gave no more, nor did the others" if refused else "there are no more"
    return TooFewPictures(f"{subject}: {result.unique} of {wanted} pictures, {no_more}; {_next_step(result.skips)}")


def _next_step(skips: Mapping[SkipReason, int]) -> str:
    if SkipReason.PRIVATE_ADDRESS in skips:
        return "add --allow-private if this is your own network"
    if any(reason.transient for reason in skips):
        return "try what failed for now again later with: negbuild crawl --retry"
    return "try another --query or --source"


def status_lines(result: "StatusResult") -> list[str]:
    """Say what a workspace holds."""
    skipped = sum(result.skips.values())
    augmented = any(one.children for one in result.categories)
    head = ("category", "role", "pictures", *(("augmented",) if augmented else ()), "copies", "from")
    rows = [
        (
            *(one.name, str(one.role), f"{one.images:,}"),
            *((f"+{one.children:,}" if one.children else "-",) if augmented else ()),
            *(f"{one.copies:,}", reasons(one.sources)),
        )
        for one in result.categories
    ]
    lines = table(head, rows) if rows else ["no pictures yet"]
    came = f"{counted(result.images, 'image')} + {counted(skipped, 'skip')}"
    lines += ["", f"{counted(result.candidates, 'candidate')} = {came}"]
    if skipped:
        lines.append(f"skipped: {reasons(result.skips)}")
    if result.pending:
        lines.append(f"named, and not tried yet: {result.pending:,}")
    if result.guards:
        pictures, places = sum(result.guards.values()), counted(len(result.guards), "place")
        count = counted(result.guarded, "picture held is a copy", "pictures held are copies")
        lines.append(f"kept out: {counted(pictures, 'picture')} of {places}; {count} of one")
    if result.placeholders:
        lines.append(f"placeholders: {result.placeholders:,}, in no split")
    if result.verdicts:
        decided = sum(result.verdicts.values())
        verdicts = reasons({str(verdict): number for verdict, number in result.verdicts.items()})
        lines.append(f"reviewed: {decided:,} of {result.reviewable:,}: {verdicts}")
    if result.splits:
        lines.append(f"planned: {reasons({str(split): number for split, number in result.splits.items()})}")
    return lines


def certificate_line(certificate: "Certificate") -> str:
    """State what is proven about copies between splits."""
    if certificate.margin is None:
        return f"certificate: {certificate.statement}"
    return (
        f"certificate: {certificate.statement} ({certificate.compared:,} compared, {certificate.excluded:,} too plain; "
        f"the nearest pair is {certificate.threshold + certificate.margin} bits apart, of 192)"
    )


def sources_lines(listed: Sequence["SourceState"], *, whole: bool) -> list[str]:
    """List the sources in a table, or what came of asking them, or tell all about some of them."""
    if whole:
        return [line for one in listed for line in ("", *_whole_source(one))][1:]
    if any(one.works is not None for one in listed):
        return table(("source", "works"), [(one.name, _source_state(one)) for one in listed])
    rows = [
        (one.name, ", ".join(one.gives), "none" if one.keyless else "yours", one.bounds, _source_state(one))
        for one in listed
    ]
    return table(("source", "good for", "key", "limits", "ready"), rows)


def _source_state(one: "SourceState") -> str:
    return one.found if one.works is not None else one.missing or "ready"


def _whole_source(one: "SourceState") -> list[str]:
    rows = [
        ("good for", ", ".join(one.gives)),
        ("takes", one.takes),
        ("limits", one.bounds),
        ("key", "none" if one.keyless else ", ".join(one.keys)),
        ("ready", _source_state(one)),
        ("terms", one.terms),
        ("address", one.address and f"{one.address} (NEGBUILD_{one.name.upper()}_URL)"),
        ("example", one.example),
    ]
    lines = [f"{one.name}: {one.summary}", *(f"  {label:<9} {text}" for label, text in rows if text)]
    for option in one.options:
        choices = f" ({', '.join(option.choices)})" if option.choices else ""
        lines.append(f"  --option {option.name}=...: {option.summary}{choices}")
    return lines


def table(head: Sequence[str], rows: Iterable[Sequence[str]]) -> list[str]:
    """Lay rows out in columns; numbers stand to the right."""
    lines = [list(head), *map(list, rows)]
    widths = [max(len(line[column]) for line in lines) for column in range(len(head))]
    return ["  ".join(_cell(text, width) for text, width in zip(line, widths, strict=True)).rstrip() for line in lines]


def _cell(text: str, width: int) -> str:
    return text.rjust(width) if text.replace(",", "").removeprefix("+").isdigit() or text == "-" else text.ljust(width)


def counted(number: int, one: str, many: str = "") -> str:
    """Write a number with what it counts, in the singular or plural."""
    return f"{number:,} {one if number == 1 else many or one + 's'}"
