"""Train three ways to say "none of these" with Keras 3, from scratch, on one dataset: CE, BCE with na, BCENa.

    python examples/train_keras.py dataset

A tree that `negbuild split` or `negbuild demo` wrote goes in, predictions-ARM.csv come out; `negbuild evaluate` tells
more of them than the table at the end. The demo's dataset takes two minutes on two cores.
"""

import argparse
import csv
from dataclasses import dataclass
from pathlib import Path

import keras
from keras import layers
from PIL import Image

from negbuild import evaluate
from negbuild.keras import BCENa, BCEWithNa, OpenSetFolder, ThresholdAccuracy

SIZE = (64, 64)  # pixels


@dataclass(frozen=True)
class Arm:
    """One way to train: a loss, whether the negative class has an output, and what makes scores of the outputs."""

    loss: keras.losses.Loss
    na_output: bool
    activation: str


ARMS = {
    "ce": Arm(keras.losses.SparseCategoricalCrossentropy(from_logits=True), na_output=True, activation="softmax"),
    "bce-with-na": Arm(BCEWithNa(), na_output=True, activation="sigmoid"),
    "bcena": Arm(BCENa(), na_output=False, activation="sigmoid"),
}


def resized(picture: Image.Image) -> Image.Image:
    """Bring a picture of any size to SIZE."""
    return picture.resize(SIZE)


def network(outputs: int) -> keras.Model:
    """Make a small convolutional network, without pretrained weights."""
    blocks = []
    for filters in (16, 32, 64, 64):
        blocks += [
            layers.Conv2D(filters, 3, padding="same"),
            layers.BatchNormalization(momentum=0.9),  # follows within the few steps of a small dataset
            layers.ReLU(),
            layers.MaxPooling2D(),
        ]
    return keras.Sequential(
        [
            keras.Input((*SIZE, 3)),
            layers.Rescaling(1 / 255),
            layers.RandomFlip("horizontal"),
            *blocks,
            layers.GlobalAveragePooling2D(),
            layers.Dropout(0.2),
            layers.Dense(outputs),
        ]
    )


def train(arm: Arm, dataset: Path, epochs: int, seed: int) -> keras.Model:
    """Train an arm; the same seed gives every arm the same first weights and the same batches."""
    keras.utils.set_random_seed(seed)
    data = OpenSetFolder(dataset, "train", resized, batch_size=16, shuffle=seed)
    valid = OpenSetFolder(dataset, "valid", resized)
    known = len(data.known_class_names)
    model = network(known + arm.na_output)
    model.compile(
        optimizer=keras.optimizers.AdamW(keras.optimizers.schedules.CosineDecay(3e-3, epochs * len(data))),
        loss=arm.loss,
        metrics=[ThresholdAccuracy(known, activation=arm.activation)],
    )
    model.fit(data, validation_data=valid, epochs=epochs, verbose=2)
    return model


def write_predictions(path: Path, arm: Arm, model: keras.Model, splits: list[OpenSetFolder]) -> None:
    """Write one line a picture: its file, and a score from 0 to 1 for each class that has an output."""
    scores_of = keras.activations.get(arm.activation)
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["file", *(splits[0].class_names if arm.na_output else splits[0].known_class_names)])
        for split in splits:
            scores = keras.ops.convert_to_numpy(scores_of(model.predict(split, verbose=0))).tolist()
            table.writerows([file, *row] for file, row in zip(split.files, scores, strict=True))


def main() -> None:
    """Train every arm on the same split, and write what each says of every picture that it was not trained on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    others = [OpenSetFolder(options.dataset, split, resized) for split in ("valid", "test", "unseen")]
    files = {name: Path(f"predictions-{name}.csv") for name in ARMS}
    for name, arm in ARMS.items():
        print(name)
        model = train(arm, options.dataset, options.epochs, options.seed)
        write_predictions(files[name], arm, model, others)

    print("right at the threshold that keeps the same share of valid's known pictures")
    for judged in evaluate(list(files.values()), options.dataset).arms:
        print(
            f"{judged.name:<23}",
            *(f"{one.role} {one.right.value:4.0%} of {one.right.of}" for one in judged.roles),
            sep="  ",
        )
    print(f"negbuild evaluate {' '.join(map(str, files.values()))} --dataset {options.dataset}")


if __name__ == "__main__":
    main()
