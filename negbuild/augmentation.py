"""Bytes, a recipe and a seed to the bytes of a child: the same every time, whatever else is made and in which order.

Pure, except that albumentations is loaded here and nowhere else, and told not to ask the network for its version. One
generator draws for all steps of a child: `set_random_seed` of albumentations 2.0.8 gives each step one of its own with
the same seed, so that steps of equal chance would always come together.
"""

import hashlib
import inspect
import os
import random
import warnings
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from importlib.metadata import version
from typing import TYPE_CHECKING, Any

import numpy as np
from PIL import Image as Pillow

from negbuild.errors import UsageError
from negbuild.picture import jpeg_bytes, normalised
from negbuild.pipeline import COMPOSITIONS, Edges, Recipe, Step

if TYPE_CHECKING:
    from negbuild.edges import Pixels
    from negbuild.paste import Paste

ATTEMPTS = 8
"""How often a child is drawn that comes out flat, or as good as identical, before it is given up."""

_QUALITY = 95
_SAME, _FAINT = 0.03, 0.4  # parts of the deviation of the original's levels


@dataclass(frozen=True, slots=True)
class Made:
    """The JPEG of a child, its size in pixels, the seed that drew it, and which attempt it was, from 0."""

    data: bytes
    size: tuple[int, int]
    seed: int
    attempt: int


def seed_of(parent: str, copy: int, seed: int, attempt: int) -> int:
    """Seed of one child: 63 bits of a SHA-256 over its parent's, its number, the person's seed and the attempt."""
    digest = hashlib.sha256(f"{parent}:{copy}:{seed}:{attempt}".encode()).digest()
    return int.from_bytes(digest[:8], "big") >> 1


def library() -> Any:  # noqa: ANN401  a module
    """Load albumentations; raises UsageError where it is not installed."""
    os.environ["NO_ALBUMENTATIONS_UPDATE"] = "1"  # else the import asks a server for the newest version
    try:
        import albumentations
        import cv2
    except ImportError as error:
        raise UsageError(
            f'augment: needs a library more ({error.name} is not installed); run: pip install "negbuild[augment]"'
        ) from error
    cv2.setNumThreads(1)  # many pictures at once, rather than one picture by many threads
    return albumentations


@cache
def library_version() -> str:
    """Name what draws: other versions of it may draw otherwise from the same seed."""
    return f"albumentations {version('albumentations')}, opencv {version('opencv-python-headless')}"


class Augmenter:
    """Makes children after one recipe; to be used by one thread at a time."""

    def __init__(self, recipe: Recipe) -> None:
        """Build the pipeline; raises UsageError, with its name, for a step, argument or value that there is not."""
        made = library()
        self._recipe = recipe
        self._compose = made.Compose([_transform(made, step, recipe.name) for step in recipe.steps], strict=True)

    def child(self, data: bytes, side: int, seeds: Callable[[int], int], first: int = 0) -> Made | None:
        """Make a child of a picture, its longer side at most `side` pixels; None: all attempts were no use.

        `seeds` gives the seed of each attempt, of which `first` is the first. Raises OSError where the picture does not
        decode, UsageError where the pipeline cannot be applied to it.
        """
        picture = np.asarray(normalised(data, side))
        return self._drawn(picture, lambda seed: self._applied(picture, seed), seeds, first)

    def pasted(self, paste: "Paste", seeds: Callable[[int], int], first: int = 0) -> Made | None:
        """Make a child that lies on another background; otherwise the same as `child`."""

        def draw(seed: int) -> "Pixels":
            cut = paste.cut(seed)
            drawn = self._run(seed, image=cut.pixels, mask=cut.alpha)
            return paste.onto(drawn["image"], drawn["mask"], seed)

        return self._drawn(paste.background, draw, seeds, first)

    def _drawn(
        self, before: "Pixels", draw: Callable[[int], "Pixels"], seeds: Callable[[int], int], first: int
    ) -> Made | None:
        for attempt in range(first, ATTEMPTS):
            seed = seeds(attempt)
            after = draw(seed)
            if _is_new(before, after):
                picture = Pillow.fromarray(after)
                return Made(jpeg_bytes(picture, _QUALITY), picture.size, seed, attempt)
        return None

    def _applied(self, picture: "Pixels", seed: int) -> "Pixels":
        from negbuild.edges import continued, cut_back, inner, is_plain

        if self._recipe.edges is Edges.AS_IS:
            return self._pixels(self._run(seed, image=picture)["image"])
        size = picture.shape[:2]
        if self._recipe.edges is Edges.PAPER or is_plain(picture):
            return cut_back(self._pixels(self._run(seed, image=continued(picture))["image"]), size)
        framed = np.zeros(size, dtype=np.uint8)  # a frame of zeros, so that what replicates the edge replicates them
        framed[1:-1, 1:-1] = 1
        drawn = self._run(seed, image=picture, mask=framed)
        return inner(self._pixels(drawn["image"]), drawn["mask"])

    def _run(self, seed: int, **what: Any) -> dict[str, Any]:  # noqa: ANN401  albumentations' own
        self._compose.set_random_state(np.random.default_rng(seed), random.Random(seed))  # noqa: S311  no secret
        try:
            drawn: dict[str, Any] = self._compose(**what)
        except Exception as error:  # whatever a pipeline of a person's own may raise
            raise UsageError(f"{self._recipe.name}: cannot be applied ({_first_line(error)})") from error
        return drawn

    def _pixels(self, drawn: Any) -> "Pixels":  # noqa: ANN401  whatever a pipeline gives
        if not isinstance(drawn, np.ndarray) or drawn.dtype != np.uint8 or drawn.ndim != 3 or drawn.shape[2] != 3:  # noqa: PLR2004
            kind = getattr(drawn, "dtype", type(drawn).__name__)
            shape = " x ".join(map(str, getattr(drawn, "shape", ())))
            raise UsageError(
                f"{self._recipe.name}: gives {kind} {shape}, and a file holds 8-bit RGB; leave Normalize, ToFloat and "
                "their like to training"
            )
        return np.ascontiguousarray(drawn)


