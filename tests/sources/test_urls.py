"""Lists of addresses, as people and published datasets write them."""

import csv
import gzip
import importlib
import io
import json
import sqlite3
import subprocess
import sys
from collections.abc import Callable
from contextlib import closing
from pathlib import Path
from typing import Any, Literal, Protocol

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from negbuild.errors import UsageError
from negbuild.manners import Manners
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.source import find_source
from negbuild.web import Web

pa, pq = importlib.import_module("pyarrow"), importlib.import_module("pyarrow.parquet")
Negbuild = Callable[..., Any]
Photo = Callable[..., bytes]


class Server(Protocol):
    url: str
    routes: dict[str, Any]


def found(path: Path, **options: str) -> list[Candidate]:
    return list(find_source("urls").search(Search(path=path, options=options), Web(Manners())))


def named(path: Path, **options: str) -> list[str]:
    return [one.url for one in found(path, **options)]


def write(place: Path, content: str | bytes) -> Path:
    place.write_bytes(content.encode() if isinstance(content, str) else content)
    return place


def told(path: Path, **options: str) -> str:
    with pytest.raises(UsageError) as error:
        found(path, **options)
    return str(error.value).replace(str(path), "LIST")


A, B, C = "http://a.example/1.jpg", "http://b.example/2.jpg", "http://c.example/3.jpg"


def test_blank_lines_and_comments_are_passed_over(tmp_path: Path) -> None:
    file = tmp_path / "list.txt"
    file.write_text("# my list\n\n  http://a.example/1.jpg \r\nhttp://b.example/2.jpg?x=1#top")
    assert named(file) == ["http://a.example/1.jpg", "http://b.example/2.jpg?x=1#top"]
    assert [one.source_id for one in found(file)] == named(file)


ROWS = [{"url": A, "caption": "a dog"}, {"url": B, "caption": "a cat, asleep"}]
FORMS = {
    "list.txt": f"{A}\n{B}\n",
    "list.csv": f'url,caption\n{A},a dog\n{B},"a cat, asleep"\n',
    "semicolons.csv": f"url;caption\n{A};a dog\n{B};a cat, asleep\n",
    "headless.csv": f'{A},a dog\n{B},"a cat, asleep"\n',
    "conceptual12m.tsv": f"{A}\ta dog\n{B}\ta cat, asleep\n",
    "conceptual.tsv": f"a dog\t{A}\na cat, asleep\t{B}\n",
    "list.tsv": f'caption\turl\na dog\t{A}\r\n\n"a cat, asleep"\t{B}\r\n',
    "list.jsonl": "".join(f"{json.dumps(row)}\n\n" for row in ROWS),
    "list.ndjson": "\r\n".join(map(json.dumps, ROWS)),
    "list.json": json.dumps(ROWS),
    "indented.json": json.dumps(ROWS, indent=2),
    "lines.json": "\n".join(map(json.dumps, ROWS)),
    "strings.json": json.dumps([A, B]),
    "strings.jsonl": f'"{A}"\n"{B}"\n',
    "table": f'caption,url\na dog,{A}\n"a cat, asleep",{B}\n',
    "tabs": f"{A}\ta dog\n{B}\ta cat, asleep\n",
    "objects": "\n".join(map(json.dumps, ROWS)),
    "array": json.dumps(ROWS),
    "plain.list": f"# url, mine\n{A}\n{B}\n",
}
CAPTIONS = ["a dog", "a cat, asleep"]


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("pack", ["", "gz", "bom", "utf-16"])
def test_every_form_is_read_packed_or_not(tmp_path: Path, form: str, pack: str) -> None:
    content = FORMS[form].encode()
    name = f"{form}.gz" if pack == "gz" and "." in form else form
    packed = {
        "": content,
        "gz": gzip.compress(content[:9]) + gzip.compress(content[9:]),
        "bom": b"\xef\xbb\xbf" + content,
        "utf-16": FORMS[form].encode("utf-16"),
    }
    read = found(write(tmp_path / name, packed[pack]))
    assert [one.url for one in read] == [A, B]
    captions = ["", ""] if form.startswith(("strings", "list.txt", "plain")) else CAPTIONS
    assert [one.title for one in read] == captions


