"""Decodes the frames of a connection, once, at the boundary.

The transports pass raw JSON in; below is the protocol. A newer server may send events that this
version does not know: an unknown type passes through, and a known type that cannot be read is
skipped with a warning, so that it cannot end the stream.
"""

from typing import Any, TypeAlias

import msgspec

from crewai_hitl_nb.protocol.errors import (
    BadJson,
    BadRequest,
    HitlError,
    InvalidEvent,
    error_from_wire,
)
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.protocol.frames import Ack, Gap, Heartbeat, decode_json
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.protocol.wire import stored_event

Incoming: TypeAlias = Event | Heartbeat | Gap
"""The frames that a stream yields."""

_log = logger(__name__)

_CONTROL: dict[str, type[Heartbeat] | type[Gap] | type[Ack]] = {
    "heartbeat": Heartbeat,
    "gap": Gap,
    "ack": Ack,
}


class Refused(msgspec.Struct, frozen=True):
    """The reply to a frame that the server refused."""

    ref: str | None
    error: HitlError


def decode_frame(body: bytes | str) -> Incoming | Ack | Refused | None:
    """Decode one frame; None when it cannot be read."""
    try:
        return read_frame(decode_json(body))
    except BadJson as error:
        _log.warning("skipped a frame: %s", error)
        return None


def read_frame(raw: object) -> Incoming | Ack | Refused | None:
    """Turn a frame's JSON value into its type; None when it cannot be read."""
    if not isinstance(raw, dict):
        _log.warning("skipped a frame that is not a JSON object")
        return None
    kind = str(raw.get("type"))
    try:
        if kind == "error":
            return _refused(raw)
        if kind in _CONTROL:
            return msgspec.convert(raw, _CONTROL[kind])
        return stored_event(raw)
    except (InvalidEvent, msgspec.ValidationError) as error:
        _log.warning("skipped a frame of type %s that this version cannot read: %s", kind, error)
        return None


def read_as(raw: object, shape: Any) -> Any:
    """Convert a reply's JSON value to its type.

    Raises:
        BadRequest: It does not fit: the URL is not that of a crewai-hitl server.
    """
    try:
        return msgspec.convert(raw, shape)
    except msgspec.ValidationError as error:
        raise BadRequest(
            f"the reply is not what a crewai-hitl server sends ({error}); check the URL"
        ) from None


def _refused(raw: dict[str, Any]) -> Refused:
    status = raw.get("status")
    body = {key: value for key, value in raw.items() if key not in ("type", "ref", "status")}
    error = error_from_wire(body, status if isinstance(status, int) else 500)
    return Refused(ref=raw.get("ref"), error=error)
