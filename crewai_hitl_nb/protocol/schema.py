"""Typed forms: which JSON Schemas a question may carry, and whether values fit them.

The subset is that of MCP elicitation (Model Context Protocol, 2025-06-18, "Requested
schema"): a flat object of strings, numbers, integers, booleans and enums. It adds an array of
enum values for a multiple choice, and times without a zone (``date-time-local`` and
``time-local`` of the OpenAPI format registry). ``pattern`` and ``$ref`` are refused, because the
server must not run a caller's regular expressions or follow a caller's references.
"""

import re
from collections.abc import Callable, Mapping
from datetime import date, time
from itertools import islice
from typing import TYPE_CHECKING, Any, Final, TypeAlias

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import FieldError, InvalidEvent

if TYPE_CHECKING:
    from jsonschema import ValidationError

FORMATS: Final[Mapping[str, str]] = {
    "email": "an email address, such as `name@example.org`",
    "uri": "a URL with its scheme, such as `https://example.org`",
    "date": "a date, such as `2026-05-01`",
    "date-time": "a date with time and zone, such as `2026-05-01T10:00:00Z`",
    "time": "a time with its zone, such as `10:00:00Z`",
    "date-time-local": "a date with time, such as `2026-05-01T10:00`",
    "time-local": "a time, such as `10:00`",
}
"""What a person has to enter. Zones are those of RFC 3339; a local time may have one."""

_TYPES: Final[Mapping[str, str]] = {
    "string": "must be text",
    "integer": "must be a whole number",
    "number": "must be a number",
    "boolean": "must be true or false",
}
_LIMITS: Final[Mapping[str, tuple[str, str]]] = {
    "minimum": ("must be at least", ""),
    "maximum": ("must be at most", ""),
    "exclusiveMinimum": ("must be more than", ""),
    "exclusiveMaximum": ("must be less than", ""),
    "minLength": ("must have at least", " character"),
    "maxLength": ("can have at most", " character"),
    "minItems": ("must have at least", " choice"),
    "maxItems": ("can have at most", " choice"),
}
"""Words before a limit, and its unit. The card names limits in the same words
(``js/src/view/form/fields.ts``); ``tests/fixtures/forms.json`` checks both."""

_ZONE: Final = r"(?:[Zz]|[+-]\d\d:?\d\d)?"
_LOCAL: Final[Mapping[str, re.Pattern[str]]] = {
    "date-time-local": re.compile(
        rf"(\d{{4}}-\d\d-\d\d)[Tt ](\d\d:\d\d(?::\d\d)?)(?:\.\d+)?{_ZONE}", re.ASCII
    ),
    "time-local": re.compile(rf"(\d\d:\d\d(?::\d\d)?)(?:\.\d+)?{_ZONE}", re.ASCII),
}

_MESSAGE_CHARS: Final = 300
_MOST_ERRORS: Final = 20
"""Most wrong choices that one reply names."""

_COMMON: Final = frozenset({"type", "title", "description", "default"})
_BY_TYPE: Final[Mapping[str, frozenset[str]]] = {
    "string": _COMMON | {"minLength", "maxLength", "format", "enum", "enumNames"},
    "number": _COMMON | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "integer": _COMMON | {"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"},
    "boolean": _COMMON,
    "array": _COMMON | {"items", "minItems", "maxItems", "uniqueItems"},
}
_TOP: Final = frozenset(
    {"type", "title", "description", "properties", "required", "additionalProperties", "$schema"}
)

