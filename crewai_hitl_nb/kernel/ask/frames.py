"""A data frame as the answer: a person edits its rows in a grid, and a frame comes back.

The columns keep their types. A frame of pandas or polars is recognised by its class, because
neither library is a dependency; nothing here imports them unless the caller names columns instead
of giving a frame. ``ask/answer_types.py`` uses it; ``ask/frame_columns.py`` knows the columns.
"""

import sys
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from importlib import import_module
from math import isfinite
from typing import Any, Final

import msgspec

from crewai_hitl_nb.kernel.ask.forms import Field, Form, WrongValues
from crewai_hitl_nb.kernel.ask.frame_columns import (
    Column,
    field_of_class,
    pandas_column,
    polars_column,
    shown_cell,
)
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import FieldError, InvalidEvent
from crewai_hitl_nb.protocol.events import HumanInputCompleted, Response
from crewai_hitl_nb.protocol.schema import check_form

_ROWS: Final = "rows"
"""The name of the form's only field."""


def is_data_frame(thing: Any) -> bool:
    """Return whether this is a data frame of pandas or polars."""
    return type(thing).__name__ == "DataFrame" and _library_of(thing) is not None


def only_numbers(index: Any) -> bool:
    """Return whether the index of a pandas frame only numbers its rows from 0."""
    return (
        type(index).__name__ == "RangeIndex"
        and index.name is None
        and index.start == 0
        and index.step == 1
    )


def check_whole(form: Form) -> None:
    """Refuse a form of rows that the server would refuse, or whose answer it would.

    Raises:
        ValueError: It says what is too large.
    """
    try:
        check_form(form.schema)
    except InvalidEvent as error:
        raise ValueError(f"a form cannot show a column: {error.errors[0].message}") from None
    size, most = len(msgspec.json.encode(form.schema)), limits.MAX_EVENT_BYTES // 2
    if size > most:
        raise ValueError(
            f"the rows have {size:,} bytes, more than the {most:,} of a form; leave out rows or "
            "columns, or shorten their texts"
        )


def are_columns(thing: Any) -> bool:
    """Return whether this names columns: a list of names, or a mapping of names to types."""
    if isinstance(thing, Mapping):
        return bool(thing) and all(field_of_class(kind) is not None for kind in thing.values())
    return isinstance(thing, list) and bool(thing) and all(isinstance(one, str) for one in thing)


