"""Which candidates are not even tried."""

import pytest

from negbuild.errors import UsageError
from negbuild.model import Candidate, Role, Search, Skip, SkipReason
from negbuild.order import Order, allows, parse_excluded, parse_licenses
from negbuild.picture import Limits


@pytest.mark.parametrize(
    ("license_", "wanted", "expected"),
    [
        ("CC-BY-2.0", "by", True),
        ("CC-BY-SA-4.0", "by", False),
        ("CC-BY-SA-4.0", "cc0,by-sa", True),
        ("CC-BY-2.0", "CC-BY-2.0", True),
        ("CC-BY-4.0", "CC-BY-2.0", False),
        ("CC0-1.0", "cc0", True),
        ("CC-PDM-1.0", "pdm", True),
        ("CC-BY-NC-2.0", "commercial", False),
        ("CC-BY-ND-2.0", "commercial", True),
        ("CC-BY-ND-2.0", "commercial,derivatives", False),
        ("CC-BY-SA-2.0", "commercial,derivatives", True),
        ("CC-BY-2.0", "by-sa,commercial", False),
        ("Unsplash License", "commercial,derivatives", True),
        ("Unsplash License", "by", False),
        ("unknown", "commercial", False),
        ("unknown", "by", False),
        ("by-nc", "by-nc", True),
    ],
)
def test_a_licence_is_one_of_those_named_and_in_every_group(license_: str, wanted: str, *, expected: bool) -> None:
    assert allows(license_, parse_licenses(wanted)) is expected


@pytest.mark.parametrize("text", ["mit", "by-xx", "cc0;by", "commercial use"])
def test_an_unknown_licence_is_told(text: str) -> None:
    with pytest.raises(UsageError, match=r"^licence .*: not known; choose from cc0, "):
        parse_licenses(text)


@pytest.mark.parametrize(
    ("title", "url", "excluded", "expected"),
    [
        ("A Hot-Dog stand", "", "hot dog", True),
        ("Hot dogs", "", "hot dog", True),
        ("hotdog", "", "hot dog", False),
        ("cathedral", "", "cat", False),
        ("two cats", "", "cat", True),
        ("boxes", "", "box", True),
        ("", "http://h.example/my_hot%20dog.jpg", "Hot Dog", True),
        ("", "http://img.example.org/1.jpg", "example.org", True),
        ("", "http://notexample.org/1.jpg", "example.org", False),
        ("", "http://h.example/example.org.jpg", "example.org", False),
    ],
)
def test_a_word_or_a_site_is_left_out(title: str, url: str, excluded: str, *, expected: bool) -> None:
    order = Order(Search(), "c", Role.UNKNOWN, excluded=parse_excluded([excluded]))
    refused = order.refusal(Candidate("s", "1", url, title=title))
    assert (refused is not None) is expected
    assert refused is None or refused.reason is SkipReason.EXCLUDED


def test_a_picture_that_its_source_says_is_small_is_not_fetched() -> None:
    order = Order(Search(), "c", Role.UNKNOWN, Limits(min_side=200))
    small = Skip(SkipReason.TOO_SMALL, "300 x 199, its source states", 200)
    assert order.refusal(Candidate("s", "1", "", width=300, height=199)) == small
    assert order.refusal(Candidate("s", "1", "", width=300, height=200)) is None
    assert order.refusal(Candidate("s", "1", "")) is None
