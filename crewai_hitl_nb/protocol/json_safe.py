"""Makes any value portable as JSON by visibly replacing what JSON cannot carry.

A crew may produce half an emoji out of a model's JSON, NaN, bytes, sets, objects of its own, or
keys that are tuples. A question about it must still be asked, so nothing here fails. Pure.
``wire.py`` uses it for events, and so does whatever shows values to people.
"""

import dataclasses
import math
from collections.abc import Callable, Mapping
from datetime import date, time
from enum import Enum
from typing import Any, Final, TypeAlias

import msgspec

MOST_LEVELS: Final = 50
"""Nothing that people read is nested deeper; this also ends values that contain themselves."""

Special: TypeAlias = Callable[[Any], list[str] | None]

_CUT: Final = "… (nested too deep)"


def whole_text(text: str) -> str:
    """Return the text with every lone half of a surrogate pair replaced by U+FFFD (�).

    Two halves that belong together become one character: some parsers leave them apart.
    """
    if text.isascii():
        return text
    return text.encode("utf-16", "surrogatepass").decode("utf-16", "replace")


def text_of(thing: object) -> str:
    """Return ``str(thing)``, or the name of its type if that fails."""
    try:
        return whole_text(str(thing))
    except Exception:  # noqa: BLE001 - foreign code, whose failure must not hide the question
        return f"(no text: {type(thing).__name__})"


def portable(  # noqa: PLR0911 - one for each type
    thing: Any, levels: int = MOST_LEVELS, *, special: Special | None = None
) -> Any:
    """Return the value in a form that JSON can carry; never fails.

    Models, dataclasses and mappings become objects; other collections become lists (a set sorted
    by its texts); dates become ISO 8601. Numbers that JSON lacks (NaN) and everything else become
    text.

    Args:
        thing: The value.
        levels: How many levels of nesting to keep.
        special: Returns the lines to show for a type that is not known here, such as a table;
            None for other types.
    """
    if thing is None or isinstance(thing, bool):
        return thing
    if isinstance(thing, Enum) and levels > 0:
        return portable(thing.value, levels - 1, special=special)
    if isinstance(thing, str):
        return whole_text(str.__str__(thing))
    if isinstance(thing, int):
        return int(thing)
    if isinstance(thing, float):
        return float(thing) if math.isfinite(thing) else text_of(thing)
    if isinstance(thing, date | time):
        return thing.isoformat()
    try:
        lines = special(thing) if special is not None else None
        parts = _parts(thing) if lines is None else lines
    except Exception:  # noqa: BLE001 - as in text_of
        parts = None
    if parts is None:
        return text_of(thing)
    if levels <= 0:
        return _CUT
    if isinstance(parts, Mapping):
        return {
            _key(key): portable(value, levels - 1, special=special) for key, value in parts.items()
        }
    return [portable(value, levels - 1, special=special) for value in parts]


def _parts(thing: Any) -> dict[Any, Any] | list[Any] | None:  # noqa: PLR0911 - likewise
    """Return the parts of a value, or None for a value that is shown as text."""
    if isinstance(thing, Mapping):
        return dict(thing)
    if isinstance(thing, set | frozenset):
        return sorted(thing, key=text_of)
    if isinstance(thing, list | tuple):
        return list(thing)
    if isinstance(thing, type):
        return None
    if isinstance(thing, msgspec.Struct):
        names = zip(thing.__struct_encode_fields__, thing.__struct_fields__, strict=True)
        values = {on_wire: getattr(thing, name) for on_wire, name in names}
        return {name: value for name, value in values.items() if value is not msgspec.UNSET}
    if callable(getattr(thing, "model_dump", None)):  # a pydantic model; the server has no pydantic
        return dict(thing.model_dump())
    if dataclasses.is_dataclass(thing):
        return {field.name: getattr(thing, field.name) for field in dataclasses.fields(thing)}
    return None


def _key(key: Any) -> str:
    if key is None or isinstance(key, bool):
        return {None: "null", True: "true", False: "false"}[key]  # as Python's json has them
    return text_of(key.value if isinstance(key, Enum) else key)
