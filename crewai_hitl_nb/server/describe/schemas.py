"""The schemas that ``openapi`` and ``asyncapi`` share, made from the protocol's types.

Three views of one event come from one struct:

    ``Event``      as it is stored and delivered: with its ``offset``
    ``NewEvent``   as it is published: the server fills id, time and request id
    ``CrewEvent``  as it is sent on the feature request's path (``protocol/dialects.py``)

Plain JSON Schema, limited to what OpenAPI 3.1 (draft 2020-12) and AsyncAPI 3.0
(draft 7) both read in the same way. This module knows no path and no transport.
"""

import copy
from collections.abc import Iterable, Iterator, Mapping
from functools import cache
from typing import Any, Final, TypeAlias

import msgspec

from crewai_hitl_nb.protocol import dialects, errors, frames, limits
from crewai_hitl_nb.protocol.answer import Answer
from crewai_hitl_nb.protocol.errors import FieldError, HitlError
from crewai_hitl_nb.protocol.events import KNOWN_TYPES
from crewai_hitl_nb.protocol.files import FileReference
from crewai_hitl_nb.protocol.wire import RESERVED_TYPES
from crewai_hitl_nb.server.api.amp_resume import ResumeBody
from crewai_hitl_nb.server.api.requests import CancelBody, ClaimBody
from crewai_hitl_nb.server.api.rules import RevokeBody
from crewai_hitl_nb.server.describe.response_types import (
    AuditPage,
    CrewPoll,
    Health,
    Live,
    Poll,
    Presence,
    Published,
    Recorded,
    RequestPage,
    Revoked,
    RuleList,
    WebhookList,
)
from crewai_hitl_nb.store.damage import EVENT_DAMAGED

Schema: TypeAlias = dict[str, Any]

_HERE: Final = "#/components/schemas/{name}"
_STRUCTS: Final = (
    *KNOWN_TYPES.values(),
    *(Answer, ClaimBody, CancelBody, ResumeBody, RevokeBody, FieldError, FileReference),
    *(frames.Heartbeat, frames.Gap, frames.Ack),
    *(frames.PublishFrame, frames.AnswerFrame, frames.ClaimFrame, frames.CancelFrame),
    *(
        Published,
        Recorded,
        RequestPage,
        Poll,
        CrewPoll,
        Health,
        Live,
        Presence,
        RuleList,
        Revoked,
        WebhookList,
        AuditPage,
    ),
)
_ID: Final[Schema] = {"type": "string", "minLength": 1, "maxLength": limits.MAX_ID_CHARS}
_PLACE: Final[Schema] = {"type": "integer", "minimum": 1}
_INSTANT: Final[Schema] = {"type": "string", "format": "date-time"}
_TEXT: Final[Schema] = {"type": "string"}


def ref(name: str) -> Schema:
    """Return a reference to a shared schema."""
    return {"$ref": _HERE.format(name=name)}


def any_of(names: Iterable[str]) -> Schema:
    """Return a reference to one schema, or to any of several."""
    references = [ref(name) for name in names]
    return references[0] if len(references) == 1 else {"anyOf": references}


def type_schema(kind: Any) -> Schema:
    """Return the schema of a type that is not a struct."""
    return msgspec.json.schema(kind)


def error_name(error: type[HitlError]) -> str:
    """Return the name of an error's body."""
    return f"{error.__name__}Error"


# ---- errors: beside `error` and `message`

_ABOUT_REQUEST: Final = {"request_id": _TEXT}  # as it was sent
_CLOSED: Final = {**_ABOUT_REQUEST, "event": ref("Event")}
_FIELDS: Final = {"field": _TEXT, "errors": {"type": "array", "items": ref("FieldError")}}

