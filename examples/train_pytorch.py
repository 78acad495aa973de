"""Train three ways to say "none of these" with PyTorch, from scratch, on one dataset: CE, BCE with na, BCENa.

    python examples/train_pytorch.py dataset

A tree that `negbuild split` or `negbuild demo` wrote goes in, predictions-ARM.csv come out; `negbuild evaluate` tells
more of them than the table at the end. The demo's dataset takes a minute on two cores.
"""

import argparse
import csv
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from torch import Tensor, nn
from torch.utils.data import DataLoader

from negbuild import evaluate
from negbuild.torch import BCENaLoss, BCEWithNaLoss, OpenSetFolder

SIZE = 64  # pixels


@dataclass(frozen=True)
class Arm:
    """One way to train: a loss, whether the negative class has an output, and what makes scores of the outputs."""

    loss: nn.Module
    na_output: bool
    scores: Callable[[Tensor], Tensor]


ARMS = {
    "ce": Arm(nn.CrossEntropyLoss(), na_output=True, scores=nn.Softmax(dim=1)),
    "bce-with-na": Arm(BCEWithNaLoss(), na_output=True, scores=nn.Sigmoid()),
    "bcena": Arm(BCENaLoss(), na_output=False, scores=nn.Sigmoid()),
}


def as_tensor(picture: Image.Image) -> Tensor:
    """Make a picture of any size a tensor (3, SIZE, SIZE) of values from 0 to 1."""
    return torch.from_numpy(np.asarray(picture.resize((SIZE, SIZE)), np.float32) / 255).permute(2, 0, 1)


def network(outputs: int) -> nn.Sequential:
    """Make a small convolutional network, without pretrained weights."""
    layers: list[nn.Module] = []
    for before, after in ((3, 16), (16, 32), (32, 64), (64, 64)):
        layers += [nn.Conv2d(before, after, 3, padding=1), nn.BatchNorm2d(after), nn.ReLU(), nn.MaxPool2d(2)]
    return nn.Sequential(*layers, nn.AdaptiveAvgPool2d(1), nn.Flatten(), nn.Dropout(0.2), nn.Linear(64, outputs))


def train(arm: Arm, data: OpenSetFolder, epochs: int, seed: int) -> nn.Module:
    """Train an arm; the same seed gives every arm the same first weights and the same batches."""
    torch.manual_seed(seed)
    model = network(len(data.classes if arm.na_output else data.known_classes))
    loader = DataLoader(data, batch_size=16, shuffle=True, generator=torch.Generator().manual_seed(seed))
    optimizer = torch.optim.AdamW(model.parameters(), lr=2e-3, weight_decay=1e-2)
    schedule = torch.optim.lr_scheduler.OneCycleLR(optimizer, 5e-3, epochs=epochs, steps_per_epoch=len(loader))
    for epoch in range(epochs):
        total = 0.0
        for pictures, targets, *_ in loader:
            mirrored = torch.randint(2, (len(pictures), 1, 1, 1)).bool()
            loss = arm.loss(model(torch.where(mirrored, pictures.flip(3), pictures)), targets)
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
            schedule.step()
            total += loss.item() * len(pictures)
        print(f"  epoch {epoch + 1:2} of {epochs}: loss {total / len(data):.4f}", end="\r")
    print()
    return model.eval()


@torch.inference_mode()
def write_predictions(path: Path, arm: Arm, model: nn.Module, splits: list[OpenSetFolder]) -> None:
    """Write one line a picture: its file, and a score from 0 to 1 for each class that has an output."""
    with path.open("w", encoding="utf-8", newline="") as stream:
        table = csv.writer(stream)
        table.writerow(["file", *(splits[0].classes if arm.na_output else splits[0].known_classes)])
        for split in splits:
            for batch in DataLoader(split, batch_size=64):
                scores = arm.scores(model(batch.picture)).tolist()
                table.writerows([file, *row] for file, row in zip(batch.file, scores, strict=True))


def main() -> None:
    """Train every arm on the same split, and write what each says of every picture that it was not trained on."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("dataset", type=Path)
    parser.add_argument("--epochs", type=int, default=30)
    parser.add_argument("--seed", type=int, default=0)
    options = parser.parse_args()

    train_split = OpenSetFolder(options.dataset, "train", as_tensor)
    others = [OpenSetFolder(options.dataset, split, as_tensor) for split in ("valid", "test", "unseen")]
    files = {name: Path(f"predictions-{name}.csv") for name in ARMS}
    for name, arm in ARMS.items():
        print(name)
        model = train(arm, train_split, options.epochs, options.seed)
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
