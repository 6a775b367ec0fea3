"""Frames: the units of the protocol on one connection.

The server sends events unchanged, and the control frames below. A client can send four commands
over an open WebSocket. Each carries a ``ref`` and gets exactly one :class:`Ack` or error frame
with that ``ref``. The layers above handle delivery and retries.
"""

from datetime import datetime
from typing import Annotated, Any, Final, Literal, TypeAlias, get_args

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import BadJson, BadRequest, HitlError, TooLarge
from crewai_hitl_nb.protocol.events import CancelReason
from crewai_hitl_nb.protocol.ids import Id, fits_a_header
from crewai_hitl_nb.protocol.json_weight import is_heavy, uncollected

Ref: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=100)]


class Heartbeat(msgspec.Struct, frozen=True, tag="heartbeat", tag_field="type"):
    """The connection is live; ``offset`` is the log's top. The first heartbeat ends the replay."""

    timestamp: datetime
    epoch: str
    offset: int


class Gap(msgspec.Struct, frozen=True, tag="gap", tag_field="type"):
    """The requested replay is not possible; the full retained state follows."""

    reason: Literal["unknown_event_id", "pruned"]
    last_event_id: str
    epoch: str
    message: str


class Ack(msgspec.Struct, frozen=True, tag="ack", tag_field="type"):
    """The command is done; ``body`` is what the equivalent POST returns."""

    ref: str
    body: Any


class PublishFrame(msgspec.Struct, frozen=True, tag="publish", tag_field="type"):
    """Publish these events."""

    ref: Ref
    events: Any


class AnswerFrame(msgspec.Struct, frozen=True, tag="answer", tag_field="type"):
    """Answer a request; the other fields are those of an answer's body."""

    ref: Ref
    request_id: Id


class ClaimFrame(msgspec.Struct, frozen=True, tag="claim", tag_field="type"):
    """Claim a request: tell others that somebody is working on it."""

    ref: Ref
    request_id: Id
    via: str = "api"


class CancelFrame(msgspec.Struct, frozen=True, tag="cancel", tag_field="type"):
    """Cancel a request: nobody waits for its answer any longer."""

    ref: Ref
    request_id: Id
    reason: CancelReason = "withdrawn"


UpFrame: TypeAlias = PublishFrame | AnswerFrame | ClaimFrame | CancelFrame
_UP: Final[dict[object, type[UpFrame]]] = {
    frame.__struct_config__.tag: frame for frame in get_args(UpFrame)
}
DownFrame: TypeAlias = Heartbeat | Gap | Ack

RETRY_MILLISECONDS: Final = 1000
"""The pause of an ``EventSource`` before it reconnects (HTML, 9.2.6)."""


def decode_json(body: bytes | str) -> object:
    """Decode JSON from outside.

    Raises:
        BadJson: Has the line and column of the first wrong character.
    """
    try:
        # On failure `_located` decodes again with the slower json module, because only that
        # reports the line and column that the contract promises.
        return msgspec.json.decode(body)
    except (msgspec.DecodeError, ValueError, RecursionError) as error:  # UnicodeDecodeError too
        raise _located(body, str(error)) from None


def decode_body(body: bytes | str) -> object:
    """Decode JSON from an untrusted caller, within the limits on depth and number of values.

    Raises:
        BadJson: As for :func:`decode_json`, or the JSON is nested too deeply.
        TooLarge: The JSON holds too many values.
    """
    if is_heavy(body, limits.MAX_JSON_VALUES):
        raise TooLarge(
            f"the body has more than {limits.MAX_JSON_VALUES} values; send fewer events at a time, "
            "or store the content elsewhere and link to it",
            limit=limits.MAX_BODY_BYTES,
        )
    if len(body) <= limits.MAX_JSON_VALUES:
        value = decode_json(body)
        # Most bodies have fewer opening brackets than the limit allows levels.
        return value if _brackets(body) <= limits.MAX_JSON_DEPTH else _shallow(value)
    with uncollected():
        return _shallow(decode_json(body))


def _brackets(body: bytes | str) -> int:
    if isinstance(body, bytes):
        return body.count(b"{") + body.count(b"[")
    return body.count("{") + body.count("[")


def _shallow(value: object) -> object:
    level = [value] if isinstance(value, dict | list) else []
    for _ in range(limits.MAX_JSON_DEPTH):
        level = [
            inner
            for outer in level
            for inner in (outer.values() if isinstance(outer, dict) else outer)
            if isinstance(inner, dict | list)
        ]
        if not level:
            return value
    raise BadJson(f"the JSON is nested too deeply; use at most {limits.MAX_JSON_DEPTH} levels")


def _located(body: bytes | str, reason: str) -> BadJson:
    import json

    try:
        json.loads(body)
    except json.JSONDecodeError as error:
        return BadJson(
            f"the body is not JSON: {error.msg} (line {error.lineno}, column {error.colno})",
            line=error.lineno,
            column=error.colno,
        )
    except UnicodeDecodeError as error:
        return BadJson(f"the body is not UTF-8 at byte {error.start}", byte=error.start)
    except RecursionError:
        return BadJson("the JSON cannot be read: it is nested too deeply")
    except ValueError as error:  # a whole number of thousands of digits (CPython's own limit)
        return BadJson(f"the JSON cannot be read: {error}")
    return BadJson(f"the body is not JSON: {reason}")


def decode_up(raw: object) -> UpFrame:
    """Decode a frame that a client sent.

    Raises:
        BadRequest: Says what is wrong.
    """
    # msgspec caches the type information of a struct, but builds that of a union at each call.
    named = raw.get("type") if isinstance(raw, dict) else None
    known = _UP.get(named) if isinstance(named, str) else None
    try:
        frame: UpFrame = msgspec.convert(raw, known or UpFrame)
    except msgspec.ValidationError as error:
        raise BadRequest(
            f"invalid frame: {error}; send publish, answer, claim or cancel with a `ref`"
        ) from None
    return frame


def encode_frame(frame: DownFrame) -> bytes:
    """Encode a control frame."""
    return msgspec.json.encode(frame)


def encode_error(ref: str | None, error: HitlError) -> bytes:
    """Encode the error for a client's frame; ``ref`` is null when the frame had none."""
    return msgspec.json.encode(
        {"type": "error", "ref": ref, "status": error.status, **error.to_wire()}
    )


def sse_event(event_id: str, body: bytes) -> bytes:
    """Return an event as one block of Server-Sent Events (HTML, 9.2).

    The body is JSON, so it has no raw line break. An id that would end the field, or would not
    come back unchanged as ``Last-Event-ID``, is left out: the reader then keeps its last id, and
    gets this event again rather than missing the next one.
    """
    if not fits_a_header(event_id):
        return b"data: %b\n\n" % body
    return b"id: %b\ndata: %b\n\n" % (event_id.encode(), body)


def sse_frame(frame: Heartbeat | Gap, body: bytes) -> bytes:
    """Return an encoded control frame as one block of Server-Sent Events.

    A heartbeat is a named event, so that ``onmessage`` skips it.
    """
    name = b"event: heartbeat\n" if isinstance(frame, Heartbeat) else b""
    return b"%bdata: %b\n\n" % (name, body)
