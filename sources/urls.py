"""Your own list of addresses: text, CSV, TSV, JSON, JSONL or parquet, gzipped or not, or a folder of such tables."""

import codecs
import csv
import gzip
import importlib
import io
import json
import re
import sys
import zlib
from collections import deque
from collections.abc import Iterable, Iterator, Mapping
from functools import partial
from itertools import chain, islice
from pathlib import Path
from typing import Any, cast

from negbuild.errors import SourceError, UsageError
from negbuild.model import UNKNOWN_LICENSE, Candidate, Search
from negbuild.source import Gives, Option, Source, Takes, Web, license_at

_TABLES = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}
_KINDS = {**_TABLES, ".txt": "txt", ".json": "json"}
# What published lists call their columns (LAION, DataComp, img2dataset), the better name first.
_KNOWN_AS = {
    "url": ("image_url", "url", "img_url", "imageurl", "contenturl"),
    "caption": ("caption", "text", "alt", "alt_text", "title", "description"),
    "license": ("license", "licence", "license_url"),
    "author": ("author", "creator", "photographer"),
    "page": ("page_url", "page", "landing_url", "foreign_landing_url", "source_url"),
}
_ADDRESS = re.compile(r"\s*https?://", re.IGNORECASE)
_BETWEEN = re.compile(r"[\s,\[\]]*")
_SAMPLE = 20  # rows that tell what the columns hold
_BATCH = 4096  # rows of parquet at a time
_TEXTS = ("string", "large_string")  # types of parquet
_CHUNK = 2**16
_LONGEST_LINE = 2**20  # of longer ones each piece counts as a line
_LONGEST_URL = 8001  # no address of more than 8,000 characters is ever asked for
_LONGEST_QUOTE = 200
_UTF16 = (codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)  # "Unicode" to Excel and to Windows PowerShell
_MOST_LINES = 100  # in one row of CSV; where it goes on, its quotes are not closed

_Row = Mapping[str, Any] | str  # by the names of its columns, or the text of one that cannot be read


def search(search: Search, web: Web) -> Iterator[Candidate]:  # noqa: ARG001  the list is a file
    """Read the list row by row, however long it is; a row without an address becomes a candidate to be skipped."""
    assert search.path is not None
    says = _pattern(search.options["words"]) if "words" in search.options else None
    for part in _parts(search.path):
        try:
            columns, rows = (_parquet if _is_parquet(part) else _table)(part, search.options)
            for number, row in enumerate(rows, 1):
                if isinstance(row, str) or not says or says.search(_text(row.get(columns["caption"]))):
                    yield _candidate(row, columns, f"{part.name}, row {number}")
        except _faults() as error:
            reason = getattr(error, "strerror", "") or str(error).partition("\n")[0]
            raise UsageError(f"{part}: cannot be read ({reason})") from error


def _faults() -> tuple[type[Exception], ...]:
    arrow = sys.modules.get("pyarrow")
    return (OSError, EOFError, zlib.error, *((arrow.ArrowException,) if arrow else ()))


def _parts(path: Path) -> list[Path]:
    if not path.is_dir():
        return [path]
    parts = sorted(one for one in path.iterdir() if not one.name.startswith((".", "_")) and _suffix(one) in _TABLES)
    if not parts:
        raise UsageError(f"{path}: cannot be read as a list, nothing in it ends in {', '.join(_TABLES)}")
    return parts


def _suffix(path: Path) -> str:
    return Path(path.name.lower().removesuffix(".gz")).suffix


def _pattern(words: str) -> re.Pattern[str]:
    """Compile what finds any of the words in a caption: whole ones, in their plural too."""
    ways = [r"[\W_]+".join(re.findall(r"[^\W_]+", one)) for one in words.split(",")]
    if not all(ways):
        raise UsageError(f"source urls: words={words}: there is no word; write them as in --option words=dog,cat")
    return re.compile(rf"(?<![^\W_])(?:{'|'.join(ways)})(?:e?s)?(?![^\W_])", re.IGNORECASE)


def _table(part: Path, options: Mapping[str, str]) -> tuple[dict[str, str], Iterator[_Row]]:
    """Find the columns of a list that is a text, by its first rows, and give them with all of its rows."""
    rows = _rows(part)
    sample = list(islice(rows, _SAMPLE))
    names = list(dict.fromkeys(chain.from_iterable(row for row in sample if not isinstance(row, str))))
    return _columns(part, names, sample, options) if sample else {}, chain(sample, rows)


