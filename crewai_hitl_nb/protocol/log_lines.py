"""How a line of a log reads: one word for what happened, then ``name=value`` pairs.

    answered request_id=q-1 execution_id=run-7 decision=approve via=lab

Ids are a publisher's own words, so a value that is more than a plain word is quoted and what
is not plain in it is escaped: no id can forge a line. The same fields are ``extra`` of the
record, for logs that are written as JSON. What may stand in a line is up to who writes it: ids,
numbers and words of the protocol; never a text of anybody's, a key, or a person's name.

Every logger of this package comes from :func:`logger`, which cleans whatever goes through it,
in any host and any format:

- a character that is not seen, or commands a terminal, is shown (``escapes.py``);
- of an error stands what kind it is, and its message only where it is about the machine
  (``for_operator``): what an answer or a question is refused with may quote it;
- a traceback names places, and neither the lines there nor the messages: a cell's line may be
  the text of a question;
- a struct of ours is its class and no more.
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
"""Of an error that came of another, and so on."""


def logger(name: str) -> logging.Logger:
    """Return the logger of a module of ours; what goes through it is cleaned."""
    log = logging.getLogger(name)
    log.addFilter(clean)
    return log


def clean(record: logging.LogRecord) -> bool:
    """Leave nothing in a record that may not stand in a log; a filter that lets all pass.

    A second time it changes nothing: what is shown already is plain.
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
    """Say what happened as far as it may stand in a log."""
    if getattr(error, "for_operator", False):
        return str(error)
    if isinstance(error, HitlError):
        return error.code
    kind = type(error).__name__
    if isinstance(error, OSError) and error.errno is not None and error.errno > 0:
        return f"{kind}: {os.strerror(error.errno)}"
    return kind


def trace(error: BaseException) -> str:
    """Return where an error came from, and what it came of: places and kinds, no words."""
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
    """Return the places that an error came by: file, line, function; none of the text there."""
    return [
        (frame.f_code.co_filename, line, frame.f_code.co_name)
        for frame, line in traceback.walk_tb(error.__traceback__)
    ]


def _sayable(value: object) -> object:
    if isinstance(value, BaseException):
        return described(value)
    return type(value).__name__ if isinstance(value, msgspec.Struct) else value


_WAY: Final = 5
"""Places in the code that a fault's line names, the last ones."""


class _Line:
    """A line that is put together only when somebody writes it."""

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
    """Write a line; fields without a value are left out.

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
    """Write a line about an error that nobody expected: its class and the way to it.

    Not its message, which may quote what somebody wrote.
    """
    at = " ".join(f"{PurePath(file).name}:{line}" for file, line, _ in _way(error)[-_WAY:])
    note(log, logging.ERROR, event, error=type(error).__name__, at=at, **fields)
