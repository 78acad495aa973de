"""The report, opened from the disk as a person opens it."""

import re
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from playwright.sync_api import Page, expect

Negbuild = Callable[..., Any]


@pytest.fixture
def report(negbuild: Negbuild, tmp_path: Path) -> str:
    """Run the demo, which ends with a report."""
    assert negbuild("demo").code == 0
    return (tmp_path / "negbuild-demo" / "report.html").as_uri()


def length(page: Page, category: str) -> float:
    """Measure the bar of a category, in pixels."""
    row = page.get_by_role("row", name=re.compile(rf"^{category}\b")).first
    pieces = [piece.bounding_box() for piece in row.locator(".bar i").all()]
    return sum(box["width"] for box in pieces if box)


def test_the_report_shows_what_it_says_at_any_width(
    report: str, visit: Callable[..., Page], keep_picture: Callable[[Page, str], None]
) -> None:
    for size, scheme in (("desktop", "light"), ("phone", "dark")):
        page = visit(report, size, scheme, reduced_motion="reduce")  # so that links lead there at once
        expect(page.get_by_role("heading", name="What to do next")).to_be_visible()
        assert length(page, "coffee") == pytest.approx(length(page, "cat") * 26 / 13, rel=0.02)
        assert page.evaluate("document.scrollingElement.scrollWidth <= window.innerWidth")
        for link in page.get_by_role("navigation").get_by_role("link").all():
            link.click()
            assert page.evaluate("document.querySelector(location.hash).getBoundingClientRect().top < innerHeight")
        pictures = page.locator("img")
        assert pictures.count() == 188 + 32  # each once, and the copies beside what is kept
        for place in (0, 100, 219):
            pictures.nth(place).scroll_into_view_if_needed()
            assert pictures.nth(place).get_attribute("alt")
            assert pictures.nth(place).evaluate("one => one.decode().then(() => one.naturalWidth > 0)")
        page.evaluate("scrollTo(0, 0)")
        keep_picture(page, f"report-{size}-{scheme}")


def test_everything_on_the_report_can_be_reached_by_keyboard(report: str, visit: Callable[..., Page]) -> None:
    page = visit(report)
    page.keyboard.press("Tab")
    focused = page.locator(":focus")
    expect(focused).to_have_text("Skip to the content")
    page.keyboard.press("Enter")
    expect(page).to_have_url(re.compile("#main$"))
    for _ in range(300):  # each picture leads to its page
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.tagName") == "SUMMARY":
            break
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"
    attribution = page.locator("details ul")
    expect(attribution).to_be_hidden()
    page.keyboard.press("Enter")
    expect(attribution).to_be_visible()
