"""Whether an event that is sent again is the one that is stored under its id.

Publishing is idempotent on the event id, so that whoever lost a reply can send the same again.
An id alone proves nothing: somebody else may have taken it before. So what is sent again must
say the same, of the same person. What may differ is what the server fills in (the place, and
the time where the publisher gave none) and the surface, by which a call may go a second way.

Above: the stores, which know what is stored. No I/O.
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
"""How a Jupyter server's name for a bare token begins; each call gets another one."""

_FILLED: Final = ("offset", "event_id", "timestamp")


def check_same(stored: bytes, event: Event) -> None:
    """Let an event be a duplicate of the stored one of its id.

    Args:
        stored: The stored event's JSON.
        event: The one that came.

    Raises:
        EventExists: It says something else.
    """
    try:
        kept = decode_event(stored)
    except BadInput:  # its text is damaged: nobody can say that this is the same
        kept = None
    if kept is None or _content(kept) != _content(event) or not _same_person(kept, event):
        raise EventExists(
            f"another event has the id `{event.event_id}`; nothing was stored. "
            "Send yours again with a new event_id",
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
