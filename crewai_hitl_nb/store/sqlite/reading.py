"""The queries of a SQLite log: each function takes a connection and changes nothing.

Statements consist of constants of this file and of ``where.py``; every value is bound.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import TypeAlias

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.state import Request, Status
from crewai_hitl_nb.store import ownership, relocation
from crewai_hitl_nb.store.base import (
    Match,
    Record,
    Replayed,
    RequestPage,
    RequestQuery,
    Scope,
    page,
    page_of_requests,
)
from crewai_hitl_nb.store.damage import COLUMNS, whole
from crewai_hitl_nb.store.ownership import Origin
from crewai_hitl_nb.store.relocation import Mark
from crewai_hitl_nb.store.rows import found_by, request_of, size_of
from crewai_hitl_nb.store.sqlite import schema
from crewai_hitl_nb.store.trail import Entry, TrailPage, of_one_page
from crewai_hitl_nb.store.where import Where

_BIND = ":{}"
_COLUMNS = "offset, event_id, type, execution_id, crew_id, body"


class Meta(msgspec.Struct, frozen=True):
    """What a log stores besides its rows.

    Attributes:
        epoch: Its name.
        chain: The epoch with which its seals begin.
        top: The last offset ever given.
        pruned_through: How far it was pruned.
        mark: Why it is out of service, if it is.
    """

    epoch: str
    chain: str
    top: int
    pruned_through: int
    mark: Mark | None


def load_meta(connection: sqlite3.Connection) -> Meta:
    """Return what the log stores besides its rows."""
    meta = dict(connection.execute("SELECT key, value FROM meta").fetchall())
    row = connection.execute("SELECT seq FROM sqlite_sequence WHERE name = 'events'").fetchone()
    epoch = str(meta["epoch"])
    return Meta(
        epoch=epoch,
        chain=str(meta.get("chain", epoch)),  # another one if it was copied from PostgreSQL
        top=row[0] if row else 0,
        pruned_through=int(meta.get("pruned_through", 0)),
        mark=relocation.decoded(meta.get("mark")),
    )


@contextmanager
def _one_view(connection: sqlite3.Connection) -> Iterator[None]:
    """Read with several statements from one snapshot: the log may be pruned between two of them."""
    connection.execute("BEGIN")
    try:
        yield
    finally:
        if connection.in_transaction:  # not after every error
            connection.execute("COMMIT")


def by_event_id(connection: sqlite3.Connection, event_id: str) -> Record | None:
    """Return the stored event with that id."""
    row = connection.execute(
        f"SELECT {_COLUMNS} FROM events WHERE event_id = ?",  # noqa: S608 - constants only
        (event_id,),
    ).fetchone()
    return Record(*row) if row else None


def offset_of(connection: sqlite3.Connection, event_id: str) -> int | None:
    """Return the offset of an event."""
    row = connection.execute("SELECT offset FROM events WHERE event_id = ?", (event_id,)).fetchone()
    return row[0] if row else None


def records(
    connection: sqlite3.Connection,
    match: Match,
    *,
    after: int,
    upto: int,
    limit: int,
    scope: Scope,
) -> list[Record]:
    """Return the next records in order, by keyset, so that a page costs the same anywhere."""
    where = Where(_BIND, after=after, upto=upto, limit=limit)
    where.add("offset > :after AND offset <= :upto")
    where.add_match(match)
    if scope == "pending":
        where.add(f"offset IN ({_OPEN_AT})")
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM events WHERE {where} ORDER BY offset LIMIT :limit",  # noqa: S608 - constants only
        where.values,
    )
    with closing(rows):  # the page may end before the rows do
        return page((_sendable(connection, Record(*row)) for row in rows), limit)


def replay(
    connection: sqlite3.Connection,
    match: Match,
    *,
    after: int,
    upto: int,
    limit: int,
    scope: Scope,
) -> Replayed:
    """Return the next records, and how far the log was pruned when they were read."""
    with _one_view(connection):
        row = connection.execute("SELECT value FROM meta WHERE key = 'pruned_through'").fetchone()
        page = records(connection, match, after=after, upto=upto, limit=limit, scope=scope)
    return Replayed(page, int(row[0]) if row else 0)


# The asking events and latest claims of the requests that were open when `upto` was the top:
# requests that are still open and requests that were closed since, each found by its own index,
# so that the cost does not grow with the number of requests closed before.
_OPEN_AT = """
    WITH open AS (
        SELECT request_id, asked_at, claimed_at FROM requests
            WHERE status = 'pending' AND asked_at <= :upto
        UNION ALL
        SELECT request_id, asked_at, claimed_at FROM requests
            WHERE closed_at > :upto AND asked_at <= :upto
    )
    SELECT asked_at FROM open
    UNION ALL
    SELECT (SELECT max(claim.offset) FROM events AS claim
            WHERE claim.request_id = open.request_id AND claim.offset <= :upto
            AND claim.type = 'human_input_claimed')
        FROM open WHERE claimed_at IS NOT NULL
