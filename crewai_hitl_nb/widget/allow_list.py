"""The list of frames and calls that a page may send through the kernel behind its card.

The relay (``relay.py``) talks to the server with the kernel's key, which may publish, cancel, and
name the person who answered. Anyone who controls the page must not get those rights. So nothing
that a page wrote is passed on as it is: it is decoded here, checked against this list, and rebuilt.

* A card may look up, answer and claim its own request.
* A run may do the same with the requests of its run. It may also read the run's past events, ask
  whether the process that began it is connected, and ask that the run be cancelled.
* The inbox may look up, answer and claim every request.

A card reads the stream of its run. If its question belongs to no run, there is no such stream, and
the card receives only the events of that question. A stream takes the parameters
``last_event_id``, ``replay``, ``texts`` and ``type``, and no others: with ``source``, the page
would count as a process that waits for answers. It uses the protocol and does no I/O.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final
from urllib.parse import parse_qsl, quote, unquote

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import BadRequest, Forbidden, TooLarge
from crewai_hitl_nb.protocol.frames import decode_body
from crewai_hitl_nb.protocol.runs import RUN_CANCEL_REQUESTED

SURFACES: Final = frozenset({"card", "inbox", "widget"})
"""The values of ``via`` that a page may send; a page is never the console or a default answer."""

_VIA: Final = "widget"
"""The ``via`` that is passed on: the kernel knows only that the page uses the widget."""

_STREAM_QUERY: Final = frozenset({"last_event_id", "replay", "texts", "type"})
_PAST_QUERY: Final = frozenset({"last_event_id", "limit", "replay", "texts"})
_ANSWER: Final = frozenset({"decision", "human_feedback", "option", "options", "values", "via"})
_FRAMES: Final[Mapping[str, frozenset[str]]] = {
    "answer": _ANSWER | {"type", "ref", "request_id", "idempotency_key"},
    "claim": frozenset({"type", "ref", "request_id", "via"}),
}
_CANCEL: Final = frozenset({"type", "execution_id", "via"})

_CONTROL: Final = frozenset({"ack", "error", "gap", "heartbeat"})
"""Types of frames about the connection itself; no event can have such a type."""

_MAX_VALUE_CHARS: Final = 4000
"""The longest value of a parameter, such as a list of event types."""


@dataclass(frozen=True)
class Scope:
    """What a widget shows, which determines what its page may access.

    Attributes:
        request_id: The only request of a card.
        execution_id: The run that is shown, or the run of a card's request.
        is_run: Whether the widget shows a run.
        is_inbox: Whether the widget shows all pending requests.
        source_id: The process that began the run.
    """

    request_id: str | None = None
    execution_id: str | None = None
    is_run: bool = False
    is_inbox: bool = False
    source_id: str | None = None

    @classmethod
    def of(cls, mode: str, payload: Mapping[str, Any]) -> "Scope":
        """Return the scope of a widget with this mode and this payload."""
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
    """A frame to the server, rebuilt from a page's frame."""

    ref: str
    request_id: str
    text: str


@dataclass(frozen=True)
class Call:
    """An HTTP call to the server, rebuilt from a page's call.

    Attributes:
        method: ``GET`` or ``POST``.
        path: The path below the server's prefix, with each part encoded.
        params: The query.
        body: The body.
        request_id: The request that it is about, whose run the relay still has to check.
        reads: Whether it only reads that request.
    """

    method: str
    path: str
    params: Mapping[str, str]
    body: bytes | None = None
    request_id: str | None = None
    reads: bool = False


def stream_path(scope: Scope) -> str:
    """Return the path of the widget's stream: that of its own run if it has one."""
    if scope.is_inbox or scope.execution_id is None:
        return "ws/human-input"
    return f"ws/human-input/{_part(scope.execution_id)}"


class _FrameFromServer(msgspec.Struct):
    type: str
    request_id: str | None = None


def is_shown(scope: Scope, text: str | bytes) -> bool:
    """Say whether the page may see a frame: the stream may contain more than the widget shows."""
    if scope.is_inbox or scope.execution_id is not None:
        return True
    try:
        frame = msgspec.json.decode(text, type=_FrameFromServer)
    except msgspec.DecodeError:
        return False
    return frame.type in _CONTROL or frame.request_id == scope.request_id


def stream_query(query: Mapping[Any, Any]) -> dict[str, str]:
    """Return a stream's parameters.

    Raises:
        Forbidden: A parameter is not allowed.
        BadRequest: A value is not valid.
    """
    return _allowed_query({k: v for k, v in query.items() if v is not None}, _STREAM_QUERY)