def _is_new(before: "Pixels", after: "Pixels") -> bool:
    """Whether a child shows something, and something else than its original does."""
    import cv2

    deviation, left = (float(np.mean(cv2.meanStdDev(one)[1])) for one in (before, after))
    if left < max(1.0, _FAINT * deviation):
        return False
    if before.shape != after.shape:  # a part, or another scale
        after = np.asarray(cv2.resize(after, before.shape[1::-1], interpolation=cv2.INTER_AREA), dtype=np.uint8)
    difference = float(cv2.norm(before, after, cv2.NORM_L2)) / before.size**0.5
    return bool(difference > _SAME * deviation)


def _transform(made: Any, step: Step, subject: str) -> Any:  # noqa: ANN401  albumentations' own
    kind = getattr(made, step.name, None)
    if not (isinstance(kind, type) and issubclass(kind, (made.BasicTransform, made.BaseCompose))):
        raise UsageError(f"{subject}: albumentations {made.__version__} has no transform {step.name}")
    takes = {name for name in inspect.signature(kind).parameters if name not in {"seed", "strict", "transforms"}}
    for name in step.arguments:
        if name not in takes:
            raise UsageError(
                f"{subject}: {step.name} has no argument {name} in albumentations {made.__version__}; it takes "
                f"{', '.join(sorted(takes))}"
            )
    if (step.name in COMPOSITIONS) != bool(step.steps):
        raise UsageError(f"{subject}: {step.name} {'needs' if step.name in COMPOSITIONS else 'takes no'} transforms")
    inner = [[_transform(made, one, subject) for one in step.steps]] if step.steps else []
    with warnings.catch_warnings():
        warnings.simplefilter("error")  # what albumentations only warns of, it then does otherwise than it was told
        try:
            return kind(*inner, **step.arguments)
        except (ValueError, TypeError, AttributeError, LookupError, Warning) as error:
            raise UsageError(f"{subject}: {step.name}: {_first_line(error)}") from error


def _first_line(error: BaseException) -> str:
    """Return what matters of a fault; pydantic writes the argument on a second line, and what is wrong on a third."""
    lines = [line.strip() for line in str(error).splitlines() if line.strip()]
    if len(lines) > 2 and "validation error" in lines[0]:  # noqa: PLR2004
        what = lines[2].partition(" [type=")[0].removeprefix("Value error, ")
        return f"{lines[1].partition('.')[0]}: {what[:1].lower()}{what[1:]}"
    return lines[0] if lines else type(error).__name__
