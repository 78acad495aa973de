"""Open Images: whose pictures are named, what its lists may look like, and a crawl of lists like them."""

import csv
import gzip
import io
import sqlite3
import subprocess
import sys
from collections.abc import Callable, Iterable, Iterator
from contextlib import closing
from pathlib import Path
from typing import Any, Protocol

import pytest

from negbuild.errors import FormChanged, Moved, NothingFound, SourceError, Unreachable, UsageError
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.source import find_source

HERE = Path(__file__).parent / "openimages"
LISTS = {
    "/v7/oidv7-class-descriptions.csv": "classes",
    "/v7/oidv7-val-annotations-human-imagelabels.csv": "labels",
    "/2018_04/validation/validation-images-with-rotation.csv": "images",
}
LOOK = "look at --option classes, labels and images if you set them, else upgrade negbuild"


class Server(Protocol):
    url: str
    routes: dict[str, Any]
    asked: dict[str, int]


Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]


class Lists:
    """A web of texts by path; `read` counts the lines that were taken of each."""

    get: Any = None
    post: Any = None

    def __init__(self, **lists: Iterable[str]) -> None:
        texts = {path: (HERE / f"{name}.csv").read_text(encoding="utf-8").splitlines() for path, name in LISTS.items()}
        self.lists: dict[str, Iterable[str]] = {path: lists.get(name, texts[path]) for path, name in LISTS.items()}
        self.read = dict.fromkeys(LISTS.values(), 0)

    def lines(self, url: str) -> Iterator[str]:
        path = url.removeprefix("http://lists.example")
        for line in self.lists[path]:
            self.read[LISTS[path]] += 1
            yield line


def found(web: Any, text: str = "hot dog", **options: str) -> list[Candidate]:  # noqa: ANN401
    search = Search(text=text, base_url="http://lists.example", options=options)
    return list(find_source("openimages").search(search, web))


def ids(candidates: list[Candidate]) -> list[str]:
    return [one.source_id[-2:] for one in candidates]


def row(*cells: object) -> str:
    buffer = io.StringIO()
    csv.writer(buffer).writerow(cells)
    return buffer.getvalue().removesuffix("\r\n")


IMAGES = (
    "ImageID,Subset,OriginalURL,OriginalLandingURL,License,AuthorProfileURL,Author,Title,OriginalSize,OriginalMD5,"
    "Thumbnail300KURL,Rotation"
)


def image(image_id: str, title: str = "") -> str:
    page, license_ = f"https://www.flickr.com/photos/someone/{image_id}", "https://creativecommons.org/licenses/by/2.0/"
    author = f"Author of {image_id}"
    return row(image_id, "train", "", page, license_, "https://www.flickr.com/people/x/", author, title, 1, "x", "", "")


@pytest.mark.parametrize("query", ["Hot dog", "HOT DOG", " hot dog ", "/m/01b9xk"])
def test_a_class_is_asked_for_by_its_name_or_its_identifier(query: str) -> None:
    assert ids(found(Lists(), query)) == ["a6", "a1", "a2"]


def test_pictures_that_somebody_saw_it_on_and_those_that_only_a_machine_judged_are_left_out() -> None:
    named = ids(found(Lists()))
    assert not {"a3", "a4"} & set(named)  # seen, by all or by one of two
    assert "a5" not in named  # nobody looked
    assert "a7" not in named  # another class, whose identifier begins with this one's
    assert len(set(named)) == len(named)


@pytest.mark.parametrize(
    ("options", "urls"),
    [
        ({"size": "thumbnail"}, ["https://c8.staticflickr.com/2/6_z.jpg", "https://farm3.staticflickr.com/3/1_o.jpg"]),
        (
            {"size": "original"},
            ["https://farm2.staticflickr.com/2/6_o.jpg", "https://farm3.staticflickr.com/3/1_o.jpg"],
        ),
        (
            {"pictures": "http://mirror.example/oi/"},
            [f"http://mirror.example/oi/validation/00000000000000{one}.jpg" for one in ("a6", "a1")],
        ),
    ],
)
def test_the_size_of_the_pictures_is_chosen(options: dict[str, str], urls: list[str]) -> None:
    assert [one.url for one in found(Lists(), **options)][:2] == urls


