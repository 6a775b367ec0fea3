"""The queries of a log in PostgreSQL: each function takes a session and changes nothing.

Statements consist of constants of this file and of ``store/where.py``; every value is bound.
"""

from typing import Any, Final

import msgspec
import psycopg
from psycopg.rows import TupleRow

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.state import Request
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
from crewai_hitl_nb.store.postgres.connections import Session
from crewai_hitl_nb.store.relocation import Mark
from crewai_hitl_nb.store.rows import found_by, request_of, size_of
from crewai_hitl_nb.store.trail import Entry, TrailPage, of_one_page
from crewai_hitl_nb.store.where import Where

_BIND: Final = "%({})s"
OFFSET: Final = '"offset"'  # a reserved word in PostgreSQL
RECORD: Final = '"offset", event_id, type, execution_id, crew_id, body'


class State(msgspec.Struct, frozen=True):
    """The log's row: its epoch, the epoch with which its seals begin, and its last place.

    ``mark`` says why the log is out of service, if it is.
    """

    epoch: str
    chain: str
    head: Head
    oldest_writer: int
    mark: Mark | None


def state(log: Session) -> State:
    """Return the log's row."""
    return state_of(only(log.execute(STATE)))


def only(found: psycopg.Cursor[TupleRow]) -> tuple[Any, ...]:
    """Return the row of a statement that finds one."""
    row = found.fetchone()
    if row is None:
        raise LookupError("the log lacks a row that every log has")
    return row


STATE_COLUMNS: Final = "epoch, chain, top, seal, oldest_writer, mark"
STATE: Final = f"SELECT {STATE_COLUMNS} FROM log.state"  # noqa: S608 - constants only


def state_of(row: tuple[Any, ...]) -> State:
    """Return what a row of :data:`STATE` says."""
    epoch, began_with, top, seal, oldest_writer, mark = row
    return State(epoch, began_with, Head(top, seal), oldest_writer, relocation.decoded(mark))


def pruned_through(log: Session) -> int:
    """Return how far the log was pruned."""
    return int(only(log.execute(PRUNED_THROUGH))[0])


PRUNED_THROUGH: Final = "SELECT pruned_through FROM log.retention"


def offset_of(log: Session, event_id: str) -> int | None:
    """Return the offset of an event."""
    row = log.execute(
        'SELECT "offset" FROM log.events WHERE event_id = %(id)s', {"id": event_id}
    ).fetchone()
    return int(row[0]) if row else None


def replay(
    log: Session, match: Match, *, after: int, upto: int, limit: int, scope: Scope
) -> Replayed:
    """Return the next records in order, and how far the log was pruned, in one statement.

    Records are found by keyset, so that a page costs the same anywhere.
    """
    where = Where(_BIND, after=after, upto=upto, limit=limit)
    where.add('"offset" > %(after)s AND "offset" <= %(upto)s')
    where.add_match(match)
    if scope == "pending":
        where.add(f'"offset" IN ({_OPEN_AT})')
    rows = f'SELECT {RECORD} FROM log.events WHERE {where} ORDER BY "offset" LIMIT %(limit)s'  # noqa: S608 - constants only
    found = log.execute(
        f"SELECT pruned_through, {RECORD} FROM log.retention LEFT JOIN"  # noqa: S608 - constants only
        f" ({first_bytes(rows, OFFSET, 'octet_length(body)')}) AS found ON true"
        ' ORDER BY "offset"',
        where.values,
    ).fetchall()
    whole_records = (sendable(log, Record(*row[1:])) for row in found if row[1] is not None)
    return Replayed(page(whole_records, limit), found[0][0])


def first_bytes(rows: str, order: str, size: str, most: int = limits.PAGE_BYTES) -> str:
    """Return a statement for the first rows: those of this many bytes, and the one after them.

    Otherwise the database would send hundreds of large rows for a page that ends after a few.
    """
    return (
        f"SELECT * FROM (SELECT *, sum({size}) OVER (ORDER BY {order}"  # noqa: S608 - constants only
        " ROWS BETWEEN UNBOUNDED PRECEDING AND 2 PRECEDING) AS before_the_last"
        f" FROM ({rows}) AS found) AS found"
        f" WHERE coalesce(before_the_last, 0) < {most} ORDER BY {order}"
    )


