"""Build the other half of an image dataset: its negatives, and splits that tell the truth.

The public names live in the modules named below, and are imported when they are first used, so that a command that
needs neither numpy nor Pillow does not wait for them (PEP 562).
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from negbuild.errors import NegbuildError
    from negbuild.model import Candidate, Image, Role, Search, Skip, SkipReason, Split
    from negbuild.order import Order
    from negbuild.parents import AugmentOptions
    from negbuild.source import Source, Takes, find_source, source_names
    from negbuild.stages.augment import augment
    from negbuild.stages.crawl import crawl, preview
    from negbuild.stages.dedup import dedup
    from negbuild.stages.evaluate import EvaluateOptions, evaluate
    from negbuild.stages.pairs import pairs
    from negbuild.stages.retry import retry
    from negbuild.stages.split import SplitOptions, split
    from negbuild.stages.status import status
    from negbuild.stages.verify import verify
    from negbuild.workspace import Workspace

__version__ = "0.1.0"

__all__ = [
    "AugmentOptions",
    "Candidate",
    "EvaluateOptions",
    "Image",
    "NegbuildError",
    "Order",
    "Role",
    "Search",
    "Skip",
    "SkipReason",
    "Source",
    "Split",
    "SplitOptions",
    "Takes",
    "Workspace",
    "augment",
    "crawl",
    "dedup",
    "evaluate",
    "find_source",
    "pairs",
    "preview",
    "retry",
    "source_names",
    "split",
    "status",
    "verify",
]

_HOMES = {
    "errors": ["NegbuildError"],
    "model": ["Candidate", "Image", "Role", "Search", "Skip", "SkipReason", "Split"],
    "source": ["Source", "Takes", "find_source", "source_names"],
    "order": ["Order"],
    "parents": ["AugmentOptions"],
    "stages.augment": ["augment"],
    "stages.crawl": ["crawl", "preview"],
    "stages.dedup": ["dedup"],
    "stages.evaluate": ["EvaluateOptions", "evaluate"],
    "stages.pairs": ["pairs"],
    "stages.retry": ["retry"],
    "stages.split": ["SplitOptions", "split"],
    "stages.status": ["status"],
    "stages.verify": ["verify"],
    "workspace": ["Workspace"],
}


def __getattr__(name: str) -> Any:  # noqa: ANN401  any public name
    for module, names in _HOMES.items():
        if name in names:
            return getattr(import_module(f"negbuild.{module}"), name)
    raise AttributeError(f"module 'negbuild' has no attribute {name!r}")