def test_a_licence_that_is_not_stated_is_unknown() -> None:
    assert [one.license for one in found(Lists())] == ["CC-BY-2.0", "CC-BY-2.0", UNKNOWN_LICENSE]


@pytest.mark.parametrize("subset", ["train", "test"])
def test_other_parts_have_lists_and_copies_of_their_own(subset: str) -> None:
    images = {
        "train": "v6/oidv6-train-images-with-labels-with-rotation.csv",
        "test": "2018_04/test/test-images-with-rotation.csv",
    }[subset]
    texts = dict(zip(LISTS, Lists().lists.values(), strict=True))
    classes, labels, pictures = texts.values()

    class Asked:
        def __init__(self) -> None:
            self.urls: list[str] = []

        def lines(self, url: str) -> Iterator[str]:
            self.urls.append(url)
            yield from (classes, labels, pictures)[len(self.urls) - 1]

    web = Asked()
    first, *_ = found(web, subset=subset)
    assert web.urls == [
        "http://lists.example/v7/oidv7-class-descriptions.csv",
        f"http://lists.example/v7/oidv7-{subset}-annotations-human-imagelabels.csv",
        f"http://lists.example/{images}",
    ]
    assert first.url == f"https://open-images-dataset.s3.amazonaws.com/{subset}/00000000000000a6.jpg"


def test_lists_are_files_too_packed_or_not_and_without_a_header_as_they_were_before(tmp_path: Path) -> None:
    for name in LISTS.values():
        (tmp_path / f"{name}.csv.gz").write_bytes(gzip.compress((HERE / f"{name}.csv").read_bytes()))
    (tmp_path / "old.csv").write_text("\ufeff/m/01b9xk,Hot dog\r\n/m/0bt9lr,Dog\r\n", encoding="utf-8")
    places = {name: str(tmp_path / f"{name}.csv.gz") for name in LISTS.values()}
    places["classes"] = str(tmp_path / "old.csv")
    deaf = Lists()
    assert ids(found(deaf, **places)) == ["a6", "a1", "a2"]
    assert set(deaf.read.values()) == {0}


@pytest.mark.parametrize(
    ("query", "message"),
    [
        ("hotdog", 'openimages: has no class hotdog; run again with --query "Hot dog"'),
        ("pizzas", 'openimages: has no class pizzas; run again with --query "Pizza"'),
        (
            "zeppelin",
            "openimages: has no class zeppelin; its classes are listed in "
            "http://lists.example/v7/oidv7-class-descriptions.csv",
        ),
        ("orange", "openimages: 2 classes are called orange; ask for one of /m/0cyhj_, /m/05z87"),
    ],
)
def test_a_class_that_there_is_not_or_not_once_is_told_with_what_to_ask_instead(query: str, message: str) -> None:
    with pytest.raises(UsageError) as told:
        found(Lists(), query)
    assert str(told.value) == message


def test_a_class_that_nobody_ruled_out_is_told() -> None:
    with pytest.raises(NothingFound) as told:
        found(Lists(), "Pizza")
    assert str(told.value) == (
        "openimages: no validation picture was checked not to show Pizza; try another --option subset=, or another "
        "--query"
    )


def test_lists_that_do_not_belong_together_are_told() -> None:
    with pytest.raises(NothingFound) as told:
        found(Lists(images=[IMAGES, image("00000000000000ff")]))
    assert str(told.value) == (
        "openimages: none of the 3 pictures checked for Hot dog is in "
        "http://lists.example/2018_04/validation/validation-images-with-rotation.csv; look whether --option labels and "
        "images belong together"
    )


@pytest.mark.parametrize(
    ("name", "lines", "fault"),
    [
        ("classes", ["<html>"], "is another list than expected (no column LabelName)"),
        ("classes", [], "is another list than expected (no column LabelName)"),
        (
            "labels",
            ["ImageID,Source,LabelName,XMin", "a,b,c,d"],
            "is another list than expected (no column Confidence)",
        ),
        ("images", ["ImageID,OriginalURL"], "is another list than expected (no column Thumbnail300KURL)"),
        ("labels", ["ImageID,Source,LabelName,Confidence", "a1,/m/01b9xk"], "is damaged (a row begins a1,/m/01b9xk)"),
        ("images", [IMAGES, '"' + "x" * 200_000], "is damaged (field larger than field limit (131072))"),
    ],
)
def test_a_list_of_another_form_is_told_with_what_is_missing(name: str, lines: list[str], fault: str) -> None:
    with pytest.raises(FormChanged) as told:
        found(Lists(**{name: lines}))
    place = next(path for path, one in LISTS.items() if one == name)
    assert str(told.value) == f"openimages: http://lists.example{place} {fault}; {LOOK}"