# The asking events and latest claims of the requests that were open when `upto` was the top:
# requests that are still open and requests that were closed since, each found by its own index,
# so that the cost does not grow with the number of requests closed before.
_OPEN_AT: Final = """
    WITH open AS (
        SELECT request_id, asked_at, claimed_at FROM log.requests
            WHERE status = 'pending' AND asked_at <= %(upto)s
        UNION ALL
        SELECT request_id, asked_at, claimed_at FROM log.requests
            WHERE closed_at > %(upto)s AND asked_at <= %(upto)s
    )
    SELECT asked_at FROM open
    UNION ALL
    SELECT (SELECT max(claim."offset") FROM log.events AS claim
            WHERE claim.request_id = open.request_id AND claim."offset" <= %(upto)s
            AND claim.type = 'human_input_claimed')
        FROM open WHERE claimed_at IS NOT NULL
"""


def askers(log: Session) -> dict[str, str]:
    """Return who asked each open request, if known."""
    return dict(
        log.execute(
            "SELECT request_id, asked_by FROM log.requests"
            " WHERE status = 'pending' AND asked_by IS NOT NULL"
        ).fetchall()
    )


def origin(log: Session, scope: ownership.Scope, name: str) -> Origin | None:
    """Return how an execution or a crew was first published; None if it never was."""
    noted = log.execute(
        "SELECT body FROM log.notes WHERE name = %(name)s",
        {"name": ownership.note_name(scope, name)},
    ).fetchone()
    if noted is not None:
        return msgspec.json.decode(noted[0], type=Origin)
    owner = dict(ownership.SCOPES)[scope]
    row = log.execute(
        f'SELECT {owner} FROM log.events WHERE {scope} = %(name)s ORDER BY "offset" LIMIT 1',  # noqa: S608 - constants only
        {"name": name},
    ).fetchone()
    return Origin(row[0]) if row else None


def is_kept(log: Session, scope: ownership.Scope, name: str) -> bool:
    """Return whether the log has an event of this execution or crew."""
    statement = f"SELECT 1 FROM log.events WHERE {scope} = %(name)s LIMIT 1"  # noqa: S608 - constants only
    return log.execute(statement, {"name": name}).fetchone() is not None


def published_together(log: Session, execution_id: str, crew_id: str) -> bool:
    """Return whether an event of this execution names this crew."""
    found = log.execute(
        "SELECT 1 FROM log.events WHERE execution_id = %(execution)s"
        " AND crew_id = %(crew)s LIMIT 1",
        {"execution": execution_id, "crew": crew_id},
    )
    return found.fetchone() is not None


def newest(log: Session) -> float | None:
    """Return when the newest event that is kept was stored."""
    row = log.execute('SELECT stored_at FROM log.events ORDER BY "offset" DESC LIMIT 1').fetchone()
    return float(row[0]) if row else None


_PLACES: Final = (
    'SELECT "offset", seal FROM log.events UNION ALL SELECT "offset", seal FROM log.pruned'
)


def trail(log: Session, *, after: int, limit: int) -> TrailPage:
    """Return the next entries of the trail, with the place just before the first one."""
    with log.snapshot():
        end = state(log)
        begin = _beginning(log, end.chain)
        if after > begin.offset:
            begin = _last_place_up_to(log, after) or begin
        # Limited twice: otherwise the planner sorts both tables for each page.
        rows = (
            '(SELECT "offset", seal, NULL::bytea AS digest, body, execution_id, crew_id'
            ' FROM log.events WHERE "offset" > %(after)s ORDER BY "offset" LIMIT %(limit)s)'
            ' UNION ALL (SELECT "offset", seal, digest, NULL, NULL, NULL'
            ' FROM log.pruned WHERE "offset" > %(after)s ORDER BY "offset" LIMIT %(limit)s)'
            ' ORDER BY "offset" LIMIT %(limit)s'
        )
        found = log.execute(
            first_bytes(rows, OFFSET, "coalesce(octet_length(body), 0)"),
            {"after": begin.offset, "limit": limit},
        )
        entries = of_one_page(_entry(log, row) for row in found)
        return TrailPage(begin, entries, end.head, end.chain)


