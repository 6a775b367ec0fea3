"""Decodes events from JSON into the types of ``events.py``, and encodes them.

Decoding happens once, here at the boundary. Optional fields are filled in; a wrong field is
refused with its name and the reason; an unknown type passes through unchanged. Encoding never
fails: what JSON cannot carry is replaced (``json_safe.py``). ``schema.py`` checks forms.
"""

import unicodedata
from collections.abc import Callable, Mapping
from datetime import datetime, timezone
from typing import Annotated, Any, Final, TypeVar

import msgspec

from crewai_hitl_nb.protocol import files, ids, limits, schema
from crewai_hitl_nb.protocol.errors import FieldError, InvalidEvent
from crewai_hitl_nb.protocol.events import (
    KNOWN_TYPES,
    Event,
    HumanInputCompleted,
    HumanInputRequired,
    Instant,
    RequestEvent,
    Response,
    UnknownEvent,
)
from crewai_hitl_nb.protocol.ids import Id
from crewai_hitl_nb.protocol.json_safe import portable

RESERVED_TYPES: Final = frozenset(
    {
        *("heartbeat", "gap", "ack", "error", "hello"),
        *("publish", "answer", "claim", "cancel"),
        *("event_damaged", "pending_human_input"),
    }
)
"""Types reserved for the server: frames, the placeholder for a damaged event, and the feature
request's name for a question. Readers would mistake a published event of such a type."""

RESERVED_PREFIX: Final = "human_input_"
"""Prefix reserved for events about requests, including future ones."""

_encoder = msgspec.json.Encoder(decimal_format="number")


class _Envelope(msgspec.Struct):
    """The fields of any event that are checked before its type is known."""

    type: Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MAX_TYPE_CHARS)]
    event_id: Id
    timestamp: Instant
    execution_id: Id | None = None
    crew_id: Id | None = None


def event_from_wire(raw: object, *, event_id: str, now: datetime) -> Event:
    """Decode one JSON object into an event, filling in optional fields.

    Args:
        raw: The decoded JSON value.
        event_id: Used when the event has none. A ``human_input_required`` without
            ``request_id`` uses its event id.
        now: Used when the event has no ``timestamp``; timezone-aware.

    Raises:
        InvalidEvent: Names the wrong field and the reason.
    """
    if not isinstance(raw, dict):
        raise InvalidEvent.at("", "an event must be a JSON object with a `type`")
    filled = _filled(raw, {"event_id": event_id, "timestamp": now})
    try:
        envelope = msgspec.convert(filled, _Envelope)
    except msgspec.ValidationError as error:
        raise InvalidEvent(_field_errors(error)) from None
    struct = KNOWN_TYPES.get(envelope.type)
    _check_new_ids(filled, struct)
    if struct is None:
        _check_own_type(envelope.type)
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
    """Decode a question's ``response``, which says what answers it accepts.

    Raises:
        InvalidEvent: Names the wrong field and the reason.
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
    """Decode the body of a publish call: one event or a list of events.

    Raises:
        InvalidEvent: Names the place in the list, the wrong field and the reason.
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
        InvalidEvent: Names the wrong field and the reason.
    """
    try:
        raw = msgspec.json.decode(body)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEvent.at("", f"the event is not JSON: {error}") from None
    return stored_event(raw)


def stored_event(raw: object) -> Event:
    """Convert a stored event's JSON value into its type, including ``offset``.

    Raises:
        InvalidEvent: A field that every stored event has is missing.
    """
    if not isinstance(raw, dict):
        raise InvalidEvent.at("", "an event must be a JSON object with a `type`")
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
    """Encode an event as one JSON object; ``offset`` is left out if it is None."""
    try:
        return _encoded(event)
    except (TypeError, ValueError, RecursionError):  # a lone surrogate is a ValueError
        if isinstance(event, UnknownEvent):
            return _encoded(msgspec.structs.replace(event, fields=portable(event.fields)))
        return _encoded(carriable(event))


_RequestEvent = TypeVar("_RequestEvent", bound=RequestEvent)


def carriable(event: _RequestEvent) -> _RequestEvent:
    """Return the event with everything that JSON cannot carry visibly replaced.

    An event that breaks the rules of its type is returned unchanged; the server's error names the
    rule.
    """
    try:
        return msgspec.convert(portable(event), type(event))
    except msgspec.ValidationError:
        return event


def _encoded(event: Event) -> bytes:
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
        files.check_attachments(event.attachments)
    if isinstance(event, HumanInputCompleted):
        for name in ("rule", "by_rule"):
            if getattr(event, name) is not msgspec.UNSET:
                raise InvalidEvent.at(
                    name, "only the server writes this field; a person makes a rule with an answer"
                )
    return msgspec.structs.replace(event, **changes)


def _check_own_type(name: str) -> None:
    """Refuse the types that are reserved for the server, in any spelling."""
    if not ids.is_seen(name) or name != name.strip():
        raise InvalidEvent.at(
            "type", "must have only visible characters on one line, without spaces around them"
        )
    folded = unicodedata.normalize("NFKC", name).casefold()
    if folded in RESERVED_TYPES or folded.startswith(RESERVED_PREFIX):
        known = ", ".join(f"`{known}`" for known in KNOWN_TYPES)
        raise InvalidEvent.at(
            "type",
            f"`{name}` is reserved for the server; choose another type, or publish one of {known}",
        )


def _check_new_ids(filled: Mapping[str, Any], struct: type[RequestEvent] | None) -> None:
    """Refuse ids that break the rule for new ids.

    An event about a request repeats the ids of its question, which may be older than the rule; the
    broker compares them with the question's.
    """
    about_request = struct not in (None, HumanInputRequired) and filled.get("request_id")
    wrong = tuple(
        FieldError(name, said)
        for name, value in ids.new_ids(filled)
        if (name == "event_id" or not about_request) and (said := ids.complaint(value)) is not None
    )
    if wrong:
        raise InvalidEvent(wrong)


def _check_response(response: Response) -> None:
    if response.schema is not None:
        schema.check_form(response.schema)
    if response.on_expiry == "default" and response.default is None:
        raise InvalidEvent.at("response.default", "is required with `on_expiry: default`")
    if response.options is not None and not response.options:
        raise InvalidEvent.at("response.options", "must have at least one option, or be left out")


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


def _filled(raw: Mapping[str, Any], given: Mapping[str, Any]) -> dict[str, Any]:
    """Return the object with its missing fields filled in; null there means "not given"."""
    filled = {**given, **raw}
    for name in ("event_id", "timestamp", "request_id"):
        if name in filled and filled[name] is None:
            del filled[name]
            if name in given:
                filled[name] = given[name]
    return filled


def _without_offset(raw: Mapping[str, Any]) -> dict[str, Any]:
    fields = dict(raw)
    fields.pop("offset", None)
    return fields


def _utc(field: str, instant: datetime) -> datetime:
    try:
        return instant.astimezone(timezone.utc)
    except OverflowError:
        raise InvalidEvent.at(field, "must be between the years 1 and 9999 in UTC") from None
