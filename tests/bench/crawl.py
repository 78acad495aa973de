"""The benchmarks of `make bench-crawl`: loopback, real photographs, a real disk; they print ratios, assert nothing.

throughput  4,000 photographs on 16 hosts of nginx, by negbuild, img2dataset (twice) and icrawler in turn
hosts       200 hosts that answer after 50 ms, without and with five among them that hang or throttle
queries     eight searches, each of which finds a picture on a host that hangs, together and one after the other
queue       1,000 pictures from lists of 4,000 and of 1,000,000 URLs: memory, and time until the first request

Of two rounds the best counts, of more the median. What is made lies in .bench/ and is used again. Linux only, where all
of 127.0.0.0/8 is loopback.
"""

import argparse
import os
import platform
import subprocess
import sys
import tempfile
from collections.abc import Callable, Iterable, Iterator
from operator import attrgetter
from pathlib import Path
from typing import TypeVar

from contestants import Contestant, Lap, lap, negbuild, peers
from servers import (
    FOUND,
    GOOD_HOSTS,
    HANGING_HOSTS,
    NGINX_HOSTS,
    THROTTLING_HOSTS,
    BenchError,
    nginx,
    slow_hosts,
)

Run = TypeVar("Run")

_HERE = Path(__file__).resolve().parent
_BENCH = _HERE.parent.parent / ".bench"
_PHOTOGRAPHS = 4_000
_PER_HOST = 10
_QUERIES = 8
_LONG_LIST = 1_000_000
_FROM_LONG_LIST = 1_000
_CPUINFO = Path("/proc/cpuinfo")


def throughput(rounds: int, scratch: Path) -> None:
    """Compare with the peers on the same list of photographs."""
    contestants = [negbuild(_PHOTOGRAPHS), *peers()]
    folder = _pictures("web", _PHOTOGRAPHS)
    decoding = float(_script("inspect", folder))  # brings the files into memory, too
    with nginx(_BENCH / "nginx", folder) as port:
        urls = _written("throughput.txt", _nginx_urls(port, _PHOTOGRAPHS))
        laps = [[lap(one, urls, scratch) for one in contestants] for _ in range(rounds)]
    fair = [_fair(list(each)) for each in zip(*laps, strict=True)]
    print(f"\nthroughput: {_PHOTOGRAPHS:,} photographs on {len(NGINX_HOSTS)} hosts of nginx")
    print(f"{'':26}{'the whole command':>37}{'first to last file':>26}")
    print(f"{'':26}{'pictures':>9}{'seconds':>9}{'a second':>10}{'negbuild':>9}{'a second':>16}{'negbuild':>10}")
    for one, run in zip(contestants, fair, strict=True):
        whole, between = fair[0].rate / run.rate, fair[0].rate_between / run.rate_between
        print(f"{one.name:26}{run.pictures:9,}{run.seconds:9.1f}{run.rate:10.0f}{whole:8.2f}x", end="")
        print(f"{run.rate_between:16.0f}{between:9.2f}x")
    cores = os.cpu_count() or 1
    share = decoding / (fair[0].seconds * cores)
    print(f"negbuild.picture.inspect: {1000 * decoding / _PHOTOGRAPHS:.2f} ms of CPU a picture in one thread, ", end="")
    print(f"{share:.0%} of negbuild's {fair[0].seconds:.1f} s on {cores} cores")


def hosts(rounds: int, scratch: Path) -> None:
    """Compare a crawl of slow hosts with the same one among which some hang or throttle."""
    number = len(GOOD_HOSTS) * _PER_HOST
    bad = [*HANGING_HOSTS, *THROTTLING_HOSTS]
    folder = _pictures("small", number)
    with slow_hosts(folder) as port:
        lists = [_written(f"hosts-{len(some)}-bad.txt", _host_urls(port, some)) for some in ([], bad)]
        laps = [[lap(negbuild(number), urls, scratch) for urls in lists] for _ in range(rounds)]
    good, mixed = (_fair(list(each)) for each in zip(*laps, strict=True))
    print(f"\nhosts: {number:,} photographs on {len(GOOD_HOSTS)} hosts that answer after 50 ms")
    print(f"{'':44}{'pictures':>9}{'seconds':>9}{'ratio':>9}")
    names = (
        "only these hosts",
        f"with {len(HANGING_HOSTS)} that hang, {len(THROTTLING_HOSTS)} that say 429, between",
    )
    for name, run in zip(names, (good, mixed), strict=True):
        print(f"{name:44}{run.pictures:9,}{run.seconds:9.2f}{run.seconds / good.seconds:8.2f}x")


def queries(rounds: int, scratch: Path) -> None:
    """Compare several searches in one command with a command for each."""
    folder = _pictures("small", len(GOOD_HOSTS) * _PER_HOST)
    together: list[Lap] = []
    apart: list[list[Lap]] = []
    with slow_hosts(folder) as port:
        for _ in range(rounds):
            together.append(lap(_searching(range(_QUERIES), port), folder, scratch))
            apart.append([lap(_searching([query], port), folder, scratch) for query in range(_QUERIES)])
    at_once, each = _fair(together), _fair(apart, _seconds)
    print(f"\nqueries: {FOUND} photographs for each of {_QUERIES} searches, before them one on a host that hangs")
    print(f"{'':44}{'pictures':>9}{'seconds':>9}{'ratio':>9}")
    print(f"{'in one command':44}{at_once.pictures:9,}{at_once.seconds:9.2f}{1:8.2f}x")
    pictures, seconds = sum(one.pictures for one in each), _seconds(each)
    print(f"{'in a command each, one after the other':44}{pictures:9,}{seconds:9.2f}{seconds / at_once.seconds:8.2f}x")