_Rule: TypeAlias = tuple[Callable[[Any], bool], str]
_ANYTHING: Final[_Rule] = (lambda value: True, "")
_TEXT: Final[_Rule] = (lambda value: isinstance(value, str), "must be a string")
_FLAG: Final[_Rule] = (lambda value: isinstance(value, bool), "must be true or false")
_COUNT: Final[_Rule] = (
    lambda value: _is_number(value, int) and value >= 0,
    "must be a whole number, 0 or more",
)
_NUMBER: Final[_Rule] = (lambda value: _is_number(value, int | float), "must be a number")
_LIST: Final[_Rule] = (
    lambda value: isinstance(value, list) and 0 < len(value) <= limits.MAX_SCHEMA_CHOICES,
    f"must be a list of 1 to {limits.MAX_SCHEMA_CHOICES} values",
)
_NAMES: Final[_Rule] = (
    lambda value: isinstance(value, list) and _texts(value),
    "must be a list of strings",
)
_VALUES: Final[Mapping[str, _Rule]] = {
    **dict.fromkeys(("title", "description", "$schema"), _TEXT),
    **dict.fromkeys(("uniqueItems", "additionalProperties"), _FLAG),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _COUNT),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _NUMBER),
    **dict.fromkeys(("enumNames", "required"), _NAMES),
    "enum": _LIST,
}
"""Rules for the keywords' values. Written by hand: the metaschema takes 20 ms for a large form, and
one call on the server's event loop may carry a thousand forms."""


def check_form(form: Mapping[str, Any]) -> None:
    """Check that a form can be drawn from a schema.

    Raises:
        InvalidEvent: Names the wrong keyword under ``response.schema``.
    """
    where = "response.schema"
    _only(form, _TOP, where)
    if form.get("type") != "object":
        raise InvalidEvent.at(f"{where}.type", "must be `object`")
    properties = form.get("properties")
    if not isinstance(properties, dict) or not properties:
        raise InvalidEvent.at(f"{where}.properties", "a form needs at least one property")
    if len(properties) > limits.MAX_SCHEMA_PROPERTIES:
        most = limits.MAX_SCHEMA_PROPERTIES
        raise InvalidEvent.at(f"{where}.properties", f"a form can have at most {most} properties")
    for name, field in properties.items():
        if len(name) > limits.MAX_ID_CHARS:
            most = limits.MAX_ID_CHARS
            raise InvalidEvent.at(
                f"{where}.properties", f"a name can have at most {most} characters"
            )
        _check_field(field, f"{where}.properties.{name}")
    required = form.get("required", [])
    is_list = isinstance(required, list) and len(required) <= len(properties)
    if not is_list or not all(name in properties for name in required):
        raise InvalidEvent.at(f"{where}.required", "must list names of properties, each once")


def prepare() -> None:
    """Import the library that checks values, which takes up to a second.

    A server does this on a thread when it starts: at the first answer to a form the import would
    block every other request.
    """
    import jsonschema  # noqa: F401


