"""What is read in a robots.txt and in X-Robots-Tag, whatever is written there."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from negbuild.model import SkipReason
from negbuild.robots import Rules, opt_out

ASKS = {
    "noai": SkipReason.NOAI,
    "noimageai": SkipReason.NOIMAGEAI,
    "noindex": SkipReason.NOINDEX,
    "none": SkipReason.NOINDEX,
    "noimageindex": SkipReason.NOIMAGEINDEX,
    "noml": SkipReason.NOML,
}
DATES = ["Wed, 25 Jun 2036 15:00:00 GMT", "25 Jun 2036 15:00:00 GMT", "Wednesday, 25-Jun-36 15:00:00 GMT", "2036-06-25"]
HARMLESS = [
    *("all", "nofollow", "noarchive", "max-snippet:5", "max-image-preview:none"),
    *(f"unavailable_after: {date}" for date in DATES),
]
FOR_US = ["negbuild", "NegBuild", "*", "negbuild/0.1.0"]
FOR_OTHERS = ["otherbot", "negbuilder", "googlebot-news", "GPTBot/1.2", "360spider"]

directives = st.lists(st.sampled_from([*ASKS, *HARMLESS]), min_size=1, max_size=4)
groups = st.lists(st.tuples(st.sampled_from(FOR_US + FOR_OTHERS), directives), max_size=3)


@given(directives | st.just([]), groups, st.sampled_from([", ", ",", "; ", " ,"]), st.booleans())
def test_a_tag_means_what_it_says_to_everybody_and_to_negbuild(
    everybody: list[str], addressed: list[tuple[str, list[str]]], between: str, capitals: bool
) -> None:
    parts = everybody + [f"{bot}: {between.join(asked)}" for bot, asked in addressed]
    tag = between.join(parts)
    ours = everybody + [one for bot, asked in addressed if bot in FOR_US for one in asked]
    expected = next((ASKS[one] for one in ours if one in ASKS), None)
    found = opt_out([tag.upper() if capitals else tag])
    assert (found and found.reason) == expected


@given(st.lists(st.text() | st.text("noaimlindex,;: /*negbuildWed0123456789")))
def test_any_tag_is_read(tags: list[str]) -> None:
    found = opt_out(tags)
    assert found is None or found.reason in ASKS.values()


@pytest.mark.parametrize(
    ("tag", "expected"),
    [
        *ASKS.items(),
        ("", None),
        ("unavailable_after: Wed, 25 Jun 2036 15:00:00 GMT, noai", SkipReason.NOAI),
        ("unavailable_after: noai, noindex", SkipReason.NOINDEX),
        ("noindex; noai", SkipReason.NOINDEX),
        ("nofollow; noai", SkipReason.NOAI),
        ("nofollow noai", SkipReason.NOAI),
        ("negbuild/0.1.0: noai", SkipReason.NOAI),
        ("otherbot/2: noai, noindex", None),
        ("otherbot: noai, negbuild: noindex", SkipReason.NOINDEX),
        ("max-image-preview:none", None),
    ],
)
def test_a_tag(tag: str, expected: SkipReason | None) -> None:
    found = opt_out([tag])
    assert (found and found.reason) == expected


def test_each_header_speaks_to_everybody_until_it_names_a_bot() -> None:
    found = opt_out(["otherbot: nofollow", "noai"])
    assert found
    assert found.reason is SkipReason.NOAI


@pytest.mark.parametrize(
    ("delay", "seconds"), [("2.5", 2.5), ("30", 30), ("31", 30), ("86400", 30), ("0", 0), ("ten", 0)]
)
def test_a_delay_is_kept_up_to_thirty_seconds(delay: str, seconds: float) -> None:
    assert Rules(f"User-agent: *\nCrawl-delay: {delay}").delay == seconds


@pytest.mark.parametrize(
    "name", ["negbuild", "NegBuild/0.1.0", "negbuild/*", "negbuild (all versions)", "negbuild # us"]
)
def test_a_robots_txt_that_names_negbuild_with_more_behind_it_is_obeyed(name: str) -> None:
    rules = Rules(f"User-agent: *\nDisallow: /b\n\nuser-agent:{name}\r\nDisallow: /a\r\n")
    assert rules.refusal("http://a.example/a")
    assert rules.refusal("http://a.example/b") is None


@pytest.mark.parametrize("name", ["negbuilder", "negbuild-news", "otherbot negbuild", "neg", "neg*"])
def test_a_robots_txt_that_names_others_is_not_for_negbuild(name: str) -> None:
    rules = Rules(f"User-agent: {name}\nDisallow: /a\n\nUser-agent: *\nDisallow: /b\n")
    assert rules.refusal("http://a.example/a") is None
    assert rules.refusal("http://a.example/b")


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
def test_a_robots_txt_is_obeyed_however_its_lines_end(end: str) -> None:
    rules = Rules(end.join(["User-agent: *", "Disallow: /b", "", "User-agent: negbuild", "Disallow: /a", ""]))
    assert rules.refusal("http://a.example/a")
    assert rules.refusal("http://a.example/b") is None
