"""An append on its way into a database: its events, and the rows that they become.

Both databases have the same two tables, ``events`` and ``requests``; the second one is the fold of
the first. Pure: the statements are in ``sqlite/`` and ``postgres/``.
"""

from collections.abc import Sequence
from typing import Final, Literal, NamedTuple, TypeAlias

import msgspec

from crewai_hitl_nb.protocol import state
from crewai_hitl_nb.protocol.errors import InvalidEvent
from crewai_hitl_nb.protocol.events import (
    ClosingEvent,
    Event,
    HumanInputClaimed,
    HumanInputRequired,
    event_type,
    request_id_of,
)
from crewai_hitl_nb.protocol.state import Request, Status
from crewai_hitl_nb.protocol.wire import decode_event
from crewai_hitl_nb.store.base import Appended, Commit, Condition, KeyScope, RequestQuery
from crewai_hitl_nb.store.damage import DamagedRow


class Batch(msgspec.Struct, frozen=True):
    """The events of one append: all are written, or none.

    Attributes:
        events: In order.
        stored_at: Unix time on this machine; PostgreSQL takes that of the database instead.
        by: The caller; see ``Store.append``.
        within: The scope of the caller's key; None for a key without limits.
        condition: See ``Store.append``.
    """

    events: Sequence[Event]
    stored_at: float
    by: str | None = None
    within: KeyScope | None = None
    condition: Condition | None = None


class Written(msgspec.Struct, frozen=True):
    """The result of an append.

    Attributes:
        results: One for each event.
        commits: The new events in the log.
        epoch: The log's epoch at that time; blank where no commit can be lost.
    """

    results: list[Appended]
    commits: list[Commit]
    epoch: str = ""


EVENT_COLUMNS: Final = (
    "offset, event_id, type, execution_id, crew_id, request_id, stored_at, body, seal"
)
REQUEST_COLUMNS: Final = (
    "request_id, execution_id, crew_id, kind, assignee, asked_at, status, asked_by"
)

NO_NULL: Final = "\uffff"
"""Stands for U+0000 where a text of a log in PostgreSQL had one; no id has it."""


def storable(text: str) -> str:
    """Replace U+0000, which PostgreSQL stores in no text.

    A caller who looks such a text up then finds nothing. Events keep theirs: they are bytes.
    """
    return text.replace("\0", NO_NULL)


ChangeKind: TypeAlias = Literal["ask", "claim", "close"]


class Change(NamedTuple):
    """A change in the table of requests; each kind has its own columns (:func:`change_of`)."""

    kind: ChangeKind
    row: tuple[object, ...]


def event_row(
    commit: Commit, stored_at: float, seal: bytes, *, folded: bool = True
) -> tuple[object, ...]:
    """Return the event as ``EVENT_COLUMNS``."""
    record = commit.record
    return (
        record.offset,
        record.event_id,
        record.type,
        record.execution_id,
        record.crew_id,
        request_id_of(commit.event) if folded else None,
        stored_at,
        record.body,
        seal,
    )


def request_row(event: HumanInputRequired, offset: int, by: str | None) -> tuple[object, ...]:
    """Return the request that the event asks as ``REQUEST_COLUMNS``."""
    return (
        event.request_id,
        event.execution_id,
        event.crew_id,
        event.kind,
        event.assignee,
        offset,
        "pending",
        by,
    )


def change_of(event: Event, offset: int, by: str | None) -> Change | None:
    """Return what an event changes in the table of requests: the fold, as rows.

    The caller has checked that the event may follow (:data:`state.TRANSITIONS`).
    """
    if isinstance(event, HumanInputRequired):
        return Change("ask", request_row(event, offset, by))
    if isinstance(event, HumanInputClaimed):
        return Change("claim", (event.request_id, offset))
    if isinstance(event, ClosingEvent) and event.request_id is not None:
        return Change("close", (event.request_id, offset, state.STATUS_AFTER[event_type(event)]))
    return None


def found_by(query: RequestQuery, offset: str = "offset") -> tuple[str, str]:
    """Return the table whose index finds the requests fastest, and its column of offsets.

    Closed requests of one execution or crew are found by the index of its events, because few of
    the log's many requests belong to it. Open ones are few, and have an index of their own.

    Args:
        query: What is listed.
        offset: How the database writes the name of the events' column.
    """
    if query.status != "pending" and (query.execution_id or query.crew_id):
        return "asked", f"asked.{offset}"
    return "requests", "requests.asked_at"


RequestRow: TypeAlias = tuple[int, Status, bytes, bytes | None, bytes | None]
"""The offset of a request's question, its status, and the texts of its question, its latest claim
and its end."""


def size_of(row: RequestRow) -> int:
    """Return the bytes of a request in a listing."""
    _, _, asked, claimed, closed = row
    return len(asked) + len(claimed or b"") + len(closed or b"")


def request_of(row: RequestRow) -> Request:
    """Return the request of a row.

    Raises:
        DamagedRow: An event in it is damaged.
    """
    _, status, asked, claimed, closed = row
    required = decoded(asked)
    claim = decoded(claimed) if claimed else None
    closing = decoded(closed) if closed else None
    if not isinstance(required, HumanInputRequired):
        raise DamagedRow("a request points at an event that did not ask it")
    return Request(
        required=required,
        status=status,
        claimed_by=claim.claimed_by if isinstance(claim, HumanInputClaimed) else None,
        completion=closing if isinstance(closing, ClosingEvent) else None,
    )


def decoded(body: bytes) -> Event:
    """Decode an event that was encoded here; if it is not valid, the log is damaged."""
    try:
        return decode_event(body)
    except InvalidEvent as error:
        raise DamagedRow(f"an event in it is malformed ({error})") from error
