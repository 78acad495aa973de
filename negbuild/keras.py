"""Keras 3, on any of its backends: any split of a written dataset, the losses of open-set training, and accuracy.

Needs Keras and a backend, which the base install does not bring: `pip install keras tensorflow`, or another backend.

| arm | outputs | loss | scores |
|---|---|---|---|
| CE | classes | `keras.losses.SparseCategoricalCrossentropy(from_logits=True)` | `ops.softmax(logits)` |
| BCE with na | classes | `BCEWithNa()`, `FocalWithNa()` | `ops.sigmoid(logits)` |
| BCENa | known classes | `BCENa()`, `FocalNa()` | `ops.sigmoid(logits)` |

Every loss takes class indices, as sparse cross-entropy does, or one-hot targets shaped like the logits.
"""

import math
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray
from PIL import Image

from negbuild.errors import LibraryMissing, UsageError
from negbuild.labels import Target, read_split
from negbuild.model import Role

try:
    import keras
except ModuleNotFoundError as error:  # Keras itself, or the backend that it is set to
    raise LibraryMissing(f"negbuild.keras: needs {error.name}; run: pip install keras tensorflow") from error
from keras import ops

_HALF = 0.5
_register = keras.saving.register_keras_serializable(package="negbuild")


class OpenSetFolder(keras.utils.PyDataset):
    """One split of a dataset that negbuild wrote, as batches of pictures (N, height, width, 3) float32 and targets.

    A PyDataset rather than a `tf.data.Dataset`, so that it feeds TensorFlow, JAX and PyTorch alike. `files`, `roles`,
    `categories` and `targets` are in the order of the manifest, which is the order of the pictures unless `shuffle` is
    given: a seed, drawn from anew each epoch. `transform` gets the upright RGB picture of Pillow and gives a picture or
    an array back, all of one size; `target` is "index", "one-hot" or "known" (see `negbuild.labels.Target`). `options`
    are PyDataset's own: `workers`, `use_multiprocessing`, `max_queue_size`.
    Raises UsageError where there is no such dataset or split.
    """

    def __init__(
        self,
        root: str | Path,
        split: str,
        transform: Callable[[Image.Image], Any] | None = None,
        *,
        target: str = Target.INDEX,
        batch_size: int = 32,
        shuffle: int | None = None,
        **options: Any,  # noqa: ANN401  PyDataset's own
    ) -> None:
        super().__init__(**options)
        labelled = read_split(Path(root), split)
        self.transform, self.batch_size = transform, batch_size
        self.class_names = list(labelled.classes)
        self.known_class_names = list(labelled.known_classes)
        self.files = [row.file for row in labelled.rows]
        self.roles = [Role(row.role) for row in labelled.rows]
        self.categories = [row.category for row in labelled.rows]
        self.targets = labelled.targets(Target(target))
        self._paths = labelled.paths
        self._order = np.arange(len(self._paths))
        self._random = None if shuffle is None else np.random.default_rng(shuffle)
        self.on_epoch_end()

    def __len__(self) -> int:
        return math.ceil(len(self._paths) / self.batch_size)

    def __getitem__(self, index: int) -> tuple[NDArray[np.float32], NDArray[Any]]:
        chosen = self._order[index * self.batch_size : (index + 1) * self.batch_size]
        pictures = [self._picture(self._paths[one]) for one in chosen]
        if len({picture.shape for picture in pictures}) > 1:
            raise UsageError("pictures: differ in size; hand in transform=lambda picture: picture.resize((96, 96))")
        return np.stack(pictures), self.targets[chosen]

    def on_epoch_end(self) -> None:
        """Draw the order of the next epoch."""
        if self._random is not None:
            self._order = self._random.permutation(len(self._paths))

    def _picture(self, path: Path) -> NDArray[np.float32]:
        with Image.open(path) as opened:
            picture = opened.convert("RGB")
        return np.asarray(picture if self.transform is None else self.transform(picture), dtype=np.float32)


