"""Whether an event that is sent again equals the one stored under its id.

Publishing is idempotent on the event id, so that a publisher that lost a reply can retry. The id
alone proves nothing, since another publisher may have used it first. So a repeat must have the
same content and name the same person. It may differ in what the server fills in (the offset, and
the time where the publisher gave none) and in the surface, because a retry may take another path.

Pure. The stores call it with what they have stored.
"""

from typing import Any, Final

import msgspec

from crewai_hitl_nb.protocol.errors import BadInput, EventExists
from crewai_hitl_nb.protocol.events import (
    AnsweredBy,
    Event,
    HumanInputClaimed,
    HumanInputCompleted,
    UnknownEvent,
)
from crewai_hitl_nb.protocol.wire import decode_event, encode_event

_NAMELESS: Final = "Anonymous "
"""Prefix of the name that a Jupyter server gives to a token without a user; each call gets a new
one."""

_FILLED: Final = ("offset", "event_id", "timestamp")


def check_same(stored: bytes, event: Event) -> None:
    """Check that an event is a duplicate of the stored event with its id.

    Args:
        stored: The stored event's JSON.
        event: The event that was sent again.

    Raises:
        EventExists: The two differ.
    """
    try:
        kept = decode_event(stored)
    except BadInput:  # damaged in the store, so it cannot be compared
        kept = None
    if kept is None or _content(kept) != _content(event) or not _same_person(kept, event):
        raise EventExists(
            f"another event already has the id `{event.event_id}`; nothing was stored. "
            "Send the event again with a new event_id",
            event_id=event.event_id,
        )


def _content(event: Event) -> dict[str, Any]:
    content: dict[str, Any] = msgspec.json.decode(encode_event(event))
    filled = (*_FILLED, *(() if isinstance(event, UnknownEvent) else ("answered_by", "claimed_by")))
    return {name: value for name, value in content.items() if name not in filled}


def _same_person(kept: Event, event: Event) -> bool:
    before, now = _person(kept), _person(event)
    if before is None or now is None:
        return before is now
    nameless = before.name.startswith(_NAMELESS) and now.name.startswith(_NAMELESS)
    return nameless or before.name == now.name


def _person(event: Event) -> AnsweredBy | None:
    if isinstance(event, HumanInputCompleted):
        return event.answered_by
    return event.claimed_by if isinstance(event, HumanInputClaimed) else None
