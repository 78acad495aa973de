"""Curves of an evaluation as PNG and SVG, for readers of every eyesight: named on the lines, the same bytes each time.

matplotlib draws them, without its state-keeping pyplot; it is the extra `plots`.
"""

import os
import re
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from negbuild import metrics
from negbuild.errors import UsageError
from negbuild.metrics import Curve, Scores
from negbuild.model import Role, Split
from negbuild.openset import HOME, NONE, Arm
from negbuild.predictions import Predictions

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

# Okabe and Ito's colours, which colour-blind readers tell apart; dashes help where a print has none.
_ROLES = {Role.KNOWN: "#0072B2", Role.UNKNOWN: "#E69F00", Role.UNSEEN: "#D55E00"}
_ROLE_DASHES = {Role.UNKNOWN: (0, (5, 1.5)), Role.UNSEEN: "-"}
_ARMS = ("#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9")
_DASHES = ("-", (0, (5, 1.5)), (0, (1.5, 1)), (0, (6, 1.5, 1.5, 1.5)))
_INK, _PALE = "#333333", "#999999"
_ENOUGH_FOR_LOG = 200  # pictures: two decades and more to show
_DARK = 0.55  # share from which a cell is so dark that white is read better on it
_MOST_NUMBERS = 24  # classes whose counts can be written into the cells
_DATED = {"png": "Software", "svg": "Date"}  # what would change the bytes of each kind
_LONGEST_NAME = 40  # characters that a panel has room for
_STYLE: Any = {  # matplotlib types these names as literals
    "axes.edgecolor": _PALE,
    "axes.labelcolor": _INK,
    "axes.spines.right": False,
    "axes.spines.top": False,
    "axes.titlelocation": "left",
    "axes.titlesize": 11,
    "axes.titleweight": "bold",
    "font.size": 9,
    "savefig.dpi": 160,
    "svg.fonttype": "none",  # text stays text, which can be searched and read aloud
    "svg.hashsalt": "negbuild",  # names inside the SVG are drawn at random without it
    "text.color": _INK,
    "text.parse_math": False,  # a dollar in the name of a file is a dollar
    "xtick.color": _INK,
    "ytick.color": _INK,
}
Judged = tuple[Arm, Predictions]


def need_matplotlib(folder: Path) -> None:
    """Raise UsageError where plots cannot be drawn into a folder: without matplotlib, or where it is a file."""
    try:
        import matplotlib.figure  # noqa: F401
    except ImportError:
        raise UsageError('--plots: needs matplotlib; run: pip install "negbuild[plots]"') from None
    if folder.exists() and not folder.is_dir():
        raise UsageError(f"{folder}: is a file; choose a folder for --plots")


def draw(folder: Path, judged: Sequence[Judged]) -> list[Path]:
    """Draw OSCR and ROC curves of all classifiers, scores and confusion of each; return the files written."""
    import matplotlib as mpl
    from matplotlib.figure import Figure

    folder.mkdir(parents=True, exist_ok=True)
    written = []
    with mpl.rc_context():
        mpl.rcdefaults()  # a person's own style would draw something else
        mpl.rcParams.update(_STYLE)
        for name, paint in _figures(judged):
            figure = Figure(layout="constrained")
            paint(figure)
            written += [_save(figure, folder / f"{name}.{kind}") for kind in ("png", "svg")]
    return written


def _save(figure: "Figure", path: Path) -> Path:
    """Write a figure whole or not at all, without the date and the version that would change its bytes."""
    kind = path.suffix[1:]
    title = figure.get_suptitle() or figure.axes[0].get_title(loc="left")
    beside = path.with_name(f".{path.name}.{os.getpid()}")
    try:
        figure.savefig(beside, format=kind, metadata={"Title": title, _DATED[kind]: None})
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return path


def _figures(judged: Sequence[Judged]) -> Iterator[tuple[str, Callable[["Figure"], None]]]:
    yield "oscr", partial(_curves, judged=judged, whole=True)
    yield "roc", partial(_curves, judged=judged, whole=False)
    slugs = [re.sub(r"[^A-Za-z0-9]+", "-", arm.name).strip("-") for arm, _ in judged]
    same = Counter(slug.lower() for slug in slugs)
    for number, (slug, one) in enumerate(zip(slugs, judged, strict=True)):
        end = "" if len(judged) == 1 else f"-{slug}" if slug and same[slug.lower()] == 1 else f"-{number + 1}-{slug}"
        yield f"scores{end}", partial(_histograms, one=one)
        yield f"confusion{end}", partial(_confusion, arm=one[0])


