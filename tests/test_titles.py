"""What images are called in lists, where several have one title."""

import pytest

from negbuild.model import Candidate, Held, Image, Role
from negbuild.titles import titles


def held(url: str, title: str, category: str = "dog") -> Held:
    image = Image("", "JPEG", 100, 100, 1000)
    return Held(image, category, Role.KNOWN, Candidate("any", url, url, title=title), "")


@pytest.mark.parametrize(
    ("images", "called"),
    [
        ([("file:///home/a/1.jpg", "1.jpg"), ("file:///home/a/2.jpg", "2.jpg")], ["1.jpg", "2.jpg"]),
        ([("file:///home/a/1.jpg", "1.jpg"), ("file:///home/b/1.jpg", "1.jpg")], ["a/1.jpg", "b/1.jpg"]),
        ([("file:///a/x/1.jpg", "1.jpg"), ("file:///b/x/1.jpg", "1.jpg")], ["a/x/1.jpg", "b/x/1.jpg"]),
        ([("file:///x/1.jpg", "1.jpg"), ("file:///1.jpg", "1.jpg")], ["x/1.jpg", "1.jpg"]),
        ([("file:///a.zip#b/1.jpg", "1.jpg"), ("file:///a.zip#1.jpg", "1.jpg")], ["b/1.jpg", "a.zip/1.jpg"]),
        ([("file:///1.jpg", "1.jpg"), ("file:///1.jpg", "1.jpg")], ["1.jpg (0000)", "1.jpg (1111)"]),
        ([("file:///a%20b/1.jpg", "1.jpg"), ("file:///%FF/1.jpg", "1.jpg")], ["a b/1.jpg", "\udcff/1.jpg"]),
        (
            [("https://x.example/7", "Sunset"), ("file:///a/Sunset", "Sunset")],
            ["Sunset (https://x.example/7)", "Sunset"],
        ),
        ([("https://x.example/7", ""), ("https://x.example/8", "")], ["https://x.example/7", "https://x.example/8"]),
    ],
)
def test_as_much_of_an_address_is_added_as_tells_titles_apart(images: list[tuple[str, str]], called: list[str]) -> None:
    keys = [str(number) * 4 for number in range(len(images))]
    assert titles(dict(zip(keys, (held(*one) for one in images), strict=True))) == dict(zip(keys, called, strict=True))


def test_titles_of_two_categories_need_nothing_more() -> None:
    images = {"0": held("file:///a/1.jpg", "1.jpg"), "1": held("file:///b/1.jpg", "1.jpg", "cat")}
    assert titles(images) == {"0": "1.jpg", "1": "1.jpg"}
