"""PyTorch: any split of a written dataset, the losses of open-set training, and accuracy with a threshold.

Needs PyTorch, which the base install does not bring: https://pytorch.org says how to install it for your machine.

| arm | outputs | loss | scores |
|---|---|---|---|
| CE | classes | `torch.nn.CrossEntropyLoss()` | `softmax(logits, 1)` |
| BCE with na | classes | `BCEWithNaLoss()`, `FocalWithNaLoss()` | `sigmoid(logits)` |
| BCENa | known classes | `BCENaLoss()`, `FocalNaLoss()` | `sigmoid(logits)` |

Every loss takes class indices, as cross-entropy does, or one-hot targets shaped like the logits.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any, Literal, NamedTuple

from PIL import Image

from negbuild.errors import LibraryMissing
from negbuild.labels import Target, read_split
from negbuild.model import Role

try:
    import torch
except ModuleNotFoundError as error:
    raise LibraryMissing("negbuild.torch: needs PyTorch; run: pip install torch") from error
from torch import Tensor, nn
from torch.nn import functional
from torch.utils.data import Dataset

_HALF = 0.5
Reduction = Literal["none", "mean", "sum"]


class Sample(NamedTuple):
    """One picture, or a batch of them as the default `collate_fn` makes it: tensors, and lists of words.

    `target` is what the dataset was asked for; `file` is the path below the dataset's root, with slashes.
    """

    picture: Any
    target: Any
    role: Role
    category: str
    file: str


class OpenSetFolder(Dataset[Sample]):
    """One split of a dataset that negbuild wrote, in the order of its manifest.

    Has the `classes`, `class_to_idx`, `samples` and `targets` (indices) of torchvision's ImageFolder; an item is a
    `Sample`, so `for pictures, targets, *_ in loader` trains, and role and category are there to report by. `transform`
    gets the upright RGB picture of Pillow; `target` is "index", "one-hot" or "known" (see `negbuild.labels.Target`).
    Raises UsageError where there is no such dataset or split.
    """

    def __init__(
        self,
        root: str | Path,
        split: str,
        transform: Callable[[Image.Image], Any] | None = None,
        target: str = Target.INDEX,
    ) -> None:
        self.root, self.split, self.transform = Path(root), split, transform
        labelled = read_split(self.root, split)
        self.rows = labelled.rows
        self.classes = list(labelled.classes)
        self.known_classes = list(labelled.known_classes)
        self.class_to_idx = {name: index for index, name in enumerate(self.classes)}
        self.targets = labelled.indices
        self.samples = [(str(path), index) for path, index in zip(labelled.paths, self.targets, strict=True)]
        self._wanted = torch.from_numpy(labelled.targets(Target(target)))

    def __len__(self) -> int:
        return len(self.samples)

    def __getitem__(self, index: int) -> Sample:
        row = self.rows[index]
        with Image.open(self.samples[index][0]) as opened:
            picture = opened.convert("RGB")
        return Sample(
            picture if self.transform is None else self.transform(picture),
            self._wanted[index],
            Role(row.role),
            row.category,
            row.file,
        )


def bce_with_na(logits: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Binary cross-entropy of logits (N, classes), the negative class being one output among the others."""
    return functional.binary_cross_entropy_with_logits(logits, _one_hot(target, logits), reduction=reduction)


def bce_na(logits: Tensor, target: Tensor, reduction: Reduction = "mean") -> Tensor:
    """Binary cross-entropy of logits (N, known classes), where a negative is all zeros."""
    return functional.binary_cross_entropy_with_logits(logits, _known_hot(target, logits), reduction=reduction)


def focal_with_na(
    logits: Tensor, target: Tensor, alpha: float | None = 0.25, gamma: float = 2.0, reduction: Reduction = "mean"
) -> Tensor:
    """Focal loss of logits (N, classes), the negative class being one output among the others."""
    return _focal(logits, _one_hot(target, logits), alpha, gamma, reduction)


def focal_na(
    logits: Tensor, target: Tensor, alpha: float | None = 0.25, gamma: float = 2.0, reduction: Reduction = "mean"
) -> Tensor:
    """Focal loss of logits (N, known classes), where a negative is all zeros."""
    return _focal(logits, _known_hot(target, logits), alpha, gamma, reduction)