_ALWAYS: Final[Mapping[type[HitlError], Mapping[str, Schema]]] = {
    errors.InvalidEvent: _FIELDS,
    errors.InvalidAnswer: _FIELDS,
    errors.TooLarge: {"limit": _PLACE},
    errors.FilesFull: {"limit": _PLACE},
    errors.UnknownRequest: _ABOUT_REQUEST,
    errors.RequestExists: _ABOUT_REQUEST,
    errors.EventExists: {"event_id": _TEXT},
    errors.AlreadyAnswered: {**_CLOSED, "winner": ref("AnsweredBy"), "answered_at": _INSTANT},
    errors.RequestCancelled: _CLOSED,
    errors.RequestExpired: _CLOSED,
}
_AT_TIMES: Final[Mapping[type[HitlError], Mapping[str, Schema]]] = {
    errors.BadJson: {"line": _PLACE, "column": _PLACE, "byte": {"type": "integer"}},
    errors.TooMany: {"retry_after": {"type": "integer"}},
}
ERRORS: Final = (
    *(errors.BadJson, errors.BadRequest, errors.TooLarge, errors.FilesFull),
    *(errors.InvalidEvent, errors.InvalidAnswer),
    *(errors.Forbidden, errors.NotFound, errors.UnknownRequest),
    *(errors.AlreadyAnswered, errors.RequestExists, errors.EventExists),
    *(errors.RequestCancelled, errors.RequestExpired),
    *(errors.TooMany, errors.StoreUnavailable, errors.OutcomeUnknown),
)


def _error(error: type[HitlError]) -> Schema:
    always = {"error": {"enum": [error.code]}, "message": _TEXT, **_ALWAYS.get(error, {})}
    return {
        "title": error_name(error),
        "description": _first_paragraph(error.__doc__ or ""),
        "type": "object",
        "properties": {**always, **_AT_TIMES.get(error, {})},
        "required": list(always),
    }


_UNAUTHORIZED: Final[Schema] = {
    "title": "UnauthorizedError",
    "description": "No or wrong credentials (a Jupyter server replies `forbidden`, 403).",
    "type": "object",
    "properties": {"error": {"enum": ["unauthorized"]}, "message": _TEXT},
    "required": ["error", "message"],
}

# ---- events


_MAYBE_ID: Final[Schema] = {"anyOf": [_ID, {"type": "null"}]}
_OTHER_FIELDS: Final = {
    "event_id": _ID,
    "timestamp": _INSTANT,
    "execution_id": _MAYBE_ID,
    "crew_id": _MAYBE_ID,
}


def _other_event(title: str) -> Schema:
    """Return the schema of an event of a type that the server does not know."""
    # The replacement of a damaged event is delivered, though nobody may publish it.
    known = {"enum": sorted({*KNOWN_TYPES, *RESERVED_TYPES} - {EVENT_DAMAGED})}
    kind = {"type": "string", "minLength": 1, "maxLength": limits.MAX_TYPE_CHARS, "not": known}
    return {
        "title": title,
        "description": "An event of any other type; it passes through unchanged.",
        "type": "object",
        "properties": {"type": kind, **_OTHER_FIELDS, "offset": {}},
        "required": ["type", "event_id", "timestamp"],
    }


def _stored(schema: Schema) -> Schema:
    """Return how a struct's event is delivered: at a place in the log."""
    properties = {**schema["properties"], "offset": _PLACE}
    return {**schema, "properties": properties, "required": [*schema["required"], "offset"]}


def _new(schema: Schema, filled: frozenset[str]) -> Schema:
    """Return how a struct's event is published: the server fills some of its fields."""
    properties = {k: v for k, v in schema["properties"].items() if k != "offset"}
    required = [name for name in schema["required"] if name not in filled]
    title = f"New{schema['title']}"
    return {**schema, "title": title, "properties": properties, "required": required}


def _in_crew_words(schema: Schema) -> Schema:
    """Return how a delivered event or frame looks in the feature request's dialect."""
    said = copy.deepcopy(schema)
    properties = said["properties"]
    kind = properties.pop("type")
    if kind.get("enum") == ["human_input_required"]:
        kind = {"enum": [dialects.PENDING]}
        properties["context"] = {
            "type": "object",
            "description": "The text and other details of the question.",
            "properties": {
                "text": _TEXT,
                **{name: properties[name] for name in ("kind", "round", "source")},
            },
            "required": ["text"],
        }
        properties["reason_flags"] = {
            "description": "The flags that are true.",
            "type": "array",
            "items": _TEXT,
        }
    said["title"] = f"Crew{schema['title']}"
    said["properties"] = {"event": kind, **properties}
    said["required"] = ["event" if name == "type" else name for name in said["required"]]
    return said


