"""The losses of both frameworks are one function: equal to the formula in numpy, and to each other through a step."""

import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import keras
import numpy as np
import pytest
import torch
from torch import nn

import negbuild.keras as for_keras
import negbuild.torch as for_torch

Array = np.ndarray[Any, Any]
TOLERANCE = 1e-5

# TensorFlow 2.21 makes arrays in the way of numpy 1, which Keras runs into when it reads or saves weights.
pytestmark = pytest.mark.filterwarnings("ignore:__array__ implementation doesn't accept:DeprecationWarning")


@dataclass(frozen=True)
class Loss:
    """A loss in both frameworks, and what defines it: does it know an output for na, and the formula of one output."""

    torch: nn.Module
    keras: keras.losses.Loss
    na_output: bool
    alpha: float | None = None
    gamma: float = 0.0


LOSSES = {
    "BCE with na": Loss(for_torch.BCEWithNaLoss(), for_keras.BCEWithNa(), na_output=True),
    "BCENa": Loss(for_torch.BCENaLoss(), for_keras.BCENa(), na_output=False),
    "focal with na": Loss(for_torch.FocalWithNaLoss(), for_keras.FocalWithNa(), True, 0.25, 2.0),
    "focal na": Loss(for_torch.FocalNaLoss(), for_keras.FocalNa(), False, 0.25, 2.0),
    "focal na, another alpha and gamma": Loss(
        for_torch.FocalNaLoss(alpha=0.7, gamma=0.5), for_keras.FocalNa(alpha=0.7, gamma=0.5), False, 0.7, 0.5
    ),
    "focal na, without alpha": Loss(
        for_torch.FocalNaLoss(alpha=None, gamma=1.0), for_keras.FocalNa(alpha=None, gamma=1.0), False, None, 1.0
    ),
    "focal with na, without either": Loss(
        for_torch.FocalWithNaLoss(alpha=None, gamma=0.0), for_keras.FocalWithNa(alpha=None, gamma=0.0), True
    ),
}
loss_of = pytest.mark.parametrize("loss", LOSSES.values(), ids=LOSSES)


def by_formula(loss: Loss, logits: Array, indices: Array) -> Array:
    """Lin et al. 2017, equation 5, one output at a time, in double precision: (N, outputs)."""
    values = np.empty(logits.shape)
    for picture, output in np.ndindex(logits.shape):
        one = indices[picture] == output + (not loss.na_output)
        p = 1 / (1 + math.exp(-float(logits[picture, output])))
        p_t = p if one else 1 - p
        alpha_t = 1.0 if loss.alpha is None else loss.alpha if one else 1 - loss.alpha
        values[picture, output] = -alpha_t * (1 - p_t) ** loss.gamma * math.log(p_t)
    return values


def batch(loss: Loss, known: int, seed: int = 0) -> tuple[Array, Array]:
    """Logits (24, outputs) up to 12 either way, and class indices with all classes among them."""
    random = np.random.default_rng(seed)
    logits = random.uniform(-12, 12, (24, known + loss.na_output)).astype(np.float32)
    return logits, np.arange(24) % (known + 1)


def one_hot(indices: Array, known: int) -> Array:
    return np.eye(known + 1, dtype=np.float32)[indices]


def in_torch(loss: Loss, logits: Array, target: Array) -> float:
    return float(loss.torch(torch.tensor(logits), torch.tensor(target)))


def in_keras(loss: Loss, logits: Array, target: Array) -> float:
    return float(loss.keras(target, logits))


@loss_of
@pytest.mark.parametrize("known", [1, 2, 5])
def test_both_frameworks_agree_with_the_formula(loss: Loss, known: int) -> None:
    logits, indices = batch(loss, known)
    formula = by_formula(loss, logits, indices).mean()
    assert in_torch(loss, logits, indices) == pytest.approx(formula, abs=TOLERANCE)
    assert in_keras(loss, logits, indices) == pytest.approx(formula, abs=TOLERANCE)


def test_three_outputs_worked_by_hand() -> None:
    """A picture of class 2 and a negative, all logits 0: every output says one half."""
    logits, indices = np.zeros((2, 2), np.float32), np.array([2, 0])
    ln2 = math.log(2)
    assert in_torch(LOSSES["BCENa"], logits, indices) == pytest.approx(ln2, abs=1e-7)
    # one of four outputs is a one: (0.25 + 3 * 0.75) / 4 * 0.5 ** 2 * ln 2
    assert in_torch(LOSSES["focal na"], logits, indices) == pytest.approx(0.625 * 0.25 * ln2, abs=1e-7)
    assert in_keras(LOSSES["focal na"], logits, indices) == pytest.approx(0.625 * 0.25 * ln2, abs=1e-7)


@loss_of
@pytest.mark.parametrize("known", [1, 3])
def test_indices_columns_of_indices_and_one_hot_are_the_same_target(loss: Loss, known: int) -> None:
    logits, indices = batch(loss, known)
    forms = [indices[:, None], one_hot(indices, known)]
    if not loss.na_output:
        forms.append(one_hot(indices, known)[:, 1:])
    for form in forms:
        assert in_torch(loss, logits, form) == pytest.approx(in_torch(loss, logits, indices), abs=1e-7)
        assert in_keras(loss, logits, form) == pytest.approx(in_keras(loss, logits, indices), abs=1e-7)


