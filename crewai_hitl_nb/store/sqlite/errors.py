"""Adds one line of advice to each error of SQLite.

SQLite's own message stays in front, because people search for it. Errors are recognized by their
message rather than by their code, which Python gives only since 3.11; SQLite has not changed the
messages in its third version ("Result and Error Codes", ``sqlite3_errstr``).
"""

import sqlite3
from pathlib import Path
from typing import Final

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.damage import DamagedRow

NO_ANSWER: Final = (sqlite3.Error, DamagedRow, KeyError, TypeError, ValueError)
"""What a query can raise: SQLite's errors, and those of decoding damaged rows. One of them is
``UnicodeDecodeError``: Python's module decodes SQLite's message, which quotes the row."""

_FULL: Final = "free some space on its disk; the server then continues by itself"
_READ_ONLY: Final = "let the user that runs the server write the file and its folder"
_READ_ONLY_DISK: Final = "mount its disk for writing, or give the log another path"
_LOCKED: Final = (
    "another program has locked the file (a backup, a database browser); close it,"
    " the server then continues by itself"
)
_DAMAGED: Final = (
    "stop the server and run `crewai-hitl salvage {path}`, which makes a new log of the events"
    " that can still be read and keeps the damaged file"
)

_DAMAGES: Final = (sqlite3.DatabaseError, sqlite3.IntegrityError, DamagedRow)
"""Without their subclasses. The code checks before it writes, so a broken constraint means that the
tables contradict each other."""

_ADVICE: Final = (
    ("database or disk is full", _FULL),
    ("no space left on device", _FULL),
    ("disk i/o error", "check the disk: it is full, read-only, detached or failing"),
    ("readonly database", _READ_ONLY),
    ("read-only file system", _READ_ONLY_DISK),
    ("permission denied", _READ_ONLY),
    ("unable to open database file", _READ_ONLY),
    ("is locked", _LOCKED),
    ("malformed", _DAMAGED),
    ("not a database", _DAMAGED),
    ("could not decode to utf-8", _DAMAGED),
)


def unavailable(what: str, path: Path, error: Exception) -> StoreUnavailable:
    """Return an error that says what failed with a file, why, and what to do."""
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
    """Return the part of a message that callers and logs may see: never the content of a row."""
    if isinstance(error, KeyError | TypeError | ValueError):
        return type(error).__name__
    # SQLite's module quotes what it could not decode.
    return str(error).partition(" with text ")[0]


def refuse_emptied(path: Path) -> None:
    """Refuse an empty file beside a write-ahead log: SQLite would start both from scratch.

    No crash leaves such files, because the file has its tables before that log is first written.

    Raises:
        sqlite3.DatabaseError: The file was emptied.
    """
    wal = Path(f"{path}-wal")
    if path.exists() and path.stat().st_size == 0 and wal.exists() and wal.stat().st_size > 0:
        raise sqlite3.DatabaseError("the file is empty and its write-ahead log is not: malformed")
