"""Writes many appends with a few statements: the fast path of the SQLite writer.

Why: Python's SQLite module releases the interpreter lock at every row that it writes, and takes it
back from a busy event loop each time; a group of appends written row by row spends most of its time
waiting for that lock. Here a group is written with two or three statements of many rows, and the
loop runs meanwhile.

It works for groups in which every event is new, none refers to a file, and each request has at most
one event: nearly all.
The database itself shows whether that is so (the unique ids, the number of rows changed).
For other groups :func:`write` returns an empty list, and the caller writes the appends one by one
(``writer.append``), which handles duplicates and refusals. Both leave the same in the log;
``tests/store/test_bulk_append.py`` checks that.
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
from crewai_hitl_nb.store.files import have_files
from crewai_hitl_nb.store.rows import (
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
"""Rows in one statement; only a few sizes, so that SQLite keeps each statement prepared."""

_Row = tuple[object, ...]


class _NotPlain(Exception):
    """The group must be written event by event."""


def write(connection: sqlite3.Connection, batches: Sequence[Batch], tail: Tail) -> list[Written]:
    """Write the batches inside the open transaction, or leave them to the caller.

    Returns:
        The result of each batch; an empty list if they cannot be written this way: the caller
        rolls the transaction back and writes them one by one.
    """
    head = tail.head
    try:
        group = _Group()
        written = [group.add(batch, tail) for batch in batches]
        group.insert(connection)
    except Exception:  # noqa: BLE001 - writing one by one finds the append at fault
        tail.move_back(head)
        return []
    return written


class _Group:
    """The rows to write for a group of appends, by table."""

    def __init__(self) -> None:
        self._spoken_of: set[str] = set()
        self._events: list[_Row] = []
        self._changes: dict[ChangeKind, list[_Row]] = {"ask": [], "claim": [], "close": []}

    def add(self, batch: Batch, tail: Tail) -> Written:
        """Give the batch's events their offsets and collect their rows."""
        results: list[Appended] = []
        commits: list[Commit] = []
        condition = batch.condition
        if condition is not None and (condition.with_event or condition.without_event):
            raise _NotPlain
        if have_files(batch.events):
            raise _NotPlain
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
        """Write the rows; raise if one of them needs to be written by itself."""
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