def test_a_file_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    missing, cut = tmp_path / "missing.csv", tmp_path / "cut.csv.gz"
    cut.write_bytes(gzip.compress((HERE / "labels.csv").read_bytes())[:-12])
    with pytest.raises(UsageError) as told:
        found(Lists(), classes=str(missing))
    assert str(told.value) == f"openimages: {missing} cannot be read (No such file or directory)"
    with pytest.raises(UsageError, match=f"^openimages: {cut} cannot be read .Compressed file ended before"):
        found(Lists(), labels=str(cut))


@pytest.mark.parametrize(
    "error", [SourceError("a.example: no"), Unreachable("a.example: no"), Moved("a.example: no", "http://b.example/")]
)
def test_errors_of_the_web_keep_their_class_and_say_whose_they_are(error: SourceError) -> None:
    class Failing:
        def lines(self, url: str) -> Iterator[str]:  # noqa: ARG002  whatever it is
            raise error
            yield

    with pytest.raises(type(error)) as told:
        found(Failing())
    assert (type(told.value), str(told.value)) == (type(error), "openimages: a.example: no")
    assert getattr(told.value, "url", "http://b.example/") == "http://b.example/"


def test_no_more_of_the_pictures_is_read_than_candidates_are_taken() -> None:
    labels = [
        "ImageID,Source,LabelName,Confidence",
        *(f"{number:016x},verification,/m/0663v,0" for number in range(50)),
    ]
    web = Lists(labels=labels, images=[IMAGES, *(image(f"{number:016x}") for number in range(1000))])
    search = Search(text="pizza", base_url="http://lists.example")
    candidates = find_source("openimages").search(search, web)
    for _ in range(3):
        next(candidates)
    assert web.read["images"] == 4
    assert len(list(candidates)) == 47
    assert web.read["images"] == 51  # all were named: the other 950 are none of them


def test_whether_it_works_is_told_by_the_head_of_the_shortest_list() -> None:
    source, web = find_source("openimages"), Lists()
    assert source.probe is not None
    source.probe(Search(base_url="http://lists.example"), web)
    assert web.read == {"classes": 2, "labels": 0, "images": 0}
    with pytest.raises(FormChanged):
        source.probe(Search(base_url="http://lists.example"), Lists(classes=["<html>"]))


