"""Checks of the arguments of public functions, each named in the message when it is wrong.

Pure. A function checks what it is given before it does anything, so that a wrong kind of value
is an error in the caller's line and not deep inside or, worse, taken letter by letter. What can
only mean one thing is taken: one text where several may stand, a ``timedelta`` for seconds.
"""

import math
import os
from collections.abc import Iterable, Mapping
from datetime import timedelta
from numbers import Real
from typing import Any, Final, TypeAlias, cast

Seconds: TypeAlias = float | timedelta
"""A time span, as public functions take it."""

_SHOWN_CHARS: Final = 80


class WrongArgument(TypeError, ValueError):
    """An argument of the wrong kind; the message names it and what it should be.

    Both a ``TypeError`` and a ``ValueError``: it is caught as whichever a caller expects.
    """

    def __init__(self, name: str, wanted: str, given: object) -> None:
        shown = repr(given)
        if len(shown) > _SHOWN_CHARS:
            shown = f"{shown[:_SHOWN_CHARS]}…"
        super().__init__(f"{name} is {wanted}, not {shown}")


def text(name: str, value: object) -> str:
    """Return a text.

    Raises:
        WrongArgument: It is none.
    """
    if not isinstance(value, str):
        raise WrongArgument(name, "a text", value)
    return value


def text_or_none(name: str, value: object) -> str | None:
    """Return a text or None. Raises as :func:`text`."""
    return None if value is None else text(name, value)


def texts(name: str, value: object) -> tuple[str, ...]:
    """Return texts: one, or several of them.

    Raises:
        WrongArgument: It is neither, or one of them is no text.
    """
    given = (value,) if isinstance(value, str) else several(name, "texts", value)
    if not all(isinstance(one, str) for one in given):
        raise WrongArgument(name, "a list of texts", given)
    return cast(tuple[str, ...], given)


def flags(name: str, value: object) -> tuple[str, ...]:
    """Return the names of flags: one, several, or those that are true in a mapping.

    Raises:
        WrongArgument: It is none of these.
    """
    if isinstance(value, Mapping):
        return texts(name, [flag for flag, is_set in value.items() if is_set])
    return texts(name, value)


def several(name: str, what: str, value: object) -> tuple[Any, ...]:
    """Return what a list, a set or anything else that is no text and no mapping holds.

    Args:
        name: Of the argument.
        what: Its items, for the message.
        value: What was given.

    Raises:
        WrongArgument: It is one text, a mapping, or nothing that has items.
    """
    if isinstance(value, str | bytes | Mapping) or not isinstance(value, Iterable):
        raise WrongArgument(name, f"a list of {what}", value)
    return tuple(value)


def yes_or_no(name: str, value: object) -> bool:
    """Return True or False.

    Raises:
        WrongArgument: It is neither. A text such as "no" would count as true.
    """
    if not isinstance(value, bool):
        raise WrongArgument(name, "True or False", value)
    return value


def real(name: str, value: object, wanted: str = "a number") -> float:
    """Return a number.

    Raises:
        WrongArgument: It is none.
    """
    # ``Real`` holds numpy's numbers, too; True is one, and never meant.
    if isinstance(value, bool) or not isinstance(value, Real) or math.isnan(value):
        raise WrongArgument(name, wanted, value)
    return float(value)


def seconds(name: str, value: object) -> float:
    """Return a number of seconds, of a number or a ``timedelta``.

    Raises:
        WrongArgument: It is neither.
    """
    if isinstance(value, timedelta):
        return value.total_seconds()
    return real(name, value, "a number of seconds or a timedelta")


def seconds_or_none(name: str, value: object) -> float | None:
    """Return a number of seconds or None. Raises as :func:`seconds`."""
    return None if value is None else seconds(name, value)


def number(name: str, value: object) -> int:
    """Return a whole number.

    Raises:
        WrongArgument: It is none.
    """
    if isinstance(value, bool) or not isinstance(value, int):
        raise WrongArgument(name, "a whole number", value)
    return value


def path(name: str, value: object) -> str | os.PathLike[str]:
    """Return a path, as a text or a ``Path``.

    Raises:
        WrongArgument: It is neither.
    """
    if not isinstance(value, str | os.PathLike):
        raise WrongArgument(name, "a path", value)
    return value


def mapping(name: str, wanted: str, value: object) -> Mapping[Any, Any]:
    """Return a mapping.

    Args:
        name: Of the argument.
        wanted: What it should be, for the message.
        value: What was given.

    Raises:
        WrongArgument: It is none.
    """
    if not isinstance(value, Mapping):
        raise WrongArgument(name, wanted, value)
    return value
