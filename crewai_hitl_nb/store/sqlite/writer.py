"""The writes of the SQLite store, which its writer thread makes inside a transaction.

Here appends are written one by one; ``bulk_append.py`` is the fast path for the many groups of
appends in which nothing has to be looked up.
"""

import sqlite3
from collections.abc import Mapping
from functools import partial
from typing import Final

import msgspec

from crewai_hitl_nb.protocol import state
from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.duplicates import check_same
from crewai_hitl_nb.protocol.events import (
    Event,
    HumanInputRequired,
    event_type,
    request_id_of,
)
from crewai_hitl_nb.store import ownership
from crewai_hitl_nb.store.base import NOT_NOW, Commit, ConditionFailed, appended, commit_of
from crewai_hitl_nb.store.ownership import Origin, Scope
from crewai_hitl_nb.store.rows import (
    EVENT_COLUMNS,
    REQUEST_COLUMNS,
    Batch,
    ChangeKind,
    Written,
    change_of,
    event_row,
)
from crewai_hitl_nb.store.sqlite import files, reading
from crewai_hitl_nb.store.trail import Tail


class Pruned(msgspec.Struct, frozen=True):
    """How many events were dropped, and up to which offset."""

    events: int
    through: int


def append(connection: sqlite3.Connection, batch: Batch, tail: Tail) -> Written:
    """Write the events of one append at the end of the log, each with its seal.

    Raises:
        HitlError: The first refusal; the caller rolls back.
    """
    results, commits = [], []
    condition = batch.condition
    if condition is not None and not condition.has_events(partial(_has, connection)):
        raise ConditionFailed(NOT_NOW)
    for event in batch.events:
        stored = reading.by_event_id(connection, event.event_id)
        if stored is not None:
            check_same(stored.body, event)
            results.append(appended(stored, event, duplicate=True))
            continue
        _check(connection, event)
        if batch.within is not None:
            ownership.check(batch.within, event, _Owners(connection))
        commit = commit_of(event, tail.next_offset(), batch.by)
        seal = tail.sealed(commit.record.body)
        insert(connection, commit, batch.stored_at, seal, by=batch.by)
        files.mark(connection, event)
        results.append(appended(commit.record, event, duplicate=False))
        commits.append(commit)
    return Written(results, commits)


def _has(connection: sqlite3.Connection, event_id: str) -> bool:
    return reading.by_event_id(connection, event_id) is not None


def _check(connection: sqlite3.Connection, event: Event) -> None:
    request_id = request_id_of(event)
    if request_id is None:
        return
    status = reading.status(connection, request_id)
    if (status, event_type(event)) not in state.TRANSITIONS:
        raise state.refusal(request_id, reading.request(connection, request_id), event)


class _Owners:
    """The owners that the log records; see ``ownership.Owners``."""

    def __init__(self, connection: sqlite3.Connection) -> None:
        self._connection = connection

    def origin(self, scope: Scope, name: str) -> Origin | None:
        """Return how an execution or a crew was first published."""
        return reading.origin(self._connection, scope, name)

    def published_together(self, execution_id: str, crew_id: str) -> bool:
        """Return whether an event of this execution names this crew."""
        return reading.published_together(self._connection, execution_id, crew_id)

    def asked(self, request_id: str) -> HumanInputRequired | None:
        """Return the question of a request."""
        request = reading.request(self._connection, request_id)
        return request.required if request is not None else None


_INSERT_EVENT: Final = f"INSERT INTO events ({EVENT_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants only
_INSERT_REQUEST: Final = f"INSERT INTO requests ({REQUEST_COLUMNS}) VALUES (?, ?, ?, ?, ?, ?, ?, ?)"  # noqa: S608 - constants only


def insert(
    connection: sqlite3.Connection,
    commit: Commit,
    stored_at: float,
    seal: bytes,
    *,
    folded: bool = True,
    by: str | None = None,
) -> None:
    """Write an event at its offset; unless it is folded, it changes no request."""
    connection.execute(_INSERT_EVENT, event_row(commit, stored_at, seal, folded=folded))
    if folded:
        change = change_of(commit.event, commit.record.offset, by)
        if change is not None:
            connection.execute(_CHANGES[change.kind], change.row)


_CHANGES: Final[Mapping[ChangeKind, str]] = {
    "ask": _INSERT_REQUEST,
    "claim": "UPDATE requests SET claimed_at = ?2 WHERE request_id = ?1",
    "close": "UPDATE requests SET closed_at = ?2, status = ?3 WHERE request_id = ?1",
}


