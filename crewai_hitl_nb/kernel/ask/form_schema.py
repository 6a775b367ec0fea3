"""Converts a pydantic model or a JSON Schema to the flat form that people fill.

Pure. References are resolved, a nullable field becomes optional, choices become texts, and rules
that a server must not check, such as regular expressions, are left to the code that reads the
values. A schema that cannot be flat raises :class:`ValueError` with the name of the field. The form
itself is in ``ask/forms.py``; ``ask/answer_types.py`` and the gates ask for one.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import replace
from typing import Any, Final, Literal, TypeAlias

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from crewai_hitl_nb.kernel.ask.forms import HEADINGS, Field, Form, of_its_zone, unchanged
from crewai_hitl_nb.protocol.errors import InvalidEvent
from crewai_hitl_nb.protocol.schema import FORMATS, check_form

Nested: TypeAlias = Literal["refuse", "json"]

_KEPT: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"minLength", "maxLength"}),
    "number": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "integer": frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"}),
    "boolean": frozenset(),
    "array": frozenset({"minItems", "maxItems"}),
}
_SIMPLE: Final = frozenset({"string", "number", "integer", "boolean"})


class FormSchema(GenerateJsonSchema):
    """pydantic's JSON Schemas, which here also say whether a time has a time zone."""

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        """Return the schema of a datetime; pydantic's own ignores whether it has a time zone."""
        kind = "date-time-local" if schema.get("tz_constraint") == "naive" else "date-time"
        return {"type": "string", "format": kind}

    def time_schema(self, schema: core_schema.TimeSchema) -> JsonSchemaValue:
        """Return the schema of a time of day, without a time zone unless it requires one."""
        needs_zone = schema.get("tz_constraint") not in (None, "naive")
        return {"type": "string", "format": "time" if needs_zone else "time-local"}


def form_of(schema: Mapping[str, Any], *, nested: Nested = "refuse") -> Form:
    """Return the flat form of a JSON Schema.

    Args:
        schema: The schema of an object; references into its own ``$defs`` are followed.
        nested: What to do with a nested field: refuse it, or let people write it as JSON text.

    Raises:
        ValueError: It cannot be a flat form; the message names the field and what to do.
    """
    definitions = schema.get("$defs") or schema.get("definitions") or {}
    schema = _resolved(schema, definitions)
    if not isinstance(schema.get("properties"), Mapping) or not schema["properties"]:
        raise ValueError(
            "a form needs fields: give a pydantic model, or a JSON Schema of an object "
            "with `properties`"
        )
    if missing := set(schema.get("required", ())) - schema["properties"].keys():
        raise ValueError(f"{', '.join(sorted(missing))}: required, but not in `properties`")
    form = Form(
        fields={
            name: _field(name, _resolved(field, definitions), definitions, nested)
            for name, field in schema["properties"].items()
        },
        required=frozenset(schema.get("required", ())),
        title=str(schema.get("title", "")),
        description=str(schema.get("description", "")),
    )
    try:
        check_form(form.schema)
    except InvalidEvent as error:
        wrong = error.errors[0]
        where = wrong.field.removeprefix("response.schema.properties.")
        raise ValueError(f"{where}: {wrong.message}") from None
    return form


def _field(
    name: str, field: dict[str, Any], definitions: Mapping[str, Any], nested: Nested
) -> Field:
    headings = {key: field[key] for key in HEADINGS if isinstance(field.get(key), str)}
    kinds = _possible(field, definitions)
    default = {"default": field["default"]} if field.get("default") is not None else {}
    secret = any(k.get("format") == "password" or k.get("writeOnly") for k in (field, *kinds))
    if secret and nested == "refuse":
        raise ValueError(f"{name}: cannot ask for a secret, because answers are stored in a log")
    made = _of_one_kind(kinds)
    if made is None and nested == "json":
        made = _as_json(headings)
    if made is None:
        raise ValueError(
            f"{name}: forms are flat, so a field must be a text, a number, a boolean, a date, "
            "or a choice from a list of texts (Literal, Enum, list[Literal[...]]). Make separate "
            "fields for its parts, or ask for JSON as a text"
        )
    if default:
        default = {"default": made.shown(default["default"])}
    schema = of_its_zone({**headings, **made.schema, **default})
    return replace(made, schema=schema, nullable=_may_be_null(field, definitions))


def _may_be_null(field: Mapping[str, Any], definitions: Mapping[str, Any]) -> bool:
    kind, several = field.get("type"), field.get("anyOf") or field.get("oneOf") or ()
    return (
        kind == "null"
        or (isinstance(kind, list) and "null" in kind)
        or (isinstance(field.get("enum"), list) and None in field["enum"])
        or ("const" in field and field["const"] is None)
        or any(_may_be_null(_resolved(one, definitions), definitions) for one in several)
    )