def form_errors(form: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Return the errors of the values, field by field; empty when they fit.

    None fits an optional field: the person emptied it, so its default is not what they meant.

    Takes some milliseconds at most, because both the form and the checked part of the values are
    bounded.
    """
    if len(values) > limits.MAX_SCHEMA_PROPERTIES:
        most = limits.MAX_SCHEMA_PROPERTIES
        return (FieldError("values", f"has {len(values)} entries; a form can have at most {most}"),)
    required = dict.fromkeys(form.get("required", ()))
    missing = [name for name in required if values.get(name) is None]
    found = [FieldError(f"values.{name}", "is required") for name in missing]
    for name, value in values.items():
        where = f"values.{name[: limits.MAX_ID_CHARS]}"
        field = form["properties"].get(name)
        if field is None:
            if form.get("additionalProperties") is False:
                found.append(FieldError(where, "is not in the form"))
        elif value is None:
            continue  # left empty; reported above if the field is required
        elif field["type"] == "array":
            found += _choice_errors(field, value, where)
        else:
            found += _value_errors(field, value, where)
    return tuple(found)


def _value_errors(field: Mapping[str, Any], value: object, where: str) -> list[FieldError]:
    # Imported here, because it takes up to a second and most questions have no form.
    import jsonschema

    validator = jsonschema.Draft202012Validator(
        field, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    found = [FieldError(where, broken_rule(error)) for error in validator.iter_errors(value)]
    local = str(field.get("format"))
    if local in _LOCAL and isinstance(value, str) and not _is_local(local, value):
        found.append(FieldError(where, f"must be {FORMATS[local]}"))
    return found


def broken_rule(error: "ValidationError") -> str:
    """Return what a value must be, for the person who entered it.

    A rule that no form has keeps the library's sentence.
    """
    rule: Any = error.validator
    limit: Any = error.validator_value
    message = error.message
    if rule in _LIMITS:
        message = _limit(rule, limit)
    elif rule == "format":
        message = f"must be {FORMATS.get(limit, limit)}"
    elif rule == "enum":
        message = f"must be one of: {', '.join(map(str, limit))}"
    elif rule == "type" and isinstance(limit, str):
        message = _TYPES.get(limit, message)
    return shortened(message)


def _limit(rule: str, limit: float) -> str:
    words, unit = _LIMITS[rule]
    plural = "s" if unit and limit != 1 else ""
    return f"{words} {limit}{unit}{plural}"


def _is_local(kind: str, value: str) -> bool:
    parts = _LOCAL[kind].fullmatch(value)
    if parts is None:
        return False
    try:
        for part in parts.groups():
            (date if "-" in part else time).fromisoformat(part)
    except ValueError:
        return False
    return True


def _choice_errors(field: Mapping[str, Any], value: object, where: str) -> list[FieldError]:
    """Check a multiple choice by hand, because jsonschema compares each item with every other."""
    if not isinstance(value, list):
        return [FieldError(where, "must be a list of choices")]
    if len(value) > limits.MAX_SCHEMA_CHOICES:
        return [FieldError(where, f"can have at most {limits.MAX_SCHEMA_CHOICES} choices")]
    choices = {choice for choice in field["items"]["enum"] if isinstance(choice, str)}
    known = shortened(", ".join(map(str, field["items"]["enum"])))
    wrong = (
        FieldError(f"{where}.{i}", shortened(f"`{item}` is not a choice; choose from: {known}"))
        if isinstance(item, str)
        else FieldError(f"{where}.{i}", _TYPES["string"])
        for i, item in enumerate(value)
        if not isinstance(item, str) or item not in choices
    )
    found = list(islice(wrong, _MOST_ERRORS))
    if found:
        return found
    if field.get("uniqueItems") and len(set(value)) < len(value):
        found.append(FieldError(where, "must not name a choice twice"))
    if len(value) < field.get("minItems", 0):
        found.append(FieldError(where, _limit("minItems", field["minItems"])))
    if len(value) > field.get("maxItems", len(value)):
        found.append(FieldError(where, _limit("maxItems", field["maxItems"])))
    return found


def shortened(message: str) -> str:
    """Return a message cut to a readable length."""
    return message if len(message) <= _MESSAGE_CHARS else f"{message[:_MESSAGE_CHARS]}…"


def _check_field(field: object, where: str) -> None:
    if not isinstance(field, dict):
        raise InvalidEvent.at(where, "must be an object with a `type`")
    kind = field.get("type")
    allowed = _BY_TYPE.get(kind) if isinstance(kind, str) else None
    if allowed is None:
        names = ", ".join(sorted(_BY_TYPE))
        raise InvalidEvent.at(f"{where}.type", f"must be one of {names} (a form is flat)")
    _only(field, allowed, where)
    if "format" in field and (not _texts([field["format"]]) or field["format"] not in FORMATS):
        raise InvalidEvent.at(f"{where}.format", f"must be one of {', '.join(sorted(FORMATS))}")
    if kind == "array":
        items = field.get("items")
        if not isinstance(items, dict) or set(items) - {"type", "enum"} or "enum" not in items:
            raise InvalidEvent.at(
                f"{where}.items", 'must be {"type": "string", "enum": […]}, for a multiple choice'
            )
        _only(items, frozenset({"type", "enum"}), f"{where}.items")
        if items.get("type", "string") != "string":
            raise InvalidEvent.at(f"{where}.items.type", "must be `string`")


def _only(given: Mapping[str, Any], allowed: frozenset[str], where: str) -> None:
    for keyword in given:
        if keyword not in allowed:
            raise InvalidEvent.at(f"{where}.{keyword}", "is not supported in a form; remove it")
        good, what = _VALUES.get(keyword, _ANYTHING)
        if not good(given[keyword]):
            raise InvalidEvent.at(f"{where}.{keyword}", what)


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