"""


def status(connection: sqlite3.Connection, request_id: str) -> Status | None:
    """Return the status of a request, or None if it was never asked."""
    row = connection.execute(
        "SELECT status FROM requests WHERE request_id = ?", (request_id,)
    ).fetchone()
    return row[0] if row else None


def askers(connection: sqlite3.Connection) -> dict[str, str]:
    """Return who asked each open request, if known."""
    return dict(
        connection.execute(
            "SELECT request_id, asked_by FROM requests"
            " WHERE status = 'pending' AND asked_by IS NOT NULL"
        )
    )


def origin(connection: sqlite3.Connection, scope: ownership.Scope, name: str) -> Origin | None:
    """Return how an execution or a crew was first published; None if it never was."""
    noted = noted_origin(connection, ownership.note_name(scope, name))
    if noted is not None:
        return noted
    owner = dict(ownership.SCOPES)[scope]
    row = connection.execute(
        f"SELECT {owner} FROM events WHERE {scope} = ? ORDER BY offset LIMIT 1",  # noqa: S608 - constants only
        (name,),
    ).fetchone()
    return Origin(row[0]) if row else None


def noted_origin(connection: sqlite3.Connection, note: str) -> Origin | None:
    """Return the origin that pruning kept, if its first event is gone."""
    row = connection.execute("SELECT body FROM notes WHERE name = ?", (note,)).fetchone()
    return msgspec.json.decode(row[0], type=Origin) if row else None


def is_kept(connection: sqlite3.Connection, scope: ownership.Scope, name: str) -> bool:
    """Return whether the log has an event of this execution or crew."""
    found = connection.execute(f"SELECT 1 FROM events WHERE {scope} = ? LIMIT 1", (name,))  # noqa: S608 - constants only
    return found.fetchone() is not None


def published_together(connection: sqlite3.Connection, execution_id: str, crew_id: str) -> bool:
    """Return whether an event of this execution names this crew."""
    found = connection.execute(
        "SELECT 1 FROM events WHERE execution_id = ? AND crew_id = ? LIMIT 1",
        (execution_id, crew_id),
    )
    return found.fetchone() is not None


def metadata(connection: sqlite3.Connection, prefix: str) -> dict[str, bytes]:
    """Return the documents whose name begins with the prefix."""
    return dict(
        connection.execute(
            "SELECT name, body FROM notes WHERE substr(name, 1, length(?)) = ? ORDER BY name",
            (prefix, prefix),
        )
    )


def newest(connection: sqlite3.Connection) -> float | None:
    """Return when the newest event that is kept was stored."""
    row = connection.execute("SELECT stored_at FROM events ORDER BY offset DESC LIMIT 1").fetchone()
    return float(row[0]) if row else None


_PLACES = "SELECT offset, seal FROM events UNION ALL SELECT offset, seal FROM pruned"


def head(connection: sqlite3.Connection, began_with: str) -> Head:
    """Return the last place of the chain."""
    return _place(connection, "ORDER BY offset DESC", chain.start(began_with))


def trail(connection: sqlite3.Connection, began_with: str, *, after: int, limit: int) -> TrailPage:
    """Return the next entries of the trail, with the place just before the first one.

    Args:
        connection: The log.
        began_with: The epoch with which its seals begin.
        after: See ``Trail.trail``.
        limit: Likewise.
    """
    with _one_view(connection):
        begin = _beginning(connection, began_with)
        if after > begin.offset:
            begin = _place(connection, f"WHERE offset <= {after:d} ORDER BY offset DESC", begin)
        rows = connection.execute(
            "SELECT offset, seal, NULL, CAST(body AS BLOB), execution_id, crew_id FROM events"
            " WHERE offset > :after UNION ALL"
            " SELECT offset, seal, digest, NULL, NULL, NULL FROM pruned WHERE offset > :after"
            " ORDER BY offset LIMIT :limit",
            {"after": begin.offset, "limit": limit},
        )
        page = of_one_page(_entry(connection, row) for row in rows)
        rows.close()
        return TrailPage(begin, page, head(connection, began_with), began_with)


def _beginning(connection: sqlite3.Connection, began_with: str) -> Head:
    """Return where the trail begins: after the last pruned record older than every kept one."""
    older = "WHERE offset < (SELECT coalesce(min(offset), 9e18) FROM events)"
    row = connection.execute(
        f"SELECT offset, seal FROM pruned {older} ORDER BY offset DESC LIMIT 1"  # noqa: S608
    ).fetchone()
    return Head(*row) if row else chain.start(began_with)


def _place(connection: sqlite3.Connection, which: str, otherwise: Head) -> Head:
    row = connection.execute(
        f"SELECT offset, seal FROM ({_PLACES}) {which} LIMIT 1"  # noqa: S608 - constants only
    ).fetchone()
    return Head(*row) if row else otherwise


_EntryRow: TypeAlias = tuple[int, bytes, bytes | None, bytes | None, str | None, str | None]


def _entry(connection: sqlite3.Connection, row: _EntryRow) -> Entry:
    offset, seal, digest, body, execution_id, crew_id = row
    known = digest or b""
    if body is not None:
        known, body = chain.digest(body), _whole(connection, offset, body)
    return Entry(offset, seal, known, body, execution_id, crew_id)


_REQUEST = """
    SELECT requests.asked_at, requests.status, asked.body, claimed.body, closed.body
    FROM requests
    JOIN events AS asked ON asked.offset = requests.asked_at
    LEFT JOIN events AS claimed ON claimed.offset = requests.claimed_at
    LEFT JOIN events AS closed ON closed.offset = requests.closed_at
