"""Programs that nobody here wrote, started on loopback: a MediaWiki, and a searx whose engines ask the test's server.

They come from Debian's packages (`install.sh`), so these tests run only where they are named: `make test-servers`.
"""

import hashlib
import os
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from pathlib import Path

import pytest

HERE = Path(__file__).parent
RUN = Path(os.environ.get("NEGBUILD_SERVERS_RUN", HERE.parent.parent / ".servers"))
SETTINGS = HERE / "commons.php"
MEDIAWIKI = Path("/usr/share/mediawiki")
SEARX = Path("/usr/lib/python3/dist-packages/searx")
PATIENCE = 20.0  # seconds for a server to come up

Photo = Callable[..., bytes]
_PDF = b"%PDF-1.4\n1 0 obj<</Type/Catalog/Pages 2 0 R>>endobj\n2 0 obj<</Type/Pages/Kids[]/Count 0>>endobj\n%%EOF\n"


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out, unless the run names it."""
    named = (Path(argument.partition("::")[0]).resolve() for argument in config.args)
    return None if any(path.is_relative_to(HERE) for path in named) else True


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        return int(one.getsockname()[1])


@contextmanager
def serving(command: Sequence[object], probe: str, log: Path, env: Mapping[str, str]) -> Iterator[None]:
    """Run a server until it is left; it ends with this process in any case, however that ends."""
    with log.open("wb") as output:
        server = subprocess.Popen(
            ["setpriv", "--pdeathsig", "TERM", *map(str, command)],
            env={**os.environ, **env},
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
        )
    try:
        until = time.monotonic() + PATIENCE
        while not answers(probe):
            assert server.poll() is None, log.read_text(errors="replace")
            assert time.monotonic() < until, f"{probe} does not answer; see {log}"
            time.sleep(0.05)
        yield
    finally:
        server.terminate()
        server.wait(PATIENCE)


def answers(url: str) -> bool:
    try:
        with urllib.request.urlopen(url, timeout=5) as answer:
            return bool(answer.status == 200)
    except (urllib.error.URLError, ConnectionError, TimeoutError):
        return False


def need(program: Path) -> None:
    if not program.exists() or not shutil.which("setpriv"):
        pytest.fail(f"{program} is not there; run: tests/servers/install.sh")


@pytest.fixture
def searx(tmp_path: Path) -> Iterator[Callable[..., str]]:
    """Start a searx whose engines ask `upstream`, and give its address: `searx(upstream, "html", "json")`."""
    need(SEARX)
    with ExitStack() as stack:

        def start(upstream: str, *formats: str) -> str:
            port = free_port()
            address = f"http://127.0.0.1:{port}"
            command = ["/usr/bin/python3", HERE / "searx_server.py", port, upstream, *formats]
            log = tmp_path / f"searx-{port}.log"
            stack.enter_context(serving(command, f"{address}/config", log, {"TMPDIR": str(tmp_path)}))
            return address

        yield start


@pytest.fixture(scope="session")
def wiki(photo: Photo) -> Iterator[str]:
    """Install a wiki of pictures once, start it, and give its address."""
    need(MEDIAWIKI)
    folder, address = RUN / "wiki", f"http://127.0.0.1:{free_port()}"
    env = {"WIKI": str(folder), "WIKI_URL": address}
    version = hashlib.sha256(Path(__file__).read_bytes() + SETTINGS.read_bytes()).hexdigest()
    finished = folder / version
    if not finished.exists():
        shutil.rmtree(folder, ignore_errors=True)
        install_wiki(folder, env, photo)
        finished.touch()
    command = ["php", "-d", "display_errors=0", "-S", address.removeprefix("http://"), "-t", folder / "site"]
    env["MW_CONFIG_FILE"] = str(SETTINGS)
    with serving(command, f"{address}/w/api.php?action=query&format=json", folder / "php.log", env):
        yield address


def install_wiki(folder: Path, env: Mapping[str, str], photo: Photo) -> None:
    (folder / "data").mkdir(parents=True)
    (folder / "site" / "images").mkdir(parents=True)
    (folder / "site" / "w").symlink_to(MEDIAWIKI)
    draw_collection(folder / "uploads", photo)

    def maintain(script: str, *arguments: str | Path, **more: str) -> None:
        done = subprocess.run(
            ["php", MEDIAWIKI / "maintenance" / f"{script}.php", *arguments],
            env={**os.environ, **env, **more},
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        assert done.returncode == 0, f"{script}: {done.stdout[-2000:]}{done.stderr[-2000:]}"

    database = ("--dbtype", "sqlite", "--dbname", "commons", "--dbpath", folder / "data")
    place = ("--server", env["WIKI_URL"], "--scriptpath", "/w", "--confpath", folder)
    maintain("install", *database, *place, "--pass", "only-on-Loopback-1", "Commons", "Admin")
    settings = {"MW_CONFIG_FILE": str(SETTINGS)}
    kinds = ("--extensions", "jpg,png,gif,svg,pdf", "--comment-ext", "txt")
    maintain("importImages", *kinds, "--user", "Admin", folder / "uploads", **settings)
    maintain("rebuildtextindex", **settings)
    for lost in (folder / "site" / "images").rglob("*_lost.jpg"):
        lost.unlink()  # as it happens on Commons, too: the page is there, and the file is gone


def draw_collection(folder: Path, photo: Photo) -> None:
    """Draw what the wiki holds: files, each with its description page; see test_servers.py for what becomes of them."""
    folder.mkdir()

    def upload(name: str, body: bytes, license_: str, author: str = "[[User:Ann|Ann Ölund]]") -> None:
        (folder / name).write_bytes(body)
        (folder / f"{name}.txt").write_text(
            f"{{{{Information|description=A harbour|author={author}}}}}\n{{{{{license_}}}}}\n[[Category:Harbours]]\n",
            encoding="utf-8",
        )

    for number in range(55):
        upload(f"Harbour_{number:02}.jpg", photo(number, (640, 480)), ("cc-by-sa-4.0", "cc-by-2.0")[number % 2])
    for number in range(55, 60):
        upload(f"Harbour_{number}_(large).jpg", photo(number, (1600, 1200)), "cc-by-sa-4.0", "Zoë & Co.")
    upload("Zoë's_harbour,_drawn_1891?.png", photo(60, (200, 150), "PNG"), "cc-by-2.0", "Unknown")
    upload("Harbour_crane.gif", photo(61, (200, 150), "GIF"), "cc-by-2.0")
    upload("Harbour_icon.png", photo(62, (48, 48), "PNG"), "cc-by-2.0")
    upload("Harbour_again.jpg", photo(0, (640, 480)), "cc-by-sa-4.0")
    upload("Harbour_lost.jpg", photo(63), "cc-by-2.0")
    upload("Harbour_map.svg", b'<svg xmlns="http://www.w3.org/2000/svg" width="90" height="90"/>', "cc-by-2.0")
    upload("Harbour_rules.pdf", _PDF, "cc-by-2.0")
    for number in range(70, 75):
        (folder / f"Meadow_{number}.jpg").write_bytes(photo(number))
