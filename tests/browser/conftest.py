"""A real Chromium, the system's own, driven by Playwright.

It comes from Debian's packages (`install.sh`), so these tests run only where they are named: `make test-browser`.
"""

import shutil
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Browser, ConsoleMessage, Page, Route, sync_playwright

HERE = Path(__file__).parent
PICTURES = HERE.parent.parent / ".screenshots"
SIZES = {"desktop": (1280, 800), "phone": (390, 844)}


def pytest_ignore_collect(config: pytest.Config) -> bool | None:
    """Leave this folder out, unless the run names it."""
    named = (Path(argument.partition("::")[0]).resolve() for argument in config.args)
    return None if any(path.is_relative_to(HERE) for path in named) else True


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    program = shutil.which("chromium")
    if not program:
        pytest.fail("chromium is not there; run: tests/browser/install.sh")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=program, args=["--no-sandbox"])
        yield browser
        browser.close()


class Quiet:
    """Opens pages, and fails the test where one complains or asks for anything that is not on this machine."""

    def __init__(self, browser: Browser) -> None:
        self._browser = browser
        self._contexts: list[Any] = []
        self.complaints: list[str] = []

    def __call__(self, address: str, size: str = "desktop", scheme: str = "light", **more: Any) -> Page:  # noqa: ANN401
        width, height = SIZES[size]
        context = self._browser.new_context(
            viewport={"width": width, "height": height},
            color_scheme="dark" if scheme == "dark" else "light",
            has_touch=size == "phone",
            **more,
        )
        self._contexts.append(context)
        return self.another(context, address)

    def another(self, context: Any, address: str) -> Page:  # noqa: ANN401
        """Open one more tab."""
        page: Page = context.new_page()
        page.set_default_timeout(10_000)
        page.route("**/*", self._watch)
        page.on("console", self._listen)
        page.on("pageerror", lambda error: self.complaints.append(str(error)))
        page.goto(address)
        return page

    def _watch(self, route: Route) -> None:
        if not route.request.url.startswith(("http://127.0.0.1:", "file:")):
            self.complaints.append(f"asked for {route.request.url}")
        route.continue_()

    def _listen(self, message: ConsoleMessage) -> None:
        if message.type in {"error", "warning"}:
            self.complaints.append(message.text)

    def close(self) -> None:
        for context in self._contexts:
            context.close()


@pytest.fixture
def visit(chromium: Browser) -> Iterator[Quiet]:
    """Open a page: `visit(address, "phone", "dark")`. Whatever it complains of fails the test."""
    opened = Quiet(chromium)
    yield opened
    opened.close()
    assert opened.complaints == []


@pytest.fixture
def keep_picture() -> Callable[[Page, str], None]:
    """Keep a picture of a page as an artefact, in .screenshots."""

    def keep(page: Page, name: str) -> None:
        PICTURES.mkdir(exist_ok=True)
        page.screenshot(path=PICTURES / f"{name}.png")

    return keep
