"""Dialects: one event, with the field names of the guide or of the feature request.

The event-streaming guide's dialect is *canonical*: events are sent as the store keeps them. The
dialect of the *feature request* (crewAI issue 3259, "Key capabilities") is used on its own path
only:

    ``type``           becomes ``event``, and a question is called ``pending_human_input``
    ``context``        is an object: the text, and what else is known about the question
    ``reason_flags``   is the list of the flags that are true

All other fields are the same. A publisher's own ``event`` field is dropped in the feature
request's dialect, where that name is taken.

Readers can ask for either dialect in brief (``brief.py``).
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from crewai_hitl_nb.protocol.brief import in_brief

PENDING: Final = "pending_human_input"
_ABOUT: Final = ("kind", "round", "source")


class Dialect(msgspec.Struct, frozen=True):
    """How an event or frame is encoded for a reader.

    Attributes:
        name: For logs and documentation.
        say: Turns canonical bytes into the bytes that are sent.
    """

    name: str
    say: Callable[[bytes], bytes]


def _as_it_is(body: bytes) -> bytes:
    return body


def _feature_request(body: bytes) -> bytes:
    said: dict[str, Any] = msgspec.json.decode(body)
    kind = said.pop("type", None)
    if kind == PENDING:  # from an old log, before the name was reserved: not a question
        kind = f"unknown:{PENDING}"
    elif kind == "human_input_required":
        kind = PENDING
        about = {name: said[name] for name in _ABOUT if said.get(name)}
        said["context"] = {"text": said.get("context", ""), **about}
        flags = said.get("reason_flags") or {}
        said["reason_flags"] = [name for name, is_set in flags.items() if is_set]
    said.pop("event", None)  # a publisher's own field; the server sets `event`
    return msgspec.json.encode({"event": kind, **said})


def _feature_request_in_brief(body: bytes) -> bytes:
    return _feature_request(in_brief(body))


CANONICAL: Final = Dialect("event-streaming guide", _as_it_is)
FEATURE_REQUEST: Final = Dialect("feature request", _feature_request)

BRIEF: Final = {
    CANONICAL: Dialect("event-streaming guide, in brief", in_brief),
    FEATURE_REQUEST: Dialect("feature request, in brief", _feature_request_in_brief),
}
"""Each dialect's variant with large questions in brief."""

ALL: Final = (*BRIEF, *BRIEF.values())
"""Every way to encode an event."""