def test_parquet_is_read_by_its_name_or_its_first_bytes(tmp_path: Path) -> None:
    for name in ("part.parquet", "part"):
        pq.write_table(pa.table({"URL": [A, B], "TEXT": CAPTIONS, "similarity": [0.1, 0.2]}), tmp_path / name)
        assert [(one.url, one.title) for one in found(tmp_path / name)] == list(zip([A, B], CAPTIONS, strict=True))


@pytest.mark.parametrize(
    "kind", [pa.string(), pa.large_string(), pa.binary(), pa.dictionary(pa.int32(), pa.string()), pa.string_view()]
)
def test_texts_of_parquet_are_of_many_types(tmp_path: Path, kind: object) -> None:
    pq.write_table(pa.table({"x": [1, 2], "url": pa.array([A, B]).cast(kind)}), tmp_path / "part.parquet")
    assert named(tmp_path / "part.parquet") == [A, B]


def test_what_is_null_or_no_text_is_no_address_and_no_caption(tmp_path: Path) -> None:
    table = pa.table(
        {"url": [A, None, "", B], "text": [None, "a dog", None, "x"], "license": ["?", "", None, "CC0-1.0"]}
    )
    pq.write_table(table, tmp_path / "part.parquet")
    read = found(tmp_path / "part.parquet")
    assert [one.url for one in read] == [A, "part.parquet, row 2: a dog", "part.parquet, row 3:", B]
    assert [one.title for one in read] == ["", "", "", "x"]
    assert [one.license for one in read] == [UNKNOWN_LICENSE, UNKNOWN_LICENSE, UNKNOWN_LICENSE, "CC0-1.0"]
    rows = [
        {"url": A, "caption": None},
        {"caption": "x"},
        {"url": 7},
        {"url": [B]},
        {"url": float("nan")},
        {},
        12,
        None,
    ]
    lines = write(tmp_path / "list.jsonl", "".join(f"{json.dumps(row)}\n" for row in rows))
    begin = "list.jsonl, row"
    assert named(lines) == [
        A,
        f"{begin} 2: x",
        "7",
        *(f"{begin} {one}:" for one in (4, 5, 6)),
        *(f"{begin} 7: 12",),
        f"{begin} 8: null",
    ]


def test_bytes_that_are_no_text_spoil_nothing_else(tmp_path: Path) -> None:
    assert named(write(tmp_path / "list.csv", b"url,text\nhttp://a.example/\xff.jpg,\xfe\0\n" + B.encode())) == [
        "http://a.example/\ufffd.jpg",
        B,
    ]
    bad = pa.Array.from_buffers(pa.string(), 2, pa.array([b"\xff\xfe", B.encode()], pa.binary()).buffers())
    pq.write_table(pa.table({"url": bad}), tmp_path / "part.parquet")
    assert named(tmp_path / "part.parquet", url="url") == ["\ufffd\ufffd", B]


def test_a_folder_of_parts_is_read_in_the_order_of_their_names(tmp_path: Path) -> None:
    pq.write_table(pa.table({"url": [C]}), tmp_path / "part-2.parquet")
    write(tmp_path / "part-1.csv.gz", gzip.compress(f"url\n{B}\n".encode()))
    write(tmp_path / "part-0.jsonl", f'{{"url": "{A}"}}\n')
    for other in ("_SUCCESS", ".part-0.csv.crc", "part-0_stats.json", "README.md", "_old.csv"):
        write(tmp_path / other, "http://other.example/\n")
    assert named(tmp_path) == [A, B, C]


