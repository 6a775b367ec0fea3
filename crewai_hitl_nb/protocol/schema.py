"""Typed forms: which JSON Schemas a question may carry, and whether values fit one.

The subset is that of MCP elicitation (Model Context Protocol, 2025-06-18, "Requested
schema"): a flat object of strings, numbers, integers, booleans and enums, plus an array
of enum values for a multiple choice. ``pattern`` and ``$ref`` are refused: a regular
expression or a reference of a stranger's making must not run in the server.
"""

from collections.abc import Callable, Mapping
from typing import Any, Final, TypeAlias

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import FieldError, InvalidEvent

_FORMATS: Final[Mapping[str, str]] = {
    "email": "an email address",
    "uri": "an address with its scheme, such as `https://example.org`",
    "date": "a date, such as `2026-05-01`",
    "date-time": "a date with time and zone, such as `2026-05-01T10:00:00Z`",
    "time": "a time with its zone, such as `10:00:00Z`",
}
"""Each as people are told what fits it. Zones as RFC 3339 wants them."""

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
_TEXT: Final[_Rule] = (lambda value: isinstance(value, str), "is a text")
_FLAG: Final[_Rule] = (lambda value: isinstance(value, bool), "is true or false")
_COUNT: Final[_Rule] = (
    lambda value: _is_number(value, int) and value >= 0,
    "is a whole number from 0 on",
)
_NUMBER: Final[_Rule] = (lambda value: _is_number(value, int | float), "is a number")
_LIST: Final[_Rule] = (
    lambda value: isinstance(value, list) and bool(value),
    "is a list, not empty",
)
_NAMES: Final[_Rule] = (
    lambda value: isinstance(value, list) and _texts(value),
    "is a list of texts",
)
_VALUES: Final[Mapping[str, _Rule]] = {
    **dict.fromkeys(("title", "description", "$schema"), _TEXT),
    **dict.fromkeys(("uniqueItems", "additionalProperties"), _FLAG),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _COUNT),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _NUMBER),
    **dict.fromkeys(("enumNames", "required"), _NAMES),
    "enum": _LIST,
}
"""What a keyword's value may be. By hand, because the metaschema takes 20 ms for a large
form, and a server looks at a thousand forms in one call on its event loop."""


def check_form(form: Mapping[str, Any]) -> None:
    """Check that a schema is one that a form can be drawn from.

    Raises:
        InvalidEvent: Naming the wrong keyword under ``response.schema``.
    """
    where = "response.schema"
    _only(form, _TOP, where)
    if form.get("type") != "object":
        raise InvalidEvent.at(f"{where}.type", "a form is an `object`")
    properties = form.get("properties")
    if not isinstance(properties, dict) or not properties:
        raise InvalidEvent.at(f"{where}.properties", "a form needs at least one property")
    if len(properties) > limits.MAX_SCHEMA_PROPERTIES:
        most = limits.MAX_SCHEMA_PROPERTIES
        raise InvalidEvent.at(f"{where}.properties", f"a form has at most {most} properties")
    for name, field in properties.items():
        _check_field(field, f"{where}.properties.{name}")
    required = form.get("required", [])
    if not isinstance(required, list) or not all(name in properties for name in required):
        raise InvalidEvent.at(f"{where}.required", "`required` lists names of properties")


def form_errors(form: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Return what is wrong with the values, field by field; empty when they fit."""
    # Imported here: it costs a tenth of a second, and most questions carry no form.
    import jsonschema

    validator = jsonschema.Draft202012Validator(
        form, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
    )
    found = []
    for error in validator.iter_errors(values):
        path = ".".join(["values", *map(str, error.absolute_path)])
        if error.validator == "required":
            missing = [n for n in form.get("required", []) if n not in values]
            found += [FieldError(f"values.{name}", "is required") for name in missing]
            continue
        if error.validator == "format":
            found.append(FieldError(path, f"must be {_FORMATS[error.validator_value]}"))
            continue
        found.append(FieldError(path, error.message))
    return tuple(dict.fromkeys(found))


def _check_field(field: object, where: str) -> None:
    if not isinstance(field, dict):
        raise InvalidEvent.at(where, "a property is an object with a `type`")
    kind = field.get("type")
    allowed = _BY_TYPE.get(kind) if isinstance(kind, str) else None
    if allowed is None:
        names = ", ".join(sorted(_BY_TYPE))
        raise InvalidEvent.at(f"{where}.type", f"must be one of {names} (a form is flat)")
    _only(field, allowed, where)
    if "format" in field and (not _texts([field["format"]]) or field["format"] not in _FORMATS):
        raise InvalidEvent.at(f"{where}.format", f"must be one of {', '.join(sorted(_FORMATS))}")
    if kind == "array":
        items = field.get("items")
        if not isinstance(items, dict) or set(items) - {"type", "enum"} or "enum" not in items:
            raise InvalidEvent.at(
                f"{where}.items", 'a multiple choice is {"type": "string", "enum": […]}'
            )
        _only(items, frozenset({"type", "enum"}), f"{where}.items")
        if items.get("type", "string") != "string":
            raise InvalidEvent.at(f"{where}.items.type", "a choice is a `string`")


def _only(given: Mapping[str, Any], allowed: frozenset[str], where: str) -> None:
    for keyword in given:
        if keyword not in allowed:
            raise InvalidEvent.at(f"{where}.{keyword}", "is not a keyword that a form can use")
        good, what = _VALUES.get(keyword, _ANYTHING)
        if not good(given[keyword]):
            raise InvalidEvent.at(f"{where}.{keyword}", what)


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
