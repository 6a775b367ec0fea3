"""What a page may ask of the kernel behind its card: one list, for frames and for calls.

The relay (``relay.py``) speaks to the server with the kernel's key, which may publish, cancel
and name who answered. Whoever steers the page must not get those rights, so nothing that a page
wrote is passed on: it is decoded here, held against this list, and written anew.

* A card may look up, answer and claim its own request.
* A run may do so with the requests of its run. It may also read the run's past, ask whether the
  process that began it is there, and ask that the run be cancelled.
* The inbox may look up, answer and claim every request.

A card reads the stream of its run. Where its question belongs to no run there is no such stream,
and the card is sent only what is said of that question. A stream takes ``last_event_id``,
``replay``, ``texts`` and ``type``, and no other parameter: with ``source`` the page would count as
a process that waits for answers. Below it is the protocol; it does no I/O.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import BadRequest, Forbidden, TooLarge
from crewai_hitl_nb.protocol.frames import decode_body

SURFACES: Final = frozenset({"card", "inbox", "widget"})
"""What a page may say that it is; the console or a default it is not."""

_VIA: Final = "widget"
"""What is passed on: all that a kernel knows of a page is that it speaks through the widget."""

_STREAM_QUERY: Final = frozenset({"last_event_id", "replay", "texts", "type"})
_PAST_QUERY: Final = frozenset({"last_event_id", "limit", "replay", "texts"})
_ANSWER: Final = frozenset({"decision", "human_feedback", "option", "options", "values", "via"})
_FRAMES: Final[Mapping[str, frozenset[str]]] = {
    "answer": _ANSWER | {"type", "ref", "request_id", "idempotency_key"},
    "claim": frozenset({"type", "ref", "request_id", "via"}),
}
_CANCEL: Final = frozenset({"type", "execution_id", "via"})

_CONTROL: Final = frozenset({"ack", "error", "gap", "heartbeat"})
"""Frames down that are about the connection; no event can have such a type."""

_CANCEL_REQUESTED: Final = "run_cancel_requested"

_MAX_VALUE_CHARS: Final = 4000
"""The longest value of a parameter: a list of event types."""


@dataclass(frozen=True)
class Scope:
    """What a widget shows, and so what its page may speak of.

    Attributes:
        request_id: The one request of a card.
        execution_id: The run that is shown, or to which a card's request belongs.
        is_run: Whether the run itself is shown.
        is_inbox: Whether all that is pending is shown.
        source_id: The process that began the run.
    """

    request_id: str | None = None
    execution_id: str | None = None
    is_run: bool = False
    is_inbox: bool = False
    source_id: str | None = None

    @classmethod
    def of(cls, mode: str, payload: Mapping[str, Any]) -> "Scope":
        """Return the scope of a widget in this mode, which holds this."""
        if mode == "inbox":
            return cls(is_inbox=True)
        event = payload.get("event")
        fields = event if isinstance(event, dict) else {}
        source = fields.get("source")
        return cls(
            request_id=_text(payload.get("request_id")),
            execution_id=_text(fields.get("execution_id")),
            is_run=payload.get("mode") == "run",
            source_id=_text(source.get("id")) if isinstance(source, dict) else None,
        )


@dataclass(frozen=True)
class Frame:
    """A frame up, written anew."""

    ref: str
    request_id: str
    text: str


@dataclass(frozen=True)
class Call:
    """A call, written anew.

    Attributes:
        method: ``GET`` or ``POST``.
        path: Below the server's prefix, with each part encoded.
        params: Its query.
        body: What it sends.
        request_id: The request that it speaks of, whose run is still to be looked at.
        reads: Whether it only reads that request.
    """

    method: str
    path: str
    params: Mapping[str, str]
    body: bytes | None = None
    request_id: str | None = None
    reads: bool = False


def stream_path(scope: Scope) -> str:
    """Return the stream that the widget reads: its own run's where it has one."""
    if scope.is_inbox or scope.execution_id is None:
        return "ws/human-input"
    return f"ws/human-input/{_part(scope.execution_id)}"


class _Down(msgspec.Struct):
    type: str
    request_id: str | None = None


def is_shown(scope: Scope, text: str | bytes) -> bool:
    """Say whether a frame down may go on to the page: the stream may be wider than the widget."""
    if scope.is_inbox or scope.execution_id is not None:
        return True
    try:
        said = msgspec.json.decode(text, type=_Down)
    except msgspec.DecodeError:
        return False
    return said.type in _CONTROL or said.request_id == scope.request_id


def stream_query(query: Mapping[Any, Any]) -> dict[str, str]:
    """Return a stream's parameters.

    Raises:
        Forbidden: One that a card does not need.
        BadRequest: A value that is none.
    """
    return _listed({k: v for k, v in query.items() if v is not None}, _STREAM_QUERY)