@dataclass(frozen=True, slots=True)
class _Line:
    """A curve with what is written on it, and the point that the chosen threshold is (`chosen`: x, y)."""

    label: str
    curve: Curve
    chosen: tuple[float, float]
    color: str
    dashes: object


def _curves(figure: "Figure", judged: Sequence[Judged], *, whole: bool) -> None:
    """Draw OSCR curves (`whole`: the right class counts) or ROC curves, a panel a role where there are several arms."""
    roles = [one.role for one in judged[0][0].separations]
    name = "OSCR" if whole else "ROC"
    if len(judged) == 1:
        lines = [_line(judged[0], role, str(role), _ROLES[role], _ROLE_DASHES[role], whole=whole) for role in roles]
        panels = [(f"{_short(judged[0][0].name)}: {name}, known against negatives", "negatives", lines)]
    else:
        panels = [
            (
                f"{name}: known against {role}",
                f"{role} pictures",
                [
                    _line(
                        one,
                        role,
                        _short(one[0].name),
                        _ARMS[place % len(_ARMS)],
                        _DASHES[place % len(_DASHES)],
                        whole=whole,
                    )
                    for place, one in enumerate(judged)
                ],
            )
            for role in roles
        ]
    fewest = min(int(judged[0][1].of(HOME[role], role).sum()) for role in roles)
    left = 1 / fewest if fewest >= _ENOUGH_FOR_LOG else 0.0
    figure.set_size_inches(5.6 * len(panels), 4.8)
    for axes, panel in zip(np.ravel(figure.subplots(1, len(panels), squeeze=False)), panels, strict=True):
        _panel(axes, *panel, left)
        axes.set_ylabel("known pictures accepted and right" if whole else "known pictures accepted")
    note = "dots: at the threshold; numbers: area below the line"
    figure.supxlabel(note, x=0.995, ha="right", fontsize=8, color=_INK)


def _panel(axes: "Axes", title: str, negatives: str, lines: Sequence[_Line], left: float) -> None:
    axes.set_title(title)
    axes.set_xlabel(f"{negatives} taken for known{', log scale' if left else ''}")
    _frame(axes, left)
    for line in lines:
        axes.plot(line.curve.accepted, line.curve.correct, color=line.color, linestyle=line.dashes, linewidth=1.9)
        accepted, correct = line.chosen
        axes.plot(
            max(accepted, left),
            correct,
            "o",
            clip_on=False,
            color=line.color,
            markeredgecolor="white",
            markersize=7,
            zorder=4,
        )
    _write_on(axes, lines)


def _line(one: Judged, role: Role, label: str, color: str, dashes: object, *, whole: bool) -> _Line:
    arm, predictions = one
    confidence, right = predictions.confidence, predictions.answer == predictions.truth
    known, others = predictions.of(Split.TEST, Role.KNOWN), predictions.of(HOME[role], role)
    counts = right[known] if whole else np.ones(int(known.sum()), bool)
    accepted = confidence >= arm.threshold.value
    chosen = float(accepted[others].mean()), float((accepted[known] & counts).mean())
    curve = metrics.oscr(confidence[known], counts, confidence[others])
    return _Line(f"{label} {metrics.area(curve):.3f}", curve, chosen, color, dashes)


def _frame(axes: "Axes", left: float) -> None:
    if left:
        axes.set_xscale("log")
    axes.set_xlim(left or -0.01, 1.01)
    axes.set_ylim(0, 1.05)
    axes.grid(color="#e6e6e6", linewidth=0.6)
    axes.set_axisbelow(True)
    axes.xaxis.set_major_formatter(_percent)
    axes.yaxis.set_major_formatter(_percent)


def _percent(share: float, _place: float) -> str:
    return f"{100 * share:.6g} %"


def _write_on(axes: "Axes", lines: Sequence[_Line]) -> None:
    """Write each label onto its line, where the others and their labels are farthest."""
    to_axes = axes.transData + axes.transAxes.inverted()
    steps = np.linspace(0.12, 0.9, 40)
    xs = axes.transData.inverted().transform(axes.transAxes.transform(np.column_stack([steps, steps])))[:, 0]
    paths = [to_axes.transform(np.column_stack([xs, _height(line.curve, xs)])) for line in lines]
    placed: list[Scores] = []
    for place, line in enumerate(lines):
        rivals = [paths[other] for other in range(len(lines)) if other != place] + placed
        room = np.ones(len(xs))
        for rival in rivals:
            # A label is about six times as wide as high.
            apart = (paths[place][:, None] - np.atleast_2d(rival)[None]) / (3.0, 0.5)
            room = np.minimum(room, np.hypot(*np.moveaxis(apart, -1, 0)).min(axis=1))
        best = int(np.flatnonzero(room >= room.max() - 1e-9)[0])
        placed.append(paths[place][best])
        box = {"boxstyle": "round,pad=0.25", "facecolor": "white", "edgecolor": line.color, "linewidth": 1.1}
        x, y = paths[place][best]
        axes.text(x, y, line.label, transform=axes.transAxes, ha="center", va="center", bbox=box, zorder=5)