MEASURE = r"""
import re, sys
from pathlib import Path
from negbuild.model import Search
from negbuild.source import find_source
def peak(folder):
    places = {name: f"{folder}/{name}" for name in ("classes", "labels", "images")}
    assert sum(1 for _ in find_source("openimages").search(Search("pizza", options=places), None)) == 100
    return int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
before = peak(sys.argv[1])
print(peak(sys.argv[2]) - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_memory_does_not_grow_with_the_lists(tmp_path: Path) -> None:
    for rows in (1000, 300_000):
        folder = tmp_path / str(rows)
        folder.mkdir()
        (folder / "classes").write_bytes((HERE / "classes.csv").read_bytes())
        with gzip.open(folder / "labels", "wt", 1) as file:
            file.write("ImageID,Source,LabelName,Confidence\n")
            for number in range(rows):
                label = "/m/0663v" if number % (rows // 100) == 0 else "/m/0bt9lr"
                file.write(f"{number:016x},verification,{label},0\n")
        with gzip.open(folder / "images", "wt", 1) as file:
            file.write(f"{IMAGES}\n")
            one = image("{}", "A title, quoted")
            file.writelines(f"{one.replace('{}', f'{number:016x}')}\n" for number in range(rows))
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "1000"), str(tmp_path / "300000")]
    grown = int(subprocess.run(command, capture_output=True, text=True, check=True).stdout)
    assert grown < 3_000  # kB; the lists are of 100 MB


@pytest.fixture
def published(server: Server, reply: Callable[..., Any], photo: Photo) -> Callable[..., dict[str, str]]:
    """Publish lists with so many pictures checked not to show pizza, of which `dead` are gone; gives the options."""

    def publish(number: int, dead: int = 0, pack: Callable[[bytes], bytes] = bytes) -> dict[str, str]:
        names = [f"{one:016x}" for one in range(number)]
        labels = [f"{name},verification,/m/0663v,{one % 2}" for one, name in enumerate(names)]
        texts = {
            "classes": (HERE / "classes.csv").read_text(encoding="utf-8").splitlines(),
            "labels": ["ImageID,Source,LabelName,Confidence", *labels],
            "images": [IMAGES, *(image(name, f"Picture {name}, of nothing") for name in reversed(names))],
        }
        for path, name in LISTS.items():
            server.routes[path] = reply(pack("\n".join(texts[name]).encode()))
        for one, name in enumerate(names[dead:]):
            server.routes[f"/copies/validation/{name}.jpg"] = reply(photo(one))
        return {"NEGBUILD_OPENIMAGES_URL": server.url}

    return publish


COMMAND = ("crawl", "-s", "openimages", "--allow-private", "--json")


@pytest.mark.parametrize("pack", [bytes, gzip.compress])
def test_pictures_that_people_checked_are_held_with_their_authors(
    negbuild: Negbuild,
    server: Server,
    published: Callable[..., dict[str, str]],
    tmp_path: Path,
    pack: Callable[[bytes], bytes],
) -> None:
    env = published(20, dead=3, pack=pack)
    pictures = ("--option", f"pictures={server.url}/copies")
    done = negbuild(*COMMAND, "-q", "pizza", "-n", 20, *pictures, env=env)
    assert done.code == 3, done.err
    assert (done.json["unique"], done.json["skips"]) == (8, {"gone": 2})
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog:
        rows = catalog.execute(
            "SELECT source_id, page, title, author, author_url, license, license_url FROM candidates "
            "WHERE reason IS NULL ORDER BY source_id"
        ).fetchall()
    even = [f"{one:016x}" for one in range(4, 20, 2)]
    assert rows == [
        (
            name,
            f"https://www.flickr.com/photos/someone/{name}",
            f"Picture {name}, of nothing",
            f"Author of {name}",
            "https://www.flickr.com/people/x/",
            "CC-BY-2.0",
            "https://creativecommons.org/licenses/by/2.0/",
        )
        for name in even
    ]
    assert not any(server.asked[f"/copies/validation/{one:016x}.jpg"] for one in range(1, 20, 2))


def test_what_goes_wrong_is_one_line_and_its_exit_code(
    negbuild: Negbuild, server: Server, published: Callable[..., dict[str, str]], reply: Callable[..., Any]
) -> None:
    env = published(4)

    def told(query: str, *options: str) -> tuple[int, str]:
        done = negbuild(*COMMAND, "-q", query, "-n", 1, *options, env=env)
        return done.code, done.err.splitlines()[-1].replace(server.url, "URL").replace(server.url[7:], "HOST")

    assert told("pizzza") == (2, 'negbuild: openimages: has no class pizzza; run again with --query "Pizza"')
    assert told("pizza", "--option", "subset=all") == (
        2,
        "negbuild: source openimages: subset=all: choose from validation, test, train",
    )
    assert told("pizza", "--option", "subset=test") == (
        4,
        "negbuild: openimages: HOST: answered 404 for URL/v7/oidv7-test-annotations-human-imagelabels.csv; is the "
        "address right",
    )
    server.routes["/v7/oidv7-class-descriptions.csv"] = reply(b"<html>Sign in</html>")
    assert told("pizza") == (
        4,
        "negbuild: openimages: URL/v7/oidv7-class-descriptions.csv is another list than expected (no column "
        f"LabelName); {LOOK}",
    )
    server.routes["/v7/oidv7-class-descriptions.csv"] = reply(b"", 403)
    assert told("pizza") == (
        4,
        "negbuild: openimages: HOST: answered 403 for URL/v7/oidv7-class-descriptions.csv; is the address right",
    )
