"""What is kept out: between the catalog and the pure deciders, for every stage that takes pictures in or plans."""

import hashlib
from collections import defaultdict
from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from functools import partial
from io import BytesIO
from itertools import chain
from pathlib import Path
from typing import NamedTuple

from PIL import Image as Pillow

from negbuild import alignment, fingerprint
from negbuild.album import ANY_SIZE, names_pictures, nothing_in, read_files
from negbuild.catalog import Catalog
from negbuild.errors import UsageError
from negbuild.fingerprint import Grids, fingerprints, grids, texture
from negbuild.guards import Guard, Guarded
from negbuild.looks import VERSION as SKETCHES
from negbuild.looks import Look, Views, look
from negbuild.model import Fingerprint, PackedSketch, Progress, Skip, SkipReason, no_progress
from negbuild.neighbours import Against
from negbuild.picture import inspect
from negbuild.pixels import EQUAL, EXACT_TEXTURE, PixelsOf, exact, pixels, sizes
from negbuild.twins import TWIN_RADIUS, TWIN_TEXTURE, confirmed_against
from negbuild.workers import Call, Workers, here

SAME_BYTES = "same bytes"

_VERSION = f"{fingerprint.VERSION} {alignment.VERSION} pixels, each place"
_BATCH = 256
_PURPOSE = "keep out"
_Prints = Sequence[tuple[str, Fingerprint]]


class _Kept(NamedTuple):
    """A picture by its bytes, and what is kept of it: the thumbnail as PNG, the pixels of one that is too plain."""

    sha256: str
    grids: Grids
    sketch: PackedSketch
    thumbnail: bytes
    pixels: str


def keep_all_out(catalog: Catalog, paths: Sequence[Path], progress: Progress = no_progress) -> int:
    """Keep every picture of several places out from now on; return how many could not be read.

    Raises UsageError where there is no picture in one of them: then no place is kept out that was not before.
    """
    for path in paths:  # before the first is read, which may take long
        if not names_pictures(path):
            raise nothing_in(path, _PURPOSE)
    before = catalog.guard_places()
    try:
        return sum([keep_out(catalog, path, progress) for path in paths])
    except UsageError:
        for place in {_place(path) for path in paths} - before.keys():
            catalog.forget_guards(place)
        raise


def keep_out(catalog: Catalog, path: Path, progress: Progress = no_progress) -> int:
    """Keep every picture of a folder or archive out from now on; return how many could not be read.

    Those that are kept out already are not decoded again, but for plain ones whose pixels are not known. Raises
    UsageError where there is no picture.
    """
    place = _place(path)
    pictures = unreadable = 0
    known = {guard.sha256 for guard in current_guards(catalog) if guard.place == place and not _lacks_pixels(guard)}
    with Workers() as workers:
        for batch in read_files(path, partial(_known_or_kept, known, workers.call)):
            new = [(name, found) for name, found in batch if isinstance(found, _Kept)]
            prints = fingerprints([found.grids for _, found in new])
            guards = [
                Guard(place, _as_text(name), found.sha256, print_, pixels=found.pixels)
                for (name, found), print_ in zip(new, prints, strict=True)
            ]
            catalog.add_guards(zip(guards, [found.thumbnail for _, found in new], strict=True), fingerprint.VERSION)
            catalog.keep_guard_sketches(zip(guards, [found.sketch for _, found in new], strict=True), SKETCHES)
            known.update(found.sha256 for _, found in new)
            # One that is flat keeps nothing out: none like it is ever held.
            skipped = sum(isinstance(found, Skip) and found.reason is not SkipReason.FLAT for _, found in batch)
            pictures, unreadable = pictures + len(batch) - skipped, unreadable + skipped
            progress(pictures, None)
    if not pictures:
        raise nothing_in(path, _PURPOSE)
    return unreadable


def let_in(catalog: Catalog, path: Path) -> str:
    """Forget the pictures of a place, whether it is still there or not; return its name.

    Raises UsageError where none of them is kept out.
    """
    places = catalog.guard_places()
    place = next((one for one in (_place(path), _as_text(str(path))) if one in places), None)
    if place is None:
        kept = f"kept out are {', '.join(places)}" if places else "nothing is kept out"
        raise UsageError(f"{path}: is not kept out ({kept}); run: negbuild dedup --list")
    catalog.forget_guards(place)
    return place


def current_guards(catalog: Catalog) -> list[Guard]:
    """All that is kept out; fingerprints are made anew where an older negbuild made them otherwise."""
    outdated = catalog.outdated_guards(fingerprint.VERSION)
    for start in range(0, len(outdated), _BATCH):
        batch = outdated[start : start + _BATCH]
        prints = fingerprints([grids(_thumbnail(catalog.guard_thumbnail(number))) for number in batch])
        catalog.renew_guards(zip(batch, prints, strict=True), fingerprint.VERSION)
    return catalog.guards(fingerprint.VERSION)


class Watch:
    """Says which new images are copies of what is kept out, by bytes and fingerprints alone: while pictures come."""

    def __init__(self, guards: Sequence[Guard]) -> None:
        """Watch for these."""
        self._numbers = _numbers((guard.sha256, guard) for guard in guards)
        self._textured = [guard for guard in guards if guard.fingerprint.texture >= TWIN_TEXTURE]
        prints = [guard.fingerprint for guard in self._textured]
        self._against = Against(prints, TWIN_RADIUS, [guard.place for guard in self._textured])

    def guarded(self, batch: _Prints) -> list[Guarded]:
        """Find those among (SHA-256, fingerprint) that are copies."""
        textured = [(sha256, print_) for sha256, print_ in batch if print_.texture >= TWIN_TEXTURE]
        near = [
            Guarded(textured[one.newer][0], self._textured[one.older].number, one.distance)
            for one in self._against.near([print_ for _, print_ in textured])
        ]
        return near + list(_same_bytes(batch, self._numbers))


