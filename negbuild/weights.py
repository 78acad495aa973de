"""What a loss should know of the classes' numbers: weights and focal alpha, from the pictures of training. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class ClassWeight:
    """Pictures of one class in training, its weight, and its focal alpha."""

    class_name: str
    train: int
    weight: float
    alpha: float


def class_weights(train: Mapping[str, int]) -> list[ClassWeight]:
    """Weigh the classes of training, in the order of their indices; `train` counts pictures, and none may be 0.

    The weight of a class is n / (k n_c), scikit-learn's "balanced" (King and Zeng 2001): the mean over all pictures is
    1. Its alpha is the inverse frequency (Lin et al. 2017, section 3.1), divided by the sum over the classes.
    """
    inverse = {name: 1 / number for name, number in sorted(train.items())}
    total = sum(train.values())
    return [
        ClassWeight(
            class_name=name,
            train=train[name],
            weight=round(total / (len(train) * train[name]), 6),
            alpha=round(share / sum(inverse.values()), 6),
        )
        for name, share in inverse.items()
    ]


def weights_record(weights: Sequence[ClassWeight]) -> dict[str, object]:
    """Say the same as JSON does: by class name, in the order of the indices; `ratio` is the largest class to each."""
    most = max((one.train for one in weights), default=0)
    return {
        "split": "train",
        "pictures": {one.class_name: one.train for one in weights},
        "class_weight": {one.class_name: one.weight for one in weights},
        "focal_alpha": {one.class_name: one.alpha for one in weights},
        "ratio": {one.class_name: round(most / one.train, 3) for one in weights},
    }