def _height(curve: Curve, xs: Scores) -> Scores:
    """Height of a drawn curve; where it rises steeply, the upper end."""
    return np.interp(xs, curve.accepted, curve.correct)


def _histograms(figure: "Figure", one: Judged) -> None:
    """Draw how often each score is given, a strip a role, with the threshold and what lies above it."""
    arm, predictions = one
    figure.set_size_inches(6.4, 1.1 + 1.35 * len(arm.roles))
    confidence = predictions.confidence
    low, high = float(confidence.min()), float(confidence.max())
    edges = np.linspace(low, high if high > low else low + 1, 41)
    strips = np.ravel(figure.subplots(len(arm.roles), 1, sharex=True, sharey=True, squeeze=False))
    for axes, total in zip(strips, arm.roles, strict=True):
        scores = confidence[predictions.of(HOME[total.role], total.role)]
        share = np.full(len(scores), 1 / len(scores))
        axes.hist(scores, edges, weights=share, color=_ROLES[total.role], edgecolor="white", linewidth=0.4)
        axes.axvline(arm.threshold.value, color=_INK, linewidth=1.2)
        if arm.band and arm.band.lower < arm.band.upper:
            axes.axvspan(arm.band.lower, arm.band.upper, color="#dddddd", linewidth=0, zorder=0)
        accepted = float((scores >= arm.threshold.value).mean())
        axes.set_title(f"{total.name}: {len(scores):,} pictures, {100 * accepted:.0f} % taken for known", fontsize=9)
        axes.yaxis.set_major_formatter(_percent)
    strips[-1].set_xlabel(f"highest score of a known class; taken for known from {arm.threshold.value:.4g} on")
    if arm.band and arm.band.lower < arm.band.upper:
        strips[-1].set_xlabel(f"{strips[-1].get_xlabel()}; grey: can't say")
    figure.suptitle(f"{_short(arm.name)}: scores", x=0.01, ha="left", fontsize=11, fontweight="bold")
    figure.supylabel("share of pictures", fontsize=9)


def _confusion(figure: "Figure", arm: Arm) -> None:
    """Draw which answer pictures of each class, of unknown and of unseen categories get, as shares of a row."""
    counts = np.array(arm.confusion)
    rows = [*arm.classes, "unknown", "unseen"]
    kept = counts.sum(axis=1) > 0
    counts, rows = counts[kept], [name for name, keep in zip(rows, kept, strict=True) if keep]
    columns = [*arm.classes, NONE]
    shares = counts / counts.sum(axis=1, keepdims=True)
    figure.set_size_inches(2.6 + 0.62 * len(columns), 1.9 + 0.5 * len(rows))
    axes = figure.subplots()
    axes.imshow(shares, cmap="Blues", vmin=0, vmax=1, aspect="auto")
    axes.set_xticks(range(len(columns)), columns, rotation=35, ha="right", rotation_mode="anchor")
    axes.set_yticks(range(len(rows)), rows)
    axes.set_xlabel("answer")
    axes.set_ylabel("truth")
    axes.tick_params(length=0)
    for spine in axes.spines.values():
        spine.set_visible(False)
    axes.set_xticks(np.arange(len(columns) - 1) + 0.5, minor=True)
    axes.set_yticks(np.arange(len(rows) - 1) + 0.5, minor=True)
    axes.grid(which="minor", color="white", linewidth=1.5)
    axes.tick_params(which="minor", length=0)
    axes.set_title(f"{_short(arm.name)}: answers at {arm.threshold.value:.4g}")
    if len(columns) <= _MOST_NUMBERS:
        for (row, column), count in np.ndenumerate(counts):
            ink = "white" if shares[row, column] > _DARK else _INK
            axes.text(column, row, f"{count:,}", ha="center", va="center", color=ink)


def _short(name: str) -> str:
    """Cut the start off a long name: arms of one name are told apart by their paths, which differ in the end."""
    return name if len(name) <= _LONGEST_NAME else "…" + name[1 - _LONGEST_NAME :]
