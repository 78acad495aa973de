"""What images are called in lists: by their titles, and no two of a category alike. Pure functions."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import PurePosixPath

from negbuild.addresses import local_file
from negbuild.model import Candidate, Held


def titles(held: Mapping[str, Held]) -> dict[str, str]:
    """Name images; to a title that several of a category have, as much of their addresses is added as tells them apart.

    Those of one address, such as a file that was edited, are told apart by their SHA-256.
    """
    alike: dict[tuple[str, str], dict[str, Candidate]] = defaultdict(dict)
    for sha256, one in held.items():
        alike[one.category, _title(one.origin)][sha256] = one.origin
    return dict(pair for same in alike.values() for pair in (_apart(same) if len(same) > 1 else _alone(same)))


def _title(origin: Candidate) -> str:
    return origin.title or origin.source_id


def _alone(same: Mapping[str, Candidate]) -> Iterator[tuple[str, str]]:
    return ((sha256, _title(origin)) for sha256, origin in same.items())


def _apart(same: Mapping[str, Candidate]) -> Iterator[tuple[str, str]]:
    paths = {sha256: path for sha256, origin in same.items() if (path := _path(origin.url))}
    depth = _depth(paths.values())
    names = {
        sha256: "/".join(paths[sha256][-depth:]) if sha256 in paths else f"{_title(origin)} ({origin.url})"
        for sha256, origin in same.items()
    }
    times = Counter(names.values())
    return ((sha256, name if times[name] == 1 else f"{name} ({sha256[:12]})") for sha256, name in names.items())


def _path(url: str) -> Sequence[str]:
    """Give the folders and the name of a file of one's own, also of one in an archive."""
    if not url.startswith("file:"):
        return ()
    return [part for path in local_file(url) for part in PurePosixPath(path).parts if part != "/"]


def _depth(paths: Iterable[Sequence[str]]) -> int:
    """Count the parts, from the last on, that tell as many paths apart as all of their parts do."""
    different = {tuple(path) for path in paths}
    longest = max(map(len, different), default=1)
    return next(
        (depth for depth in range(1, longest) if len({path[-depth:] for path in different}) == len(different)), longest
    )