def frame_of(scope: Scope, text: str) -> Frame:
    """Return a page's frame, written anew.

    Raises:
        HitlError: What is wrong with it, or not allowed.
    """
    said = _object(text)
    kind, ref, request_id = (said.get(name) for name in ("type", "ref", "request_id"))
    if not isinstance(kind, str) or kind not in _FRAMES:
        raise Forbidden("a page may only send answers and claims through its kernel")
    if not isinstance(ref, str) or not isinstance(request_id, str):
        raise BadRequest("a frame names its `ref` and its `request_id` as texts")
    _own(scope, request_id)
    frame = _said(said, _FRAMES[kind])
    return Frame(ref=ref, request_id=request_id, text=msgspec.json.encode(frame).decode())


def call_of(scope: Scope, method: str, address: str, body: object) -> Call:
    """Return a page's call, written anew.

    Raises:
        HitlError: What is wrong with it, or not allowed.
    """
    if len(address) > _MAX_VALUE_CHARS:
        raise BadRequest(f"an address has at most {_MAX_VALUE_CHARS} characters")
    path, _, query = address.partition("?")
    params = dict(parse_qsl(query, keep_blank_values=True))
    match method, *(unquote(part) for part in path.split("/")):
        case "GET", "requests", str(one) if not params:
            _own(scope, one)
            return Call("GET", f"requests/{_part(one)}", {}, request_id=one, reads=True)
        case "POST", "requests", str(one), "answer" if not params:
            _own(scope, one)
            said = _said(_object(body), _ANSWER | {"idempotency_key"})
            return Call("POST", f"requests/{_part(one)}/answer", {}, _json(said), one)
        case "POST", "requests", str(one), "claim" if not params:
            _own(scope, one)
            said = _said(_object(body), frozenset({"via"}))
            return Call("POST", f"requests/{_part(one)}/claim", {}, _json(said), one)
        case "GET", "poll", "human-input", str(run) if scope.is_run and run == scope.execution_id:
            return Call("GET", f"poll/human-input/{_part(run)}", _listed(params, _PAST_QUERY))
        case "GET", "sources", str(source) if scope.is_run and source == scope.source_id:
            return Call("GET", f"sources/{_part(source)}", {})
        case "POST", "events" if scope.is_run and not params:
            return Call("POST", "events", {}, _json(_cancel_wish(scope, _object(body))))
        case _:
            raise Forbidden("this card makes no such call through its kernel")


def _cancel_wish(scope: Scope, said: dict[str, Any]) -> dict[str, Any]:
    if said.get("type") != _CANCEL_REQUESTED or said.get("execution_id") != scope.execution_id:
        raise Forbidden("a run's view may publish only that its own run be cancelled")
    return _said(said, _CANCEL)


def _own(scope: Scope, request_id: str) -> None:
    """Refuse what is plainly not the widget's; of a run's the server knows more."""
    if not 1 <= len(request_id) <= limits.MAX_ID_CHARS or request_id in (".", ".."):
        raise BadRequest(f"a request's id has 1 to {limits.MAX_ID_CHARS} characters")
    if scope.is_inbox or scope.is_run or request_id == scope.request_id:
        return
    raise Forbidden("a card may only answer its own request; answer others in the inbox")


def _said(said: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    """Return the fields that a page may fill, with where it was said."""
    for name in said:
        if name not in allowed:
            raise Forbidden(f"a page may not say {name[:40]!r} through its kernel")
    via = said.get("via", _VIA)
    if not isinstance(via, str) or via not in SURFACES:
        raise Forbidden(f"`via` is one of {', '.join(sorted(SURFACES))} for a page")
    return {**said, "via": _VIA}


def _listed(query: Mapping[Any, Any], allowed: frozenset[str]) -> dict[str, str]:
    for name, value in query.items():
        if name not in allowed:
            raise Forbidden(f"a page may not set {str(name)[:40]!r} through its kernel")
        if not isinstance(value, str) or len(value) > _MAX_VALUE_CHARS:
            raise BadRequest(f"{name} is a text of at most {_MAX_VALUE_CHARS} characters")
    return dict(query)


def _object(text: object) -> dict[str, Any]:
    if not isinstance(text, str):
        raise BadRequest("a JSON text is missing")
    if len(text) > limits.MAX_EVENT_BYTES:
        raise TooLarge(
            f"more than {limits.MAX_EVENT_BYTES} characters", limit=limits.MAX_EVENT_BYTES
        )
    value = decode_body(text)
    if not isinstance(value, dict):
        raise BadRequest("a JSON object is expected")
    return value


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


def _part(text: str) -> str:
    return quote(text, safe="")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