def _beginning(log: Session, began_with: str) -> Head:
    """Return where the trail begins: after the last pruned record older than every kept one."""
    row = log.execute(
        'SELECT "offset", seal FROM log.pruned WHERE "offset" <'
        ' (SELECT coalesce(min("offset"), 9223372036854775807) FROM log.events)'
        ' ORDER BY "offset" DESC LIMIT 1'
    ).fetchone()
    return Head(*row) if row else chain.start(began_with)


def _last_place_up_to(log: Session, offset: int) -> Head | None:
    row = log.execute(
        f'SELECT "offset", seal FROM ({_PLACES}) AS place WHERE "offset" <= %(offset)s'  # noqa: S608 - constants only
        ' ORDER BY "offset" DESC LIMIT 1',
        {"offset": offset},
    ).fetchone()
    return Head(*row) if row else None


def _entry(log: Session, row: tuple[Any, ...]) -> Entry:
    offset, seal, digest, body, execution_id, crew_id = row[:6]
    known = digest or b""
    if body is not None:
        known, body = chain.digest(body), _whole(log, offset, body)
    return Entry(offset, seal, known, body, execution_id, crew_id)


_REQUEST: Final = """
    SELECT {place} AS place, requests.status, asked.body AS asked, claimed.body AS claimed,
        closed.body AS closed
    FROM log.requests
    JOIN log.events AS asked ON asked."offset" = requests.asked_at
    LEFT JOIN log.events AS claimed ON claimed."offset" = requests.claimed_at
    LEFT JOIN log.events AS closed ON closed."offset" = requests.closed_at
    WHERE {where}
"""

_REQUEST_SIZE: Final = (
    "octet_length(asked) + coalesce(octet_length(claimed), 0) + coalesce(octet_length(closed), 0)"
)


def request(log: Session, request_id: str) -> Request | None:
    """Return the current state of a request."""
    where = Where(_BIND)
    where.add_equal("requests.request_id", "request_id", request_id)
    statement = _REQUEST.format(place="requests.asked_at", where=where)
    row = log.execute(statement, where.values).fetchone()
    return request_of(row) if row else None


def requests(log: Session, query: RequestQuery) -> RequestPage:
    """Return one page of a listing.

    It reads one row more than the page holds, to know whether there is a next page. Rows are read
    in the order of the asking events, by keyset (``after``), so that every page costs the same.
    """
    most = limits.SEARCHED_REQUESTS if query.words else query.limit
    size = limits.SEARCHED_BYTES if query.words else limits.PAGE_BYTES
    table, place = found_by(query, OFFSET)
    where = Where(_BIND, limit=most + 1)
    where.add_query(query, table)
    # The sum keeps the order of asking: no index has the times, and a page must not sort them all.
    where.add_from("closed.stored_at + 0", "closed_after", query.closed_after)
    if query.after is not None:
        where.add(f"{place} {'<' if query.newest_first else '>'} %(after)s", after=query.after)
    order = "place DESC" if query.newest_first else "place"
    rows = f"{_REQUEST.format(place=place, where=where)} ORDER BY {order} LIMIT %(limit)s"
    found = log.execute(first_bytes(rows, order, _REQUEST_SIZE, size), where.values)
    listed = (row[:5] for row in found)
    return page_of_requests(listed, lambda row: (row[0], request_of(row), size_of(row)), query)


def sendable(log: Session, record: Record) -> Record:
    """Return a record that may be sent: a damaged one is replaced (``store/damage.py``)."""
    body = _whole(log, record.offset, record.body)
    return record if body is record.body else msgspec.structs.replace(record, body=body)


def _whole(log: Session, offset: int, body: bytes) -> bytes:
    statement = f'SELECT {COLUMNS} FROM log.events WHERE "offset" = %(offset)s'  # noqa: S608 - constants only
    return whole(offset, body, lambda: log.execute(statement, {"offset": offset}).fetchone())
