"""How many altered copies are found, and how many unrelated pictures are, beside imagehash, imagededup, image-dedup-ai.

    twins.py [FOLDER] [--peers PYTHON] [--only recall|speed|whole|adding] [--held-out N] [--pictures N]

Without a folder the pictures are crops of the photographs in scikit-image's wheel, with `--held-out` other ones than
those that the thresholds were chosen by; of a folder every picture is taken, and should be unrelated to the others.
`--peers` is the Python of an environment with imagededup and image-dedup-ai (peers-twins.txt); a peer that is not there
shows as `-`, and why is said. Every method sees the same JPEG files. faiss, which has no hashes of its own, gets
negbuild's and must find the same pairs. Speed is wall time, negbuild's on all cores and imagehash's in a loop, and then
CPU time. `whole` is `negbuild add` and `negbuild dedup` on so many pictures, or on those of the folder as they are;
`adding` is both on a hundredth as many more, a tenth of them altered copies, once so many small ones are in a catalog.
Drawn shirts and faces (drawn.py), which are much alike, are looked through for copies as well.
"""

import argparse
import asyncio
import importlib.util
import json
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from functools import cache
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import faiss
import imagehash
import numpy as np
from drawn import face, shirt
from numpy.typing import NDArray
from pictures import PHOTOGRAPHS, make, overlaid
from PIL import Image, ImageDraw, ImageEnhance

from negbuild.alignment import JOIN_RADIUS, Look, Suspects, compare, confirm, look
from negbuild.checkers import Checkers
from negbuild.fingerprint import fingerprints, grids
from negbuild.model import Fingerprint
from negbuild.neighbours import Index, join
from negbuild.picture import DEFAULT_LIMITS, Inspection, inspect
from negbuild.stretches import keys_of
from negbuild.twins import PLAIN_TEXTURE
from negbuild.workers import PROCESSES

_FOR_RECALL, _FOR_FALSE = 12, 150  # crops of each photograph
_DRAWN = 300  # shirts, and faces
_LONGEST = 640
_PEERS = ("imagededup", "image_dedup_ai")
_METHODS = {
    "imagehash phash<=8": ("imagehash phash", 8),
    "imagehash phash<=10": ("imagehash phash", 10),
    "imagededup phash<=10": ("imagededup phash", 10),
    "imagededup dhash<=10": ("imagededup dhash", 10),
    "image-dedup-ai phash<=6": ("image_dedup_ai phash", 6),  # its own threshold, 0.9 of 64 bits
}
Box = tuple[float, float, float, float]
Hashes = dict[str, dict[str, int]]


def _part(image: Image.Image, box: Box) -> Image.Image:
    width, height = image.size
    return image.crop((round(box[0] * width), round(box[1] * height), round(box[2] * width), round(box[3] * height)))


