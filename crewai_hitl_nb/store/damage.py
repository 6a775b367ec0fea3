"""Replaces an event whose stored text is no longer valid JSON, when it is read.

A log is read in pages, and a damaged disk usually harms a few bytes of one event. Refusing the page
would withhold every later event from every reader until somebody salvages the log; sending
the bytes would break every connection that reads them; omitting the event would hide the loss. So
readers get, in its place and under its id, an event with what is known of it: the other columns of
its row, which are intact (otherwise the database, or :func:`whole`, refuses the page).

    {"type":"event_damaged","event_id":"…","offset":16,"was":"human_input_completed",
     "timestamp":"when it was stored","execution_id":"…","crew_id":"…","request_id":"…",
     "message":"what to do"}

It is never written to a log, so it ends no request: a reader that waits for the damaged event
continues to wait, and in a trail its text does not match its seal. Clients that know only the
known types skip it. Above: ``reading``. Below: one row of the table.
"""

import logging
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Annotated, Final

import msgspec

from crewai_hitl_nb.protocol.events import UnknownEvent
from crewai_hitl_nb.protocol.ids import Id
from crewai_hitl_nb.protocol.log_lines import logger, note
from crewai_hitl_nb.protocol.wire import encode_event

EVENT_DAMAGED: Final = "event_damaged"

_MESSAGE: Final = (
    "this event is in the log, but its text can no longer be read; "
    "the operator of the server can salvage the rest (`crewai-hitl salvage`)"
)

_LAST_SECOND: Final = 253_402_300_799
"""The last second of the year 9999: Python's dates end there."""

_JSON: Final = msgspec.json.Decoder(msgspec.Raw)

_log = logger(__name__)


class _Row(msgspec.Struct, frozen=True, array_like=True):
    """The columns of an event besides its text."""

    event_id: Id
    type: str
    execution_id: Id | None
    crew_id: Id | None
    request_id: Id | None
    stored_at: Annotated[float, msgspec.Meta(ge=0, le=_LAST_SECOND)]


COLUMNS: Final = "event_id, type, execution_id, crew_id, request_id, stored_at"
"""The columns from which the replacement is made."""


class DamagedRow(Exception):
    """A row contradicts itself or another one; the message says how."""

    for_operator: Final = True


def whole(offset: int, body: bytes, columns: Callable[[], object]) -> bytes:
    """Return an event's text if it is valid JSON, else the text of the event that replaces it.

    It only validates the text and builds no objects.

    Args:
        offset: The event's place.
        body: Its text.
        columns: Reads ``COLUMNS`` of its row.

    Raises:
        DamagedRow: The rest of the row is damaged, too.
    """
    try:
        str(body, "utf-8")
        _JSON.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError, TypeError) as error:
        note(_log, logging.WARNING, "event_damaged", offset=offset)
        return _stand_in(_row(columns(), offset, error), offset)
    return body


def _row(columns: object, offset: int, error: Exception) -> _Row:
    try:
        return msgspec.convert(columns, _Row)
    except msgspec.ValidationError:
        raise DamagedRow(f"the event at {offset} is malformed") from error


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
