"""PyTorch, Keras and Hugging Face datasets as they are, on a dataset that the command line wrote.

They have an environment of their own, so these tests run only where they are named: `make test-frameworks`.
"""

import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

HERE = Path(__file__).parent

os.environ |= {"HF_HUB_OFFLINE": "1", "HF_DATASETS_OFFLINE": "1", "HF_HUB_DISABLE_TELEMETRY": "1"}
os.environ |= {"TF_CPP_MIN_LOG_LEVEL": "3", "TF_ENABLE_ONEDNN_OPTS": "0", "CUDA_VISIBLE_DEVICES": ""}

PHOTOGRAPHS = {"coffee": "known", "astronaut": "known", "brick": "unknown", "camera": "unknown", "gravel": "unseen"}


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out, unless the run names it."""
    named = (Path(argument.partition("::")[0]).resolve() for argument in config.args)
    return None if any(path.is_relative_to(HERE) for path in named) else True


@pytest.fixture(scope="session", autouse=True)
def _torchvision_imports() -> Iterator[None]:
    """Declare what torchvision asks of a CPU build of torch: its wheel on PyPI holds the two for CUDA builds only."""
    import torch

    if torch.version.cuda:
        yield
        return
    library = torch.library.Library("torchvision", "DEF")
    library.define("nms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    library.define("qnms(Tensor dets, Tensor scores, float iou_threshold) -> Tensor")
    yield  # what is declared lives as long as the library does
    del library


@pytest.fixture(scope="session")
def dataset(tmp_path_factory: pytest.TempPathFactory, environment: Callable[..., dict[str, str]]) -> Path:
    """Write a dataset of two known, two unknown and one unseen category, by the commands that a person types."""
    project = tmp_path_factory.mktemp("project")

    def negbuild(*arguments: object) -> None:
        command = [sys.executable, "-m", "negbuild", *map(str, arguments)]
        subprocess.run(command, cwd=project, env=environment(), check=True, capture_output=True)

    negbuild("init")
    for photograph, role in PHOTOGRAPHS.items():
        negbuild("crawl", "--source", "samples", "--query", photograph, "--role", role, "-n", 20)
    negbuild("dedup")
    negbuild("split", "--ratio", "60/20/20", "--size", 96)
    negbuild("verify", "dataset")
    return project / "dataset"
