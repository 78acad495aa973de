"""Who may have children: pictures of train whose licence allows it; and what children may be pasted on."""

from collections.abc import Callable, Collection, Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path, PurePosixPath
from urllib.parse import unquote, urlsplit

from negbuild.errors import UsageError
from negbuild.family import Child, choose_background
from negbuild.model import UNKNOWN_LICENSE, Held, Image, Role
from negbuild.order import forbids_changes
from negbuild.paste import cut_out
from negbuild.pipeline import Recipe
from negbuild.presets import PRESETS
from negbuild.shares import Shares
from negbuild.workshop import Job

_GLANCE = 128  # pixels: enough to see whether there is anything to cut out


@dataclass(frozen=True, slots=True)
class AugmentOptions:
    """What to make: pictures of `category` in all (`total`, or `factor` times the originals), how, and from which seed.

    `ratio` is that of the split; `side` the longer side in pixels, as of the split. With `paste`, children lie on
    negatives of train, cut out by their transparent background or by a file of `masks` named after them.
    """

    category: str
    total: int | None = None
    factor: int = 2
    recipe: Recipe = PRESETS["object"].recipe
    seed: int = 0
    ratio: Shares = (70, 15, 15)
    side: int = 512
    paste: bool = False
    masks: Path | None = None
    workers: int | None = None


@dataclass(frozen=True, slots=True)
class Parents:
    """Pictures of one category in train: those that may be changed, and how many may not."""

    able: dict[str, Held]
    forbidden: int

    @property
    def number(self) -> int:
        """How many there are."""
        return len(self.able) + self.forbidden

    @property
    def unlicensed(self) -> int:
        """How many have no licence that anybody stated."""
        return sum(held.origin.license == UNKNOWN_LICENSE for held in self.able.values())


def check_category(category: str, categories: Collection[str]) -> None:
    """Raise UsageError where there is no such category."""
    if category not in categories:
        raise UsageError(f"category {category}: not in this workspace; there are {', '.join(categories) or 'none yet'}")


def find_parents(category: str, roles: Mapping[str, Role], train: Mapping[str, Held]) -> Parents:
    """Find the pictures of a category that may have children; raises UsageError where there is none."""
    check_category(category, roles)
    if roles[category] is Role.UNSEEN:
        raise UsageError(f"category {category}: is unseen, and nothing that training sees may come from it")
    found = {sha256: held for sha256, held in sorted(train.items()) if held.category == category}
    if not found:
        raise UsageError(
            f"category {category}: has no pictures in train; run: negbuild add PATH --category {category} "
            f"--role {roles[category]}"
        )
    able = {sha256: held for sha256, held in found.items() if not forbids_changes(held.origin.license)}
    if not able:
        raise UsageError(
            f"category {category}: the licences of all {len(found)} pictures in train forbid changed copies; add others"
        )
    return Parents(able, len(found) - len(able))


def usable(children: Iterable[Child], train: Mapping[str, Held]) -> list[Child]:
    """Leave out children whose parent, or what they were pasted on, is no longer in train."""
    return [
        child
        for child in children
        if child.parent in train
        and (child.background is None or (child.background in train and train[child.background].role is Role.UNKNOWN))
    ]


class Masks:
    """Masks in a folder, each named after the file of its picture: `ketchup.png` or `ketchup_mask.png`."""

    def __init__(self, folder: Path | None) -> None:
        """List the folder, if there is one; raises UsageError where it cannot be."""
        self._files: dict[str, Path] = {}
        if folder is None:
            return
        try:
            found = sorted(
                path for path in folder.iterdir() if path.suffix.lower() in {".png", ".jpg", ".jpeg", ".bmp"}
            )
        except OSError as error:
            raise UsageError(f"{folder}: no folder of masks ({error.strerror})") from error
        self._files = {path.stem.removesuffix("_mask"): path for path in found}

    def of(self, held: Held) -> bytes | None:
        """Bytes of the mask of a picture, if it has one."""
        parts = urlsplit(held.origin.url)
        file = self._files.get(PurePosixPath(unquote(parts.fragment or parts.path)).stem)
        return file.read_bytes() if file else None


@dataclass(slots=True)
class Pasting:
    """How jobs are pasted: on which negatives of train, by which masks, with which seed of the person's."""

    grounds: dict[str, Held]
    masks: Masks
    seed: int
    read: Callable[[Image], bytes]
    _cut: dict[str, tuple[bool, bytes | None]] = field(default_factory=dict)

    @classmethod
    def of(cls, read: Callable[[Image], bytes], masks: Path | None, seed: int, train: Mapping[str, Held]) -> "Pasting":
        """Paste on the negatives of train; raises UsageError where there are too few, or no folder of masks."""
        return cls(_grounds(train), Masks(masks), seed, read)

    def can_cut(self, held: Held) -> bool:
        """Whether there is a thing to cut out: by a mask, or by the picture's own transparent background.

        Raises UsageError where its mask cannot be read.
        """
        return self._looked(held)[0]

    def job(self, held: Held, copy: int) -> Job:
        """Name the child of a picture that is pasted: the thing, or else a piece of it, on a ground of its own."""
        cut, mask = self._looked(held)
        sha256 = held.image.sha256
        ground = choose_background(sha256, copy, self.seed, (one for one in self.grounds if one != sha256))
        return Job(held.image, copy, self.grounds[ground].image, cut, mask)

    def _looked(self, held: Held) -> tuple[bool, bytes | None]:
        sha256 = held.image.sha256
        if sha256 not in self._cut:
            mask = self.masks.of(held)
            try:
                thing = cut_out(self.read(held.image), mask, _GLANCE)
            except (OSError, SyntaxError) as error:
                raise UsageError(f"picture {sha256[:12]}: it or its mask cannot be read ({error})") from error
            self._cut[sha256] = (thing is not None, mask)
        return self._cut[sha256]


def thing_to_paste(pasting: Pasting, able: Mapping[str, Held], category: str) -> dict[str, Held]:
    """Find the parents that have a thing to cut out; raises UsageError where none has."""
    cut = {sha256: held for sha256, held in able.items() if pasting.can_cut(held)}
    if not cut:
        raise UsageError(
            f"category {category}: no picture in train has a transparent background or a mask, so that nothing can be "
            "pasted; add such PNGs, or give --masks FOLDER"
        )
    return cut


def _grounds(train: Mapping[str, Held]) -> dict[str, Held]:
    """Find what may be pasted on, and be cut into pieces: negatives of train whose licence allows changed copies."""
    grounds = {
        sha256: held
        for sha256, held in sorted(train.items())
        if held.role is Role.UNKNOWN and not forbids_changes(held.origin.license)
    }
    if len(grounds) < 2:  # noqa: PLR2004  a negative is pasted on another one
        raise UsageError(
            "paste: needs two negatives in train whose licences allow changed copies; run: "
            "negbuild crawl --source picsum"
        )
    return grounds
