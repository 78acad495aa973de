"""Another package adds a source: the one in examples/, built and found by its entry point."""

import json
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any, Protocol

import pytest

EXAMPLE = Path(__file__).parent.parent.parent / "examples" / "third_party_source"
Negbuild = Callable[..., Any]


class Server(Protocol):
    url: str
    routes: dict[str, Any]


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the package, and install it into a folder of its own."""
    checkout, out = tmp_path_factory.mktemp("checkout"), tmp_path_factory.mktemp("out")
    for file in ("pyproject.toml", "negbuild_artic.py"):
        shutil.copy(EXAMPLE / file, checkout / file)
    command = [sys.executable, "-m", "build", "--wheel", "--no-isolation", "--outdir", str(out), str(checkout)]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout[-2000:] + done.stderr[-2000:]
    (wheel,) = out.glob("*.whl")
    with zipfile.ZipFile(wheel) as archive:
        archive.extractall(out / "site")
    return out / "site"


def answer(url: str, works: list[dict[str, object]], pages: int = 1) -> bytes:
    body = {"pagination": {"total_pages": pages}, "data": works, "config": {"iiif_url": f"{url}/iiif/2"}}
    return json.dumps(body).encode()


def test_its_pictures_are_crawled_with_their_authors(
    negbuild: Negbuild, server: Server, site: Path, photo: Callable[..., bytes], reply: Callable[..., Any]
) -> None:
    def page(query: dict[str, str], _before: int) -> Any:  # noqa: ANN401
        first = 3 * int(query["page"])
        works = [
            {"id": number, "title": f"Work {number}", "artist_title": "Maker", "image_id": f"image-{number}"}
            for number in range(first, first + 3)
        ]
        return reply(answer(server.url, [*works, {"id": 99, "image_id": None}], pages=4))

    server.routes["/api/v1/artworks/search"] = page
    for number in range(20):
        server.routes[f"/iiif/2/image-{number}/full/843,/0/default.jpg"] = reply(photo(number))
    env = {"PYTHONPATH": str(site), "NEGBUILD_ARTIC_URL": server.url}
    assert "artic" in {one["name"] for one in negbuild("sources", "--json", env=env).json}
    done = negbuild("crawl", "-s", "artic", "-q", "landscape", "-n", 10, "--allow-private", "--json", env=env)
    assert (done.code, done.json["unique"]) == (0, 10), done.err
    assert negbuild("sources", "--check", "artic", env=env).code == 0


def test_an_answer_of_another_form_is_one_line(
    negbuild: Negbuild, server: Server, site: Path, reply: Callable[..., Any]
) -> None:
    server.routes["/api/v1/artworks/search"] = reply(b'{"data": 7}')
    env = {"PYTHONPATH": str(site), "NEGBUILD_ARTIC_URL": server.url}
    done = negbuild("crawl", "-s", "artic", "-q", "landscape", env=env)
    assert done.code == 4
    assert done.err.splitlines()[-1].startswith("negbuild: artic: the answer has another form than expected")
    checked = negbuild("sources", "--check", "artic", env=env)
    assert checked.code == 4
    assert "page form changed" in checked.out


def test_without_the_package_there_is_no_such_source(negbuild: Negbuild) -> None:
    assert negbuild("crawl", "-s", "artic", "-q", "landscape").code == 2


def test_the_whole_adapter_fits_on_a_page() -> None:
    text = (EXAMPLE / "negbuild_artic.py").read_text(encoding="utf-8")
    assert sum(bool(line.strip()) for line in text.splitlines()) <= 50
