"""Events: the immutable records of a stream.

The stream document's dialect is canonical (``docs/protocol.md``, "Events"). A known type
is a frozen struct; unknown fields in it are ignored. An unknown type is an
:class:`UnknownEvent` and passes through as it came. Decoding happens once, at the
boundary, by :func:`event_from_wire`; inside there are only these types.
"""

from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Annotated, Any, Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.protocol import limits, schema
from crewai_hitl_nb.protocol.errors import FieldError, InvalidEvent
from crewai_hitl_nb.protocol.ids import Id

Decision: TypeAlias = Literal["approve", "respond", "edit", "reject"]
Kind: TypeAlias = Literal[
    "task_feedback",
    "training_feedback",
    "flow_feedback",
    "question",
    "tool_approval",
    "llm_approval",
]
CancelReason: TypeAlias = Literal["interrupted", "run_failed", "source_lost", "withdrawn"]
Via: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=40)]
Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]
Feedback: TypeAlias = Annotated[str, msgspec.Meta(max_length=limits.MAX_FEEDBACK_CHARS)]
Option: TypeAlias = Annotated[str, msgspec.Meta(min_length=1, max_length=1000)]


class Response(msgspec.Struct, frozen=True, kw_only=True):
    """Which answers are acceptable.

    Attributes:
        decisions: The decisions a person may take, at least one.
        options: The texts to choose from, or None for free text.
        multiple: Whether several options may be chosen.
        schema: A flat JSON Schema object for a typed form (the subset of MCP elicitation),
            or None.
        default: The explicit answer for ``on_expiry="default"``; never inferred.
        on_expiry: What happens at ``expires_at``: the request fails, the default answers,
            or it keeps waiting.
    """

    decisions: Annotated[tuple[Decision, ...], msgspec.Meta(min_length=1)] = ("approve", "respond")
    options: Annotated[tuple[Option, ...], msgspec.Meta(max_length=limits.MAX_OPTIONS)] | None = (
        None
    )
    multiple: bool = False
    schema: dict[str, Any] | None = None
    default: Any = None
    on_expiry: Literal["fail", "default", "wait"] = "fail"


class Source(msgspec.Struct, frozen=True, kw_only=True, omit_defaults=True):
    """Who asks and who waits for the answer.

    Attributes:
        id: The waiter: one per process that asks. While a connection names it the request
            has somebody who waits; None means that nobody needs to (a durable pause).
        kernel_id: The Jupyter kernel, if it is one.
        notebook: Path of the notebook as the Jupyter server names it.
        crew_name: For people.
        task_name: For people.
        agent_role: For people.
        flow_name: For people; a flow's method stands in ``task_name``.
        tool_name: The tool that is to be allowed.
        host: Name of the machine.
        pid: Process id on that machine.
    """

    id: Id | None = None
    kernel_id: Id | None = None
    notebook: str | None = None
    crew_name: str | None = None
    task_name: str | None = None
    agent_role: str | None = None
    flow_name: str | None = None
    tool_name: str | None = None
    host: str | None = None
    pid: int | None = None


class Round(msgspec.Struct, frozen=True, kw_only=True):
    """An earlier round of the same question: what was shown and what a person said."""

    draft: str
    feedback: str


class Pause(msgspec.Struct, frozen=True, kw_only=True):
    """A flow that was stored and ended its run; its question waits without a process.

    Attributes:
        flow_id: The flow's own id, by which its state is found.
        flow_class: Its class as ``module.Name``.
        persistence: Path of the database that holds its state; None where it is not a file.
    """

    flow_id: Id
    flow_class: str
    persistence: str | None = None


class AnsweredBy(msgspec.Struct, frozen=True, kw_only=True):
    """The person (by the host's identity) and the surface they used."""

    name: str
    via: Via = "api"


