"""Typed forms: which JSON Schemas a question may carry. ``form_values.py`` checks values.

The subset begins with that of MCP elicitation (Model Context Protocol, 2025-06-18, "Requested
schema"): an object of strings, numbers, integers, booleans and enums. It adds:

* an array of enum values, for a multiple choice; any other array is a list with rows
* an object in an object, to a bounded depth
* a list of simple types, such as ``["integer", "string"]``, for a field that takes either
* ``readOnly``, for a value that is shown and not asked for
* times without a zone and exact decimals (``date-time-local``, ``time-local`` and ``decimal`` of
  the OpenAPI format registry)
* an object of ``format: file``, whose value is a file that was uploaded (``files.py``); ``accept``
  and ``maxBytes`` say which files

``pattern`` and ``$ref`` are refused, because the server must not run a caller's regular
expressions or follow a caller's references.
"""

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Final, TypeAlias

from crewai_hitl_nb.protocol import files, limits
from crewai_hitl_nb.protocol.errors import InvalidEvent

FORMATS: Final[Mapping[str, str]] = {
    "email": "an email address, such as `name@example.org`",
    "uri": "a URL with its scheme, such as `https://example.org`",
    "date": "a date, such as `2026-05-01`",
    "date-time": "a date with time and zone, such as `2026-05-01T10:00:00Z`",
    "time": "a time with its zone, such as `10:00:00Z`",
    "date-time-local": "a date with time, such as `2026-05-01T10:00`",
    "time-local": "a time, such as `10:00`",
    "decimal": "a decimal number, such as `12.50`",
}
"""What a person has to enter. Zones are those of RFC 3339; a local time may have one."""

SIMPLE: Final = ("string", "integer", "number", "boolean")
"""The types of a value that has no parts."""

_COMMON: Final = frozenset({"type", "title", "description", "default", "readOnly"})
_RANGE: Final = frozenset({"minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"})
_BY_TYPE: Final[Mapping[str, frozenset[str]]] = {
    # A range of a string is that of a decimal.
    "string": _COMMON | _RANGE | {"minLength", "maxLength", "format", "enum", "enumNames"},
    "number": _COMMON | _RANGE,
    "integer": _COMMON | _RANGE,
    "boolean": _COMMON,
    "array": _COMMON | {"items", "minItems", "maxItems", "uniqueItems"},
    "object": _COMMON | {"properties", "required", "additionalProperties"},
}
_FILE: Final = frozenset({"type", "format", "title", "description", "accept", "maxBytes"})
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
    **dict.fromkeys(("uniqueItems", "additionalProperties", "readOnly"), _FLAG),
    **dict.fromkeys(("minLength", "maxLength", "minItems", "maxItems"), _COUNT),
    **dict.fromkeys(("minimum", "maximum", "exclusiveMinimum", "exclusiveMaximum"), _NUMBER),
    **dict.fromkeys(("enumNames", "required"), _NAMES),
    "enum": _LIST,
    "accept": (
        lambda value: (
            isinstance(value, list)
            and 0 < len(value) <= limits.MAX_ACCEPTED_KINDS
            and all(map(files.is_kind, value))
        ),
        f"must be a list of 1 to {limits.MAX_ACCEPTED_KINDS} endings or media types, such as"
        ' `[".csv", "image/*"]`',
    ),
    "maxBytes": _COUNT,
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
    _check_properties(form, where, 0)
    fields = sum(1 for _ in _all_fields(form))
    if fields > limits.MAX_SCHEMA_PROPERTIES:
        most = limits.MAX_SCHEMA_PROPERTIES
        raise InvalidEvent.at(f"{where}.properties", f"a form can have at most {most} properties")


def is_choices(field: Mapping[str, Any]) -> bool:
    """Return whether an array is a multiple choice; otherwise it is a list with rows."""
    return "enum" in field["items"]


