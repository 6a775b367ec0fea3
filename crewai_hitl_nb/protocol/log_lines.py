"""The format of log lines: one word for what happened, then ``name=value`` pairs.

    answered request_id=q-1 execution_id=run-7 decision=approve via=lab

Publishers choose ids, so a value that is not a plain word is quoted and escaped: no id can forge
a line. The same fields are in the record's ``extra``, for logs written as JSON. Callers pass only
ids, numbers and words of the protocol; never anybody's text, a key, or a person's name.

Every logger of this package comes from :func:`logger`, which cleans its records in any host and
any format:

- invisible and control characters are escaped (``escapes.py``);
- an error shows its class, and its message only if that describes the machine
  (``for_operator``): the error for a refused answer or question may quote it;
- a traceback shows places, but neither source lines nor messages: a cell's line may be the text
  of a question;
- a struct of ours shows only its class.
"""

import json
import logging
import os
import re
import traceback
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final, TypeAlias

import msgspec

from crewai_hitl_nb.protocol.errors import HitlError
from crewai_hitl_nb.protocol.escapes import visible

Log: TypeAlias = "logging.Logger | logging.LoggerAdapter[Any]"

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:@/+-]{1,200}")
_MOST_CAUSES: Final = 10
"""Errors that a trace follows through ``__cause__`` and ``__context__``."""


def logger(name: str) -> logging.Logger:
    """Return the logger of a module; its records are cleaned."""
    log = logging.getLogger(name)
    log.addFilter(clean)
    return log


def clean(record: logging.LogRecord) -> bool:
    """Remove from a record what must not be logged; a filter that drops no record.

    Cleaning a record twice changes nothing more.
    """
    if isinstance(record.args, tuple):
        record.args = tuple(map(_sayable, record.args))
    record.msg, record.args = visible(record.getMessage()), ()
    if record.exc_info:
        error = record.exc_info[1]
        record.exc_text = "" if error is None else trace(error)
        record.exc_info = None
    return True


def described(error: BaseException) -> str:
    """Return a description of the error that may be logged."""
    if getattr(error, "for_operator", False):
        return str(error)
    if isinstance(error, HitlError):
        return error.code
    kind = type(error).__name__
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return f"{kind}: {os.strerror(error.errno)}"
    return kind


def trace(error: BaseException) -> str:
    """Return the places and classes of an error and its causes, without messages."""
    lines: list[str] = []
    one: BaseException | None = error
    for _ in range(_MOST_CAUSES):
        if one is None:
            break
        lines.append(f"{visible(type(one).__qualname__)}: {visible(described(one))}")
        lines += [f"  at {visible(file)}:{line} in {name}" for file, line, name in _way(one)]
        one = one.__cause__ or (None if one.__suppress_context__ else one.__context__)
    return "\n".join(lines)


def _way(error: BaseException) -> list[tuple[str, int, str]]:
    """Return the frames of an error's traceback: file, line, function; no source text."""
    return [
        (frame.f_code.co_filename, line, frame.f_code.co_name)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]


def _sayable(value: object) -> object:
    if isinstance(value, BaseException):
        return described(value)
    return type(value).__name__ if isinstance(value, msgspec.Struct) else value


_WAY: Final = 5
"""Frames that the line of a fault names: the last ones of its traceback."""


class _Line:
    """A log line that is formatted only when a handler writes it."""

    def __init__(self, event: str, fields: Mapping[str, object]) -> None:
        self._event = event
        self._fields = fields

    def __str__(self) -> str:
        pairs = (f"{name}={_said(value)}" for name, value in self._fields.items())
        return " ".join((self._event, *pairs))


def _said(value: object) -> str:
    text = str(_sayable(value))
    return text if _PLAIN.fullmatch(text) else json.dumps(text)


def note(log: Log, level: int, event: str, **fields: object) -> None:
    """Write a log line; fields that are None are left out.

    Args:
        log: The module's logger.
        level: As in ``logging``.
        event: What happened, in one word.
        fields: Ids, numbers and words of the protocol.
    """
    if log.isEnabledFor(level):
        said = {name: value for name, value in fields.items() if value is not None}
        beside = {name: _field(value) for name, value in said.items()}
        log.log(level, "%s", _Line(event, said), extra={"event": event, **beside})


def _field(value: object) -> object:
    said = _sayable(value)
    return visible(said) if isinstance(said, str) else said


def note_fault(log: Log, event: str, error: BaseException, **fields: object) -> None:
    """Write a log line about an unexpected error: its class and the frames it came through.

    The message is left out, because it may quote what somebody wrote.
    """
    note(log, logging.ERROR, event, error=type(error).__name__, at=origin(error), **fields)


def origin(error: BaseException) -> str:
    """Return the last frames that an error came through, as a log line names them."""
    return " ".join(f"{PurePath(file).name}:{line}" for file, line, _ in _way(error)[-_WAY:])
