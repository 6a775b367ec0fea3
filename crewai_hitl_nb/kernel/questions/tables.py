"""Reads data frames and records: a bounded copy as a tabular data resource, and a Markdown preview.

A frame of pandas or polars is recognised by its attributes, because neither library is a
dependency; nothing here imports them. The copy follows Frictionless' Tabular Data Resource with a
Table Schema, which is also what pandas' ``orient="table"`` and Jupyter's
``application/vnd.dataresource+json`` are. ``rendering.py`` uses it.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from typing import Any, Final

import msgspec

from crewai_hitl_nb.kernel.questions.cells import MISSING, cell_of, single
from crewai_hitl_nb.kernel.questions.context import literal
from crewai_hitl_nb.protocol.json_safe import text_of

MAX_ROWS: Final = 500
"""Rows of a table that travel with a question: what a person can search, sort and compare."""

MAX_COLUMNS: Final = 50

MAX_NAME_CHARS: Final = 100

PREVIEW_ROWS: Final = 50
"""Rows of the Markdown table for readers that show no attachments: terminals, older versions."""

PREVIEW_COLUMNS: Final = 30

PREVIEW_CHARS: Final = 16_000
"""Length of that table: a quarter of a context, so that several fit."""

_PREVIEW_CELL_CHARS: Final = 200

_RECORD_CHARS: Final = 200
"""Longer texts, and those of several lines, are read better one below the other than in cells."""

_FLAT: Final = (bool, int, float, Decimal, datetime, date, time, timedelta)
"""What a cell of a record may be, beside a text and None."""


@dataclass(frozen=True)
class Column:
    """One column, with its values in a form that JSON can carry.

    Attributes:
        name: Its name, unique in the table.
        title: Its name as the frame has it; blank for an index without a name.
        type: Its type in a Table Schema.
        dtype: Its type in words of the library.
        values: The values of the rows that were read.
    """

    name: str
    title: str
    type: str
    dtype: str
    values: Sequence[Any]


@dataclass(frozen=True)
class Table:
    """The first rows and columns of a frame.

    Attributes:
        index: The columns that name the rows; none for polars.
        columns: The others.
        read: The number of rows that were read.
        rows: The number of rows of the frame.
        width: The number of columns of the frame, without the index.
        unique: Whether the index names each of the rows once.
    """

    index: Sequence[Column]
    columns: Sequence[Column]
    read: int
    rows: int
    width: int
    unique: bool = False

    def resource(self, name: str, room: int) -> dict[str, Any] | None:
        """Return a tabular data resource of at most ``room`` bytes.

        It is None for an empty frame, and if no row fits. Beside the fields of the standard it has
        ``index`` (the fields that are the index) and ``total`` (the size of the frame, which may
        be larger than ``data``).
        """
        every = [*self.index, *self.columns]
        if not every or self.read == self.width == 0:
            return None
        index = [column.name for column in self.index]
        schema: dict[str, Any] = {
            "fields": [_field(column) for column in every],
            "missingValues": ["", *MISSING.values()],
        }
        if index and self.unique:
            schema["primaryKey"] = index
        resource: dict[str, Any] = {
            "profile": "tabular-data-resource",
            "name": name,
            "schema": schema,
            "index": index,
            "total": {"rows": self.rows, "columns": self.width},
        }
        room -= len(msgspec.json.encode(resource)) + len(',"data":[]')
        data: list[dict[str, Any]] = []
        for number in range(self.read):
            row = {column.name: column.values[number] for column in every}
            room -= len(msgspec.json.encode(row)) + len(",")
            if room < 0:
                break
            data.append(row)
        if room < 0 and not data:
            return None
        return {**resource, "data": data}

    def preview(self) -> tuple[list[str], str]:
        """Return the lines of a table in Markdown, and in words how much of the frame it shows."""
        columns = [*self.index, *self.columns[:PREVIEW_COLUMNS]]
        if not columns or self.read == self.width == 0:
            return ["(an empty table)"], self._extent(self.read, 0)
        lines = [_line(column.title for column in columns), _line("---" for _ in columns)]
        left, shown = PREVIEW_CHARS, 0
        for number in range(min(self.read, PREVIEW_ROWS)):
            line = _line(text_of(column.values[number]) for column in columns)
            left -= len(line)
            if left < 0 and shown > 0:
                break
            lines.append(line)
            shown += 1
        return lines, self._extent(shown, min(len(self.columns), PREVIEW_COLUMNS))

    def _extent(self, rows: int, columns: int) -> str:
        return f"{_part(rows, self.rows, 'row')}, {_part(columns, self.width, 'column')}"


def table_of(thing: Any) -> Table | None:
    """Return the beginning of a data frame, one column or records; None for anything else.

    Raises:
        Exception: The frame's own code failed.
    """
    if is_records(thing):
        return _records(thing)
    if not is_frame(thing):
        return None
    if not hasattr(thing, "columns"):
        thing = thing.to_frame()
    return _pandas(thing) if hasattr(thing, "iloc") else _polars(thing)


def is_cut(table: Table) -> bool:
    """Return whether the preview shows less than the frame has."""
    return table.rows > PREVIEW_ROWS or table.width > PREVIEW_COLUMNS


def is_frame(thing: Any) -> bool:
    """Return whether an object looks like a data frame or a column. Reads none of its values."""
    if isinstance(thing, type):
        return False
    try:
        if not isinstance(thing.shape, tuple):
            return False
        if not hasattr(thing, "columns"):
            return callable(thing.to_frame)
        height, width = map(int, thing.shape)
        return height >= 0 <= width and (hasattr(thing, "iloc") or callable(thing.rows))
    except Exception:  # noqa: BLE001 - any object may be asked, and it may fail in any way
        return False


def is_records(thing: Any) -> bool:
    """Return whether an object is a list of several flat dicts with short values."""
    if type(thing) not in (list, tuple) or len(thing) < 2:  # one is no table
        return False
    part = thing[:MAX_ROWS]
    if not all(type(row) is dict and row and _is_flat(row) for row in part):
        return False
    return len(_keys(part)) <= MAX_COLUMNS


def _is_flat(row: Mapping[Any, Any]) -> bool:
    return all(type(key) is str for key in row) and all(map(_is_short, row.values()))


def _is_short(value: Any) -> bool:
    if type(value) is str:
        return len(value) <= _RECORD_CHARS and "\n" not in value
    return value is None or type(value) in _FLAT


def _keys(rows: Sequence[Mapping[str, Any]]) -> list[str]:
    return list(dict.fromkeys(key for row in rows for key in row))


def _records(rows: Sequence[Mapping[str, Any]]) -> Table:
    names = _Names()
    part = rows[:MAX_ROWS]
    keys = _keys(part)
    columns = [
        _column(names, _name(key), _name(key), "", [row.get(key) for row in part]) for key in keys
    ]
    return Table([], columns, len(part), len(rows), len(keys))


def _pandas(frame: Any) -> Table:
    rows, width = frame.shape
    part = frame.iloc[:MAX_ROWS, :MAX_COLUMNS]
    levels = range(part.index.nlevels)
    unnamed = ["index"] if len(levels) == 1 else [f"level_{level}" for level in levels]
    titles = ["" if name is None else _name(name) for name in part.index.names]
    names = _Names()
    index = [
        _column(names, titles[level] or unnamed[level], titles[level], values.dtype, values)
        for level in levels
        for values in [part.index.get_level_values(level)]
    ]
    columns = []
    for number, name in enumerate(part.columns):
        values = part.iloc[:, number]
        columns.append(_column(names, _name(name), _name(name), values.dtype, values))
    return Table(index, columns, len(part), rows, width, bool(part.index.is_unique))


def _polars(frame: Any) -> Table:
    rows, width = frame.shape
    part = frame.head(MAX_ROWS)
    names = _Names()
    columns = []
    for name in part.columns[:MAX_COLUMNS]:
        values = part.get_column(name)
        columns.append(_column(names, _name(name), _name(name), values.dtype, values))
    return Table([], columns, part.shape[0], rows, width)


def _column(names: "_Names", name: str, title: str, dtype: Any, values: Any) -> Column:
    if not isinstance(values, list):
        values = values.tolist() if hasattr(values, "tolist") else values.to_list()
    raw: list[Any] = values
    words = text_of(dtype)[:MAX_NAME_CHARS]
    if words.lower() == "float32":
        raw = [single(value) for value in raw]
    cells = [cell_of(value) for value in raw]
    kinds = {kind for kind, _ in cells if kind}
    if kinds == {"integer", "number"}:
        kinds = {"number"}
    kind = kinds.pop() if len(kinds) == 1 else "any" if kinds else _type_of(words)
    return Column(names.unique(name), title, kind, words, [value for _, value in cells])


def _type_of(dtype: str) -> str:
    """Return the type of a column that has no values."""
    known = ("float", "number"), ("int", "integer"), ("datetime", "datetime"), ("bool", "boolean")
    return next((kind for start, kind in known if dtype.lower().startswith(start)), "any")


def _name(name: Any) -> str:
    if isinstance(name, tuple):  # of a MultiIndex
        name = " / ".join(text_of(part) for part in name if part != "")
    text = " ".join(text_of(name).split())
    return text if len(text) <= MAX_NAME_CHARS else f"{text[:MAX_NAME_CHARS]}…"


class _Names:
    """Makes names unique, as pandas does for the columns of a file: ``a``, ``a.1``."""

    def __init__(self) -> None:
        self._taken: set[str] = set()

    def unique(self, name: str) -> str:
        name, number = name or "column", 0
        chosen = name
        while chosen in self._taken:
            number += 1
            chosen = f"{name}.{number}"
        self._taken.add(chosen)
        return chosen


def _field(column: Column) -> dict[str, Any]:
    field = {"name": column.name, "type": column.type, "dtype": column.dtype}
    return field if column.title == column.name else {**field, "title": column.title}


def _part(shown: int, total: int, what: str) -> str:
    many = f"{total:,} {what}{'' if total == 1 else 's'}"
    return many if shown == total else f"first {shown:,} of {many}"


def _line(cells: Iterable[str]) -> str:
    return f"| {' | '.join(map(_short, cells))} |"


def _short(text: str) -> str:
    text = " ".join(text.split())
    if len(text) > _PREVIEW_CELL_CHARS:
        text = f"{text[:_PREVIEW_CELL_CHARS]}…"
    return literal(text)