@dataclass(frozen=True)
class EditedFrame:
    """A data frame that a person edits.

    Attributes:
        like: The frame with the columns of the answer.
        columns: Its columns, those of its index first.
        levels: How many of them are its index; 0 if that only numbers the rows.
        form: The form that shows its rows.
        errors: What is wrong with the rows that the form shows.
    """

    like: Any
    columns: tuple[Column, ...]
    levels: int
    form: Form
    errors: tuple[FieldError, ...] = ()

    @classmethod
    def of(cls, schema: Any) -> "EditedFrame":
        """Return the answer type of a frame, or of named columns.

        Raises:
            ValueError: It is too large, or has a column that people cannot edit.
        """
        named = {} if is_data_frame(schema) else _classes_of(schema)
        frame = _empty(named) if named else schema
        columns, levels = _columns_of(frame, named)
        if len({column.name for column in columns}) < len(columns):
            raise ValueError("two columns of the frame have the same name; rename one")
        if not columns:
            raise ValueError("the frame has no columns; a person can only fill in rows")
        row = Form(
            {column.name: column.field for column in columns},
            frozenset(column.name for column in columns if column.required),
        )
        rows = Field.of_rows(Field.of_part(row), {})
        empty = cls(frame, columns, levels, Form({_ROWS: rows}, frozenset({_ROWS})))
        return empty.filled_with(frame)

    def response(self) -> Response:
        """Return the form with the rows."""
        return Response(
            decisions=("respond",), schema=self.form.schema, errors=self.errors or msgspec.UNSET
        )

    def read(self, answer: HumanInputCompleted) -> Any:
        """Return the edited frame.

        Raises:
            WrongValues: A cell does not fit its column.
        """
        rows: list[dict[str, Any]] = self.form.read(answer.values or {})[_ROWS]
        library, errors, made = _library_of(self.like), list[FieldError](), list[Any]()
        for column in self.columns:
            values = [row.get(column.name) for row in rows]
            try:
                made.append(_series(library, column, values))
            except ValueError:
                errors += _misfits(library, column, values)
        if errors:
            raise WrongValues(tuple(errors))
        return self._frame(library, made)

    def refilled(
        self, answer: HumanInputCompleted, errors: tuple[FieldError, ...]
    ) -> "EditedFrame":
        """Return the form with the rows that the person entered, each error in its cell."""
        placed = tuple(_in_answer(error) for error in errors[: limits.MAX_SCHEMA_PROPERTIES])
        return replace(self, form=self.form.refilled(answer.values or {}), errors=placed)

    def default(self, value: Any) -> dict[str, Any]:
        """Return the rows of another frame with these columns."""
        return {"decision": "respond", "values": {_ROWS: self._rows_of(value)}}

    def filled_with(self, value: Any) -> "EditedFrame":
        """Return the form filled with the rows of a frame with these columns.

        Raises:
            ValueError: It is another kind of frame, or too large.
        """
        field = self.form.fields[_ROWS].showing(self._rows_of(value))
        form = replace(self.form, fields={_ROWS: field})
        check_whole(form)
        return replace(self, form=form)

    def _rows_of(self, frame: Any) -> list[dict[str, Any]]:
        """Return the rows as the form shows them.

        Raises:
            ValueError: It is another kind of frame, or too large.
        """
        if not is_data_frame(frame) or _library_of(frame) is not _library_of(self.like):
            raise ValueError(f"default must be a data frame like the one to edit, not {frame!r}")
        _check_size(len(frame), len(self.columns))
        cells = _cells_of(frame, self.levels)
        if len(cells) != len(self.columns):
            raise ValueError("default must be a data frame with the columns of the one to edit")
        return [
            {
                column.name: shown_cell(column, at, values[at])
                for column, values in zip(self.columns, cells, strict=True)
            }
            for at in range(len(frame))
        ]

    def _frame(self, library: Any, made: list[Any]) -> Any:
        if library.__name__ == "polars":
            named = zip(self.columns, made, strict=True)
            return library.DataFrame([series.alias(column.title) for column, series in named])
        frame = library.DataFrame(dict(enumerate(made[self.levels :])))
        frame.columns = self.like.columns
        if self.levels == 1:
            frame.index = library.Index(made[0], name=self.like.index.name)
        elif self.levels:
            names = self.like.index.names
            frame.index = library.MultiIndex.from_arrays(made[: self.levels], names=names)
        return frame


def _in_answer(error: FieldError) -> FieldError:
    """Return an error with its path in the answer."""
    return FieldError(f"values.{error.field}".removesuffix("."), error.message)


def _misfit(library: Any) -> tuple[type[Exception], ...]:
    """Return what the library raises for a value that does not fit a type."""
    own = (library.exceptions.PolarsError,) if library.__name__ == "polars" else ()
    return (ValueError, TypeError, ArithmeticError, RuntimeError, *own)


def _series(library: Any, column: Column, values: list[Any]) -> Any:
    """Return the values as a column of its type.

    Raises:
        ValueError: The type does not hold one of them, or only another value in its place.
    """
    try:
        series = library.Series(values, dtype=column.dtype)
    except _misfit(library) as error:
        raise ValueError(str(error)) from error
    if series.dtype != column.dtype or not all(map(_is_kept, values, series)):
        raise ValueError("the type changes a value")
    return series


def _is_kept(value: Any, held: Any) -> bool:
    if value is None:
        return True
    return isfinite(held) if isinstance(held, float) else bool(held == value)


def _library_of(frame: Any) -> Any:
    name = type(frame).__module__.partition(".")[0]
    return sys.modules.get(name) if name in ("pandas", "polars") else None