@_register
class BCEWithNa(keras.losses.Loss):
    """Binary cross-entropy of logits (N, classes), the negative class being one output among the others."""

    def call(self, y_true: Any, y_pred: Any) -> Any:  # noqa: ANN401  tensors of any backend
        """Give the loss of each picture, (N,): the mean over its outputs."""
        return ops.mean(ops.binary_crossentropy(_one_hot(y_true, y_pred), y_pred, from_logits=True), axis=-1)


@_register
class BCENa(keras.losses.Loss):
    """Binary cross-entropy of logits (N, known classes), where a negative is all zeros."""

    def call(self, y_true: Any, y_pred: Any) -> Any:  # noqa: ANN401  tensors of any backend
        """Give the loss of each picture, (N,): the mean over its outputs."""
        return ops.mean(ops.binary_crossentropy(_known_hot(y_true, y_pred), y_pred, from_logits=True), axis=-1)


@_register
class FocalWithNa(keras.losses.Loss):
    """Focal loss of logits (N, classes), the negative class being one output among the others."""

    def __init__(self, alpha: float | None = 0.25, gamma: float = 2.0, **options: Any) -> None:  # noqa: ANN401  of Loss
        super().__init__(**options)
        self.alpha, self.gamma = alpha, gamma

    def call(self, y_true: Any, y_pred: Any) -> Any:  # noqa: ANN401  tensors of any backend
        """Give the loss of each picture, (N,): the mean over its outputs."""
        return _focal(_one_hot(y_true, y_pred), y_pred, self.alpha, self.gamma)

    def get_config(self) -> dict[str, Any]:
        """Say how to make it again."""
        return {**super().get_config(), "alpha": self.alpha, "gamma": self.gamma}


@_register
class FocalNa(FocalWithNa):
    """Focal loss of logits (N, known classes), where a negative is all zeros."""

    def call(self, y_true: Any, y_pred: Any) -> Any:  # noqa: ANN401  tensors of any backend
        """Give the loss of each picture, (N,): the mean over its outputs."""
        return _focal(_known_hot(y_true, y_pred), y_pred, self.alpha, self.gamma)


@_register
class ThresholdAccuracy(keras.metrics.Metric):
    """Share of right answers at a threshold, as three numbers: `NAME` of all pictures, `NAME_known`, `NAME_negatives`.

    A known picture is right when its best known score is at least the threshold and that of its class; a negative when
    all known scores are below. Outputs are (N, known), or (N, known + 1) with the negative class first, which has no
    say; `activation` ("sigmoid", "softmax") makes scores of them where the model ends in logits. Pictures are counted,
    not batches averaged: a batch without known pictures counts with its negatives. A share of no pictures is nan, and
    a score that is no number makes a negative wrong.
    """

    def __init__(
        self,
        known: int,
        threshold: float = 0.5,
        activation: str | None = None,
        name: str = "accuracy",
        **options: Any,  # noqa: ANN401  of Metric
    ) -> None:
        super().__init__(name=name, **options)
        self.known, self.threshold, self.activation = known, threshold, activation
        self._right, self._seen = (
            self.add_weight(shape=(2,), initializer="zeros", name=name) for name in ("right", "seen")
        )

    def update_state(self, y_true: Any, y_pred: Any, sample_weight: Any = None) -> None:  # noqa: ANN401  tensors
        """Count a batch: targets are class indices or one-hot."""
        y_pred = keras.activations.get(self.activation)(ops.convert_to_tensor(y_pred))
        if y_pred.shape[-1] - self.known not in {0, 1}:
            raise ValueError(f"outputs: {y_pred.shape[-1]} for {self.known} known classes")
        scores, index = y_pred[:, -self.known :], _indices(y_true, self.known)
        recognised = (ops.max(scores, -1) >= self.threshold) & (ops.argmax(scores, -1) + 1 == index)
        right = ops.where(index > 0, recognised, ops.all(scores < self.threshold, -1))
        kinds = ops.cast(ops.stack([index > 0, index == 0], -1), self.dtype)
        if sample_weight is not None:
            kinds *= ops.reshape(ops.cast(sample_weight, self.dtype), (-1, 1))
        self._right.assign_add(ops.sum(kinds * ops.cast(right, self.dtype)[:, None], 0))
        self._seen.assign_add(ops.sum(kinds, 0))

    def result(self) -> dict[str, Any]:
        """Give the shares since the last reset."""
        right, seen = ops.convert_to_tensor(self._right), ops.convert_to_tensor(self._seen)
        return {
            self.name: _share(ops.sum(right), ops.sum(seen)),
            f"{self.name}_known": _share(right[0], seen[0]),
            f"{self.name}_negatives": _share(right[1], seen[1]),
        }

    def get_config(self) -> dict[str, Any]:
        """Say how to make it again."""
        own = {"known": self.known, "threshold": self.threshold, "activation": self.activation}
        return {**super().get_config(), **own}