class _Event(msgspec.Struct, frozen=True, kw_only=True, tag_field="type"):
    """What every known event carries. ``offset`` is None until a store has it."""

    event_id: Id
    timestamp: Instant
    execution_id: Id | None = None
    crew_id: Id | None = None
    task_id: Id | None = None
    agent_id: Id | None = None
    offset: int | None = None


class HumanInputRequired(_Event, frozen=True, kw_only=True, tag="human_input_required"):
    """A crew asks a person and waits.

    Beyond the two documents: ``draft`` is the whole text under review where it may be
    edited; ``history`` holds the earlier rounds, oldest first; ``remind_at`` is when those
    who look are told again; ``pause`` says that nobody waits and a flow is resumed later.
    """

    request_id: Id
    prompt: str
    context: str = ""
    reason_flags: dict[str, bool] = {}
    kind: Kind = "task_feedback"
    response: Response = Response()
    source: Source = Source()
    round: Annotated[int, msgspec.Meta(ge=1)] = 1
    expires_at: Instant | None = None
    remind_at: Instant | None = None
    assignee: Annotated[str, msgspec.Meta(max_length=limits.MAX_ID_CHARS)] | None = None
    draft: str | None = None
    history: tuple[Round, ...] = ()
    pause: Pause | None = None


class HumanInputClaimed(_Event, frozen=True, kw_only=True, tag="human_input_claimed"):
    """Somebody says that they are on it. Advisory: it locks nobody out."""

    request_id: Id
    claimed_by: AnsweredBy


class HumanInputReminded(_Event, frozen=True, kw_only=True, tag="human_input_reminded"):
    """``remind_at`` passed and nobody has answered yet."""

    request_id: Id


class HumanInputCompleted(_Event, frozen=True, kw_only=True, tag="human_input_completed"):
    """The winning answer.

    ``request_id`` may be missing in what the stream document's own publishers send; such
    an event is stored and delivered, and closes nothing.
    """

    request_id: Id | None = None
    human_feedback: Feedback = ""
    decision: Decision | None = None
    options: tuple[Option, ...] | None = None
    values: dict[str, Any] | None = None
    answered_by: AnsweredBy | None = None


class HumanInputCancelled(_Event, frozen=True, kw_only=True, tag="human_input_cancelled"):
    """Nobody waits for the answer any more."""

    request_id: Id
    reason: CancelReason
    message: str = ""


class HumanInputExpired(_Event, frozen=True, kw_only=True, tag="human_input_expired"):
    """The deadline passed without an answer."""

    request_id: Id


class UnknownEvent(msgspec.Struct, frozen=True, kw_only=True):
    """An event of a type this version does not know, kept as it came.

    Attributes:
        type: Its type.
        event_id: Its id.
        timestamp: Its time.
        execution_id: For filters.
        crew_id: For filters.
        fields: The whole object as it came, without ``offset``.
    """

    type: str
    event_id: Id
    timestamp: Instant
    execution_id: Id | None = None
    crew_id: Id | None = None
    offset: int | None = None
    fields: dict[str, Any] = {}


ClosingEvent: TypeAlias = HumanInputCompleted | HumanInputCancelled | HumanInputExpired
RequestEvent: TypeAlias = HumanInputRequired | HumanInputClaimed | HumanInputReminded | ClosingEvent
Event: TypeAlias = RequestEvent | UnknownEvent

_STRUCTS: Final = (
    HumanInputRequired,
    HumanInputClaimed,
    HumanInputReminded,
    HumanInputCompleted,
    HumanInputCancelled,
    HumanInputExpired,
)
KNOWN_TYPES: Final[Mapping[str, type[RequestEvent]]] = {
    str(struct.__struct_config__.tag): struct for struct in _STRUCTS
}

RESERVED_TYPES: Final = frozenset(
    {"heartbeat", "gap", "ack", "error", "publish", "answer", "claim", "cancel"}
)
"""Types of frames; an event of such a type would be taken for one."""

_encoder = msgspec.json.Encoder(decimal_format="number")


