"""Every loader that people use reads a written tree alike: class indices, number of files, label of each file."""

import csv
import json
from collections import Counter
from pathlib import Path

import pytest

SPLITS = ("train", "valid", "test", "unseen")


def written(dataset: Path, split: str) -> dict[str, int]:
    """Class index of each file of a split, by its name, as the records of the dataset state it."""
    indices = json.loads((dataset / "class_indices.json").read_text(encoding="utf-8"))
    with (dataset / "manifest.csv").open(encoding="utf-8", newline="") as stream:
        rows = [row for row in csv.DictReader(stream) if row["split"] == split]
    return {Path(row["file"]).name: indices[row["class_name"]] for row in rows}


def class_indices(dataset: Path) -> dict[str, int]:
    indices: dict[str, int] = json.loads((dataset / "class_indices.json").read_text(encoding="utf-8"))
    assert list(indices) == ["0_na", "astronaut", "coffee"]
    return indices


@pytest.mark.parametrize("split", SPLITS)
def test_torchvision(dataset: Path, split: str) -> None:
    from torchvision.datasets import ImageFolder

    folder = ImageFolder(str(dataset / split))
    assert folder.class_to_idx == class_indices(dataset)
    assert {Path(path).name: index for path, index in folder.samples} == written(dataset, split)
    assert {picture.mode for picture, _ in folder} == {"RGB"}


@pytest.mark.parametrize("split", SPLITS)
def test_keras(dataset: Path, split: str) -> None:
    import keras

    loaded = keras.utils.image_dataset_from_directory(
        dataset / split, shuffle=False, image_size=(32, 32), batch_size=8, verbose=False
    )
    assert {name: index for index, name in enumerate(loaded.class_names)} == class_indices(dataset)
    labels = [int(label) for _, batch in loaded for label in batch]  # decodes every picture
    names = [Path(path).name for path in loaded.file_paths]
    assert dict(zip(names, labels, strict=True)) == written(dataset, split)


@pytest.mark.parametrize("split", SPLITS)
def test_timm(dataset: Path, split: str) -> None:
    from timm.data import create_dataset

    folder = create_dataset("", root=str(dataset / split))
    assert folder.reader.class_to_idx == class_indices(dataset)
    assert {Path(path).name: index for path, index in folder.reader.samples} == written(dataset, split)


def test_hugging_face_datasets(dataset: Path, tmp_path: Path) -> None:
    from datasets import load_dataset

    loaded = load_dataset(str(dataset), cache_dir=str(tmp_path))
    assert set(loaded) == {"train", "validation", "test", "unseen"}
    for split in SPLITS:
        rows = loaded["validation" if split == "valid" else split]
        assert {name: index for index, name in enumerate(rows.features["label"].names)} == class_indices(dataset)
        assert Counter(rows["label"]) == Counter(written(dataset, split).values())
        assert {row["image"].mode for row in rows} == {"RGB"}
