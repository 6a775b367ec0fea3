"""Many appends in a few statements: the short way of the SQLite writer.

Why: SQLite's module lets go of the interpreter at every row that it writes, and takes it back
from a busy event loop each time; a group of appends written row by row spends most of its time
waiting for its turn. Here a whole group goes in with two or three statements of many rows, and
the loop runs meanwhile.

It holds for groups in which every event is new and each request is spoken of once: nearly all.
The database itself says whether that is so (the unique ids, the number of rows changed).
Anything else returns None, and the caller writes the group the plain way, one append after the
other (``writing.Batch.run``), which knows duplicates and refusals. What both leave in the log is
the same; ``tests/store/test_bulk_append.py`` holds them to it.
"""

import sqlite3
from collections.abc import Iterator, Sequence
from functools import cache
from typing import Final

from crewai_hitl_nb.protocol.events import (
    HumanInputReminded,
    request_id_of,
)
from crewai_hitl_nb.store.base import Appended, Commit, appended, commit_of
from crewai_hitl_nb.store.sqlite.writer import (
    EVENT_COLUMNS,
    REQUEST_COLUMNS,
    Batch,
    ChangeKind,
    Written,
    change_of,
    event_row,
)
from crewai_hitl_nb.store.trail import Tail

_ROWS: Final = (128, 16, 1)
"""Rows of one statement. A few sizes only, so that SQLite keeps each statement prepared."""

_Row = tuple[object, ...]


class _NotPlain(Exception):
    """The group holds something that has to be looked at event by event."""


def write(connection: sqlite3.Connection, batches: Sequence[Batch], tail: Tail) -> list[Written]:
    """Write the batches inside the open transaction, or leave that to the plain way.

    Returns:
        What each batch did; an empty list when nothing was written: the caller takes the
        transaction back and writes the plain way.
    """
    head = tail.head
    try:
        group = _Group()
        written = [group.add(batch, tail) for batch in batches]
        group.insert(connection)
    except Exception:  # noqa: BLE001 - whatever it is, the plain way finds out whose append it is
        tail.move_back(head)
        return []
    return written


class _Group:
    """The rows that a group of appends comes to, by table."""

    def __init__(self) -> None:
        self._spoken_of: set[str] = set()
        self._events: list[_Row] = []
        self._changes: dict[ChangeKind, list[_Row]] = {"ask": [], "claim": [], "close": []}

    def add(self, batch: Batch, tail: Tail) -> Written:
        """Give the batch's events their places."""
        results: list[Appended] = []
        commits: list[Commit] = []
        for event in batch.events:
            commit = commit_of(event, tail.next_offset(), batch.by)
            seal = tail.sealed(commit.record.body)
            self._events.append(event_row(commit, batch.stored_at, seal))
            if request_id_of(event) is not None:
                self._fold(commit, batch.by)
            results.append(appended(commit.record, event, duplicate=False))
            commits.append(commit)
        return Written(results, commits)

    def _fold(self, commit: Commit, by: str | None) -> None:
        event, offset = commit.event, commit.record.offset
        request_id = request_id_of(event)
        if request_id is None:
            return
        if request_id in self._spoken_of or isinstance(event, HumanInputReminded):
            raise _NotPlain
        self._spoken_of.add(request_id)
        change = change_of(event, offset, by)
        if change is not None:
            self._changes[change.kind].append(change.row)

    def insert(self, connection: sqlite3.Connection) -> None:
        """Write the rows; raise when one of them is not what the short way takes it for."""
        for table, rows in (("events", self._events), ("requests", self._changes["ask"])):
            for part in _parts(rows):
                connection.execute(_insertion(table, len(part)), _flat(part))
        for change, rows in ((_CLAIM, self._changes["claim"]), (_CLOSE, self._changes["close"])):
            for part in _parts(rows):
                before = connection.total_changes
                connection.execute(_change(change, len(part), len(part[0])), _flat(part))
                if connection.total_changes - before != len(part):
                    raise _NotPlain  # one of the requests is not open


def _parts(rows: Sequence[_Row]) -> Iterator[Sequence[_Row]]:
    start = 0
    for size in _ROWS:
        while len(rows) - start >= size:
            yield rows[start : start + size]
            start += size


def _flat(rows: Sequence[_Row]) -> list[object]:
    return [value for row in rows for value in row]


_COLUMNS: Final = {"events": EVENT_COLUMNS, "requests": REQUEST_COLUMNS}
_CLAIM: Final = "claimed_at = change.column2"
_CLOSE: Final = "closed_at = change.column2, status = change.column3"


@cache
def _insertion(table: str, rows: int) -> str:
    columns = _COLUMNS[table]
    return f"INSERT INTO {table} ({columns}) VALUES {_places(rows, columns.count(',') + 1)}"  # noqa: S608 - constants only


@cache
def _change(change: str, rows: int, columns: int) -> str:
    return (
        f"UPDATE requests SET {change} FROM (VALUES {_places(rows, columns)}) AS change"  # noqa: S608 - constants only
        " WHERE requests.request_id = change.column1 AND requests.status = 'pending'"
    )


def _places(rows: int, columns: int) -> str:
    row = f"({', '.join('?' * columns)})"
    return ", ".join([row] * rows)
