"""Predictions of any framework: a CSV file with one row a picture and one column a class, beside the manifest."""

import csv
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from negbuild.errors import UsageError
from negbuild.manifest import Row
from negbuild.metrics import Flags, Indices, Scores
from negbuild.model import NEGATIVE_CLASS, Role, Split

FILE = "file"
"""Name of the first column: the path of a picture below the dataset, with slashes."""

_SEPARATORS = ";\t|"  # that are none here


@dataclass(frozen=True, slots=True, eq=False)
class Predictions:
    """What one classifier says of n pictures, and what is true of them.

    `scores` (n, k) has a column a known class, in the order of `classes`; `negative` (n,) is the score of the negative
    class, where it has one. `truth` (n,) is the index of the right class, -1 where it is none of them. `ignored` counts
    rows of the file that measure nothing: those of train, and the known ones of unseen, which are those of test again.
    """

    classes: list[str]
    scores: Scores
    negative: Scores | None
    truth: Indices
    rows: list[Row]
    ignored: int

    @property
    def confidence(self) -> Scores:
        """Highest score over the known classes: whether a picture is accepted is up to this."""
        return np.asarray(self.scores.max(axis=1), np.float64)

    @property
    def answer(self) -> Indices:
        """Index of the known class with the highest score, the first of equal ones."""
        return np.asarray(self.scores.argmax(axis=1), np.intp)

    def of(self, split: Split, role: Role) -> Flags:
        """Which pictures belong to a split and role."""
        return np.array([(row.split, row.role) == (split, role) for row in self.rows], bool)


def read_predictions(path: Path, rows: Sequence[Row], dataset: Path) -> Predictions:
    """Read `file,<class>,<class>...` and join it with the rows of the dataset's manifest.

    Raises UsageError, in one line, where the file is not of that form, or does not fit the dataset.
    """
    head, lines = _read(path)
    known = sorted({row.class_name for row in rows} - {NEGATIVE_CLASS})
    _check_columns(path, head, known)
    measured = {row.file: row for row in rows if _measures(row)}
    names = {row.file for row in rows}
    places = list(_placed(path, lines, names, dataset))
    chosen = [place for place, file in enumerate(places) if file in measured]
    found = [measured[places[place]] for place in chosen]
    given = set(places)
    _check_whole(path, [row for row in measured.values() if row.file not in given])
    scores = _numbers(path, head, [lines[place] for place in chosen])
    columns = {name: scores[:, place] for place, name in enumerate(head[1:])}
    return Predictions(
        classes=known,
        scores=np.column_stack([columns[name] for name in known]),
        negative=columns.get(NEGATIVE_CLASS),
        truth=np.array([known.index(row.class_name) if row.role == Role.KNOWN else -1 for row in found], np.intp),
        rows=found,
        ignored=len(lines) - len(found),
    )


@dataclass(frozen=True, slots=True)
class _Line:
    number: int
    file: str
    values: list[str]


def _read(path: Path) -> tuple[list[str], list[_Line]]:
    if not path.is_file():
        raise UsageError(f"{path}: no such file; write one with a column {FILE} and one a class")
    csv.field_size_limit(2**31 - 1)
    try:
        with path.open(encoding="utf-8-sig", newline="") as stream:  # spreadsheets put a mark before the first byte
            reader = csv.reader(stream, strict=True)
            head = [name.strip() for name in next(filter(None, reader), [])]
            lines = [_Line(reader.line_num, line[0], line[1:]) for line in reader if line]
    except (csv.Error, UnicodeDecodeError) as error:
        raise UsageError(f"{path}: no CSV in UTF-8 ({error})") from error
    if not head:
        raise UsageError(f"{path}: is empty; write a column {FILE} and one a class")
    if len(head) == 1 and any(separator in head[0] for separator in _SEPARATORS):
        raise UsageError(f"{path}: its columns are to be separated by commas; with pandas: to_csv(..., index=False)")
    if not lines:
        raise UsageError(f"{path}: holds no predictions, only the names of columns")
    for line in lines:
        if len(line.values) != len(head) - 1:
            raise UsageError(f"{path}: line {line.number} has {len(line.values) + 1} values for {len(head)} columns")
    return head, lines


def _check_columns(path: Path, head: Sequence[str], known: Sequence[str]) -> None:
    if head[0] != FILE:
        index = head[0] == "" and FILE in head
        hint = "with pandas: to_csv(..., index=False)" if index else f"the header is {FILE},{','.join(known)}"
        raise UsageError(f"{path}: the first column is {head[0]!r}, not {FILE}; {hint}")
    for name, times in Counter(head).items():
        if times > 1:
            raise UsageError(f"{path}: {times} columns {name}")
    for name in head[1:]:
        if name not in {*known, NEGATIVE_CLASS}:
            raise UsageError(
                f"{path}: column {name!r} is no class of the dataset; there are {', '.join([NEGATIVE_CLASS, *known])}"
            )
    if absent := [name for name in known if name not in head]:
        raise UsageError(f"{path}: no column {absent[0]}; each known class needs one: {', '.join(known)}")


def _measures(row: Row) -> bool:
    """Whether anything is measured on a picture; the known ones of the holdout are those of test again."""
    return row.split != Split.TRAIN and (row.split, row.role) != (Split.UNSEEN, Role.KNOWN)


def _placed(path: Path, lines: Iterable[_Line], names: set[str], dataset: Path) -> Iterator[str]:
    """Name the file of the manifest that each line means; a path that ends in one means it too."""
    first: dict[str, int] = {}
    strange = []
    for line in lines:
        file = _in_manifest(line.file.strip().replace("\\", "/"), names)
        if file is None:
            strange.append(line)
            continue
        if file in first:
            raise UsageError(f"{path}: line {line.number}: {file} is in line {first[file]} already")
        first[file] = line.number
        yield file
    if strange:
        many = f"{len(strange):,} files are" if len(strange) > 1 else "1 file is"
        raise UsageError(
            f"{path}: {many} not in the manifest of {dataset} (line {strange[0].number}: {strange[0].file!r}); "
            "predict the files that are there"
        )


def _in_manifest(file: str, names: set[str]) -> str | None:
    while file not in names:
        _, slash, file = file.partition("/")
        if not slash:
            return None
    return file


def _check_whole(path: Path, missing: Sequence[Row]) -> None:
    if not missing:
        return
    counts = Counter(row.split for row in missing)
    where = ", ".join(f"{counts[split]:,} of {split}" for split in Split if counts[split])
    raise UsageError(
        f"{path}: {len(missing):,} {'pictures have' if len(missing) > 1 else 'picture has'} no prediction ({where}; "
        f"such as {missing[0].file}); predict all of valid, test and unseen"
    )


def _numbers(path: Path, head: Sequence[str], lines: Sequence[_Line]) -> Scores:
    try:
        scores = np.array([list(map(float, line.values)) for line in lines], np.float64)
    except ValueError:
        scores = np.full((1, 1), np.nan)
    if not np.isfinite(scores).all():
        line, name, value = next(_strange_values(head, lines))
        raise UsageError(f"{path}: line {line.number}: {name} is {value!r}, not a finite number ({line.file})")
    return scores.reshape(len(lines), len(head) - 1)


def _strange_values(head: Sequence[str], lines: Iterable[_Line]) -> Iterator[tuple[_Line, str, str]]:
    for line in lines:
        for name, value in zip(head[1:], line.values, strict=True):
            try:
                finite = np.isfinite(float(value))
            except ValueError:
                finite = False
            if not finite:
                yield line, name, value