def _classes_of(columns: Mapping[str, type] | Iterable[str]) -> dict[str, type]:
    return dict(columns) if isinstance(columns, Mapping) else dict.fromkeys(columns, str)


def _empty(named: Mapping[str, type]) -> Any:
    """Return an empty frame with these columns, of pandas or else of polars."""
    for name in ("pandas", "polars"):
        try:
            library = import_module(name)
        except ImportError:
            continue
        if name == "polars":
            return library.DataFrame(schema=dict(named))
        own: dict[type, str] = {int: "int64", float: "float64", bool: "bool", str: "str"}
        dtypes = {
            title: own.get(kind, "datetime64[us]" if kind.__name__ == "datetime" else "object")
            for title, kind in named.items()
        }
        return library.DataFrame(
            {title: library.Series([], dtype=dtype) for title, dtype in dtypes.items()}
        )
    raise ValueError("columns need pandas or polars to make a data frame of; install one of them")


def _columns_of(frame: Any, named: Mapping[str, type]) -> tuple[tuple[Column, ...], int]:
    """Return the columns, those of the index first, and how many are the index."""
    _check_size(len(frame), len(frame.columns))
    library = _library_of(frame)
    if library.__name__ == "polars":
        return tuple(polars_column(name, dtype) for name, dtype in frame.schema.items()), 0
    if frame.columns.nlevels > 1:
        raise ValueError("the frame has columns of several levels; flatten them")
    index = frame.index
    levels = 0 if only_numbers(index) else index.nlevels
    titles = [*(index.names if levels else ()), *frame.columns]
    dtypes = [*(index.get_level_values(n).dtype for n in range(levels)), *frame.dtypes]
    cells = _cells_of(frame, levels)
    columns = []
    for at, (title, dtype, values) in enumerate(zip(titles, dtypes, cells, strict=True)):
        name = "index" if title is None and at < levels else str(title)
        column = pandas_column(library, name, title, dtype, values)
        known = field_of_class(named.get(name))
        plain = str(dtype) == "object" and known is not None
        columns.append(replace(column, field=known) if plain and known else column)
    return tuple(columns), levels


def _cells_of(frame: Any, levels: int) -> list[list[Any]]:
    """Return the values of each column, those of the index first."""
    if _library_of(frame).__name__ == "polars":
        return [series.to_list() for series in frame.get_columns()]
    index = [frame.index.get_level_values(level).tolist() for level in range(levels)]
    return [*index, *(frame.iloc[:, at].tolist() for at in range(len(frame.columns)))]


def _check_size(rows: int, columns: int) -> None:
    """Refuse a frame that is too large to be edited by hand.

    Raises:
        ValueError: It says the bound and what to do.
    """
    if rows > limits.MAX_FORM_ROWS:
        raise ValueError(
            f"the frame has {rows:,} rows; a person can edit at most {limits.MAX_FORM_ROWS}. Give "
            "a part of it, such as `frame.head(200)`, and put the rest together with the answer"
        )
    most = limits.MAX_SCHEMA_PROPERTIES - 1
    if columns > most:
        raise ValueError(f"the frame has {columns:,} columns; a person can edit at most {most}")
    if rows * (columns + 1) >= limits.MAX_FORM_VALUES:
        raise ValueError(
            f"the frame has {rows * columns:,} cells, more than the {limits.MAX_FORM_VALUES:,} "
            "values of a form, rows included; leave out rows or columns that nobody changes"
        )


def _misfits(library: Any, column: Column, values: list[Any]) -> Iterable[FieldError]:
    """Return the errors of the cells that do not fit their column."""
    message = f"does not fit the column's type, {column.dtype}"
    found = [
        FieldError(f"{_ROWS}.{at}.{column.name}", message)
        for at, value in enumerate(values)
        if not _fits(library, column, value)
    ]
    return found or [FieldError(_ROWS, f"column {column.title!r} {message}")]


def _fits(library: Any, column: Column, value: Any) -> bool:
    try:
        _series(library, column, [value])
    except ValueError:
        return False
    return True