def frame_of(scope: Scope, text: str) -> Frame:
    """Check a page's frame and rebuild it.

    Raises:
        HitlError: The frame is not valid or not allowed.
    """
    given = _object(text)
    kind, ref, request_id = (given.get(name) for name in ("type", "ref", "request_id"))
    if not isinstance(kind, str) or kind not in _FRAMES:
        raise Forbidden("a page may send only answers and claims through its kernel")
    if not isinstance(ref, str) or not isinstance(request_id, str):
        raise BadRequest("a frame must have a `ref` and a `request_id`, both texts")
    _check_own(scope, request_id)
    frame = _allowed_fields(given, _FRAMES[kind])
    return Frame(ref=ref, request_id=request_id, text=msgspec.json.encode(frame).decode())


def call_of(scope: Scope, method: str, address: str, body: object) -> Call:
    """Check a page's call and rebuild it.

    Raises:
        HitlError: The call is not valid or not allowed.
    """
    if len(address) > _MAX_VALUE_CHARS:
        raise BadRequest(f"an address may have at most {_MAX_VALUE_CHARS} characters")
    path, _, encoded = address.partition("?")
    params = dict(parse_qsl(encoded, keep_blank_values=True))
    match method, *(unquote(part) for part in path.split("/")):
        case "GET", "requests", str(one) if not params:
            _check_own(scope, one)
            return Call("GET", f"requests/{_part(one)}", {}, request_id=one, reads=True)
        case "POST", "requests", str(one), "answer" if not params:
            _check_own(scope, one)
            answer = _allowed_fields(_object(body), _ANSWER | {"idempotency_key"})
            return Call("POST", f"requests/{_part(one)}/answer", {}, _json(answer), one)
        case "POST", "requests", str(one), "claim" if not params:
            _check_own(scope, one)
            claim = _allowed_fields(_object(body), frozenset({"via"}))
            return Call("POST", f"requests/{_part(one)}/claim", {}, _json(claim), one)
        case "GET", "poll", "human-input", str(run) if scope.is_run and run == scope.execution_id:
            query = _allowed_query(params, _PAST_QUERY)
            return Call("GET", f"poll/human-input/{_part(run)}", query)
        case "GET", "sources", str(source) if scope.is_run and source == scope.source_id:
            return Call("GET", f"sources/{_part(source)}", {})
        case "POST", "events" if scope.is_run and not params:
            return Call("POST", "events", {}, _json(_cancel_request(scope, _object(body))))
        case _:
            raise Forbidden("this card may not make this call through its kernel")


def _cancel_request(scope: Scope, event: dict[str, Any]) -> dict[str, Any]:
    if event.get("type") != RUN_CANCEL_REQUESTED or event.get("execution_id") != scope.execution_id:
        raise Forbidden("a run's view may publish only a request to cancel its own run")
    return _allowed_fields(event, _CANCEL)


def _check_own(scope: Scope, request_id: str) -> None:
    """Refuse a request that is clearly not the widget's; for a run, the server has to be asked."""
    if not 1 <= len(request_id) <= limits.MAX_ID_CHARS or request_id in (".", ".."):
        raise BadRequest(f"a request's id must have 1 to {limits.MAX_ID_CHARS} characters")
    if scope.is_inbox or scope.is_run or request_id == scope.request_id:
        return
    raise Forbidden("a card may answer only its own request; answer others in the inbox")


def _allowed_fields(given: Mapping[str, Any], allowed: frozenset[str]) -> dict[str, Any]:
    """Return a page's fields, all of which must be allowed, with the ``via`` of a widget."""
    for name in given:
        if name not in allowed:
            raise Forbidden(f"a page may not send {name[:40]!r} through its kernel")
    via = given.get("via", _VIA)
    if not isinstance(via, str) or via not in SURFACES:
        raise Forbidden(f"`via` must be one of {', '.join(sorted(SURFACES))} for a page")
    return {**given, "via": _VIA}


def _allowed_query(query: Mapping[Any, Any], allowed: frozenset[str]) -> dict[str, str]:
    for name, value in query.items():
        if name not in allowed:
            raise Forbidden(f"a page may not set {str(name)[:40]!r} through its kernel")
        if not isinstance(value, str) or len(value) > _MAX_VALUE_CHARS:
            raise BadRequest(f"{name} must be a text of at most {_MAX_VALUE_CHARS} characters")
    return dict(query)


def _object(text: object) -> dict[str, Any]:
    if not isinstance(text, str):
        raise BadRequest("the JSON text is missing")
    if len(text) > limits.MAX_EVENT_BYTES:
        raise TooLarge(
            f"the text has more than {limits.MAX_EVENT_BYTES} characters",
            limit=limits.MAX_EVENT_BYTES,
        )
    value = decode_body(text)
    if not isinstance(value, dict):
        raise BadRequest("the text must be a JSON object")
    return value


def _json(value: object) -> bytes:
    return msgspec.json.encode(value)


def _part(text: str) -> str:
    return quote(text, safe="")


def _text(value: object) -> str | None:
    return value if isinstance(value, str) else None
