"""Which folders name a split, and where the files of somebody's dataset lie."""

import pytest

from negbuild.model import Split
from negbuild.split_folders import places


@pytest.mark.parametrize(
    ("folder", "split"),
    [
        ("train", Split.TRAIN),
        ("TRAIN", Split.TRAIN),
        ("train2017", Split.TRAIN),
        ("training_set", Split.TRAIN),
        ("trainset", Split.TRAIN),
        ("train_val", Split.TRAIN),
        ("trainval2012", Split.TRAIN),
        ("trainA", Split.TRAIN),
        ("train images", Split.TRAIN),
        ("val_2017", Split.VALID),
        ("Validation", Split.VALID),
        ("valid.v2", Split.VALID),
        ("dev", Split.VALID),
        ("test-dev", Split.TEST),
        ("testset", Split.TEST),
        ("test2", Split.TEST),
        ("evaluation", Split.TEST),
        ("holdout-1", Split.UNSEEN),
        *dict.fromkeys(("trains", "trainer", "TRAINS", "mytrain", "restrain", "2017"), None).items(),
        *dict.fromkeys(("testa", "testaments", "tests", "testé", "contest", "attest"), None).items(),
        *dict.fromkeys(("valley", "value", "devices", "development", "evaluate"), None).items(),
    ],
)
def test_a_folder_names_a_split_or_a_word_that_begins_like_one(folder: str, split: Split | None) -> None:
    assert places([f"data/{folder}/dog/1.jpg"])[f"data/{folder}/dog/1.jpg"].split is split


@pytest.mark.parametrize(
    ("file", "label"),
    [
        ("train/dog/1.jpg", "dog"),
        ("train/1.jpg", ""),
        ("images/train/1.jpg", "images"),
        ("dog/train/1.jpg", "dog"),
        ("train/test/1.jpg", "test"),
        ("dog/1.jpg", "dog"),
        ("1.jpg", ""),
    ],
)
def test_a_class_is_the_last_folder_that_is_no_split(file: str, label: str) -> None:
    assert places([file, "test/other/2.jpg"])[file].label == label


def test_no_file_lies_nowhere() -> None:
    assert places([]) == {}