def _events(made: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return the three views of every event."""
    seen: dict[str, Schema] = {}
    own = [made[struct.__name__] for struct in KNOWN_TYPES.values()]
    for schema in (*own, _other_event("OtherEvent")):
        asks = schema["title"] == "HumanInputRequired"
        filled = {"event_id", "timestamp", *(["request_id"] if asks else [])}
        stored, new = _stored(schema), _new(schema, frozenset(filled))
        for view in (stored, new, _in_crew_words(stored)):
            seen[view["title"]] = view
    for prefix in ("", "New", "Crew"):
        names = [*(schema["title"] for schema in own), "OtherEvent"]
        seen[f"{prefix}Event"] = any_of(prefix + name for name in names)
    seen["NewEvents"] = {
        "title": "NewEvents",
        "description": "One event, or a list of them.",
        "anyOf": [
            ref("NewEvent"),
            {
                "type": "array",
                "items": ref("NewEvent"),
                "minItems": 1,
                "maxItems": limits.MAX_BATCH_EVENTS,
            },
        ],
    }
    return seen


# ---- frames


def _frames(made: Mapping[str, Schema]) -> dict[str, Schema]:
    """Return the schemas of fields that the structs leave open and handlers decode."""
    publish, answer, ack = (
        copy.deepcopy(made[name]) for name in ("PublishFrame", "AnswerFrame", "Ack")
    )
    publish["properties"]["events"] = ref("NewEvents")
    answer["properties"] |= made["Answer"]["properties"]
    ack["properties"]["body"] = any_of(["Published", "Recorded"])
    error = {
        "title": "ErrorFrame",
        "description": "The refusal of a frame that was sent; `ref` is null if it had no `ref`.",
        "allOf": [
            {
                "type": "object",
                "properties": {
                    "type": {"enum": ["error"]},
                    "ref": {"anyOf": [_TEXT, {"type": "null"}]},
                    "status": {"type": "integer"},
                },
                "required": ["type", "ref", "status"],
            },
            any_of(error_name(error) for error in ERRORS),
        ],
    }
    return {
        "PublishFrame": publish,
        "AnswerFrame": answer,
        "Ack": ack,
        "ErrorFrame": error,
        "CrewHeartbeat": _in_crew_words(made["Heartbeat"]),
        "CrewGap": _in_crew_words(made["Gap"]),
    }


@cache
def components() -> Mapping[str, Schema]:
    """Return every shared schema, by name, in alphabetic order."""
    _, found = msgspec.json.schema_components(_STRUCTS, ref_template=_HERE)
    # Through JSON, because defaults are still Python's tuples.
    made: dict[str, Schema] = msgspec.json.decode(msgspec.json.encode(found))
    schemas = {
        **{name: _described(schema) for name, schema in made.items()},
        **{error_name(error): _error(error) for error in ERRORS},
        "UnauthorizedError": _UNAUTHORIZED,
    }
    schemas |= _frames(schemas)
    schemas |= _events(schemas)
    return {name: schemas[name] for name in sorted(schemas)}


def reachable(document: object) -> dict[str, Schema]:
    """Return the shared schemas that a document refers to, directly or through others."""
    found: dict[str, Schema] = {}
    open_ends = [document]
    while open_ends:
        for name in _names(open_ends.pop()):
            if name not in found:
                found[name] = components()[name]
                open_ends.append(found[name])
    return {name: found[name] for name in sorted(found)}


def _names(part: object) -> Iterator[str]:
    """Yield the shared schemas that a part refers to."""
    if isinstance(part, dict):
        target = part.get("$ref")
        if isinstance(target, str) and target.startswith(_HERE.format(name="")):
            yield target.rpartition("/")[2]
        part = list(part.values())
    if isinstance(part, list | tuple):
        for inner in part:
            yield from _names(inner)


def _described(schema: Schema) -> Schema:
    """Return a schema with the first paragraph of the docstring as its description."""
    return {**schema, "description": _first_paragraph(schema.get("description", ""))}


def _first_paragraph(docstring: str) -> str:
    return " ".join(docstring.partition("\n\n")[0].split())