"""


def request(connection: sqlite3.Connection, request_id: str) -> Request | None:
    """Return the current state of a request."""
    row = connection.execute(f"{_REQUEST} WHERE requests.request_id = ?", (request_id,)).fetchone()
    return request_of(row) if row else None


# The first question that ended at a moment or later. It reads what ended since, by the index of its
# times; the sums keep SQLite from walking an index that begins with the oldest question.
_FIRST_CLOSED = f"""
    SELECT min(ended.asked_at + 0) FROM requests AS ended WHERE ended.closed_at >= (
        SELECT min(offset + 0) FROM events
        WHERE stored_at >= :closed_after AND type IN ({schema.CLOSING_TYPES}))
"""  # noqa: S608 - constants only


def requests(connection: sqlite3.Connection, query: RequestQuery) -> RequestPage:
    """Return one page of a listing.

    It reads one row more than the page holds, to know whether there is a next page. Rows are read
    in the order of the asking events, by keyset (``after``), so that every page costs the same.
    """
    most = limits.SEARCHED_REQUESTS if query.words else query.limit
    table, place = found_by(query)
    where = Where(_BIND, limit=most + 1)
    where.add_query(query, table)
    if query.closed_after is not None:
        where.add_from("closed.stored_at + 0", "closed_after", query.closed_after)
        where.add(f"{place} >= ({_FIRST_CLOSED})")
    if query.after is not None:
        where.add(f"{place} {'<' if query.newest_first else '>'} :after", after=query.after)
    order = "DESC" if query.newest_first else "ASC"
    rows = connection.execute(
        f"{_REQUEST} WHERE {where} ORDER BY {place} {order} LIMIT :limit", where.values
    )
    with closing(rows):  # the page may end before the rows do
        return page_of_requests(rows, lambda row: (row[0], request_of(row), size_of(row)), query)


def _sendable(connection: sqlite3.Connection, record: Record) -> Record:
    body = _whole(connection, record.offset, record.body)
    return record if body is record.body else msgspec.structs.replace(record, body=body)


def _whole(connection: sqlite3.Connection, offset: int, body: bytes) -> bytes:
    statement = f"SELECT {COLUMNS} FROM events WHERE offset = ?"  # noqa: S608 - constants only
    return whole(offset, body, lambda: connection.execute(statement, (offset,)).fetchone())