class BCEWithNaLoss(nn.Module):
    """`bce_with_na` as a module."""

    def __init__(self, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.reduction = reduction

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Give the loss of a batch."""
        return bce_with_na(logits, target, self.reduction)


class BCENaLoss(BCEWithNaLoss):
    """`bce_na` as a module."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Give the loss of a batch."""
        return bce_na(logits, target, self.reduction)


class FocalWithNaLoss(nn.Module):
    """`focal_with_na` as a module."""

    def __init__(self, alpha: float | None = 0.25, gamma: float = 2.0, reduction: Reduction = "mean") -> None:
        super().__init__()
        self.alpha, self.gamma, self.reduction = alpha, gamma, reduction

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Give the loss of a batch."""
        return focal_with_na(logits, target, self.alpha, self.gamma, self.reduction)


class FocalNaLoss(FocalWithNaLoss):
    """`focal_na` as a module."""

    def forward(self, logits: Tensor, target: Tensor) -> Tensor:
        """Give the loss of a batch."""
        return focal_na(logits, target, self.alpha, self.gamma, self.reduction)


def is_right(scores: Tensor, target: Tensor, known: int, threshold: float = 0.5) -> Tensor:
    """Tell for each picture, (N,) bool, whether the answer that its scores give at a threshold is right.

    A known picture is right when its best known score is at least the threshold and that of its class; a negative when
    all known scores are below. `scores` are (N, known), or (N, known + 1) with the negative class first, which has no
    say; `target` is class indices or one-hot. A score that is no number makes a negative wrong.
    """
    if scores.shape[1] - known not in {0, 1}:
        raise ValueError(f"scores: {scores.shape[1]} columns for {known} known classes")
    scores, index = scores[:, -known:], _indices(target, known)
    best = scores.max(1)
    recognised = (best.values >= threshold) & (best.indices + 1 == index)
    return torch.where(index > 0, recognised, (scores < threshold).all(1))


class Accuracy(NamedTuple):
    """Share of right answers among all, known and negative pictures; nan where there were none."""

    overall: float
    known: float
    negatives: float


class ThresholdAccuracy:
    """`is_right`, counted over batches: `update` each, `compute` at the end, `reset` before the next epoch.

    Pictures are counted, not batches averaged: a batch without known pictures counts with its negatives.
    """

    def __init__(self, known: int, threshold: float = 0.5) -> None:
        self.known, self.threshold = known, threshold
        self.reset()

    def reset(self) -> None:
        """Forget all pictures."""
        self._right = {True: 0, False: 0}
        self._seen = {True: 0, False: 0}

    def update(self, scores: Tensor, target: Tensor) -> None:
        """Count a batch, as `is_right` takes it."""
        right, positive = is_right(scores, target, self.known, self.threshold), _indices(target, self.known) > 0
        for known in (True, False):
            self._right[known] += int((right & (positive == known)).sum())
            self._seen[known] += int((positive == known).sum())

    def compute(self) -> Accuracy:
        """Give the shares since the last reset."""
        overall = _share(sum(self._right.values()), sum(self._seen.values()))
        return Accuracy(overall, *(_share(self._right[known], self._seen[known]) for known in (True, False)))


def _share(right: int, seen: int) -> float:
    return right / seen if seen else math.nan


def _indices(target: Tensor, known: int) -> Tensor:
    """Class indices (N,) of any form of target; a row whose known targets are all below one half is a negative."""
    if target.ndim == 1 or target.shape[1] == 1 < known:
        return target.reshape(-1).long()
    best = target[:, -known:].max(1)
    return torch.where(best.values >= _HALF, best.indices + 1, 0)


def _one_hot(target: Tensor, logits: Tensor) -> Tensor:
    """Targets shaped like the logits (N, classes)."""
    return _hot(target, logits, logits.shape[1])


def _known_hot(target: Tensor, logits: Tensor) -> Tensor:
    """Targets shaped like the logits (N, known classes); a column of the negative class is left out."""
    return _hot(target, logits, logits.shape[1] + 1)[:, -logits.shape[1] :]


def _hot(target: Tensor, logits: Tensor, classes: int) -> Tensor:
    """Make class indices one-hot over all classes, and leave what is one-hot already."""
    columns = 1 if target.ndim == 1 else target.shape[1]
    if target.ndim > 1 and columns in {logits.shape[1], classes}:
        return target.to(logits.dtype)
    if columns != 1:
        raise ValueError(f"target: {columns} columns for {logits.shape[1]} outputs")
    return functional.one_hot(target.reshape(-1).long(), classes).to(logits.dtype)


def _focal(logits: Tensor, hot: Tensor, alpha: float | None, gamma: float, reduction: Reduction) -> Tensor:
    """Lin et al. 2017, arXiv 1708.02002, equation 5: -alpha_t (1 - p_t)^gamma log(p_t), averaged over all outputs.

    `alpha` weighs the ones and 1 - alpha the zeros, None neither. Powers are taken of logarithms, so that neither the
    value nor the gradient overflows, however sure the network is.
    """
    log_p, log_not_p = functional.logsigmoid(logits), functional.logsigmoid(-logits)
    ones, zeros = -torch.exp(gamma * log_not_p) * log_p, -torch.exp(gamma * log_p) * log_not_p
    if alpha is not None:
        ones, zeros = alpha * ones, (1 - alpha) * zeros
    loss = hot * ones + (1 - hot) * zeros
    return {"none": loss, "mean": loss.mean(), "sum": loss.sum()}[reduction]