class _Envelope(msgspec.Struct):
    """The part of any event that is checked before its type is known."""

    type: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MAX_TYPE_CHARS)]
    event_id: Id
    timestamp: Instant
    execution_id: Id | None = None
    crew_id: Id | None = None


def event_type(event: Event) -> str:
    """Return the event's ``type`` as it stands on the wire."""
    if isinstance(event, UnknownEvent):
        return event.type
    return str(event.__struct_config__.tag)


def request_id_of(event: Event) -> str | None:
    """Return the request that the event speaks of, or None."""
    return None if isinstance(event, UnknownEvent) else event.request_id


def about(required: HumanInputRequired) -> dict[str, Any]:
    """Return the fields that every event about this request shares with it."""
    return {
        "execution_id": required.execution_id,
        "crew_id": required.crew_id,
        "task_id": required.task_id,
        "agent_id": required.agent_id,
        "request_id": required.request_id,
    }


def event_from_wire(raw: object, *, event_id: str, now: datetime) -> Event:
    """Decode one JSON object into an event, filling what a publisher may leave out.

    Args:
        raw: The decoded JSON value.
        event_id: Used when it has none. A ``human_input_required`` without ``request_id``
            takes its event id for one.
        now: Used when it has no ``timestamp``; aware.

    Raises:
        InvalidEvent: With the wrong field and why.
    """
    if not isinstance(raw, dict):
        raise InvalidEvent.at("", "an event is a JSON object with a `type`")
    filled: dict[str, Any] = {"event_id": event_id, "timestamp": now, **_given(raw)}
    try:
        envelope = msgspec.convert(filled, _Envelope)
    except msgspec.ValidationError as error:
        raise InvalidEvent(_field_errors(error)) from None
    if envelope.type in RESERVED_TYPES:
        raise InvalidEvent.at("type", f"`{envelope.type}` is the type of a frame, not of an event")
    struct = KNOWN_TYPES.get(envelope.type)
    if struct is None:
        return UnknownEvent(
            type=envelope.type,
            event_id=envelope.event_id,
            timestamp=_utc("timestamp", envelope.timestamp),
            execution_id=envelope.execution_id,
            crew_id=envelope.crew_id,
            fields=_without_offset(raw),
        )
    if struct is HumanInputRequired:
        filled.setdefault("request_id", envelope.event_id)
    return _known(struct, filled)


def response_from_wire(raw: Mapping[str, Any]) -> Response:
    """Decode which answers are acceptable.

    Raises:
        InvalidEvent: With the wrong field and why.
    """
    try:
        response = msgspec.convert(dict(raw), Response)
    except msgspec.ValidationError as error:
        errors = _field_errors(error)
        raise InvalidEvent(
            tuple(FieldError(f"response.{e.field}".rstrip("."), e.message) for e in errors)
        ) from None
    _check_response(response)
    return response


def events_from_wire(raw: object, *, new_id: Callable[[], str], now: datetime) -> list[Event]:
    """Decode what a publisher sends: one event or a list of them.

    Raises:
        InvalidEvent: With the place in the list, the wrong field and why.
    """
    batch = raw if isinstance(raw, list) else [raw]
    if not 0 < len(batch) <= limits.MAX_BATCH_EVENTS:
        raise InvalidEvent.at("", f"send 1 to {limits.MAX_BATCH_EVENTS} events at a time")
    if not isinstance(raw, list):
        return [event_from_wire(raw, event_id=new_id(), now=now)]
    return [_at_place(i, item, event_id=new_id(), now=now) for i, item in enumerate(raw)]


def _at_place(place: int, item: object, *, event_id: str, now: datetime) -> Event:
    try:
        return event_from_wire(item, event_id=event_id, now=now)
    except InvalidEvent as error:
        raise InvalidEvent(
            tuple(FieldError(f"{place}.{e.field}".rstrip("."), e.message) for e in error.errors)
        ) from None