def test_a_list_that_cannot_be_read_is_told(tmp_path: Path) -> None:
    assert told(tmp_path) == (
        "LIST: cannot be read as a list, nothing in it ends in .csv, .tsv, .jsonl, .ndjson, .parquet"
    )
    assert told(tmp_path / "missing.csv") == "LIST: cannot be read (No such file or directory)"
    cut = write(tmp_path / "cut.csv.gz", gzip.compress(b"url\n" + b"http://a.example/\n" * 9)[:-10])
    assert told(cut).startswith("LIST: cannot be read (Compressed file ended before")
    damaged = write(tmp_path / "damaged.txt.gz", b"\x1f\x8b\x08" + b"\0" * 40)
    assert told(damaged).startswith("LIST: cannot be read (")
    assert told(write(tmp_path / "false.parquet", "http://a.example/")).startswith("LIST: cannot be read (")
    pq.write_table(pa.table({"url": [f"{A}?{number}" for number in range(9999)]}), tmp_path / "hole.parquet")
    whole = (tmp_path / "hole.parquet").read_bytes()
    hole = write(tmp_path / "hole.parquet", whole[:4] + b"\xff" * 300 + whole[304:])
    assert told(hole).startswith("LIST: cannot be read (")
    assert "\n" not in told(hole)


def test_columns_are_named_by_options_or_told(tmp_path: Path) -> None:
    file = write(tmp_path / "list.csv", f"url,large,Alt Text,who,where\n{A},{B},a dog,Ann,http://p.example/\n")
    one = found(file, url="large", caption="alt text", author="who", page="where")[0]
    assert (one.url, one.title, one.author, one.page) == (B, "a dog", "Ann", "http://p.example/")
    assert told(file, url="picture") == "LIST: no column picture; it has url, large, Alt Text, who, where"
    assert told(file, words="dog") == (
        "LIST: no column of captions to find words in; it has url, large, Alt Text, who, where; name it with --option "
        "caption=COLUMN"
    )
    assert told(write(tmp_path / "none.csv", "a,b\n1,2\n")) == (
        "LIST: no column of addresses; it has a, b; name it with --option url=COLUMN"
    )
    pq.write_table(pa.table({"id": [1], "name": ["x"]}), tmp_path / "none.parquet")
    assert told(tmp_path / "none.parquet") == (
        "LIST: no column of addresses; it has id, name; name it with --option url=COLUMN"
    )
    assert told(tmp_path / "none.parquet", caption="text") == "LIST: no column text; it has id, name"
    assert "no column of captions" in told(write(tmp_path / "list.txt", A), words="dog")
    assert named(write(tmp_path / "empty.csv", "")) == named(write(tmp_path / "head.csv", "url,b\n")) == []


def test_columns_are_known_by_the_names_that_published_lists_give_them(tmp_path: Path) -> None:
    laion = write(tmp_path / "laion.csv", f"SAMPLE_ID,URL,TEXT,LICENSE\n1,{A},a dog,?\n")
    assert [(one.url, one.title, one.license) for one in found(laion)] == [(A, "a dog", UNKNOWN_LICENSE)]
    both = write(tmp_path / "wit.tsv", f"page_url\timage_url\ttitle\nhttp://p.example/\t{A}\ta dog\n")
    assert [(one.url, one.page, one.title) for one in found(both)] == [(A, "http://p.example/", "a dog")]
    unnamed = write(tmp_path / "odd.csv", f"id,bild,unterschrift\n1,,x\n2,{A},y\n")
    assert named(unnamed) == ["odd.csv, row 1: 1 x", A]


@pytest.mark.parametrize(
    ("stated", "license_", "license_url"),
    [
        ("https://creativecommons.org/licenses/by-sa/4.0/deed.de", "CC-BY-SA-4.0", "licenses/by-sa/4.0/"),
        ("http://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0", "publicdomain/zero/1.0/"),
        ("CC-BY-2.0", "CC-BY-2.0", ""),
        ("All rights reserved", "All rights reserved", ""),
        ("", UNKNOWN_LICENSE, ""),
    ],
)
def test_licences_that_are_stated_are_kept(tmp_path: Path, stated: str, license_: str, license_url: str) -> None:
    one = found(write(tmp_path / "list.csv", f"url,license\n{A},{stated}\n"))[0]
    assert (one.license, one.license_url.removeprefix("https://creativecommons.org/")) == (license_, license_url)


SAID = ["A DOG", "two dogs.", "hotdog", "cats_and_foxes", "a red-fox", "dogma", "", "dog"]