def _searching(numbers: Iterable[int], port: int) -> Contestant:
    """Search for what the slow hosts find under these numbers."""
    asked = [part for number in numbers for part in ("-q", str(number))]
    most = FOUND * len(asked) // 2
    crawl = [sys.executable, "-m", "negbuild", "crawl", "-s", "openverse", "--url", f"http://{GOOD_HOSTS[0]}:{port}"]
    rest = ["-n", str(most), "--allow-private", "--contact", "bench@example.org", "--json"]
    return Contestant("negbuild", lambda _, folder: [*crawl, *asked, *rest, "-w", str(folder)])


def _seconds(laps: Iterable[Lap]) -> float:
    return sum(one.seconds for one in laps)


def queue(rounds: int, scratch: Path) -> None:
    """Compare the first pictures of a long list with those of a short one."""
    folder = _pictures("web", _PHOTOGRAPHS)
    lengths = (_PHOTOGRAPHS, _LONG_LIST)
    laps = [[_first_of(length, folder, scratch) for length in lengths] for _ in range(rounds)]
    short, long = (_fair([run for run, _ in each]) for each in zip(*laps, strict=True))
    waits = {run: wait for row in laps for run, wait in row}
    print(f"\nqueue: {_FROM_LONG_LIST:,} photographs from the start of a list")
    print(f"{'':20}{'pictures':>9}{'seconds':>9}{'ratio':>9}", end="")
    print(f"{'peak MiB':>12}{'ratio':>9}{'1st request s':>15}{'ratio':>9}")
    for length, run in zip(lengths, (short, long), strict=True):
        ratios = run.seconds / short.seconds, run.peak_bytes / short.peak_bytes, waits[run] / waits[short]
        print(f"{f'{length:,} URLs':20}{run.pictures:9,}{run.seconds:9.2f}{ratios[0]:8.2f}x", end="")
        print(f"{run.peak_bytes / 2**20:12.0f}{ratios[1]:8.2f}x{waits[run]:15.2f}{ratios[2]:8.2f}x")


def _first_of(length: int, folder: Path, scratch: Path) -> tuple[Lap, float]:
    """Crawl the start of a list; the run, and the seconds from its beginning to the first answer of the server."""
    log = _BENCH / "nginx" / "moments.log"
    log.unlink(missing_ok=True)
    with nginx(_BENCH / "nginx", folder, log=log) as port:
        run = lap(negbuild(_FROM_LONG_LIST), _written("queue.txt", _nginx_urls(port, length)), scratch)
    with log.open() as moments:
        return run, float(next(moments)) - run.began


def _nginx_urls(port: int, number: int) -> Iterator[str]:
    for place in range(number):
        yield f"http://{NGINX_HOSTS[place % len(NGINX_HOSTS)]}:{port}/{place:05d}.jpg"


def _host_urls(port: int, bad: list[str]) -> Iterator[str]:
    """Name a picture of each host in turn; the bad hosts come evenly between the good ones."""
    step = len(GOOD_HOSTS) // max(1, len(bad))
    for turn in range(_PER_HOST):
        for place, host in enumerate(GOOD_HOSTS):
            name = f"{turn * len(GOOD_HOSTS) + place:05d}.jpg"
            if bad and place % step == 0:
                yield f"http://{bad[place // step]}:{port}/{name}"
            yield f"http://{host}:{port}/{name}"


def _written(name: str, urls: Iterator[str]) -> Path:
    path = _BENCH / name
    with path.open("w") as file:  # line by line: see _script
        file.writelines(f"{url}\n" for url in urls)
    return path


def _pictures(kind: str, number: int) -> Path:
    folder = _BENCH / kind
    _script("make", folder, kind, number)
    return folder


def _script(*arguments: object) -> str:
    """Run pictures.py in a process of its own: the peak memory that a child reports starts at its parent's."""
    command = [sys.executable, str(_HERE / "pictures.py"), *map(str, arguments)]
    done = subprocess.run(command, stdout=subprocess.PIPE, text=True, check=False)
    if done.returncode:
        raise BenchError(f"pictures.py: exit code {done.returncode}; see the error above")
    return done.stdout


def _fair(laps: list[Run], seconds: Callable[[Run], float] = attrgetter("seconds")) -> Run:
    """Choose the best of two laps, the median of more."""
    ordered = sorted(laps, key=seconds)
    return ordered[len(laps) // 2 if len(laps) > 2 else 0]


def _machine() -> str:
    models = [line for line in _CPUINFO.read_text().splitlines() if "model name" in line] if _CPUINFO.exists() else []
    model = models[0].partition(":")[2].strip() if models else platform.processor() or platform.machine()
    return f"{model}, {os.cpu_count()} cores, Python {platform.python_version()}"


PARTS = {"throughput": throughput, "hosts": hosts, "queries": queries, "queue": queue}


def main() -> None:
    """Run the parts that are asked for."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=2, help="laps of each contestant, in turn (default: 2)")
    parser.add_argument("--only", choices=PARTS, help="one part; else all")
    options = parser.parse_args()
    _BENCH.mkdir(exist_ok=True)
    print(_machine())
    with tempfile.TemporaryDirectory(dir=_BENCH, prefix="out-") as scratch:
        for part in [options.only] if options.only else PARTS:
            PARTS[part](max(1, options.rounds), Path(scratch))


if __name__ == "__main__":
    try:
        main()
    except BenchError as error:
        sys.exit(f"bench: {error}")
    except KeyboardInterrupt:
        sys.exit(130)