@loss_of
def test_a_training_step_leaves_both_frameworks_with_the_same_weights(loss: Loss) -> None:
    """The same linear layer, the same batch, a step of plain gradient descent: loss and weights to 1e-5."""
    random = np.random.default_rng(7)
    known, rate = 3, 0.5
    outputs = known + loss.na_output
    inputs, indices = random.normal(size=(16, 8)).astype(np.float32), np.arange(16) % (known + 1)
    weights = random.normal(size=(8, outputs)).astype(np.float32)

    layer = nn.Linear(8, outputs)
    with torch.no_grad():
        layer.weight.copy_(torch.tensor(weights.T))
        layer.bias.zero_()
    optimizer = torch.optim.SGD(layer.parameters(), lr=rate)
    torch_loss = loss.torch(layer(torch.tensor(inputs)), torch.tensor(indices))
    torch_loss.backward()
    optimizer.step()

    model = keras.Sequential([keras.Input((8,)), keras.layers.Dense(outputs)])
    model.layers[0].set_weights([weights, np.zeros(outputs, np.float32)])
    model.compile(optimizer=keras.optimizers.SGD(rate), loss=loss.keras)
    keras_loss = model.train_on_batch(inputs, indices)

    kernel, bias = model.layers[0].get_weights()
    assert torch_loss.item() == pytest.approx(float(keras_loss), abs=TOLERANCE)
    np.testing.assert_allclose(layer.weight.detach().numpy().T, kernel, atol=TOLERANCE)
    np.testing.assert_allclose(layer.bias.detach().numpy(), bias, atol=TOLERANCE)
    assert np.abs(kernel - weights).max() > 1e-3  # a step was made


def test_cross_entropy_needs_nothing_of_negbuild() -> None:
    logits, indices = batch(LOSSES["BCE with na"], 3)
    keras_loss = keras.losses.SparseCategoricalCrossentropy(from_logits=True)(indices, logits)
    torch_loss = nn.CrossEntropyLoss()(torch.tensor(logits), torch.tensor(indices))
    assert float(keras_loss) == pytest.approx(float(torch_loss), abs=TOLERANCE)


@loss_of
def test_the_surest_network_gets_a_finite_loss_and_gradient(loss: Loss) -> None:
    """Logits of ten thousand either way, right and wrong: e to the power of them is no float."""
    known = 2
    indices = np.array([0, 1, 2, 0, 1, 2])
    logits = np.full((6, known + loss.na_output), 1e4, np.float32) * np.array([1, 1, 1, -1, -1, -1])[:, None]
    leaf = torch.tensor(logits, requires_grad=True)
    value = loss.torch(leaf, torch.tensor(indices))
    value.backward()
    assert leaf.grad is not None
    assert math.isfinite(value.item())
    assert leaf.grad.isfinite().all()
    assert in_keras(loss, logits, indices) == pytest.approx(value.item(), rel=1e-6)
    model = keras.Sequential([keras.Input((1,)), keras.layers.Dense(logits.shape[1], use_bias=False)])
    model.layers[0].set_weights([np.full((1, logits.shape[1]), 1e4, np.float32)])
    model.compile(optimizer=keras.optimizers.SGD(0.1), loss=loss.keras)
    model.train_on_batch(np.sign(logits[:, :1]), indices)
    assert np.isfinite(model.layers[0].get_weights()[0]).all()


@loss_of
def test_a_class_without_an_output_is_no_negative(loss: Loss) -> None:
    logits = np.zeros((2, 2 + loss.na_output), np.float32)
    beyond = np.array([0, 3])
    with pytest.raises(RuntimeError, match="Class values must be smaller"):
        in_torch(loss, logits, beyond)
    assert math.isnan(in_keras(loss, logits, beyond))  # as sparse cross-entropy answers


@loss_of
def test_a_target_of_another_width_is_refused(loss: Loss) -> None:
    logits, target = np.zeros((2, 2 + loss.na_output), np.float32), np.zeros((2, 5), np.float32)
    words = f"target: 5 columns for {2 + loss.na_output} outputs"
    with pytest.raises(ValueError, match=words):
        in_torch(loss, logits, target)
    with pytest.raises(ValueError, match=words):
        in_keras(loss, logits, target)


@loss_of
def test_reductions(loss: Loss) -> None:
    logits, indices = batch(loss, 2)
    formula = by_formula(loss, logits, indices)
    for reduction, value in (("none", formula), ("sum", formula.sum()), ("mean", formula.mean())):
        loss.torch.reduction, kept = reduction, loss.torch.reduction
        given = loss.torch(torch.tensor(logits), torch.tensor(indices)).numpy()
        loss.torch.reduction = kept
        np.testing.assert_allclose(given, value, rtol=1e-5, atol=TOLERANCE)


@loss_of
def test_keras_saves_a_model_with_its_loss_and_metric(loss: Loss, tmp_path: Path) -> None:
    known = 2
    model = keras.Sequential([keras.Input((3,)), keras.layers.Dense(known + loss.na_output)])
    metric = for_keras.ThresholdAccuracy(known, 0.3, activation="sigmoid")
    model.compile(loss=loss.keras, metrics=[metric])
    inputs, indices = np.random.default_rng(0).normal(size=(9, 3)).astype(np.float32), np.arange(9) % 3
    model.train_on_batch(inputs, indices)
    before = model.evaluate(inputs, indices, verbose=0, return_dict=True)
    model.save(tmp_path / "model.keras")
    loaded = keras.saving.load_model(tmp_path / "model.keras")
    assert type(loaded.loss) is type(loss.keras)
    assert loaded.loss.get_config() == loss.keras.get_config()
    assert loaded.evaluate(inputs, indices, verbose=0, return_dict=True) == pytest.approx(before, abs=1e-6)