@pytest.mark.parametrize(
    ("words", "left"),
    [
        ("dog", [0, 1, 7]),
        ("Dog,cat", [0, 1, 3, 7]),
        ("fox", [3, 4]),
        ("red fox", [4]),
        (" hotdog , dogma", [2, 5]),
        ("zebra", []),
    ],
)
def test_only_what_has_a_word_in_its_caption_is_named(tmp_path: Path, words: str, left: list[int]) -> None:
    rows = "".join(f"http://a.example/{number},{said}\n" for number, said in enumerate(SAID))
    assert named(write(tmp_path / "list.csv", f"url,caption\n{rows}"), words=words) == [
        f"http://a.example/{number}" for number in left
    ]


def test_no_word_is_told(tmp_path: Path) -> None:
    for words in ("", "dog,", ".*"):
        assert told(write(tmp_path / "list.csv", f"url,caption\n{A},x\n"), words=words) == (
            f"source urls: words={words}: there is no word; write them as in --option words=dog,cat"
        )


def test_quotes_line_ends_and_rows_of_any_length_are_read(tmp_path: Path) -> None:
    text = (
        "caption,url\r\n"
        f'"one ""quoted"", and\r\non two lines",{A}\r\n'
        "\r\n"
        "only a caption\r\n"
        f"x,{B},and,more\r\n"
        f'"{"long " * 20_000}",{C}\r\n'
    )
    read = found(write(tmp_path / "list.csv", text))
    assert [one.url for one in read] == [A, "list.csv, row 2: only a caption", B, C]
    assert read[0].title == 'one "quoted", and\r\non two lines'
    assert named(write(tmp_path / "one.csv", "url\nhttp://a.example/1,2.jpg\n")) == ["http://a.example/1,2.jpg"]
    assert named(write(tmp_path / "mac.csv", f"url,b\r{A},1\r{B},2\r")) == [A, B]


def test_a_quote_that_is_never_closed_costs_its_own_row_and_no_other(tmp_path: Path) -> None:
    many = [f"http://a.example/{number}" for number in range(400)]
    lines = [f"{url},x" for url in many]
    lines[7] = f'"{lines[7]}'
    lines[399] = f'{many[399]},"x'
    read = named(write(tmp_path / "list.csv", "\n".join(["url,caption", *lines])))
    assert read[7] == f'list.csv, row 8: "{many[7]},x'
    assert read[399] == f'list.csv, row 400: {many[399]},"x'
    assert [*read[:7], *read[8:399]] == [*many[:7], *many[8:399]]
    assert len(read) == 400
    lonely = write(tmp_path / "list.tsv", f'"Hi, she said\t{A}\n"Ho\t{B}\nsix" nails\t{C}\n"in ""quotes"""\t{A}?4\n')
    assert [(one.title, one.url) for one in found(lonely)] == [
        ('"Hi, she said', A),
        ('"Ho', B),
        ('six" nails', C),
        ('in "quotes"', f"{A}?4"),
    ]


def test_a_line_of_json_that_is_damaged_becomes_a_row_of_its_own(tmp_path: Path) -> None:
    lines = [f'{{"url": "{A}"}}', f'{{"url": "{B}', "[" * 100_000, "{}}", f'{{"url": "{C}"}}']
    read = named(write(tmp_path / "list.jsonl", "\n".join(lines)))
    assert read[0] == A
    assert read[1] == f'list.jsonl, row 2: {{"url": "{B}'
    assert read[-1] == C
    assert all(one.startswith("list.jsonl, row ") for one in read[1:-1])
    cut = json.dumps([{"url": f"{A}?{number}", "caption": "x" * 100} for number in range(5000)])[:-300]
    read = named(write(tmp_path / "cut.json", cut))
    whole = cut.count("}")
    assert read[:whole] == [f"{A}?{number}" for number in range(whole)]
    assert len(read) == whole + 1
    assert read[-1].startswith(f'cut.json, row {whole + 1}: {{"url"')


