"""What to do when SQLite says no: one line of advice for each of its refusals.

SQLite's own words are kept in front, because they are what people search for. Told by them
rather than by code, which Python gives only from 3.11 on; SQLite has not changed them in its
third version ("Result and Error Codes", ``sqlite3_errstr``).
"""

import sqlite3
from pathlib import Path
from typing import Final

from crewai_hitl_nb.protocol.errors import StoreUnavailable

NO_ANSWER: Final = (sqlite3.Error, KeyError, TypeError, ValueError)
"""What comes instead of an answer: a refusal, or what nonsense in place of our own rows raises.
A ``UnicodeDecodeError`` among them: Python's module decodes SQLite's message that names it."""

_FULL: Final = "free some space on its disk; the server goes on by itself then"
_READ_ONLY: Final = "let the user that runs the server write the file and its folder"
_LOCKED: Final = (
    "another program holds the file (a backup, a database browser); close it,"
    " the server goes on by itself then"
)
_DAMAGED: Final = (
    "stop the server and run `crewai-hitl salvage {path}`, which makes a new log of what"
    " it still holds and keeps the damaged file"
)

_DAMAGES: Final = (sqlite3.DatabaseError, sqlite3.IntegrityError)
"""Not their subclasses. The code asks before it writes, so a broken constraint means that the
tables contradict each other."""

_ADVICE: Final = (
    ("database or disk is full", _FULL),
    ("no space left on device", _FULL),
    ("disk i/o error", "look at the disk: it is full, gone, or it fails"),
    ("readonly database", _READ_ONLY),
    ("read-only file system", _READ_ONLY),
    ("permission denied", _READ_ONLY),
    ("unable to open database file", _READ_ONLY),
    ("is locked", _LOCKED),
    ("malformed", _DAMAGED),
    ("not a database", _DAMAGED),
    ("could not decode to utf-8", _DAMAGED),
)


def unavailable(what: str, path: Path, error: Exception) -> StoreUnavailable:
    """Return the error that says what cannot be done with a file, why, and what to do."""
    return StoreUnavailable(f"{what} {path}: {_advice(path, error)}")


def _advice(path: Path, error: Exception) -> str:
    said = _said(error)
    for words, then in _ADVICE:
        if words in said.lower():
            return f"{said}; {then.format(path=path)}"
    if type(error) in _DAMAGES or isinstance(error, KeyError | TypeError | ValueError):
        return f"{said}; {_DAMAGED.format(path=path)}"
    return said


def _said(error: Exception) -> str:
    """Return what may be repeated: to callers, and in a log. Never what stood in a row."""
    if isinstance(error, KeyError | TypeError | ValueError):
        return type(error).__name__
    # SQLite's module quotes what it could not decode.
    return str(error).partition(" with text ")[0]


def refuse_emptied(path: Path) -> None:
    """Refuse a file of no length beside a write-ahead log: SQLite would begin both anew.

    No crash leaves them so, because the file has its tables before that log is first written.

    Raises:
        sqlite3.DatabaseError: As SQLite might have said itself.
    """
    wal = Path(f"{path}-wal")
    if path.exists() and path.stat().st_size == 0 and wal.exists() and wal.stat().st_size > 0:
        raise sqlite3.DatabaseError("the file is empty, its write-ahead log is not: malformed")
