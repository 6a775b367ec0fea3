"""The columns of a data frame as fields of a form: which values they take, shown and read back.

Pure. A column's type comes from its dtype, and from its values where the dtype says nothing (an
``object`` column). pandas and polars are no dependencies: the library is passed in.
``ask/frames.py`` uses it.
"""

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import date, datetime, time
from decimal import Decimal
from math import isfinite, isnan
from typing import Any, Final

from crewai_hitl_nb.kernel.ask.forms import SAFE, Field, whole
from crewai_hitl_nb.protocol import limits

_BITS: Final = 8


@dataclass(frozen=True)
class Column:
    """One column, or one level of the index.

    Attributes:
        name: Its name in the form.
        title: Its name in the frame.
        dtype: The type that it has and gets back.
        field: The field of its cells.
        required: Whether a cell must have a value.
    """

    name: str
    title: Any
    dtype: Any
    field: Field
    required: bool = False


def is_missing(value: Any) -> bool:
    """Return whether a cell has no value: None, NaN, NaT or NA."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float) and isnan(value)


def _moment(text: str) -> datetime:
    return datetime.fromisoformat(text.replace("Z", "+00:00").replace("z", "+00:00"))


def _iso(value: date | time) -> str:
    return value.isoformat()  # of its own class: pandas' has nanoseconds


def _text_field(kind: str, shown: Callable[[Any], Any], read: Callable[[Any], Any]) -> Field:
    return Field({"type": "string", "format": kind}, shown, read, nullable=True)


_INTEGER: Final = Field({"type": "integer"}, int, whole, nullable=True)
_NUMBER: Final = Field({"type": "number"}, float, nullable=True)
_FLAG: Final = Field({"type": "boolean"}, bool, nullable=True)
_TEXT: Final = Field({"type": "string"}, str, nullable=True)
_DECIMAL: Final = _text_field("decimal", str, Decimal)
_DATE: Final = _text_field("date", _iso, date.fromisoformat)
_TIME: Final = _text_field("time-local", _iso, time.fromisoformat)
_LOCAL: Final = _text_field("date-time-local", _iso, _moment)
_ZONED: Final = _text_field("date-time", _iso, _moment)

_BY_CLASS: Final[Mapping[type, Field]] = {
    str: _TEXT,
    bool: _FLAG,
    int: _INTEGER,
    float: _NUMBER,
    Decimal: _DECIMAL,
    date: _DATE,
    time: _TIME,
    datetime: _LOCAL,
}
"""The fields of Python's own types."""

_POLARS: Final[Mapping[str, Field]] = {
    "Boolean": _FLAG,
    "String": _TEXT,
    "Categorical": _TEXT,
    "Decimal": _DECIMAL,
    "Date": _DATE,
    "Time": _TIME,
}
"""The fields of polars' types by the name of their class; numbers and moments are apart."""


def field_of_class(kind: Any) -> Field | None:
    """Return the field of a Python type, if a column can have it."""
    return _BY_CLASS.get(kind) if isinstance(kind, type) else None


def pandas_column(library: Any, name: str, title: Any, dtype: Any, values: list[Any]) -> Column:
    """Return a column of pandas.

    Raises:
        ValueError: It has values that no form can show.
    """
    kind = str(getattr(dtype, "kind", "O"))
    categories = getattr(dtype, "categories", None)
    if categories is not None:
        return _categorical(library, name, title, dtype, list(categories))
    whole = kind in "iu"
    required = (whole or kind == "b") and type(dtype).__module__.startswith("numpy")
    if whole:
        field = _whole(kind == "u", int(getattr(dtype, "itemsize", _BITS)))
    elif kind in "fb":
        field = _NUMBER if kind == "f" else _FLAG
    elif kind == "M":
        zoned = getattr(dtype, "tz", None) is not None
        field = replace(_ZONED if zoned else _LOCAL, read=library.Timestamp)
    else:
        field = _of_values(title, values)
    return Column(name, title, dtype, field, required)


def polars_column(name: str, dtype: Any) -> Column:
    """Return a column of polars.

    Raises:
        ValueError: Its type is no type of a form's field.
    """
    kind = type(dtype).__name__
    if dtype.is_integer():
        field = _whole(kind.startswith("U"), int(kind.lstrip("UInt") or 64) // _BITS)
    elif dtype.is_float():
        field = _NUMBER
    elif kind == "Datetime":
        field = _ZONED if dtype.time_zone else _LOCAL
    elif kind == "Enum":
        field = _choice([str(one) for one in dtype.categories])
    else:
        known = _POLARS.get(kind)
        if known is None:
            raise ValueError(_unusable(name, str(dtype)))
        field = known
    return Column(name, name, dtype, field)


def shown_cell(column: Column, row: int, value: Any) -> Any:
    """Return a cell's value as the form shows it; None for a missing one.

    Raises:
        ValueError: A browser could not send it back unchanged.
    """
    if is_missing(value):
        return None
    shown = column.field.shown(value)
    too_large = isinstance(shown, int) and abs(shown) > SAFE
    if too_large or (isinstance(shown, float) and not isfinite(shown)):
        raise ValueError(
            f"column {column.title!r}, row {row + 1}: a browser cannot send {shown} back "
            "unchanged; make the column a text"
        )
    return shown


def _whole(unsigned: bool, size: int) -> Field:
    """Return the field of whole numbers of a size in bytes; those of 64 bits have no limit here."""
    bits = size * _BITS
    if bits >= 64:
        limit = {"minimum": 0} if unsigned else {}
    elif unsigned:
        limit = {"minimum": 0, "maximum": 2**bits - 1}
    else:
        limit = {"minimum": -(2 ** (bits - 1)), "maximum": 2 ** (bits - 1) - 1}
    return replace(_INTEGER, schema={"type": "integer", **limit})


def _choice(texts: list[str]) -> Field:
    if not 0 < len(texts) <= limits.MAX_SCHEMA_CHOICES:
        return _TEXT
    return Field({"type": "string", "enum": texts}, str, nullable=True)


def _categorical(library: Any, name: str, title: Any, dtype: Any, known: list[Any]) -> Column:
    if all(isinstance(one, str) for one in known) and len(known) <= limits.MAX_SCHEMA_CHOICES:
        return Column(name, title, dtype, _choice(known))
    inner = pandas_column(library, name, title, dtype.categories.dtype, known)

    def read(filled: Any) -> Any:
        value = inner.field.read(filled)
        if value not in known:
            raise ValueError("is not one of the column's categories")
        return value

    return Column(name, title, dtype, replace(inner.field, read=read))


def _of_values(title: Any, values: Iterable[Any]) -> Field:
    """Return the field that holds the values of a column whose dtype says nothing."""
    present = [value for value in values if not is_missing(value)]
    classes = {type(value) for value in present}
    if classes == {datetime} and any(value.tzinfo is not None for value in present):
        return _ZONED
    if not classes:
        return _TEXT
    if len(classes) == 1 and (field := field_of_class(*classes)) is not None:
        return field
    simple = [_BY_CLASS[one].schema["type"] for one in (bool, int, float, str) if one in classes]
    if len(simple) < len(classes):
        (odd, *_) = sorted(one.__name__ for one in classes if one not in (bool, int, float, str))
        raise ValueError(_unusable(title, odd))
    return Field({"type": simple}, nullable=True)


def _unusable(title: Any, kind: str) -> str:
    return (
        f"column {title!r} holds values of type {kind}, which people cannot edit in a form; "
        "leave it out, or make it a text"
    )