def _share(right: Any, seen: Any) -> Any:  # noqa: ANN401  tensors of any backend
    return ops.where(seen > 0, right / ops.where(seen > 0, seen, 1), math.nan)


def _indices(target: Any, known: int) -> Any:  # noqa: ANN401  tensors of any backend
    """Class indices (N,) of any form of target; a row whose known targets are all below one half is a negative."""
    target = ops.convert_to_tensor(target)
    if len(target.shape) == 1 or target.shape[-1] == 1 < known:
        return ops.cast(ops.reshape(target, (-1,)), "int32")
    known_hot = ops.cast(target[:, -known:], "float32")
    return ops.where(ops.max(known_hot, -1) >= _HALF, ops.cast(ops.argmax(known_hot, -1), "int32") + 1, 0)


def _one_hot(target: Any, logits: Any) -> Any:  # noqa: ANN401  tensors of any backend
    """Targets shaped like the logits (N, classes)."""
    return _hot(target, logits, logits.shape[-1])


def _known_hot(target: Any, logits: Any) -> Any:  # noqa: ANN401  tensors of any backend
    """Targets shaped like the logits (N, known classes); a column of the negative class is left out."""
    return _hot(target, logits, logits.shape[-1] + 1)[:, -logits.shape[-1] :]


def _hot(target: Any, logits: Any, classes: int) -> Any:  # noqa: ANN401  tensors of any backend
    """Make class indices one-hot over all classes, and leave what is one-hot already.

    A class beyond the outputs is nan, as sparse cross-entropy has it: all zeros would make a negative of it.
    """
    columns = 1 if len(target.shape) == 1 else target.shape[-1]
    if len(target.shape) > 1 and columns in {logits.shape[-1], classes}:
        return ops.cast(target, logits.dtype)
    if columns != 1:
        raise ValueError(f"target: {columns} columns for {logits.shape[-1]} outputs")
    index = ops.cast(ops.reshape(target, (-1,)), "int32")
    hot = ops.cast(index[:, None] == ops.arange(classes), logits.dtype)
    return ops.where((index < classes)[:, None], hot, math.nan)


def _focal(hot: Any, logits: Any, alpha: float | None, gamma: float) -> Any:  # noqa: ANN401  tensors of any backend
    """Lin et al. 2017, arXiv 1708.02002, equation 5: -alpha_t (1 - p_t)^gamma log(p_t), averaged over the outputs.

    `alpha` weighs the ones and 1 - alpha the zeros, None neither. Powers are taken of logarithms, so that neither the
    value nor the gradient overflows, however sure the network is.
    """
    log_p, log_not_p = ops.log_sigmoid(logits), ops.log_sigmoid(-logits)
    ones, zeros = -ops.exp(gamma * log_not_p) * log_p, -ops.exp(gamma * log_p) * log_not_p
    if alpha is not None:
        ones, zeros = alpha * ones, (1 - alpha) * zeros
    return ops.mean(hot * ones + (1 - hot) * zeros, axis=-1)