def _columns(part: Path, names: list[str], sample: list[_Row], options: Mapping[str, str]) -> dict[str, str]:
    """Tell which column holds what: as a person says, else by its name, else by what it holds."""
    folded, columns = {name.casefold(): name for name in reversed(names)}, {}
    has = f"it has {', '.join(' '.join(name.split())[:40] for name in names[:_SAMPLE]) or 'none'}"
    for what, known_as in _KNOWN_AS.items():
        given = options.get(what)
        found = [folded[name] for name in ((given.casefold(),) if given else known_as) if name in folded]
        if given and not found:
            raise UsageError(f"{part}: no column {given}; {has}")
        if found:
            columns[what] = given if given in names else found[0]
    rows = [row for row in sample if not isinstance(row, str)]
    addresses = {name: sum(bool(_ADDRESS.match(_text(row.get(name)))) for row in rows) for name in names}
    if "url" not in columns:
        columns["url"] = max(addresses, key=addresses.__getitem__, default="")
        if not addresses.get(columns["url"]):
            raise UsageError(f"{part}: no column of addresses; {has}; name it with --option url=COLUMN")
    if names == ["1", "2"]:  # a table without a header, such as Conceptual 12M
        columns.setdefault("caption", "1" if columns["url"] == "2" else "2")
    if "words" in options and "caption" not in columns:
        raise UsageError(f"{part}: no column of captions to find words in; {has}; name it with --option caption=COLUMN")
    return columns


def _candidate(row: _Row, columns: Mapping[str, str], place: str) -> Candidate:
    if isinstance(row, str):
        quote = f"{place}: {row.strip()}"[:_LONGEST_QUOTE].strip()
        return Candidate(source="urls", source_id=quote, url=quote)
    text = {what: _text(row.get(name)) for what, name in columns.items()}
    url = text["url"][:_LONGEST_URL]
    if not url:
        return _candidate(" ".join(filter(None, map(_text, row.values()))), columns, place)
    stated = text.get("license", "").strip("?")  # LAION's word for an unknown one is a question mark
    license_, license_url = license_at(stated)
    return Candidate(
        source="urls",
        source_id=url,
        url=url,
        page=text.get("page", ""),
        title=text.get("caption", ""),
        author=text.get("author", ""),
        license=stated if stated and license_ == UNKNOWN_LICENSE else license_,
        license_url=license_url if license_ != UNKNOWN_LICENSE else "",
    )


def _text(value: object) -> str:
    if isinstance(value, bytes):
        value = value.decode("utf-8", "replace")
    return value.strip() if isinstance(value, str) else str(value) if isinstance(value, int) else ""


def _rows(part: Path) -> Iterator[_Row]:
    with part.open("rb") as file:
        packed = file.peek(2).startswith(b"\x1f\x8b")
        plain = io.BufferedReader(cast("io.RawIOBase", gzip.GzipFile(fileobj=file))) if packed else file
        begin = plain.peek(_CHUNK)
        coding = "utf-16" if begin.startswith(_UTF16) else "utf-8-sig"
        kind = _KINDS.get(_suffix(part)) or _guessed(begin.decode(coding, "replace"))
        text = io.TextIOWrapper(plain, encoding=coding, errors="replace", newline="")
        lines = iter(partial(text.readline, _LONGEST_LINE), "")
        if kind.startswith("json"):
            yield from _json_rows(text, by_line=kind == "jsonl")
        elif kind == "txt":
            yield from ({"url": url} for line in lines if (url := line.strip()) and not url.startswith("#"))
        else:
            yield from _tabled(_cells(lines) if kind == "csv" else map(_tsv_cells, filter(str.strip, lines)))


def _guessed(text: str) -> str:
    """Kind of a list whose name does not tell it, by how it begins."""
    text = text.lstrip()
    first = text.partition("\n")[0]
    if text.startswith(("[", "{")):
        return "json"
    named = {cell.strip(' "\r').casefold() for cell in first.split(",")} & set(_KNOWN_AS["url"])
    return "tsv" if "\t" in first else "csv" if named else "txt"


def _tabled(rows: Iterable[list[str] | str]) -> Iterator[_Row]:
    """Name the cells of each row after the header; where there is none, the columns are called 1, 2, ..."""
    names: list[str] = []
    for cells in rows:
        if isinstance(cells, str):
            yield cells
        elif names:
            yield dict(zip(names, cells if len(names) > 1 else [",".join(cells)], strict=False))
        elif any(map(_ADDRESS.match, cells)):
            names = [str(number) for number, _ in enumerate(cells, 1)]
            yield dict(zip(names, cells, strict=True))
        else:
            names = [cell.strip() for cell in cells]


