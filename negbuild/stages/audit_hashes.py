"""Say which pictures of a folder are near each other by one hash of ImageHash, as other tools say it."""

from collections import Counter
from dataclasses import dataclass
from pathlib import Path

from negbuild.album import nothing_in, read_files
from negbuild.hashes import Algorithm, Hash, hashing, near
from negbuild.model import Progress, Skip, SkipReason, no_progress


@dataclass(frozen=True, slots=True)
class HashPair:
    """Two files whose hashes differ in so many bits."""

    one: str
    other: str
    distance: int


@dataclass(frozen=True, slots=True)
class HashAuditResult:
    """What a hash says of a folder: each picture's hash as ImageHash writes it, and the pairs within the distance.

    `bits` is the length of the hash, of one segment for `crop-resistant`.
    """

    algorithm: Algorithm
    size: int
    bits: int
    distance: int
    pairs: list[HashPair]
    hashes: dict[str, str]
    skips: dict[SkipReason, int]


def audit_hashes(
    path: Path, algorithm: Algorithm, size: int | None, distance: int, *, progress: Progress = no_progress
) -> HashAuditResult:
    """Compare all pictures of a folder or archive by one hash, and change nothing; `size` None: ImageHash's own.

    Raises UsageError where there is no such place, no picture in it, no such hash, or no ImageHash.
    """
    size = algorithm.usual_size if size is None else size
    hashes: dict[str, Hash] = {}
    skips: Counter[SkipReason] = Counter()
    for batch in read_files(path, hashing(algorithm, size)):
        hashes |= {name: found for name, found in batch if isinstance(found, Hash)}
        skips.update(found.reason for _, found in batch if isinstance(found, Skip))
        progress(len(hashes), None)
    if not hashes and not skips:
        raise nothing_in(path, "compare")
    names = list(hashes)
    return HashAuditResult(
        algorithm=algorithm,
        size=size,
        bits=max((one.bits.shape[1] for one in hashes.values()), default=0),
        distance=distance,
        pairs=[HashPair(names[one], names[other], bits) for one, other, bits in near(list(hashes.values()), distance)],
        hashes={name: one.text for name, one in hashes.items()},
        skips=dict(skips.most_common()),
    )
