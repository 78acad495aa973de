"""Say how well classifiers tell what they know from what they do not, by their predictions on a dataset."""

import math
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from negbuild import thresholds
from negbuild.errors import UsageError, typed
from negbuild.manifest import Row, check_folder, written_rows
from negbuild.model import Progress, Role, Split, no_progress
from negbuild.openset import HOME, Arm, Rule, Threshold, judge, threshold_of
from negbuild.predictions import Predictions, read_predictions

_MATCHED = 0.9
"""Share of valid's known pictures that several classifiers keep right when they are compared, if all can."""


@dataclass(frozen=True, slots=True)
class EvaluateOptions:
    """How thresholds are chosen on valid; shares are 0 to 1.

    `known_accuracy` is the share of valid's known pictures to keep right; `threshold` is one of your own instead;
    `cant_say` is the share of answers that may be wrong on either side of a band without answers (None: no band).
    """

    known_accuracy: float | None = None
    threshold: float | None = None
    cant_say: float | None = None


@dataclass(frozen=True, slots=True)
class EvaluateResult:
    """One arm a predictions file; `matched` is the share of valid's known pictures that several are compared at.

    `plots` lists the files that were drawn.
    """

    dataset: Path
    arms: list[Arm]
    matched: float | None
    plots: list[Path]


def evaluate(
    predictions: Sequence[Path],
    dataset: Path,
    options: EvaluateOptions | None = None,
    *,
    plots: Path | None = None,
    progress: Progress = no_progress,
) -> EvaluateResult:
    """Measure known pictures recognised, unknown and unseen ones rejected, at a threshold chosen on valid alone.

    Several files are compared where each keeps the same share of valid's known pictures right. With `plots`, draws the
    curves into that folder. Raises UsageError where files, dataset or options do not fit.
    """
    how = options or EvaluateOptions()
    _check(predictions, how)
    if plots:
        from negbuild.plots import need_matplotlib

        need_matplotlib(plots)
    rows = _rows(dataset)
    read = []
    for path in predictions:
        read.append(read_predictions(path, rows, dataset))
        progress(len(read), len(predictions))
    keep = how.known_accuracy
    if len(read) > 1 and keep is None and how.threshold is None:
        keep = min(_MATCHED, *(_most_right(one) for one in read))
    arms = [
        judge(name, one, _threshold(path, one, keep, how.threshold), _band(one, how.cant_say))
        for name, path, one in zip(_names(predictions), predictions, read, strict=True)
    ]
    drawn = []
    if plots:
        from negbuild.plots import draw

        drawn = draw(plots, list(zip(arms, read, strict=True)))
    return EvaluateResult(dataset, arms, keep if len(read) > 1 else None, drawn)


def _check(predictions: Sequence[Path], how: EvaluateOptions) -> None:
    if not predictions:
        raise UsageError("evaluate: no predictions; name at least one file")
    if twice := [path for path, times in Counter(predictions).items() if times > 1]:
        raise UsageError(f"{twice[0]}: is named twice; each file is one classifier")
    if how.known_accuracy is not None and how.threshold is not None:
        raise UsageError("evaluate: a known accuracy and a threshold of your own; leave one of them out")
    if how.threshold is not None and not math.isfinite(how.threshold):
        raise UsageError(f"threshold {how.threshold:g}: must be a finite number")
    if how.known_accuracy is not None and not 0 < how.known_accuracy <= 1:
        raise UsageError(f"known accuracy {how.known_accuracy:g}: must be above 0 and at most 1, such as 0.9")
    if how.cant_say is not None and not 0 <= how.cant_say < 1:
        raise UsageError(f"share of wrong answers {how.cant_say:g}: must be at least 0 and below 1, such as 0.05")


def _rows(dataset: Path) -> list[Row]:
    check_folder(dataset)
    rows = written_rows(dataset)
    for split in (Split.VALID, Split.TEST):
        if not any((row.split, row.role) == (split, Role.KNOWN) for row in rows):
            raise UsageError(f"{dataset}: {split} holds no known pictures; run: negbuild split --out {typed(dataset)}")
    if not any((row.split, row.role) == (split, role) for row in rows for role, split in HOME.items() if role.negative):
        raise UsageError(
            f'{dataset}: test and unseen hold no negatives, so that "none of these" cannot be judged; '
            'run: negbuild crawl --role unseen --query "street food"'
        )
    return rows


def _names(predictions: Sequence[Path]) -> list[str]:
    """Call each arm by its file's name; by its path, where two files have the same one."""
    stems = [path.stem for path in predictions]
    return stems if len(set(stems)) == len(stems) else [path.as_posix() for path in predictions]


def _most_right(predictions: Predictions) -> float:
    known = predictions.of(Split.VALID, Role.KNOWN)
    return float((predictions.answer == predictions.truth)[known].mean())


def _threshold(path: Path, predictions: Predictions, keep: float | None, given: float | None) -> Threshold:
    """Choose on valid, which holds known and unknown pictures, and no unseen one."""
    if given is not None:
        return threshold_of(predictions, given, Rule.GIVEN)
    known, unknown = (predictions.of(Split.VALID, role) for role in (Role.KNOWN, Role.UNKNOWN))
    confidence, right = predictions.confidence, predictions.answer == predictions.truth
    if keep is None:
        if not unknown.any():
            raise UsageError(
                f"{path}: valid holds no unknown pictures to balance a threshold with; add --known-accuracy 0.9"
            )
        value = thresholds.balanced(confidence[known], right[known], confidence[unknown])
        return threshold_of(predictions, value, Rule.BALANCED)
    try:
        value = thresholds.for_known_accuracy(confidence[known], right[known], keep)
    except ValueError as error:
        most = int(100 * _most_right(predictions)) / 100
        then = f"ask for less: --known-accuracy {most:g}" if most else "are scores in the columns of their classes?"
        raise UsageError(f"{path}: {error} in valid; {then}") from error
    return threshold_of(predictions, value, Rule.KNOWN_ACCURACY)


def _band(predictions: Predictions, wrong: float | None) -> thresholds.Band | None:
    if wrong is None:
        return None
    known, unknown = (predictions.of(Split.VALID, role) for role in (Role.KNOWN, Role.UNKNOWN))
    confidence, right = predictions.confidence, predictions.answer == predictions.truth
    return thresholds.band(confidence[known], right[known], confidence[unknown], wrong)
