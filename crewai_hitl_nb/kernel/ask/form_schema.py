"""Converts a pydantic model or a JSON Schema to the form that people fill.

Pure. References are resolved, a nullable field becomes optional, choices become texts, and rules
that a server must not check, such as regular expressions, are left to the code that reads the
values. A schema that is no form raises :class:`ValueError` with the name of the field. The form
itself is in ``ask/forms.py``; ``ask/answer_types.py`` and the gates ask for one.
"""

import json
from collections.abc import Mapping
from copy import deepcopy
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema

from crewai_hitl_nb.kernel.ask.forms import HEADINGS, Field, Form, of_its_zones, unchanged, whole
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import InvalidEvent
from crewai_hitl_nb.protocol.schema import FORMATS, SIMPLE, check_form, is_file

Nested: TypeAlias = Literal["parts", "json"]

_RANGE: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_KEPT: Final[Mapping[str, frozenset[str]]] = {
    "string": frozenset({"minLength", "maxLength"}),
    "number": _RANGE,
    "integer": _RANGE,
    "boolean": frozenset(),
    "array": frozenset({"minItems", "maxItems"}),
}
_FILE_RULES: Final = frozenset({"accept", "maxBytes"})
_DECIMAL_LIMITS: Final = {
    "ge": "minimum",
    "le": "maximum",
    "gt": "exclusiveMinimum",
    "lt": "exclusiveMaximum",
}


class FormSchema(GenerateJsonSchema):
    """pydantic's JSON Schemas, with times that say whether they have a zone, and exact decimals."""

    def decimal_schema(self, schema: core_schema.DecimalSchema) -> JsonSchemaValue:
        """Return the schema of a decimal as a text: a number would lose digits in a browser."""
        given: dict[str, Any] = dict(schema)
        named = {theirs: given[ours] for ours, theirs in _DECIMAL_LIMITS.items() if ours in given}
        found = {rule: _number_of(str(limit)) for rule, limit in named.items()}
        return {"type": "string", "format": "decimal", **found}

    def datetime_schema(self, schema: core_schema.DatetimeSchema) -> JsonSchemaValue:
        """Return the schema of a datetime; pydantic's own ignores whether it has a time zone."""
        kind = "date-time-local" if schema.get("tz_constraint") == "naive" else "date-time"
        return {"type": "string", "format": kind}

    def time_schema(self, schema: core_schema.TimeSchema) -> JsonSchemaValue:
        """Return the schema of a time of day, without a time zone unless it requires one."""
        needs_zone = schema.get("tz_constraint") not in (None, "naive")
        return {"type": "string", "format": "time" if needs_zone else "time-local"}


def form_of(schema: Mapping[str, Any], *, nested: Nested = "parts") -> Form:
    """Return the form of a JSON Schema.

    Args:
        schema: The schema of an object; references into its own ``$defs`` are followed.
        nested: How people fill in a nested field: as parts of the form, or as JSON text, which
            takes any type.

    Raises:
        ValueError: It cannot be a form; the message names the field and what to do.
    """
    definitions = schema.get("$defs") or schema.get("definitions") or {}
    form = _Reading(definitions, nested).form(_resolved(schema, definitions), 0)
    try:
        check_form(form.schema)
    except InvalidEvent as error:
        wrong = error.errors[0]
        where = wrong.field.removeprefix("response.schema.properties.")
        raise ValueError(f"{where}: {wrong.message}") from None
    return form


@dataclass(frozen=True)
class _Reading:
    """One reading of a schema: the definitions it refers to, and what happens to nested fields."""

    definitions: Mapping[str, Any]
    nested: Nested

    def form(self, schema: Mapping[str, Any], depth: int, path: str = "") -> Form:
        """Return the form of an object."""
        properties = schema.get("properties")
        if not isinstance(properties, Mapping) or not properties:
            raise ValueError(
                f"{path}{': ' if path else ''}a form needs fields: give a pydantic model, or a "
                "JSON Schema of an object with `properties`"
            )
        if missing := set(schema.get("required", ())) - properties.keys():
            raise ValueError(f"{', '.join(sorted(missing))}: required, but not in `properties`")
        return Form(
            fields={
                name: self._field(_resolved(field, self.definitions), depth, _joined(path, name))
                for name, field in properties.items()
            },
            required=frozenset(schema.get("required", ())),
            title=str(schema.get("title", "")),
            description=str(schema.get("description", "")),
        )

    def _field(self, field: dict[str, Any], depth: int, path: str) -> Field:
        headings = {key: field[key] for key in HEADINGS if isinstance(field.get(key), str)}
        kinds = _possible(field, self.definitions)
        default = {"default": field["default"]} if field.get("default") is not None else {}
        secret = any(k.get("format") == "password" or k.get("writeOnly") for k in (field, *kinds))
        if secret and self.nested == "parts":
            raise ValueError(
                f"{path}: cannot ask for a secret, because answers are stored in a log"
            )
        made = _of_files(field, kinds)
        if made is not None:
            default = {}  # left out, the code that reads the values has it
        else:
            made = _of_one_kind(kinds) or self._nested(kinds, headings, depth, path)
        if default:
            default = {"default": made.shown(default["default"])}
        fixed = {"readOnly": True} if field.get("readOnly") is True else {}
        schema = of_its_zones({**made.schema, **headings, **fixed, **default})
        return replace(made, schema=schema, nullable=_may_be_null(field, self.definitions))

    def _nested(
        self, kinds: list[dict[str, Any]], headings: dict[str, Any], depth: int, path: str
    ) -> Field:
        """Return a field with parts or rows, or with any of several simple types."""
        if self.nested == "json":
            return _as_json(headings)
        if len(kinds) == 1 and (kinds[0].get("properties") or _is_list(kinds[0])):
            if depth == limits.MAX_FORM_DEPTH:
                most = limits.MAX_FORM_DEPTH
                raise ValueError(f"{path}: is nested too deep; a form can have {most} levels")
            if kinds[0].get("properties"):
                return Field.of_part(self.form(kinds[0], depth + 1, path))
            row = self._field(_resolved(kinds[0]["items"], self.definitions), depth + 1, path)
            return Field.of_rows(row, _kept(kinds[0], "array"))
        made = _of_several_kinds(kinds)
        if made is None:
            raise ValueError(
                f"{path}: a form cannot ask for this. A field is a text, a number, a boolean, a "
                "date, a choice from a list of texts (Literal, Enum), a model, a list of these, "
                "or one of several simple types. Make separate fields for the rest, or ask for "
                "JSON as a text"
            )
        return made


