"""The mark of a log that is out of service, because it was copied elsewhere or is not yet complete.

``copying.py`` sets it: first on the new log, until it has everything; then on the old one, for
good. A log with a mark is refused wherever it would be written, so of two copies at most one is in
service, whatever crashes. Reading a trail works, and reports the mark. Above are the stores.
"""

from datetime import datetime
from typing import Final, Literal

import msgspec


class Mark(msgspec.Struct, frozen=True):
    """Why a log is out of service.

    Attributes:
        state: ``retired`` for the old log, ``arriving`` for a new one that is not complete.
        other: The other log: its path, or its URL without the password.
        at: When the mark was set.
        copy: An id that both logs have, from the retirement of one to the end of the copy.
    """

    state: Literal["retired", "arriving"]
    other: str
    at: datetime
    copy: str

    def __str__(self) -> str:
        """Return the reason for people, and what to do."""
        when = f"{self.at:%Y-%m-%d %H:%M} UTC"
        if self.state == "retired":
            return f"this log was retired on {when}; use its copy, {self.other}"
        return (
            f"this is a copy of {self.other}, begun on {when} and not complete; "
            "run the same `crewai-hitl copy` again to finish it"
        )


class OutOfService(Exception):
    """The log has a mark, and is not written."""

    for_operator: Final = True


def decoded(text: str | None) -> Mark | None:
    """Return the mark that a log stores."""
    return msgspec.json.decode(text, type=Mark) if text is not None else None


def encoded(mark: Mark) -> str:
    """Return the text that a log stores."""
    return msgspec.json.encode(mark).decode()


def refuse(mark: Mark | None) -> None:
    """Refuse to write a log that has a mark.

    Raises:
        OutOfService: The message is that of the mark.
    """
    if mark is not None:
        raise OutOfService(str(mark))
