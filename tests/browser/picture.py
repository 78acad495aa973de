"""Take the README's picture of the review page, of the demo's pictures: `make review-picture`."""

import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

from PIL import Image
from playwright.sync_api import Page, sync_playwright

COLOURS = 160  # enough for photographs this small, and a third of the bytes
NEGBUILD = [sys.executable, "-m", "negbuild"]


def decide(page: Page) -> None:
    """Decide on some pictures, so that each verdict is seen, and select a few."""
    page.wait_for_selector("#grid:focus")
    for key in "kkdkukcm":
        page.keyboard.press(key)
    for _ in range(5):
        page.keyboard.press("ArrowRight")
    for _ in range(3):
        page.keyboard.press("Shift+ArrowRight")
    page.wait_for_selector(".tile.move:not(.saving)")
    page.wait_for_timeout(3500)  # until every picture is there, and what was said has faded


def main(target: Path) -> None:
    """Run the demo, serve its workspace, and write the picture."""
    program = shutil.which("chromium")
    assert program, "run: tests/browser/install.sh"
    with tempfile.TemporaryDirectory() as folder, sync_playwright() as playwright:
        subprocess.run([*NEGBUILD, "demo", "demo"], cwd=folder, stdout=subprocess.DEVNULL, check=True)
        review = subprocess.Popen(
            [*NEGBUILD, "review", "--no-open", "-w", "demo"], cwd=folder, stderr=subprocess.PIPE, text=True
        )
        assert review.stderr
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        page = browser.new_page(viewport={"width": 1280, "height": 760}, color_scheme="light")
        page.goto(review.stderr.readline().split()[1])
        decide(page)
        page.screenshot(path=target)
        browser.close()
        review.send_signal(signal.SIGINT)
        review.communicate()
    with Image.open(target) as picture:
        picture.convert("RGB").quantize(COLOURS).save(target, optimize=True)


if __name__ == "__main__":
    main(Path(sys.argv[1]))
