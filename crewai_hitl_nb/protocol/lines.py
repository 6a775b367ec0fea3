"""How a line of a log reads: one word for what happened, then ``name=value`` pairs.

    answered request_id=q-1 execution_id=run-7 decision=approve via=lab

Ids are a publisher's own words, so a value that is more than a plain word is quoted and what
is not plain in it is escaped: no id can forge a line. The same fields are ``extra`` of the
record, for logs that are written as JSON. What may stand in a line is up to who writes it: ids,
numbers and words of the protocol; never a text of anybody's, a key, or a person's name.
"""

import json
import logging
import re
import traceback
from collections.abc import Mapping
from pathlib import PurePath
from typing import Any, Final, TypeAlias

Log: TypeAlias = "logging.Logger | logging.LoggerAdapter[Any]"

_PLAIN: Final = re.compile(r"[A-Za-z0-9_.:@/+-]{1,200}")

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
    text = str(value)
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
        log.log(level, "%s", _Line(event, said), extra={"event": event, **said})


def note_fault(log: Log, event: str, error: BaseException, **fields: object) -> None:
    """Write a line about an error that nobody expected: its class and the way to it.

    Not its message, which may quote what somebody wrote.
    """
    way = [
        f"{PurePath(at.filename).name}:{at.lineno}"
        for at in traceback.extract_tb(error.__traceback__)
    ]
    note(log, logging.ERROR, event, error=type(error).__name__, at=" ".join(way[-_WAY:]), **fields)