def is_file(field: Mapping[str, Any]) -> bool:
    """Return whether a checked field, or a row of a list, is a file."""
    return field.get("type") == "object" and "format" in field


def _all_fields(form: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield every field of a checked form, those of its parts included."""
    for field in form["properties"].values():
        yield field
        part = field.get("items", field)
        while "items" in part:
            part = part["items"]
        if "properties" in part:
            yield from _all_fields(part)


def _check_properties(form: Mapping[str, Any], where: str, depth: int) -> None:
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
        _check_field(field, f"{where}.properties.{name}", depth)
    required = form.get("required", [])
    is_list = isinstance(required, list) and len(required) <= len(properties)
    if not is_list or not all(name in properties for name in required):
        raise InvalidEvent.at(f"{where}.required", "must list names of properties, each once")


def _check_field(field: object, where: str, depth: int) -> None:
    if not isinstance(field, dict):
        raise InvalidEvent.at(where, "must be an object with a `type`")
    if is_file(field):
        return _check_file(field, where)
    _only(field, _keywords(field.get("type"), where), where)
    if "format" in field and (not _texts([field["format"]]) or field["format"] not in FORMATS):
        raise InvalidEvent.at(f"{where}.format", f"must be one of {', '.join(sorted(FORMATS))}")
    if field["type"] in ("array", "object") and depth == limits.MAX_FORM_DEPTH:
        most = limits.MAX_FORM_DEPTH
        raise InvalidEvent.at(where, f"is nested too deep; a form can have {most} levels of parts")
    if field["type"] == "object":
        _check_properties(field, where, depth + 1)
    elif field["type"] == "array":
        _check_items(field.get("items"), f"{where}.items", depth + 1)
        if is_file(field["items"]):
            _only(field, _BY_TYPE["array"] - {"default", "readOnly"}, where, "a list of files")
    return None


def _check_file(field: Mapping[str, Any], where: str) -> None:
    if field["format"] != "file":
        raise InvalidEvent.at(f"{where}.format", "of an object must be `file`, or be left out")
    _only(field, _FILE, where, "a file")


def _keywords(kind: object, where: str) -> frozenset[str]:
    """Return the keywords that a field of this type may have."""
    if isinstance(kind, str) and kind in _BY_TYPE:
        return _BY_TYPE[kind]
    several = kind if isinstance(kind, list) and _texts(kind) else []
    if set(several) <= set(SIMPLE) and 1 < len(several) == len(set(several)):
        return frozenset[str]().union(*map(_BY_TYPE.__getitem__, several)) - {"enum", "enumNames"}
    names = ", ".join(sorted(_BY_TYPE))
    raise InvalidEvent.at(
        f"{where}.type", f"must be one of {names}, or a list of different simple ones"
    )


def _check_items(items: object, where: str, depth: int) -> None:
    if not isinstance(items, dict):
        raise InvalidEvent.at(where, "must be the schema of one row, or an `enum` to choose from")
    if "enum" not in items:
        return _check_field(items, where, depth)
    _only(items, frozenset({"type", "enum"}), where)
    if items.get("type", "string") != "string":
        raise InvalidEvent.at(f"{where}.type", "must be `string`")
    if not _texts(items["enum"]):
        raise InvalidEvent.at(f"{where}.enum", "must be a list of strings")
    return None


def _only(
    given: Mapping[str, Any], allowed: frozenset[str], where: str, what: str = "a form"
) -> None:
    for keyword in given:
        if keyword not in allowed:
            raise InvalidEvent.at(f"{where}.{keyword}", f"is not supported in {what}; remove it")
        good, rule = _VALUES.get(keyword, _ANYTHING)
        if not good(given[keyword]):
            raise InvalidEvent.at(f"{where}.{keyword}", rule)


def _is_number(value: object, kind: Any) -> bool:
    return isinstance(value, kind) and not isinstance(value, bool)


def _texts(values: list[Any]) -> bool:
    return all(isinstance(value, str) for value in values)