def _joined(path: str, name: str) -> str:
    return f"{path}.{name}" if path else name


def _is_list(kind: Mapping[str, Any]) -> bool:
    return kind.get("type") == "array" and isinstance(kind.get("items"), Mapping)


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


def _of_files(field: Mapping[str, Any], kinds: list[dict[str, Any]]) -> Field | None:
    """Return the field for a file, or for a list of files; None for any other.

    Which files it takes may be said of the field, of the list or of its items.
    """
    if len(kinds) != 1:
        return None
    (kind,) = kinds
    items = kind["items"] if _is_list(kind) else kind
    if not is_file(items):
        return None
    said = {**items, **kind, **field}
    rules = {rule: value for rule, value in said.items() if rule in _FILE_RULES}
    one = Field({"type": "object", "format": items["format"], **rules})
    return one if items is kind else Field.of_rows(one, _kept(kind, "array"))


def files_alone(described: Mapping[str, Any]) -> Literal["file", "files"] | None:
    """Return whether a JSON Schema is that of a file, or of a list of files, and not of a form."""
    definitions = described.get("$defs") or {}
    kinds = _possible(_resolved(described, definitions), definitions)
    if _of_files(described, kinds) is None:
        return None
    return "files" if _is_list(kinds[0]) else "file"


def _of_one_kind(kinds: list[dict[str, Any]]) -> Field | None:
    """Return the field without parts that holds any of these kinds of value, or None.

    the kinds are                          the field is
    ────────────────────────────────────   ────────────────────────────────────────────────
    choices, each of them                  one choice, from all of their values
    one list                               several choices, if the list is one of choices
    a number, or a text with a pattern     the number: pydantic's own ``Decimal``
    a whole number, or any number          the number
    of one simple type                     of that type
    anything else                          None
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
    if len(types) != 1 or not types <= set(SIMPLE):
        return None
    (only,) = types
    formats = {kind.get("format") for kind in kinds if kind.get("type") == only}
    return _plain(by_type[only] if len(formats) == 1 else {"type": only})


def _of_several_kinds(kinds: list[dict[str, Any]]) -> Field | None:
    """Return the field that holds a value of any of these simple kinds, or None.

    Its limits and choices are left to the code that reads the values.
    """
    types: dict[Any, None] = {}
    for kind in kinds:
        choices = _choices(kind)
        types |= dict.fromkeys(map(_type_of, choices) if choices else [kind.get("type")])
    if not types or not all(one in SIMPLE for one in types):
        return None
    return Field({"type": list(types) if len(types) > 1 else next(iter(types))})


def _type_of(value: Any) -> str:
    """Return the JSON type of a choice."""
    if isinstance(value, bool):
        return "boolean"
    return {int: "integer", float: "number"}.get(type(value), "string")


def _kept(kind: Mapping[str, Any], name: str) -> dict[str, Any]:
    return {rule: value for rule, value in kind.items() if rule in _KEPT[name]}


def _plain(kind: Mapping[str, Any]) -> Field:
    name = str(kind["type"])
    schema = {"type": name, **_kept(kind, name)}
    if name == "string" and kind.get("format") in FORMATS:
        schema["format"] = kind["format"]
    if schema.get("format") == "decimal":
        return Field({**schema, **{k: v for k, v in kind.items() if k in _RANGE}}, str)
    shown = _number_of if name == "number" else unchanged
    return Field(schema, shown, whole if name == "integer" else unchanged)


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
        **_kept(kind, "array"),
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
    if not isinstance(value, str):
        return value
    return int(value) if value.removeprefix("-").isdecimal() else float(value)


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
                return own  # several parts are no form: refused, or JSON text
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