def put_metadata(connection: sqlite3.Connection, name: str, body: bytes) -> None:
    """Write a document; it replaces an older one."""
    connection.execute(
        "INSERT INTO notes (name, body) VALUES (?, ?)"
        " ON CONFLICT (name) DO UPDATE SET body = excluded.body",
        (name, body),
    )


def put_metadata_once(connection: sqlite3.Connection, name: str, body: bytes) -> bytes:
    """Write a document unless there is one; return the one that is kept."""
    connection.execute(
        "INSERT INTO notes (name, body) VALUES (?, ?) ON CONFLICT DO NOTHING", (name, body)
    )
    row = connection.execute("SELECT body FROM notes WHERE name = ?", (name,)).fetchone()
    return bytes(row[0])


def delete_metadata(connection: sqlite3.Connection, name: str) -> None:
    """Delete a document, if there is one."""
    connection.execute("DELETE FROM notes WHERE name = ?", (name,))


def prune(connection: sqlite3.Connection, *, keep: int, before: float, top: int) -> Pruned:
    """Drop old events; a request's only together, and never those of a pending one."""
    young = connection.execute(
        "SELECT offset FROM events WHERE stored_at >= ? ORDER BY offset LIMIT 1", (before,)
    ).fetchone()
    through = max(top - keep, young[0] - 1 if young else top)
    _keep_digests(connection, through)
    _keep_origins(connection, through)
    cursor = connection.execute(
        f"DELETE FROM events WHERE {_OLD}",  # noqa: S608 - constants only
        {"through": through},
    )
    connection.execute("DELETE FROM requests WHERE closed_at <= ?", (through,))
    _drop_spent_origins(connection, before)
    if cursor.rowcount > 0:
        connection.execute(
            "INSERT INTO meta (key, value) VALUES ('pruned_through', ?)"
            " ON CONFLICT (key) DO UPDATE SET value = max(value, excluded.value)",
            (through,),
        )
    return Pruned(cursor.rowcount, through if cursor.rowcount > 0 else 0)


_OLD = (
    "offset <= :through AND (request_id IS NULL OR request_id IN"
    " (SELECT request_id FROM requests WHERE closed_at <= :through))"
)


def _keep_digests(connection: sqlite3.Connection, through: int) -> None:
    """Keep the digests and seals that the chain needs of the events to drop: see ``trail.py``.

    That is a digest for each event after the oldest one that stays, and of those before it
    only the last one.
    """
    connection.create_function("digest", 1, chain.digest, deterministic=True)
    (oldest,) = connection.execute(
        f"SELECT coalesce(min(offset), 9e18) FROM events WHERE NOT ({_OLD})",  # noqa: S608 - as above
        {"through": through},
    ).fetchone()
    names = {"through": through, "oldest": oldest}
    connection.execute(
        "INSERT INTO pruned (offset, digest, seal)"  # noqa: S608 - constants only
        f" SELECT offset, digest(CAST(body AS BLOB)), seal FROM events WHERE {_OLD} AND offset >="
        f" coalesce((SELECT max(offset) FROM events WHERE {_OLD} AND offset < :oldest), 0)",
        names,
    )
    connection.execute(
        "DELETE FROM pruned WHERE offset < (SELECT max(offset) FROM pruned WHERE offset < :oldest)",
        names,
    )


def _keep_origins(connection: sqlite3.Connection, through: int) -> None:
    """Store the owners whose first events are about to be dropped: see ``ownership.py``."""
    for scope, owner in ownership.SCOPES:
        gone = connection.execute(
            f"SELECT {scope}, {owner}, min(offset), (SELECT max(stored_at) FROM events AS last"  # noqa: S608 - constants only
            f" WHERE last.{scope} = first.{scope} AND last.offset <= :through)"
            f" FROM events AS first WHERE {_OLD} AND {scope} IS NOT NULL GROUP BY {scope}",
            {"through": through},
        ).fetchall()
        for name, owned_by, _, last in gone:
            # Read before they are dropped: the first event may be one that stays.
            known = reading.origin(connection, scope, name)
            origin = ownership.with_later(known, Origin(owned_by, last))
            put_metadata(connection, ownership.note_name(scope, name), msgspec.json.encode(origin))


def _drop_spent_origins(connection: sqlite3.Connection, before: float) -> None:
    for scope, _ in ownership.SCOPES:
        start = ownership.note_name(scope, "")
        for note, body in reading.metadata(connection, start).items():
            name = note.removeprefix(start)
            old = msgspec.json.decode(body, type=Origin).last < before
            if old and not reading.is_kept(connection, scope, name):
                delete_metadata(connection, note)
