"""Who downloads a list of URLs, and how one run of theirs is measured."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from servers import BenchError

_HERE = Path(__file__).resolve().parent
_PEERS = _HERE.parent.parent / ".venv-bench" / "bin"
_LONGEST_LAP = 600.0  # seconds; img2dataset is known to hang at its end
_TOO_FEW = 3  # exit code of negbuild where a list holds fewer pictures than wanted


@dataclass(frozen=True, slots=True)
class Contestant:
    """A name, and the command that downloads the URLs of a file into a folder."""

    name: str
    command: Callable[[Path, Path], list[str]]

    @property
    def program(self) -> str:
        """The first word of the name."""
        return self.name.partition(" ")[0]


@dataclass(frozen=True, slots=True)
class Lap:
    """One run of a command: pictures held, seconds of the whole process, peak resident memory, when it began.

    `between` are the seconds from its first file to its last: the work, without the start and the end of a program.
    """

    pictures: int
    seconds: float
    between: float
    peak_bytes: int
    began: float

    @property
    def rate(self) -> float:
        """Pictures a second, over the whole process."""
        return self.pictures / self.seconds

    @property
    def rate_between(self) -> float:
        """Pictures a second, from the first file to the last."""
        return (self.pictures - 1) / self.between


def negbuild(number: int) -> Contestant:
    """Hold `number` pictures of the list."""

    def command(urls: Path, folder: Path) -> list[str]:
        crawl = [sys.executable, "-m", "negbuild", "crawl", "--source", "urls", "--path", str(urls)]
        return [*crawl, "-n", str(number), "--category", "street", "--allow-private", "--json", "-w", str(folder)]

    return Contestant("negbuild", command)


def peers() -> list[Contestant]:
    """Return the others; raises BenchError where they are not installed."""
    if not (_PEERS / "img2dataset").exists():
        raise BenchError("peers: not in .venv-bench; run: make bench-crawl")
    return [
        Contestant("img2dataset 1.47.0", _img2dataset),
        # It decodes each picture and keeps its bytes, as negbuild does, where otherwise it encodes it anew.
        Contestant("img2dataset skip_reencode", lambda *places: [*_img2dataset(*places), "--skip_reencode=True"]),
        Contestant("icrawler 0.6.10", _icrawler),
    ]


def _img2dataset(urls: Path, folder: Path) -> list[str]:
    options = {
        "url_list": urls,
        "input_format": "txt",
        "output_folder": folder,
        "output_format": "files",
        "processes_count": 2,
        "thread_count": 32,
        "number_sample_per_shard": 250,
        "resize_mode": "no",
        "enable_wandb": False,
    }
    return [str(_PEERS / "img2dataset"), *(f"--{name}={value}" for name, value in options.items())]


def _icrawler(urls: Path, folder: Path) -> list[str]:
    return [str(_PEERS / "python"), str(_HERE / "peer_icrawler.py"), str(urls), str(folder)]


def lap(contestant: Contestant, urls: Path, scratch: Path) -> Lap:
    """Run one contestant in a fresh folder of `scratch`; raises BenchError where it fails.

    What it wrote stays: ext4 is slow to make files for half a minute after many were removed.
    """
    lane = Path(tempfile.mkdtemp(prefix=f"{contestant.program}-", dir=scratch))
    folder, told, log = lane / "out", lane / "told.json", lane / "log.txt"
    os.sync()  # what the one before wrote is not this one's load
    began, clock = time.time(), time.perf_counter()
    code, peak = _finished(contestant.command(urls, folder), told, log)
    seconds = time.perf_counter() - clock
    files = [path.stat().st_mtime for path in folder.rglob("*.jpg")]
    if code not in {0, _TOO_FEW if contestant.program == "negbuild" else 0} or not files:
        said = log.read_text(errors="replace").strip().splitlines()[-1:]
        raise BenchError(f"{contestant.program}: exit code {code}, {len(files)} pictures: {' '.join(said)}")
    number = _held(told) if contestant.program == "negbuild" else len(files)
    return Lap(number, seconds, max(files) - min(files), peak, began)


def _held(told: Path) -> int:
    """Pictures that negbuild says it holds."""
    result = json.loads(told.read_text())
    return int(result["unique"]) + int(result["copies"])


def _finished(command: list[str], told: Path, log: Path) -> tuple[int, int]:
    """Wait for a command: its exit code, and its peak resident memory in bytes."""
    environment = {name: value for name, value in os.environ.items() if not name.startswith("NEGBUILD_")}
    environment["NO_ALBUMENTATIONS_UPDATE"] = "1"  # img2dataset would ask the network for news
    with told.open("wb") as out, log.open("wb") as errors:
        process = subprocess.Popen(
            command, stdin=subprocess.DEVNULL, stdout=out, stderr=errors, env=environment, start_new_session=True
        )
        # The whole group: img2dataset's children would outlive it.
        timer = threading.Timer(_LONGEST_LAP, os.killpg, (process.pid, signal.SIGKILL))
        timer.start()
        try:
            _, status, usage = os.wait4(process.pid, 0)
        except BaseException:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            timer.cancel()
    process.returncode = os.waitstatus_to_exitcode(status)
    return process.returncode, usage.ru_maxrss * (1 if sys.platform == "darwin" else 1024)
