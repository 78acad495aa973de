"""The data sets of both frameworks: pictures, targets, roles and categories in the order of the manifest."""

import pickle
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from negbuild import NegbuildError
from negbuild.manifest import Row, read_manifest

SPLITS = ("train", "valid", "test", "unseen")
CLASSES = ["0_na", "astronaut", "coffee"]


def small(picture: Image.Image) -> np.ndarray[Any, np.dtype[np.float32]]:
    assert picture.mode == "RGB"
    return np.asarray(picture.resize((16, 12)), dtype=np.float32)


def rows_of(dataset: Path, split: str) -> list[Row]:
    return [row for row in read_manifest(dataset) if row.split == split]


def expected(rows: list[Row], target: str) -> list[Any]:
    """Targets by hand: the index, or ones and zeros over all classes or the known ones."""
    if target == "index":
        return [CLASSES.index(row.class_name) for row in rows]
    outputs = CLASSES if target == "one-hot" else CLASSES[1:]
    return [[float(row.class_name == output) for output in outputs] for row in rows]


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("target", ["index", "one-hot", "known"])
def test_pytorch_gives_picture_target_role_and_category(dataset: Path, split: str, target: str) -> None:
    from negbuild.torch import OpenSetFolder

    rows = rows_of(dataset, split)
    data = OpenSetFolder(dataset, split, small, target)
    assert len(data) == len(rows) > 0
    samples = [data[index] for index in range(len(data))]
    assert [sample.target.tolist() for sample in samples] == expected(rows, target)
    assert [(sample.file, sample.role, sample.category) for sample in samples] == [
        (row.file, row.role, row.category) for row in rows
    ]
    for sample in samples:
        with Image.open(dataset / sample.file) as picture:
            np.testing.assert_array_equal(sample.picture, small(picture))


def test_pytorch_is_an_imagefolder_with_more(dataset: Path) -> None:
    from torchvision.datasets import ImageFolder

    from negbuild.torch import OpenSetFolder

    for split in SPLITS:
        ours, theirs = OpenSetFolder(dataset, split), ImageFolder(str(dataset / split))
        assert (ours.classes, ours.class_to_idx) == (theirs.classes, theirs.class_to_idx)
        assert (ours.samples, ours.targets) == (theirs.samples, theirs.targets)
        assert ours.known_classes == CLASSES[1:]
        assert ours[0].picture.tobytes() == theirs[0][0].tobytes()  # without a transform: Pillow's picture


def test_pytorch_batches_through_workers(dataset: Path) -> None:
    from torch.utils.data import DataLoader

    from negbuild.torch import OpenSetFolder

    data = OpenSetFolder(dataset, "test", np.array, "known")  # a transform that a new process can import, too
    alone, crew = (
        list(DataLoader(data, batch_size=4, num_workers=workers, multiprocessing_context=context))
        for workers, context in ((0, None), (2, "spawn"))
    )
    assert len(crew) == len(alone) > 1
    for one, other in zip(alone, crew, strict=True):
        assert one.picture.equal(other.picture)
        assert one.target.equal(other.target)
        assert (one.role, one.category, one.file) == (other.role, other.category, other.file)
    pictures, targets, *_ = alone[0]
    assert (tuple(pictures.shape), tuple(targets.shape)) == ((4, 96, 96, 3), (4, 2))
    assert pickle.loads(pickle.dumps(data)).samples == data.samples


@pytest.mark.parametrize("split", SPLITS)
@pytest.mark.parametrize("target", ["index", "one-hot", "known"])
def test_keras_gives_picture_and_target_and_names_role_and_category(dataset: Path, split: str, target: str) -> None:
    from negbuild.keras import OpenSetFolder

    rows = rows_of(dataset, split)
    data = OpenSetFolder(dataset, split, small, target=target, batch_size=5)
    batches = [data[index] for index in range(len(data))]
    assert all(len(pictures) == 5 for pictures, _ in batches[:-1])
    assert np.concatenate([targets for _, targets in batches]).tolist() == expected(rows, target)
    assert data.files == [row.file for row in rows]
    assert list(zip(data.roles, data.categories, strict=True)) == [(row.role, row.category) for row in rows]
    assert (data.class_names, data.known_class_names) == (CLASSES, CLASSES[1:])
    pictures = np.concatenate([pictures for pictures, _ in batches])
    assert pictures.shape == (len(rows), 12, 16, 3)
    for row, given in zip(rows, pictures, strict=True):
        with Image.open(dataset / row.file) as picture:
            np.testing.assert_array_equal(given, small(picture))


def test_keras_shuffles_anew_each_epoch_by_its_seed(dataset: Path) -> None:
    from negbuild.keras import OpenSetFolder

    def epochs(shuffle: int | None) -> list[list[int]]:
        data = OpenSetFolder(dataset, "train", small, batch_size=7, shuffle=shuffle)
        drawn = []
        for _ in range(2):
            drawn.append([int(picture.sum()) for index in range(len(data)) for picture in data[index][0]])
            data.on_epoch_end()
        return drawn

    plain, (first, second), again = epochs(None), epochs(3), epochs(3)
    assert plain[0] == plain[1]
    assert first != second
    assert first != plain[0] != second
    assert sorted(first) == sorted(second) == sorted(plain[0])
    assert again == [first, second]
    assert epochs(4)[0] != first


@pytest.mark.parametrize("workers", [1, 2])
def test_keras_predicts_in_the_order_of_the_manifest(dataset: Path, workers: int) -> None:
    import keras

    from negbuild.keras import OpenSetFolder

    data = OpenSetFolder(dataset, "unseen", small, batch_size=3, workers=workers)
    model = keras.Sequential([keras.Input((12, 16, 3)), keras.layers.GlobalAveragePooling2D()])
    means = [small(Image.open(dataset / file)).mean((0, 1)) for file in data.files]
    np.testing.assert_allclose(model.predict(data, verbose=0), means, rtol=1e-5)


def test_keras_says_what_to_do_with_pictures_of_several_sizes(dataset: Path) -> None:
    from negbuild.keras import OpenSetFolder

    sizes = iter(range(10, 100))
    data = OpenSetFolder(dataset, "test", lambda picture: picture.resize((next(sizes), 10)))
    with pytest.raises(NegbuildError) as caught:
        data[0]
    assert str(caught.value) == ("pictures: differ in size; hand in transform=lambda picture: picture.resize((96, 96))")


@pytest.mark.parametrize("framework", ["torch", "keras"])
def test_a_split_that_is_not_there_is_named(dataset: Path, tmp_path: Path, framework: str) -> None:
    import importlib

    folder: Callable[..., Any] = importlib.import_module(f"negbuild.{framework}").OpenSetFolder
    for arguments, words in (
        ((dataset, "val"), f"{dataset}: has no split val; there are train, valid, test, unseen"),
        (
            (tmp_path, "train"),
            f"{tmp_path}: no dataset that negbuild wrote (manifest.csv is missing); run: negbuild split",
        ),
    ):
        with pytest.raises(NegbuildError) as caught:
            folder(*arguments)
        assert str(caught.value) == words