def _possible(field: dict[str, Any], definitions: Mapping[str, Any]) -> list[dict[str, Any]]:
    """Return the types that a field may have, except null."""
    several = field.get("anyOf") or field.get("oneOf")
    if several:
        inner = [_resolved(one, definitions) for one in several]
        return [k for one in inner for k in _possible(one, definitions)]
    if isinstance(field.get("type"), list):
        return [{**field, "type": kind} for kind in field["type"] if kind != "null"]
    if field.get("type") == "null":
        return []
    if field.get("type") == "array" and isinstance(field.get("items"), Mapping):
        return [{**field, "items": _resolved(field["items"], definitions)}]
    return [field]


def _of_one_kind(kinds: list[dict[str, Any]]) -> Field | None:
    """Return the flat field that holds any of these kinds of value, or None.

    the kinds are                          the field is
    ────────────────────────────────────   ────────────────────────────────────────────────
    choices, each of them                  one choice, from all of their values
    one list                               several choices, if the list is one of choices
    a number, or a text with a pattern     the number: pydantic's ``Decimal``
    a whole number, or any number          the number
    of one simple type                     of that type
    anything else                          None: nobody could tell which kind was meant
    """
    choices = [_choices(kind) for kind in kinds]
    if kinds and all(choice is not None for choice in choices):
        return _choice([value for choice in choices for value in choice or ()])
    if len(kinds) == 1 and kinds[0].get("type") == "array":
        return _several(kinds[0])
    by_type = {str(kind.get("type")): kind for kind in reversed(kinds)}  # the first of each
    types = set(by_type)
    if types > {"string"} and "pattern" in by_type["string"]:
        types.remove("string")
    if types == {"integer", "number"}:
        types.remove("integer")
    return _plain(by_type[types.pop()]) if len(types) == 1 and types <= _SIMPLE else None


def _plain(kind: Mapping[str, Any]) -> Field:
    name = str(kind["type"])
    schema = {"type": name, **{k: v for k, v in kind.items() if k in _KEPT[name]}}
    if name == "string" and kind.get("format") in FORMATS:
        schema["format"] = kind["format"]
    return Field(schema, _number_of if name == "number" else unchanged)


def _choices(kind: Mapping[str, Any]) -> list[Any] | None:
    """Return the values to choose from, if the field is a choice."""
    if "const" in kind:
        return [kind["const"]]
    values = kind.get("enum")
    if not isinstance(values, list) or not values:
        return None
    return [value for value in values if value is not None]


def _choice(values: list[Any]) -> Field | None:
    labels = _labels(values)
    if labels is None:
        return None
    return Field({"type": "string", "enum": list(labels)}, _text_of, labels.__getitem__)


def _several(kind: Mapping[str, Any]) -> Field | None:
    items = kind.get("items")
    values = _choices(items) if isinstance(items, Mapping) else None
    labels = _labels(values) if values else None
    if labels is None:
        return None
    schema = {
        "type": "array",
        "items": {"type": "string", "enum": list(labels)},
        **{k: v for k, v in kind.items() if k in _KEPT["array"]},
        "uniqueItems": True,
    }
    return Field(
        schema,
        lambda chosen: [_text_of(value) for value in chosen],
        lambda chosen: [labels[label] for label in chosen],
    )


def _labels(values: list[Any]) -> dict[str, Any] | None:
    """Return the values by the text that is shown for each; None if two texts are the same."""
    if any(isinstance(value, dict | list) for value in values):
        return None
    labels = {_text_of(value): value for value in values}
    return labels if len(labels) == len(values) else None


def _number_of(value: Any) -> Any:
    """Convert a number that is written as text, as pydantic writes a ``Decimal``."""
    return float(value) if isinstance(value, str) else value


def _text_of(value: Any) -> str:
    return value if isinstance(value, str) else json.dumps(value)


def _as_json(headings: dict[str, Any]) -> Field:
    description = f"{headings.get('description', '')} (JSON)".strip()
    schema = {"type": "string", "description": description}
    headings.pop("description", None)

    def read(text: str) -> Any:
        try:
            return json.loads(text)
        except json.JSONDecodeError as error:
            raise ValueError(f"is not valid JSON: {error}") from None

    return Field(
        schema, lambda value: json.dumps(value, indent=2, ensure_ascii=False, default=str), read
    )


def _resolved(schema: Mapping[str, Any], definitions: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema with its own reference followed and a single ``allOf`` merged."""
    own = dict(deepcopy(schema))
    seen: set[str] = set()
    while True:
        parts = own.pop("allOf", None)
        if parts is not None:
            if len(parts) != 1:
                return own  # several parts make a nested field: refused, or JSON text
            own = {**parts[0], **own}
        reference = own.pop("$ref", None)
        if reference is None:
            return own
        name = str(reference).rpartition("/")[2]
        if name in seen or name not in definitions:
            raise ValueError(f"the schema refers to {reference}, which it does not define")
        seen.add(name)
        # The title is the name of a class.
        named = {k: v for k, v in definitions[name].items() if k != "title"}
        own = {**deepcopy(named), **own}
