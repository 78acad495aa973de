"""What was measured of classifiers, as text for a person: pure functions from a result to lines."""

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from negbuild.model import NEGATIVE_CLASS, Role
from negbuild.show import table

if TYPE_CHECKING:  # the stages import numpy and Pillow, and `--help` needs neither
    from negbuild.intervals import Share
    from negbuild.openset import Arm, Result, Separation
    from negbuild.stages.evaluate import EvaluateResult

_FEW = 100
"""Pictures below which a share may be known to worse than ten points either way (Wilson, at one half)."""
_MOST_ANSWERS = 3
_DUST = 1e-9  # what a float may be off, so that 97 stays 97
_DONE = {Role.KNOWN: "recognised", Role.UNKNOWN: "rejected", Role.UNSEEN: "rejected"}


def evaluate_lines(result: "EvaluateResult") -> list[str]:
    """Tell all of one classifier, or compare several, a row each."""
    lines = _one(result.arms[0]) if len(result.arms) == 1 else _several(result)
    lines += ["", *_cautions(result.arms)]
    if result.plots:
        shown = ", ".join(path.name for path in result.plots if path.suffix == ".png")
        lines.append(f"drawn in {result.plots[0].parent}: {shown}, each as SVG too")
    return lines


def _one(arm: "Arm") -> list[str]:
    lines = [*_results(arm), "", _threshold(arm)]
    if arm.argmax:
        shares = ", ".join(f"{one.name} {_DONE[one.role]} {_percent(one.right.value)}" for one in arm.argmax)
        lines.append(f"by the highest score alone, {NEGATIVE_CLASS} among them: {shares}")
    if arm.separations:
        lines += ["", *_separations(arm.separations)]
    if arm.closed_set:
        share = arm.closed_set
        lines.append(
            f"closed-set accuracy (known pictures, no threshold): {_percent(share.value)} of {share.of:,}, "
            f"{_interval(share)}"
        )
    return lines + _bands([arm])


def _results(arm: "Arm") -> list[str]:
    rows: list[tuple[str, ...]] = []
    unseen = sum(one.role is Role.UNSEEN for one in arm.categories)
    for total in arm.roles:
        rows.append(_row(f"{total.name} {_DONE[total.role]}", total))
        categories = [one for one in arm.categories if one.role is total.role]
        if total.role is Role.KNOWN and len(categories) == 1:
            continue
        rows += [_row(f"  {one.name}", one) for one in categories]
    lines = _aligned(("test and unseen", "right", "of", "95 % interval", "answered instead"), rows)
    if arm.worst and arm.category_mean is not None and unseen > 1:
        mean = f"the mean of {unseen} categories is {_percent(arm.category_mean)}"
        lines += ["", f"worst unseen category: {arm.worst.name}, {_percent(arm.worst.right.value)} rejected; {mean}"]
    return lines


def _row(label: str, one: "Result") -> tuple[str, ...]:
    answers = [f"{name} {number:,}" for name, number in one.instead.items()]
    more = ", ..." if len(answers) > _MOST_ANSWERS else ""
    instead = ", ".join(answers[:_MOST_ANSWERS]) + more
    return (label, _percent(one.right.value), f"{one.right.of:,}", _interval(one.right), instead)


def _threshold(arm: "Arm") -> str:
    from negbuild.openset import Rule

    chosen = arm.threshold
    rule = {
        Rule.BALANCED: "chosen on valid alone, where it balances best",
        Rule.KNOWN_ACCURACY: "chosen on valid alone, the highest that keeps what was asked for",
        Rule.GIVEN: "your own; on valid it gives",
    }[chosen.rule]
    shares = [
        f"{words} ({_percent(share.value)} of {share.of:,})"
        for words, share in (("known right", chosen.known), ("unknown rejected", chosen.unknown))
        if share
    ]
    return f"threshold {chosen.value:.4g}: {rule}: {' and '.join(shares)}"


