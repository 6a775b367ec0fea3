"""Dialects: the same event in the words of each of the two documents.

*Canonical* is the stream document's: what a store keeps is sent as it is. The *feature
request's* (crewAI issue 3259, "Key capabilities") stands on its own path only:

    ``type``           becomes ``event``, and a question is called ``pending_human_input``
    ``context``        is an object: the text, and what else is known about the question
    ``reason_flags``   is the list of those that are true

Everything else is alike, so a reader of one finds its way in the other. A publisher's own
``event`` field is not sent in the feature request's dialect: the name is taken there.

Each is said in brief as well (``brief.py``) to readers that ask for it.
"""

from collections.abc import Callable
from typing import Any, Final

import msgspec

from crewai_hitl_nb.protocol.brief import in_brief

PENDING: Final = "pending_human_input"
_ABOUT: Final = ("kind", "round", "source")


class Dialect(msgspec.Struct, frozen=True):
    """How an encoded event or frame is said.

    Attributes:
        name: For logs and documents.
        say: From canonical bytes to the bytes that are sent.
    """

    name: str
    say: Callable[[bytes], bytes]


def _as_it_is(body: bytes) -> bytes:
    return body


def _feature_request(body: bytes) -> bytes:
    said: dict[str, Any] = msgspec.json.decode(body)
    kind = said.pop("type", None)
    if kind == PENDING:  # of a log from before this word was reserved: it asks nothing
        kind = f"unknown:{PENDING}"
    elif kind == "human_input_required":
        kind = PENDING
        about = {name: said[name] for name in _ABOUT if said.get(name)}
        said["context"] = {"text": said.get("context", ""), **about}
        flags = said.get("reason_flags") or {}
        said["reason_flags"] = [name for name, is_set in flags.items() if is_set]
    said.pop("event", None)  # a publisher's own; what happened is the server's to say
    return msgspec.json.encode({"event": kind, **said})


def _feature_request_in_brief(body: bytes) -> bytes:
    return _feature_request(in_brief(body))


CANONICAL: Final = Dialect("stream document", _as_it_is)
FEATURE_REQUEST: Final = Dialect("feature request", _feature_request)

BRIEF: Final = {
    CANONICAL: Dialect("stream document, in brief", in_brief),
    FEATURE_REQUEST: Dialect("feature request, in brief", _feature_request_in_brief),
}
"""The same with large questions in brief."""

ALL: Final = (*BRIEF, *BRIEF.values())
"""Every way in which an event is said."""
