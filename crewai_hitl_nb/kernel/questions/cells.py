"""The values of a table's cells, in a form that JSON can carry and a Table Schema can describe.

Pure and bounded. ``tables.py`` uses it.
"""

import math
import struct
from collections import deque
from collections.abc import Mapping
from datetime import date, datetime, time, timedelta
from decimal import Decimal
from reprlib import Repr
from typing import Any, Final

from crewai_hitl_nb.protocol.json_safe import text_of, whole_text

MAX_CELL_CHARS: Final = 500
"""A longer text in a cell is cut; a document belongs in the context itself."""

_MOST_BYTES: Final = 100
"""Bytes shown of a binary value."""

_EXACT: Final = 2**53
"""Larger integers travel as text, because JavaScript would round them."""

MISSING: Final = {"NaTType": "NaT", "NAType": "<NA>"}
"""pandas' missing values beside None and NaN, by the name of their type."""

_containers: Final = Repr()
_containers.maxlevel = 4
_containers.maxlist = _containers.maxtuple = _containers.maxdict = 40
_containers.maxset = _containers.maxfrozenset = _containers.maxdeque = 40
_containers.maxstring = _containers.maxother = _containers.maxlong = 200


def cell_of(value: Any) -> tuple[str, Any]:  # noqa: PLR0911, PLR0912 - one for each type
    """Return the value's type in a Table Schema ("" if it is missing) and the value for JSON."""
    if value is None:
        return "", None
    if type(value).__name__ in MISSING:
        return "", MISSING[type(value).__name__]
    if type(value).__module__ == "numpy" and getattr(value, "ndim", 1) == 0:
        value = value.item()
    if isinstance(value, bool):
        return "boolean", value
    if isinstance(value, int):
        return "integer", int(value) if abs(value) <= _EXACT else _cut(_digits(value))
    if isinstance(value, float):
        if math.isfinite(value):
            return "number", float(value)
        if math.isnan(value):
            return "", "NaN"  # pandas' missing value in a column of any type
        return "number", "INF" if value > 0 else "-INF"
    if isinstance(value, Decimal):
        return "number", _cut(str(value))
    if isinstance(value, datetime):
        return "datetime", value.isoformat()
    if isinstance(value, date):
        return "date", value.isoformat()
    if isinstance(value, time):
        return "time", value.isoformat()
    if isinstance(value, timedelta):
        return "duration", _iso_duration(value)
    if isinstance(value, str):
        return "string", _cut(value)
    if isinstance(value, bytes | bytearray | memoryview):
        return "any", _bytes(value)
    if isinstance(value, Mapping | list | tuple | set | frozenset | deque):
        return "any", _cut(_in_short(value))
    return "any", _cut(text_of(value))


def _in_short(value: Any) -> str:
    try:
        return _containers.repr(value)
    except Exception:  # noqa: BLE001 - foreign code, whose failure must not hide the table
        return text_of(value)


def _digits(value: int) -> str:
    try:
        return str(value)
    except ValueError:  # more digits than Python converts to decimal
        return hex(value)


def _cut(text: str) -> str:
    text = str.__str__(text)  # the JSON encoder refuses a subclass of str
    if len(text) <= MAX_CELL_CHARS:
        return whole_text(text)
    return whole_text(text[:MAX_CELL_CHARS]) + f"… ({len(text):,} characters)"


def _bytes(value: bytes | bytearray | memoryview) -> str:
    words = repr(bytes(value[:_MOST_BYTES]))
    return words if len(value) <= _MOST_BYTES else f"{words}… ({len(value):,} bytes)"


def single(value: Any) -> Any:
    """Return a number of 32 bits with the digits that it has, not those of its 64-bit form."""
    if not isinstance(value, float) or not math.isfinite(value):
        return value
    for digits in range(6, 10):
        short = float(f"{value:.{digits}g}")
        if struct.pack("f", short) == struct.pack("f", value):
            return short
    return value


def _iso_duration(value: timedelta) -> str:
    """Return an ISO 8601 duration, as a Table Schema has them: ``P1DT2H3M4.5S``."""
    seconds = value.days * 86_400 + value.seconds
    nanos = seconds * 10**9 + value.microseconds * 1000 + int(getattr(value, "nanoseconds", 0))
    sign, nanos = ("-", -nanos) if nanos < 0 else ("", nanos)
    minutes, rest = divmod(nanos, 60 * 10**9)
    days, minutes = divmod(minutes, 24 * 60)
    fraction = f".{rest % 10**9:09d}".rstrip("0").rstrip(".")
    return f"{sign}P{days}DT{minutes // 60}H{minutes % 60}M{rest // 10**9}{fraction}S"