def decode_event(body: bytes | str) -> Event:
    """Decode an event that a server sent (it has its id, time and offset).

    Raises:
        InvalidEvent: With the wrong field and why.
    """
    try:
        raw = msgspec.json.decode(body)
    except msgspec.DecodeError as error:
        raise InvalidEvent.at("", f"not JSON: {error}") from None
    return stored_event(raw)


def stored_event(raw: object) -> Event:
    """Turn a stored event's JSON value into its type, ``offset`` included.

    Raises:
        InvalidEvent: When it lacks what every stored event has.
    """
    if not isinstance(raw, dict):
        raise InvalidEvent.at("", "an event is a JSON object with a `type`")
    struct = KNOWN_TYPES.get(str(raw.get("type")))
    if struct is not None:
        return _convert(struct, raw)
    try:
        envelope = msgspec.convert(raw, _Envelope)
    except msgspec.ValidationError as error:
        raise InvalidEvent(_field_errors(error)) from None
    offset = raw.get("offset")
    return UnknownEvent(
        type=envelope.type,
        event_id=envelope.event_id,
        timestamp=envelope.timestamp,
        execution_id=envelope.execution_id,
        crew_id=envelope.crew_id,
        offset=offset if isinstance(offset, int) else None,
        fields=_without_offset(raw),
    )


def encode_event(event: Event) -> bytes:
    """Encode an event as one JSON object; a missing ``offset`` is left out."""
    if isinstance(event, UnknownEvent):
        value: dict[str, Any] = {
            **event.fields,
            "type": event.type,
            "event_id": event.event_id,
            "timestamp": event.timestamp,
        }
        if event.offset is not None:
            value["offset"] = event.offset
        return _encoder.encode(value)
    body = _encoder.encode(event)
    return body.replace(b',"offset":null', b"", 1) if event.offset is None else body


def _known(struct: type[RequestEvent], filled: dict[str, Any]) -> RequestEvent:
    filled.pop("offset", None)
    event = _convert(struct, filled)
    changes: dict[str, Any] = {"timestamp": _utc("timestamp", event.timestamp)}
    if isinstance(event, HumanInputRequired):
        for name in ("expires_at", "remind_at"):
            instant = getattr(event, name)
            if instant is not None:
                changes[name] = _utc(name, instant)
        _check_response(event.response)
    return msgspec.structs.replace(event, **changes)


def _check_response(response: Response) -> None:
    if response.schema is not None:
        schema.check_form(response.schema)
    if response.on_expiry == "default" and response.default is None:
        raise InvalidEvent.at("response.default", "`on_expiry: default` needs an explicit default")
    if response.options is not None and not response.options:
        raise InvalidEvent.at("response.options", "name at least one option, or leave it out")


def _convert(struct: type[RequestEvent], raw: Mapping[str, Any]) -> RequestEvent:
    try:
        return msgspec.convert(raw, struct)
    except msgspec.ValidationError as error:
        raise InvalidEvent(_field_errors(error)) from None


def _field_errors(error: msgspec.ValidationError) -> tuple[FieldError, ...]:
    """Split msgspec's "what - at `$.path`" into a field and a reason."""
    what, _, where = str(error).partition(" - at `$")
    field = where.rstrip("`").lstrip(".")
    if not field and "required field `" in what:
        field = what.split("required field `")[1].rstrip("`")
    return (FieldError(field=field, message=what),)


def _given(raw: Mapping[str, Any]) -> dict[str, Any]:
    """Drop nulls of the fields that are filled, so that null means "not given"."""
    fillable = ("event_id", "timestamp", "request_id")
    return {k: v for k, v in raw.items() if v is not None or k not in fillable}


def _without_offset(raw: Mapping[str, Any]) -> dict[str, Any]:
    return {key: value for key, value in raw.items() if key != "offset"}


def _utc(field: str, instant: datetime) -> datetime:
    try:
        return instant.astimezone(timezone.utc)
    except OverflowError:
        raise InvalidEvent.at(field, "is before the year 1 or after 9999 in UTC") from None