def _tsv_cells(line: str) -> list[str]:
    """Split a line at its tabs; quotes are only taken off, since captions often hold lonely ones."""
    cells = line.rstrip("\r\n").split("\t")
    return [cell[1:-1].replace('""', '"') if cell[1:] and cell[0] == cell[-1] == '"' else cell for cell in cells]


def _cells(lines: Iterator[str]) -> Iterator[list[str] | str]:
    """Read CSV; where quotes are never closed, that line alone is given as it is, and reading goes on after it."""
    first = next(lines, "")
    delimiter = next((mark for mark in ",\t;" if mark in first), ",")
    waiting, taken = deque([first]), list[str]()

    def fed() -> Iterator[str]:
        while line := waiting.popleft() if waiting else next(lines, ""):
            taken.append(line)
            if len(taken) > _MOST_LINES:
                break
            yield line
        if taken:  # a reader asks for more only within quotes
            raise csv.Error

    while True:
        taken.clear()
        reader = csv.reader(fed(), delimiter=delimiter)
        try:
            for cells in reader:
                taken.clear()
                if cells:
                    yield cells
        except csv.Error:
            waiting.extendleft(reversed(taken[1:]))
            yield taken[0]
        else:
            return


def _json_rows(text: io.TextIOWrapper, *, by_line: bool) -> Iterator[_Row]:
    """Read a list of objects or addresses, or one of them a line; what is damaged is given up to the line's end."""
    decoder, buffer, at = json.JSONDecoder(), "", 0
    while True:
        at = cast("re.Match[str]", _BETWEEN.match(buffer, at)).end()
        try:
            value, end = decoder.raw_decode(buffer, at)
        except (ValueError, RecursionError):
            value, end = None, len(buffer)
        stop = buffer.find("\n", at) + 1
        if end == len(buffer) and not (by_line and stop) and end - at < _LONGEST_LINE and (more := text.read(_CHUNK)):
            buffer, at = buffer[at:] + more, 0
        elif at == len(buffer):
            return
        elif value is None:
            yield buffer[at : stop or end]
            at = stop or end
        else:
            yield {"url": value} if isinstance(value, str) else value if isinstance(value, dict) else str(value)
            at = end


def _is_parquet(part: Path) -> bool:
    if _suffix(part) in _KINDS or not part.is_file():
        return _suffix(part) == ".parquet"
    with part.open("rb") as file:
        return file.read(4) == b"PAR1"


def _parquet(part: Path, options: Mapping[str, str]) -> tuple[dict[str, str], Iterator[_Row]]:
    """Find the columns of a parquet file, and read only those, a batch at a time."""
    try:
        arrow = importlib.import_module("pyarrow.parquet")
    except ImportError:
        raise SourceError('urls: a parquet list needs pyarrow; run: pip install "negbuild[parquet]"') from None
    file = arrow.ParquetFile(part, pre_buffer=False, buffer_size=_CHUNK)
    texts = [one.name for one in file.schema_arrow if str(one.type).startswith((*_TEXTS, "dict"))]
    sample = list(islice(_batched(file, texts), _SAMPLE))
    columns = _columns(part, file.schema_arrow.names, sample, options)
    return columns, _batched(file, sorted(set(columns.values())))


def _batched(file: Any, columns: list[str]) -> Iterator[_Row]:  # noqa: ANN401  pyarrow is optional
    for batch in file.iter_batches(_BATCH, columns=columns, use_threads=False):
        # As bytes, since texts that are no UTF-8 would end it all.
        read = (one.cast("large_binary") if str(one.type) in _TEXTS else one for one in batch.columns)
        for values in zip(*(one.to_pylist() for one in read), strict=True):
            yield dict(zip(batch.schema.names, values, strict=True))


SOURCE = Source(
    name="urls",
    summary=__doc__,
    search=search,
    takes=Takes.LIST,
    example="list.txt",
    options=(
        *(Option(what, f"Column of the {what}, where its name does not tell") for what in _KNOWN_AS),
        Option("words", "Only what has one of these words in its caption, such as dog,cat"),
    ),
    gives=(Gives.NEAR, Gives.FAR, Gives.BACKGROUND),
    bounds="a list of any length",
    terms="those of each address: what the list states of licences is kept, and not warranted",
)