def test_lines_without_an_end_are_taken_in_pieces(tmp_path: Path) -> None:
    for name in ("list.txt", "list.csv", "list.tsv", "list.jsonl", "list.json"):
        head = {
            "list.csv": f"url,b\n{A},1\n",
            "list.tsv": f"{A}\tx\n",
            "list.jsonl": f'"{A}"\n',
            "list.json": f'"{A}"\n',
        }
        read = named(write(tmp_path / name, head.get(name, f"{A}\n") + "x" * 5_000_000))
        assert read[0] == A
        assert 2 <= len(read) < 60
        assert max(map(len, read)) <= 8001


TEXTS = st.text(st.characters(codec="utf-8"), max_size=40)
ADDRESSES = TEXTS.map(lambda text: f"http://a.example/{text}x")


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    rows=st.lists(st.tuples(TEXTS, ADDRESSES, TEXTS), min_size=1),
    way=st.sampled_from([("\r\n", csv.QUOTE_MINIMAL), ("\r\n", csv.QUOTE_ALL), ("\n", csv.QUOTE_ALL)]),
)
def test_what_a_writer_of_csv_wrote_is_what_is_read(
    tmp_path: Path, rows: list[tuple[str, ...]], way: tuple[str, Literal[0, 1]]
) -> None:
    buffer = io.StringIO()
    writer = csv.writer(buffer, lineterminator=way[0], quoting=way[1])
    writer.writerows([("caption", "image_url", "other"), *rows])
    read = found(write(tmp_path / "list.csv", buffer.getvalue()))
    assert [(one.title, one.url) for one in read] == [(caption.strip(), url) for caption, url, _ in rows]


def attempt(path: Path) -> tuple[list[Candidate], str]:
    try:
        return found(path), ""
    except UsageError as error:
        return [], str(error)


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(
    content=st.binary(max_size=300) | TEXTS.map(str.encode),
    name=st.sampled_from(["l.csv", "l.tsv", "l.jsonl", "l.json", "l.txt", "l", "l.parquet"]),
)
def test_nothing_in_a_list_is_more_than_skips_and_a_line_of_what_is_wrong(
    tmp_path: Path, content: bytes, name: str
) -> None:
    file = write(tmp_path / name, content)
    candidates, fault = attempt(file)
    assert all(one.source_id and one.url for one in candidates)
    assert not fault or (fault.startswith(f"{file}: ") and len(fault.splitlines()) == 1)


@pytest.fixture
def pictures(server: Server, reply: Callable[..., Any], photo: Photo) -> list[str]:
    for number in range(3):
        server.routes[f"/{number}.jpg"] = reply(photo(number))
    return [f"{server.url}/{number}.jpg" for number in range(3)]


def parquet(rows: list[dict[str, str]]) -> bytes:
    buffer = io.BytesIO()
    pq.write_table(pa.Table.from_pylist(rows), buffer)
    return buffer.getvalue()


def table(rows: list[dict[str, str]], mark: str) -> bytes:
    return "\n".join([mark.join(rows[0]), *(mark.join(row.values()) for row in rows)]).encode()


WRITERS: dict[str, Callable[[list[dict[str, str]]], bytes]] = {
    "list.txt": lambda rows: "\n".join(row["url"] for row in rows).encode(),
    "list.csv": lambda rows: table(rows, ","),
    "list.tsv": lambda rows: table(rows, "\t"),
    "list.csv.gz": lambda rows: gzip.compress(table(rows, ",")),
    "list.jsonl": lambda rows: "\n".join(map(json.dumps, rows)).encode(),
    "list.json": lambda rows: json.dumps(rows).encode(),
    "list.parquet": parquet,
    "parts/list.parquet": parquet,
}


