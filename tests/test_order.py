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
        ("CC BY 4.0", "by", True),
        ("CC BY 4.0", "by-sa", False),
        ("cc by-nc_sa 4.0 International", "by-nc-sa", True),
        ("CC-BY-2.0-DE", "by", True),
        ("CC-BY-2.0-DE", "CC BY 2.0", True),
        ("CC-BY-3.0-IGO", "CC-BY-2.0", False),
        ("CC-BY-2.0", "CC-BY-2.0-DE", True),
        ("CC0 1.0", "cc0", True),
        ("CC0 1.0 Universal", "CC0", True),
        ("cc-cc0-1.0", "cc0", True),
        ("CC BY-NC 4.0", "commercial", False),
        ("CC BY 4.0", "commercial", True),
        ("by-4.0-modified", "by", False),
        ("Public Domain Mark 1.0", "pdm", True),
    ],
)
def test_a_licence_is_one_of_those_named_and_in_every_group(license_: str, wanted: str, *, expected: bool) -> None:
    assert allows(license_, parse_licenses(wanted)) is expected


@pytest.mark.parametrize("text", ["mit", "by-xx", "cc0;by", "commercial use"])
def test_an_unknown_licence_is_told(text: str) -> None:
    with pytest.raises(UsageError, match=r"^licence .*: not known; choose from cc0, "):
        parse_licenses(text)


def test_licences_are_handed_to_sources_by_their_short_names() -> None:
    assert parse_licenses("CC0 1.0, CC-BY-SA-4.0,by,commercial") == ("cc0-1.0", "by-sa-4.0", "by", "commercial")


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
        ("", "http://img.example.org/1.jpg", "https://Example.org/", True),
        ("", "http://img.example.org/1.jpg", " example.org ", True),
        ("", "http://img.example.org/1.jpg", "*.example.org", True),
        ("", "http://img.example.org/1.jpg", ".example.org", True),
        ("", "http://img.example.org/1.jpg", "example.org/", True),
        ("", "http://img.example.org/1.jpg", "example.org.", True),
        ("", "http://img.example.org:81/1.jpg", "example.org", True),
        ("", "http://img.example.org:81/1.jpg", "example.org:81", True),
        ("", "http://img.example.org:82/1.jpg", "example.org:81", False),
        ("", "http://127.0.0.1:82/1.jpg", "127.0.0.1:82", True),
        ("", "http://localhost:82/1.jpg", "http://localhost:82/", True),
        ("", "http://xn--bcher-kva.example/1.jpg", "BÜCHER.example", True),
        ("", "http://[bad/cat/1.jpg", "cat", False),
        ("St.Louis arch", "", "st.louis", True),
        ("St. Louis arch", "", "ST. LOUIS", True),
        ("the louis", "", "st.louis", False),
        ("", "http://h.example/example.jpg", "https://example.org", False),
        ("16:9 film", "", "16:9", True),
        ("一个热狗照片", "", "热狗", True),
        ("一个狗热照片", "", "热狗", False),
        ("ジャンボホットドッグ屋", "", "ホットドッグ", True),
        ("ไข่เจียว", "", "ไข่", True),
        ("ไขเจียว", "", "ไข่", False),
        ("cafe\u0301 au lait", "", "caf\u00e9", True),
        ("caf\u00e9 au lait", "", "cafe\u0301", True),
        ("cafe au lait", "", "caf\u00e9", False),
        ("STRASSE", "", "stra\u00dfe", True),
        ("\uff48\uff4f\uff54 dog", "", "hot dog", True),
    ],
)
def test_a_word_or_a_site_is_left_out(title: str, url: str, excluded: str, *, expected: bool) -> None:
    order = Order(Search(), "c", Role.UNKNOWN, excluded=parse_excluded([excluded]))
    refused = order.refusal(Candidate("s", "1", url, title=title))
    assert (refused is not None) is expected
    assert refused is None or refused.reason is SkipReason.EXCLUDED


@pytest.mark.parametrize(
    "text", ["!!!", "", "  ", "https://", "https://example.org/photos", "ftp://example.org", "*.*"]
)
def test_what_names_neither_a_word_nor_a_site_is_told(text: str) -> None:
    with pytest.raises(UsageError, match=r"^--exclude .*: (holds no word|is no site); give "):
        parse_excluded([text])


def test_a_picture_that_its_source_says_is_small_is_not_fetched() -> None:
    order = Order(Search(), "c", Role.UNKNOWN, Limits(min_side=200))
    small = Skip(SkipReason.TOO_SMALL, "300 x 199, its source states", 200)
    assert order.refusal(Candidate("s", "1", "", width=300, height=199)) == small
    assert order.refusal(Candidate("s", "1", "", width=300, height=200)) is None
    assert order.refusal(Candidate("s", "1", "")) is None