def check_guards(
    catalog: Catalog,
    prints: _Prints,
    views: Views,
    pixels_of: PixelsOf,
    progress: Progress = no_progress,
    call: Call = here,
) -> None:
    """Look at images, given with fingerprints, beside each guard that they were not looked at with, pixel by pixel.

    Safe to interrupt: what was looked at before stays.
    """
    guards = current_guards(catalog)
    if not guards:
        return
    numbered = {_key(guard.number): guard for guard in guards}
    places = {key: guard.place for key, guard in numbered.items()}  # one may be let in again, and the others not

    def look_of(key: str) -> Look:
        if key not in numbered:
            return views.look(key)
        return look(_thumbnail(catalog.guard_thumbnail(numbered[key].number)))

    kept = [(_key(number), sketch) for number, sketch in catalog.guard_sketches(SKETCHES).items()]
    both = Views(look_of, lambda: chain(views.kept(), [kept]))
    last = guards[-1].number
    for above, images in _unchecked(prints, catalog.guard_checks(_VERSION), last):
        fresh = [(key, guard.fingerprint) for key, guard in numbered.items() if guard.number > above]
        bytes_of = _numbers((numbered[key].sha256, numbered[key]) for key, _ in fresh)
        seen = _numbers((numbered[key].pixels, numbered[key]) for key, _ in fresh if numbered[key].pixels)
        for batch, pairs in confirmed_against(fresh, images, both, progress, call, groups=places):
            near = [Guarded(pair.newer, numbered[pair.older].number, pair.distance, pair.reason) for pair in pairs]
            same = [*_same_pixels(batch, seen, pixels_of), *_same_bytes(batch, bytes_of)]
            catalog.check_guards([sha256 for sha256, _ in batch], [*near, *same], (above, last), _VERSION)
            made = both.newly_made()
            of_guards = [(guard, made.pop(key)) for key, guard in numbered.items() if key in made]
            catalog.keep_guard_sketches(of_guards, SKETCHES)
            catalog.keep_sketches(made, SKETCHES)


def _place(path: Path) -> str:
    return _as_text(str(path.resolve()))


def _as_text(name: str) -> str:
    """Write the bytes of a name that are no UTF-8, which the catalog cannot hold, as Python does."""
    return name.encode("utf-8", "backslashreplace").decode()


def _known_or_kept(known: Collection[str], call: Call, data: bytes) -> _Kept | Skip | str:
    """Give the SHA-256 of a picture that is kept out already, or what is to be kept of another one."""
    sha256 = hashlib.sha256(data).hexdigest() if known else ""
    return sha256 if sha256 in known else call(_kept, data)


def _kept(data: bytes) -> _Kept | Skip:
    found = inspect(data, ANY_SIZE)
    if isinstance(found, Skip):
        return found
    thumbnail, reduced = found.thumbnail, grids(found.thumbnail)
    exactly = pixels(data, found.image) if texture(reduced) < EXACT_TEXTURE else ""
    return _Kept(found.image.sha256, reduced, look(thumbnail).sketch.packed(), _png(thumbnail), exactly)


def _key(number: int) -> str:
    return f"guard {number}"


def _unchecked(prints: _Prints, checks: dict[str, int], last: int) -> Iterator[tuple[int, _Prints]]:
    """Images with guards still to be looked at, by the number above which these are."""
    waiting: dict[int, list[tuple[str, Fingerprint]]] = defaultdict(list)
    for sha256, print_ in prints:
        waiting[checks.get(sha256, 0)].append((sha256, print_))
    yield from ((above, images) for above, images in sorted(waiting.items()) if above < last)


def _numbers(guards: Iterable[tuple[str, Guard]]) -> dict[str, list[int]]:
    """Name for what guards show one of them in each place: one in all would let it in again with its place."""
    numbers: dict[str, dict[str, int]] = defaultdict(dict)
    for shown, guard in guards:
        numbers[shown].setdefault(guard.place, guard.number)
    return {shown: list(places.values()) for shown, places in numbers.items()}


def _same_bytes(batch: _Prints, numbers: Mapping[str, Sequence[int]]) -> Iterator[Guarded]:
    return (Guarded(sha256, number, 0, SAME_BYTES) for sha256, _ in batch for number in numbers.get(sha256, ()))


def _same_pixels(batch: _Prints, numbers: Mapping[str, Sequence[int]], pixels_of: PixelsOf) -> Iterator[Guarded]:
    held = pixels_of(exact(batch), sizes(numbers)) if numbers else {}
    return (Guarded(sha256, number, 0, EQUAL) for sha256, seen in held.items() for number in numbers.get(seen, ()))


def _lacks_pixels(guard: Guard) -> bool:
    return guard.fingerprint.texture < EXACT_TEXTURE and not guard.pixels


def _thumbnail(data: bytes) -> Pillow.Image:
    with Pillow.open(BytesIO(data)) as image:
        image.load()
        return image


def _png(thumbnail: Pillow.Image) -> bytes:
    buffer = BytesIO()
    thumbnail.save(buffer, "PNG", compress_level=1)  # in half the time of the usual one, and a tenth larger
    return buffer.getvalue()