@pytest.mark.parametrize("name", WRITERS)
def test_a_list_of_every_form_is_crawled(negbuild: Negbuild, tmp_path: Path, pictures: list[str], name: str) -> None:
    rows = [
        {"url": url, "caption": said, "license": "CC-BY-4.0", "author": "Ann"}
        for url, said in zip([*pictures, "no address"], ["a dog", "dogs", "a cat", "dog"], strict=True)
    ]
    (tmp_path / name).parent.mkdir(exist_ok=True)
    (tmp_path / name).write_bytes(WRITERS[name](rows))
    path = name.partition("/")[0]
    plain = name == "list.txt"
    command = ("crawl", "-s", "urls", "--path", path, "--category", "c", "--allow-private", "--json", "-n", 4)
    done = negbuild(*command, *(() if plain else ("--option", "words=dog")))
    assert done.code == 3, done.err
    assert (done.json["unique"], done.json["skips"]) == (3 if plain else 2, {"not an http address": 1})
    with closing(sqlite3.connect(tmp_path / "catalog.sqlite")) as catalog:
        held = catalog.execute(
            "SELECT url, title, license, author FROM candidates WHERE reason IS NULL ORDER BY url"
        ).fetchall()
    expected = [(row["url"], row["caption"], row["license"], row["author"]) for row in rows[:2]]
    assert held == ([(url, "", UNKNOWN_LICENSE, "") for url in pictures] if plain else expected)


def test_what_is_wrong_with_a_list_is_one_line(negbuild: Negbuild, tmp_path: Path) -> None:
    write(tmp_path / "list.csv", f"a,b\n{A},2\n")
    write(tmp_path / "list.parquet", "PAR1")
    command = ("crawl", "-s", "urls", "--category", "c", "-n", 1, "--path")
    done = negbuild(*command, "list.csv", "--option", "url=c")
    assert (done.code, done.err.splitlines()[-1]) == (2, "negbuild: list.csv: no column c; it has a, b")
    broken = tmp_path / "site" / "pyarrow"
    broken.mkdir(parents=True)
    (broken / "__init__.py").write_text("raise ImportError('not installed')")
    done = negbuild(*command, "list.parquet", env={"PYTHONPATH": str(broken.parent)})
    assert (done.code, done.err.splitlines()[-1]) == (
        4,
        'negbuild: urls: a parquet list needs pyarrow; run: pip install "negbuild[parquet]"',
    )


def test_a_list_is_asked_for(negbuild: Negbuild) -> None:
    done = negbuild("crawl", "--source", "urls")
    assert (done.code, done.err) == (
        2,
        "negbuild: source urls: needs a list; run: negbuild crawl --source urls --path list.txt\n",
    )


MEASURE = r"""
import re, sys
from pathlib import Path
from negbuild.model import Search
from negbuild.source import find_source
def peak(path):
    rows = sum(1 for _ in find_source("urls").search(Search(path=Path(path)), None))
    return rows, int(re.search(r"VmHWM:\s+(\d+)", Path("/proc/self/status").read_text())[1])
_, before = peak(sys.argv[1])
rows, after = peak(sys.argv[2])
print(rows, after - before)
"""


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
@pytest.mark.parametrize("name", ["list.csv", "list.tsv", "list.jsonl", "list.json", "list.parquet"])
def test_memory_does_not_grow_with_the_list(tmp_path: Path, name: str) -> None:
    def content(number: int) -> bytes:
        urls = [f"http://a.example/{one}/{'long' * 50}.jpg" for one in range(number)]
        if name == "list.parquet":
            buffer = io.BytesIO()
            pq.write_table(pa.table({"url": urls}), buffer, compression="none", use_dictionary=False)
            return buffer.getvalue()
        if name.startswith("list.json"):
            rows = [f'{{"url": "{url}", "caption": "{"a dog " * 10}"}}' for url in urls]
            return ("\n".join(rows) if name == "list.jsonl" else f"[{','.join(rows)}]").encode()
        mark = "," if name == "list.csv" else "\t"
        return "\n".join([f"url{mark}caption", *(f"{url}{mark}{'a dog ' * 10}" for url in urls)]).encode()

    (tmp_path / "small").mkdir()
    write(tmp_path / "small" / name, content(30_000))
    write(tmp_path / name, content(150_000))
    command = [sys.executable, "-c", MEASURE, str(tmp_path / "small" / name), str(tmp_path / name)]
    rows, grown = map(int, subprocess.run(command, capture_output=True, text=True, check=True).stdout.split())
    assert rows == 150_000
    assert grown < 6_000  # kB, of a list of 40 MB
