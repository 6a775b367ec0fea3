"""What stands in for an event whose stored text is no JSON any more.

A log is read by pages, and a damaged disk harms a few bytes of one event. To refuse the page
would withhold every event behind it, from every reader, until somebody salvages the log; to send
the bytes would break each connection that comes by; to leave the event out would be a lie. So in
its place, under its own id, stands an event that says what is known of it: the other columns of
its row, which are whole (else SQLite, or :func:`whole`, refuses the page).

    {"type":"event_damaged","event_id":"…","offset":16,"was":"human_input_completed",
     "timestamp":"when it was stored","execution_id":"…","crew_id":"…","request_id":"…",
     "message":"what to do"}

It is in no log and never written, so it ends no request: a reader that waits for the damaged
event goes on waiting, and in a trail its text does not fit its seal. Clients that know the known
types only pass it by. Above: ``reading``. Below: one row of the table.
"""

import logging
import sqlite3
from datetime import datetime, timezone
from typing import Annotated, Final

import msgspec

from crewai_hitl_nb.protocol.events import UnknownEvent
from crewai_hitl_nb.protocol.ids import Id
from crewai_hitl_nb.protocol.log_lines import logger, note
from crewai_hitl_nb.protocol.wire import encode_event

EVENT_DAMAGED: Final = "event_damaged"

_MESSAGE: Final = (
    "this event was in the log and its text cannot be read any more; "
    "whoever runs the server can salvage the rest (`crewai-hitl salvage`)"
)

_LAST_SECOND: Final = 253_402_300_799
"""Of the year 9999: no date can be later."""

_JSON: Final = msgspec.json.Decoder(msgspec.Raw)

_log = logger(__name__)


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """What the table says of an event beside its text."""

    event_id: Id
    type: str
    execution_id: Id | None
    crew_id: Id | None
    request_id: Id | None
    stored_at: Annotated[float, msgspec.Meta(ge=0, le=_LAST_SECOND)]


def whole(connection: sqlite3.Connection, offset: int, body: bytes) -> bytes:
    """Return an event's text if it may be sent as it is, else what stands in for it.

    It looks through the text and builds nothing.

    Raises:
        sqlite3.DatabaseError: Of the row nothing can be said either.
    """
    try:
        str(body, "utf-8")
        _JSON.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as error:
        note(_log, logging.WARNING, "event_damaged", offset=offset)
        return _stand_in(_row(connection, offset, error), offset)
    return body


def _row(connection: sqlite3.Connection, offset: int, error: Exception) -> _Row:
    row = connection.execute(
        "SELECT event_id, type, execution_id, crew_id, request_id, stored_at"
        " FROM events WHERE offset = ?",
        (offset,),
    ).fetchone()
    try:
        return msgspec.convert(row, _Row)
    except msgspec.ValidationError:
        raise sqlite3.DatabaseError(f"the event at {offset} is malformed") from error


def _stand_in(row: _Row, offset: int) -> bytes:
    fields = {
        "execution_id": row.execution_id,
        "crew_id": row.crew_id,
        "request_id": row.request_id,
        "was": row.type,
        "message": _MESSAGE,
    }
    return encode_event(
        UnknownEvent(
            type=EVENT_DAMAGED,
            event_id=row.event_id,
            timestamp=datetime.fromtimestamp(row.stored_at, timezone.utc),
            execution_id=row.execution_id,
            crew_id=row.crew_id,
            offset=offset,
            fields={name: value for name, value in fields.items() if value is not None},
        )
    )