def _separations(separations: Sequence["Separation"]) -> list[str]:
    from negbuild.openset import ENOUGH

    rows = [
        ("AUROC", *(f"{one.auroc:.3f}" for one in separations)),
        ("AUPR, known as the positive side", *(f"{one.average_precision:.3f}" for one in separations)),
        ("AUOSCR", *(f"{one.auoscr:.3f}" for one in separations)),
        (
            "taken for known when 95 % of known are accepted",
            *(_percent(one.accepted_at_95_known) for one in separations),
        ),
    ]
    left_out = []
    for rates in zip(*(one.correct_at for one in separations), strict=True):
        taken = f"{100 * rates[0].accepted:g} %"
        if any(rate.enough for rate in rates):
            shown = (_percent(rate.correct) if rate.enough else "-" for rate in rates)
            rows.append((f"known right when {taken} are taken for known", *shown))
        else:
            left_out.append(f"{taken} takes {ENOUGH / rates[0].accepted:,.0f}")
    lines = _aligned(("known against, at any threshold", *(one.role for one in separations)), rows)
    if left_out:
        lines.append(f"too few pictures for known right at lower false acceptance ({', '.join(left_out)})")
    return lines


def _bands(arms: Sequence["Arm"]) -> list[str]:
    lines = []
    for arm in arms:
        if not arm.band:
            continue
        band, where = arm.band, "" if len(arms) == 1 else f"{arm.name}: "
        wrong = f"on valid at most {100 * band.wrong:g} % of the answers on either side are wrong"
        if band.lower == band.upper:
            lines += ["", f"{where}no band is needed: at {band.lower:.4g}, {wrong}"]
        else:
            lines += ["", f"{where}can't say from {band.lower:.4g} to {band.upper:.4g}: outside of it, {wrong}"]
        rows = [
            (one.role, *(_percent(share.value) for share in (one.right, one.wrong, one.unanswered)))
            for one in arm.band_results
        ]
        lines += _aligned(("with a band", "right", "wrong", "can't say"), rows)
    return lines


def _several(result: "EvaluateResult") -> list[str]:
    rows = []
    for arm in result.arms:
        shares = {one.role: f"{_percent(one.right.value)} ({_interval(one.right)})" for one in arm.roles}
        unseen = {one.role: one for one in arm.separations}.get(Role.UNSEEN)
        worst = arm.worst
        rows.append(
            (
                arm.name,
                f"{arm.threshold.value:.4g}",
                *(shares.get(role, "-") for role in Role),
                f"{worst.name} {_percent(worst.right.value)}" if worst else "-",
                f"{unseen.auroc:.3f}" if unseen else "-",
                f"{unseen.auoscr:.3f}" if unseen else "-",
            )
        )
    head = ("", "threshold", "known recognised", "unknown rejected", "unseen rejected", "worst unseen")
    lines = _aligned((*head, "AUROC unseen", "AUOSCR unseen"), rows)
    if result.matched is None:
        lines += ["", "the threshold is your own, the same for all"]
    else:
        kept = f"{_percent(result.matched)} of its known pictures right"
        lines += ["", f"each threshold is chosen on valid alone, the highest that keeps {kept}"]
    return lines + _bands(result.arms)


def _cautions(arms: Sequence["Arm"]) -> list[str]:
    """Say what the numbers cannot say; all arms are judged on the same pictures."""
    lines = []
    for arm in arms:
        known, unknown = arm.threshold.known, arm.threshold.unknown
        if known and unknown and known.value + unknown.value <= 1:
            lines.append(
                f"{arm.name}: no better than chance on valid; is a higher score surer, each in the column of its class?"
            )
    if arms[0].worst is None:
        lines.append('no unseen pictures: "none of these" cannot be judged for things that training never saw')
    few = [f"{one.name} {one.right.of:,}" for one in arms[0].roles if one.right.of < _FEW]
    if few:
        lines.append(f"few pictures ({', '.join(few)}): below {_FEW} a share may be off by more than ten points")
    return lines


def _aligned(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    """Lay rows out in columns, each column of numbers below the right end of its head."""
    columns = [list(column) for column in zip(head, *rows, strict=True)]
    for column in columns[1:]:
        if all(text[:1].isdigit() or text == "-" for text in column[1:]):
            width = max(map(len, column))
            column[:] = [text.rjust(width) for text in column]
    first, *others = zip(*columns, strict=True)
    return table(first, others)


def _percent(value: float) -> str:
    return f"{100 * value:.1f} %"


def _interval(share: "Share") -> str:
    """Whole percents, rounded outwards: never narrower than it is."""
    return f"{math.floor(100 * share.low + _DUST)}-{math.ceil(100 * share.high - _DUST)} %"