def _captioned(image: Image.Image) -> Image.Image:
    image, (width, height) = image.copy(), image.size
    draw = ImageDraw.Draw(image)
    draw.rectangle((0, round(0.85 * height), width, height), fill="black")
    draw.text((0.1 * width, 0.89 * height), "some caption text", fill="white", font_size=max(8, height // 16))
    return image


def _bordered(image: Image.Image) -> Image.Image:
    wide, high = image.width // 20, image.height // 20
    framed = Image.new("RGB", (image.width + 2 * wide, image.height + 2 * high), "white")
    framed.paste(image, (wide, high))
    return framed


_ALTERATIONS: Mapping[str, Callable[[Image.Image], Image.Image]] = {
    "JPEG q10": lambda image: image,
    "half the size": lambda image: image.resize((image.width // 2, image.height // 2)),
    "grey": lambda image: image.convert("L").convert("RGB"),
    "brightness 1.3": lambda image: ImageEnhance.Brightness(image).enhance(1.3),
    "caption box 15 %": _captioned,
    "crop 5 % a side": lambda image: _part(image, (0.05, 0.05, 0.95, 0.95)),
    "crop 10 % a side": lambda image: _part(image, (0.1, 0.1, 0.9, 0.9)),
    "white border 5 %": _bordered,
    "rotate 5 degrees": lambda image: image.rotate(5, Image.Resampling.BICUBIC),
    "mirror": lambda image: image.transpose(Image.Transpose.FLIP_LEFT_RIGHT),
    "rotate 90 degrees": lambda image: image.transpose(Image.Transpose.ROTATE_90),
}


def _jpeg(image: Image.Image, quality: int = 90) -> bytes:
    buffer = BytesIO()
    image.save(buffer, "JPEG", quality=quality)
    return buffer.getvalue()


def _crops(number: int, smallest: float, largest: float) -> Iterator[tuple[str, Box, Image.Image]]:
    """Cut crops of natural size out of scikit-image's photographs, the same ones every time."""
    package = importlib.util.find_spec("skimage")
    assert package is not None
    assert package.origin is not None
    for name in PHOTOGRAPHS:
        image = Image.open(Path(package.origin).parent / "data" / name).convert("RGB")
        random = np.random.default_rng([number, len(name), image.width])
        for _ in range(number):
            wide, high = random.uniform(smallest, largest, 2)
            left, top = random.uniform(0, 1 - wide), random.uniform(0, 1 - high)
            box = (float(left), float(top), float(left + wide), float(top + high))
            crop = _part(image, box)
            crop.thumbnail((_LONGEST, _LONGEST))
            if min(crop.size) > 64:
                yield name, box, crop


def _given(folder: Path) -> Iterator[tuple[str, Box, Image.Image]]:
    for file in sorted(folder.rglob("*")):
        if file.suffix.lower() in {".jpg", ".jpeg", ".png", ".webp"}:
            image = Image.open(file).convert("RGB")
            image.thumbnail((_LONGEST, _LONGEST))
            if min(image.size) > 64:
                yield str(file), (0, 0, 1, 1), image


def _unrelated(one: tuple[str, Box], other: tuple[str, Box]) -> bool:
    (name, a), (other_name, b) = one, other
    return name != other_name or min(a[2], b[2]) <= max(a[0], b[0]) or min(a[3], b[3]) <= max(a[1], b[1])


def _seen(data: bytes) -> tuple[Look, Fingerprint] | None:
    inspected = inspect(data)
    if not isinstance(inspected, Inspection):
        return None
    return look(inspected.thumbnail), fingerprints([grids(inspected.thumbnail)])[0]


def _hashes(folder: Path, peers: str) -> Hashes:
    files = sorted(folder.iterdir())
    found = {"imagehash phash": {file.name: int(str(imagehash.phash(Image.open(file))), 16) for file in files}}
    for name in _present(peers):
        peer = Path(__file__).with_name(f"peer_{name}.py")
        said = subprocess.run([peers, peer, folder], stdout=subprocess.PIPE, check=True)
        for method, hexes in json.loads(said.stdout).items():
            found[f"{name} {method}"] = {file: int(code, 16) for file, code in hexes.items()}
    return found


@cache
def _present(peers: str) -> list[str]:
    """Names of the peers that run; says of the others why they do not."""
    present = []
    for name in _PEERS:
        with tempfile.TemporaryDirectory() as folder:
            Image.effect_noise((64, 64), 64).save(Path(folder, "0.jpg"))
            command = [peers, str(Path(__file__).with_name(f"peer_{name}.py")), folder]
            tried = subprocess.run(command, capture_output=True, text=True, check=False) if peers else None
        if tried and not tried.returncode:
            present.append(name)
        else:
            why = (tried.stderr.strip().splitlines() or ["it failed"])[-1] if tried else "no --peers"
            print(f"{name}: - ({why})")
    return present


def _found(older: bytes, newer: bytes) -> bool:
    """Say whether negbuild calls two pictures twins: the join, then the confirmation."""
    one, other = _seen(older), _seen(newer)
    if one is None or other is None or min(one[1].texture, other[1].texture) < PLAIN_TEXTURE:
        return False
    index = Index(JOIN_RADIUS)
    index.add([one[1]])
    return any(compare(one[0], other[0], near.distance, near.orientation).confirmed for near in index.add([other[1]]))


def _recall(pictures: list[tuple[str, Box, Image.Image]], peers: str) -> None:
    print(f"\nrecall on {len(pictures)} pictures, percent")
    for change, alter in _ALTERATIONS.items():
        with tempfile.TemporaryDirectory() as folder:
            mine = []
            for number, (_, _, image) in enumerate(pictures):
                original, altered = _jpeg(image), _jpeg(alter(image), 10 if change == "JPEG q10" else 90)
                Path(folder, f"{number}.a.jpg").write_bytes(original)
                Path(folder, f"{number}.b.jpg").write_bytes(altered)
                mine.append(_found(original, altered))
            hashes = _hashes(Path(folder), peers)
        columns = {"negbuild": f"{100 * float(np.mean(mine)):.1f}"}
        for method, (name, radius) in _METHODS.items():
            columns[method] = "-"
            if name in hashes:
                words = [[hashes[name][f"{number}.{which}.jpg"] for which in "ab"] for number in range(len(pictures))]
                columns[method] = f"{100 * float(np.mean([(a ^ b).bit_count() <= radius for a, b in words])):.1f}"
        if change == next(iter(_ALTERATIONS)):
            print(f"{'':18}" + "".join(f"{method:>24}" for method in columns))
        print(f"{change:18}" + "".join(f"{text:>24}" for text in columns.values()), flush=True)


def _false_pairs(pictures: list[tuple[str, Box, Image.Image]], peers: str) -> None:
    where = [(name, box) for name, box, _ in pictures]
    related = [[place for place in range(new) if not _unrelated(where[place], where[new])] for new in range(len(where))]
    pairs = len(where) * (len(where) - 1) // 2 - sum(map(len, related))
    with tempfile.TemporaryDirectory() as folder:
        files = [Path(folder, f"{number:05d}.jpg") for number in range(len(pictures))]
        for file, (_, _, image) in zip(files, pictures, strict=True):
            file.write_bytes(_jpeg(image))
        print(f"\ntaken for copies, of {pairs:,} unrelated pairs")
        candidates, confirmed, seconds = _mine(files, related)
        print(
            f"  negbuild {confirmed} ({candidates:,} candidates, {1000 * seconds / max(candidates, 1):.3f} ms CPU each)"
        )
        _beside_faiss([seen[1] for file in files if (seen := _seen(file.read_bytes()))])
        hashes = _hashes(Path(folder), peers)
    for method, (name, radius) in _METHODS.items():
        near: int | str = "-"
        if name in hashes:
            near = _near(np.array([hashes[name][file.name] for file in files], dtype=np.uint64), related, radius)
        print(f"  {method} {near}")


def _mine(files: list[Path], related: list[list[int]]) -> tuple[int, int, float]:
    index, looks, places = Index(JOIN_RADIUS), list[Look](), list[int]()
    candidates, confirmed, seconds = 0, 0, 0.0
    for place, file in enumerate(files):
        seen = _seen(file.read_bytes())
        if seen is None or seen[1].texture < PLAIN_TEXTURE:
            continue
        near = [one for one in index.add([seen[1]]) if places[one.older] not in related[place]]
        looks.append(seen[0])
        places.append(place)
        start = time.process_time()
        verdicts = confirm([Suspects(looks[one.older], seen[0], one.distance, one.orientation) for one in near])
        seconds += time.process_time() - start
        candidates += len(near)
        confirmed += sum(verdict.confirmed for verdict in verdicts)
    return candidates, confirmed, seconds


def _drawn() -> None:
    """Count what is taken for copies where pictures are much alike."""
    print(f"\ntaken for copies, of {_DRAWN * (_DRAWN - 1) // 2:,} pairs each")
    for name, draw in (("drawn shirts of three cuts", shirt), ("drawn faces", face)):
        with tempfile.TemporaryDirectory() as folder:
            files = [Path(folder, f"{seed:05d}.jpg") for seed in range(_DRAWN)]
            for seed, file in enumerate(files):
                file.write_bytes(_jpeg(draw(seed)))
            candidates, confirmed, _ = _mine(files, [[]] * _DRAWN)
        print(f"  {name}: negbuild {confirmed} ({candidates:,} candidates)")


def _near(words: NDArray[np.uint64], related: list[list[int]], radius: int) -> int:
    near = 0
    for place in range(1, len(words)):
        close = np.bitwise_count(words[:place] ^ words[place]) <= radius
        close[related[place]] = False
        near += int(close.sum())
    return near


def _beside_faiss(prints: list[Fingerprint]) -> None:
    """Let faiss find the candidates by the same bits: it must find the same ones."""
    codes = np.frombuffer(b"".join(print_.codes for print_ in prints), dtype=np.uint8).reshape(-1, 8, 24)
    index = faiss.IndexBinaryFlat(8 * 24)
    index.add(np.ascontiguousarray(codes[:, 0]))
    ticks = [time.process_time()]
    ours = {frozenset((one.older, one.newer)) for one in join(prints, JOIN_RADIUS)}
    ticks.append(time.process_time())
    ends, _, places = index.range_search(np.ascontiguousarray(codes.reshape(-1, 24)), JOIN_RADIUS + 1)
    ticks.append(time.process_time())
    turned = np.arange(len(codes)).repeat(8).repeat(np.diff(ends.astype(np.int64)))
    keys = keys_of(print_.codes for print_ in prints)
    theirs = {
        frozenset((one, other))
        for one, other in zip(places.tolist(), turned.tolist(), strict=True)
        if (keys[one], one) < (keys[other], other)
    }
    first, second = (end - start for start, end in pairwise(ticks))
    agree = "the same" if theirs == ours else f"not the same: {len(theirs ^ ours):,} differ"
    times = second / first / 2  # it compares every pair twice
    print(f"  faiss {faiss.__version__} on the same bits: {agree} candidates, in {times:.1f} times the CPU time a pair")


def _whole(number: int, given: Path | None) -> None:
    """Run `negbuild add` and `negbuild dedup` as a person does, on the folder given or on made photographs."""
    with tempfile.TemporaryDirectory() as root:
        folder = given.resolve() if given else _made(Path(root, "photos"), number)
        what = folder if given else f"{number:,} pictures of which {number // 10:,} are copies"
        print(f"\nthe whole of dedup, {what}")
        _added(folder, root)


def _adding(number: int) -> None:
    """Add a hundredth as many pictures to a catalog of so many."""
    with tempfile.TemporaryDirectory() as root:
        held, fresh = Path(root, "held"), Path(root, "fresh")
        overlaid(held, number)
        few = number // 100
        overlaid(fresh, few - few // 10, first=number)
        _alter(held, fresh, few // 10)
        print(f"\n{number:,} small pictures, each of four photographs that lie on each other")
        _added(held, root)
        print(f"{few:,} more, of which {few // 10:,} are copies")
        _added(fresh, root)


def _added(folder: Path, root: str) -> None:
    """Add the pictures of a folder and look for copies, by the commands, and print what each took."""
    steps: tuple[tuple[str, ...], ...] = (("add", str(folder), "--category", "c", "--role", "known"), ("dedup",))
    total_cpu = total_wall = 0.0
    for command in steps:
        before, wall = os.times(), time.perf_counter()
        said = _negbuild(command, root)
        after, wall = os.times(), time.perf_counter() - wall
        cpu = after.children_user + after.children_system - before.children_user - before.children_system
        print(f"  {command[0]:8} {cpu:6.1f} s CPU, {wall:6.1f} s: {said.splitlines()[0]}", flush=True)
        total_cpu, total_wall = total_cpu + cpu, total_wall + wall
    began = time.perf_counter()
    found = json.loads(_negbuild(("dedup", "--json"), root))
    again = time.perf_counter() - began
    looked_at = sum(found["distances"].values()) + sum(found["others"].values())
    counts = f"{found['images']:,} pictures, {looked_at:,} candidates, {len(found['dropped']):,} copies"
    print(f"  together {total_cpu:6.1f} s CPU, {total_wall:6.1f} s: {counts}")
    print(f"  dedup again, with nothing new: {again:.1f} s", flush=True)


def _made(folder: Path, number: int) -> Path:
    """Make web-sized photographs of which every tenth is an altered copy."""
    make(folder, "web", number - number // 10)
    _alter(folder, folder, number // 10)
    return folder


def _alter(folder: Path, copies: Path, number: int) -> None:
    """Put altered copies of the first pictures of a folder into another one, or into the same."""
    alterations = [alter for change, alter in _ALTERATIONS.items() if change != "crop 10 % a side"]
    for place, file in enumerate(sorted(folder.iterdir())[:number]):
        with Image.open(file) as image:
            (copies / f"{file.stem}c.jpg").write_bytes(_jpeg(alterations[place % len(alterations)](image)))


def _negbuild(command: tuple[str, ...], root: str) -> str:
    ran = [sys.executable, "-m", "negbuild", *command]
    return subprocess.run(ran, cwd=root, stdout=subprocess.PIPE, text=True, check=True).stdout


def _speed() -> None:
    cores = os.cpu_count()
    print(
        f"\nfingerprints, three hashes (negbuild: in 8 orientations, with all checks of the picture), on {cores} cores"
    )
    crops = [image for _, _, image in _crops(3, 0.6, 0.9)]
    large = [image.resize((4000, 3000), Image.Resampling.BICUBIC) for image in crops[::5]]
    for kind, files, times in (("web-sized", list(map(_jpeg, crops)), 8), ("12 MP", list(map(_jpeg, large)), 2)):
        cpu, began = [time.process_time()], time.perf_counter()
        for data in files:
            _hashed(data)
        cpu.append(time.process_time())
        theirs = 1000 * (time.perf_counter() - began) / len(files)
        fingerprints([grids(one.thumbnail) for one in map(inspect, files) if isinstance(one, Inspection)])
        cpu.append(time.process_time())
        ours = 1000 * asyncio.run(_checked_by_processes(files * times)) / len(files * times)
        print(f"  {kind:10} imagehash {theirs:6.1f} ms, negbuild {ours:5.2f} ms: {theirs / ours:.1f} times", end="")
        hashing, checking = (1000 * (end - start) / len(files) for start, end in pairwise(cpu))
        print(f" (CPU of one thread each {hashing:.1f} and {checking:.2f} ms: {hashing / checking:.1f})")


async def _checked_by_processes(files: list[bytes]) -> float:
    """Seconds that the checkers of a crawl take for these pictures, once their processes run."""
    async with Checkers(DEFAULT_LIMITS) as checkers:
        while len(checkers.employed) < PROCESSES:
            await asyncio.gather(*map(checkers.check, files[:200]))
        began = time.perf_counter()
        found = await asyncio.gather(*map(checkers.check, files))
        fingerprints([one.grids for one in found if one.grids])
        return time.perf_counter() - began


def _hashed(data: bytes) -> None:
    image = Image.open(BytesIO(data))
    for algorithm in (imagehash.phash, imagehash.dhash, imagehash.dhash_vertical):
        algorithm(image)


def main() -> None:
    """Print the tables asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", nargs="?", type=Path)
    parser.add_argument("--peers", default="")
    parser.add_argument("--only", choices=("recall", "speed", "whole", "adding"))
    parser.add_argument("--held-out", type=int, default=0, metavar="N", help="other crops, N more of each photograph")
    parser.add_argument("--pictures", type=int, help="for `whole` and `adding` (default: 10000, and 100000)")
    asked = parser.parse_args()
    if asked.only in {None, "recall"}:
        given = list(_given(asked.folder)) if asked.folder else None
        _recall(given or list(_crops(_FOR_RECALL + asked.held_out, 0.5, 0.9)), asked.peers)
        _false_pairs(given or list(_crops(_FOR_FALSE + asked.held_out, 0.2, 0.6)), asked.peers)
        _drawn()
    if asked.only in {None, "speed"}:
        _speed()
    if asked.only == "whole":
        _whole(asked.pictures or 10_000, asked.folder)
    if asked.only == "adding":
        _adding(asked.pictures or 100_000)


if __name__ == "__main__":
    main()
