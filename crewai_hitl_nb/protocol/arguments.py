"""Checks for the arguments of public functions; the error names the wrong argument.

Pure. A function checks its arguments before it does anything, so that a wrong type fails in the
caller's line and not deep inside, and a string is never read as a list of letters. Unambiguous
values are accepted: one string where several are allowed, a ``timedelta`` for seconds.
"""

import math
import os
from collections.abc import Iterable, Mapping
from contextlib import suppress
from datetime import datetime, timedelta, timezone
from numbers import Real
from typing import Any, Final, TypeAlias, cast

Seconds: TypeAlias = float | timedelta
"""A time span, as public functions accept it."""

_SHOWN_CHARS: Final = 80


class WrongArgument(TypeError, ValueError):
    """An argument has the wrong type; the message names it and what it must be.

    Both a ``TypeError`` and a ``ValueError``, so that a caller can catch either.
    """

    def __init__(self, name: str, wanted: str, given: object) -> None:
        shown = repr(given)
        if len(shown) > _SHOWN_CHARS:
            shown = f"{shown[:_SHOWN_CHARS]}…"
        super().__init__(f"{name} must be {wanted}, not {shown}")


def text(name: str, value: object) -> str:
    """Return a string.

    Raises:
        WrongArgument: The value is not a string.
    """
    if not isinstance(value, str):
        raise WrongArgument(name, "a string", value)
    return value


def text_or_none(name: str, value: object) -> str | None:
    """Return a string or None. Raises as :func:`text`."""
    return None if value is None else text(name, value)


def texts(name: str, value: object) -> tuple[str, ...]:
    """Return one or several strings as a tuple.

    Raises:
        WrongArgument: The value is neither a string nor a list of strings.
    """
    given = (value,) if isinstance(value, str) else several(name, "strings", value)
    if not all(isinstance(one, str) for one in given):
        raise WrongArgument(name, "a list of strings", given)
    return cast(tuple[str, ...], given)


def flags(name: str, value: object) -> tuple[str, ...]:
    """Return the names of flags: one, several, or those that are true in a mapping.

    Raises:
        WrongArgument: The value has another type.
    """
    if isinstance(value, Mapping):
        return texts(name, [flag for flag, is_set in value.items() if is_set])
    return texts(name, value)


def several(name: str, what: str, value: object) -> tuple[Any, ...]:
    """Return the items of a list, a set or another iterable that is no string and no mapping.

    Args:
        name: The argument's name.
        what: What its items are, for the message.
        value: The given value.

    Raises:
        WrongArgument: The value is a string, a mapping, or not iterable.
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise WrongArgument(name, f"a list of {what}", value)
    return tuple(value)


def yes_or_no(name: str, value: object) -> bool:
    """Return True or False.

    Raises:
        WrongArgument: The value is neither. A string such as "no" would count as true.
    """
    if not isinstance(value, bool):
        raise WrongArgument(name, "True or False", value)
    return value


def real(name: str, value: object, wanted: str = "a number") -> float:
    """Return a number.

    Raises:
        WrongArgument: The value is not a number.
    """
    # ``Real`` includes numpy's numbers. True is a ``Real`` as well, but never meant as one.
    if isinstance(value, bool) or not isinstance(value, Real) or math.isnan(value):
        raise WrongArgument(name, wanted, value)
    return float(value)


def seconds(name: str, value: object) -> float:
    """Return a number of seconds from a number or a ``timedelta``.

    Raises:
        WrongArgument: The value is neither.
    """
    if isinstance(value, timedelta):
        return value.total_seconds()
    return real(name, value, "a number of seconds or a timedelta")


def seconds_or_none(name: str, value: object) -> float | None:
    """Return a number of seconds or None. Raises as :func:`seconds`."""
    return None if value is None else seconds(name, value)


def instant(name: str, value: object) -> datetime:
    """Return a time with a zone; one without is local.

    Raises:
        WrongArgument: The value is not a ``datetime``, or beyond the years that one can have.
    """
    if isinstance(value, datetime):
        with suppress(OverflowError, ValueError, OSError):
            return value.astimezone(timezone.utc)
    raise WrongArgument(name, "a datetime", value)


def number(name: str, value: object) -> int:
    """Return a whole number.

    Raises:
        WrongArgument: The value is not a whole number.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongArgument(name, "a whole number", value)
    return value


def path(name: str, value: object) -> str | os.PathLike[str]:
    """Return a path, given as a string or a ``Path``.

    Raises:
        WrongArgument: The value is neither.
    """
    if not isinstance(value, str | os.PathLike):
        raise WrongArgument(name, "a path", value)
    return value


def mapping(name: str, wanted: str, value: object) -> Mapping[Any, Any]:
    """Return a mapping.

    Args:
        name: The argument's name.
        wanted: What it must be, for the message.
        value: The given value.

    Raises:
        WrongArgument: The value is not a mapping.
    """
    if not isinstance(value, Mapping):
        raise WrongArgument(name, wanted, value)
    return value
