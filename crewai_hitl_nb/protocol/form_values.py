"""Whether the values of a filled form fit its schema, and the words for what does not.

Pure. ``schema.py`` says which schemas there are. Checking is bounded, because it runs on the
server's event loop.
"""

import operator
import re
from collections.abc import Callable, Iterator, Mapping
from datetime import date, time
from decimal import Decimal
from functools import cached_property
from itertools import islice
from typing import TYPE_CHECKING, Any, Final

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import FieldError
from crewai_hitl_nb.protocol.files import file_errors
from crewai_hitl_nb.protocol.schema import FORMATS, is_choices, is_file

if TYPE_CHECKING:
    from jsonschema import ValidationError

_TYPES: Final[Mapping[str, str]] = {
    "string": "text",
    "integer": "a whole number",
    "number": "a number",
    "boolean": "true or false",
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
"""Most wrong choices of one field that one reply names."""

_MOST_ERRORS_IN_ALL: Final = limits.MAX_SCHEMA_PROPERTIES
"""Most errors in one reply: one for each field of the largest form."""

_DECIMAL: Final = re.compile(r"[+-]?(?:\d+\.?\d*|\.\d+)(?:[eE][+-]?\d{1,4})?", re.ASCII)
_DECIMAL_CHARS: Final = 200
_BROKEN: Final[Mapping[str, Callable[[Decimal, Decimal], bool]]] = {
    "minimum": operator.lt,
    "maximum": operator.gt,
    "exclusiveMinimum": operator.le,
    "exclusiveMaximum": operator.ge,
}
"""Which comparison of a decimal and its limit breaks the rule."""


def prepare() -> None:
    """Import the library that checks values, which takes up to a second.

    A server does this on a thread when it starts: at the first answer to a form the import would
    block every other request.
    """
    import jsonschema  # noqa: F401


def form_errors(form: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Return the errors of the values, field by field; empty when they fit.

    The path of an error leads through parts and rows: ``values.guests.0.name``. None fits an
    optional field: the person emptied it, so its default is not what they meant.

    Takes some milliseconds, and some 40 for the largest list, because both the form and the
    checked part of the values are bounded.
    """
    check = _Check()
    try:
        return tuple(islice(check.part(form, values, "values"), _MOST_ERRORS_IN_ALL))
    except _TooManyValues:
        most = limits.MAX_FORM_VALUES
        return (FieldError("values", f"has more than {most} values; a form can have at most that"),)


class _TooManyValues(Exception):
    """The values are more than a form can have."""


class _Check:
    """One check of values: how many it may still look at, and the validators of the fields."""

    def __init__(self) -> None:
        self._left = limits.MAX_FORM_VALUES
        self._validators: dict[int, Any] = {}
        self._choices: dict[int, _Choices] = {}

    def part(
        self,
        form: Mapping[str, Any],
        values: Mapping[str, Any],
        where: str,
        shown: object = None,
    ) -> Iterator[FieldError]:
        """Yield the errors of a form's values, or of those of a part that shows some already."""
        if len(values) > limits.MAX_SCHEMA_PROPERTIES:
            most = limits.MAX_SCHEMA_PROPERTIES
            yield FieldError(where, f"has {len(values)} entries; a form can have at most {most}")
            return
        required = dict.fromkeys(form.get("required", ()))
        for name in required:
            if values.get(name) is None:
                yield FieldError(f"{where}.{name}", "is required")
        for name, value in values.items():
            at = f"{where}.{name[: limits.MAX_ID_CHARS]}"
            field = form["properties"].get(name)
            if field is None:
                if form.get("additionalProperties") is False:
                    yield FieldError(at, "is not in the form")
            elif value is None and name in required:
                continue  # reported above
            else:
                there = shown.get(name) if isinstance(shown, Mapping) else field.get("default")
                if field.get("readOnly") and value != there:
                    yield FieldError(at, "is only shown and cannot be changed")
                if value is not None:
                    yield from self._field(field, value, at, there)

    def _field(
        self, field: Mapping[str, Any], value: object, where: str, shown: object
    ) -> Iterator[FieldError]:
        self._left -= 1
        if self._left < 0:
            raise _TooManyValues
        if is_file(field):
            yield from file_errors(field, value, where)
        elif field["type"] == "object":
            if isinstance(value, Mapping):
                yield from self.part(field, value, where, shown)
            else:
                yield FieldError(where, "must be an object with the fields of this part")
        elif field["type"] != "array":
            yield from self._value(field, value, where)
        elif is_choices(field):
            yield from _choice_errors(field, self._choices_of(field["items"]), value, where)
        else:
            yield from self._rows(field, value, where, shown)

    def _rows(
        self, field: Mapping[str, Any], value: object, where: str, shown: object
    ) -> Iterator[FieldError]:
        if not isinstance(value, list):
            yield FieldError(where, "must be a list")
            return
        if len(value) > limits.MAX_FORM_ROWS:
            yield FieldError(where, f"can have at most {limits.MAX_FORM_ROWS} rows")
            return
        rows = shown if isinstance(shown, list) else []
        for at, row in enumerate(value):
            there = rows[at] if at < len(rows) else None
            if row is None:
                yield FieldError(f"{where}.{at}", "is required")
            else:
                yield from self._field(field["items"], row, f"{where}.{at}", there)
        unit = " file" if is_file(field["items"]) else " row"
        yield from _number_errors(field, value, where, unit)

    def _value(self, field: Mapping[str, Any], value: object, where: str) -> Iterator[FieldError]:
        if id(field) not in self._validators:
            # Imported here, because it takes up to a second and most questions have no form.
            import jsonschema

            # It would compare each value with every choice.
            rules = {rule: limit for rule, limit in field.items() if rule != "enum"}
            self._validators[id(field)] = jsonschema.Draft202012Validator(
                rules, format_checker=jsonschema.Draft202012Validator.FORMAT_CHECKER
            )
        for error in self._validators[id(field)].iter_errors(value):
            yield FieldError(where, broken_rule(error))
        if isinstance(value, str):
            if "enum" in field and value not in (choices := self._choices_of(field)).texts:
                yield FieldError(where, shortened(f"must be one of: {choices.known}"))
            kind = str(field.get("format"))
            if kind == "decimal":
                yield from _decimal_errors(field, value, where)
            elif kind in _LOCAL and not _is_local(kind, value):
                yield FieldError(where, f"must be {FORMATS[kind]}")

    def _choices_of(self, named: Mapping[str, Any]) -> "_Choices":
        if id(named) not in self._choices:
            self._choices[id(named)] = _Choices(named["enum"])
        return self._choices[id(named)]


class _Choices:
    """The choices of one field, looked at once however many rows have the field."""

    def __init__(self, listed: list[Any]) -> None:
        self._listed = listed

    @cached_property
    def texts(self) -> frozenset[str]:
        """Those that a value can be."""
        return frozenset(choice for choice in self._listed if isinstance(choice, str))

    @cached_property
    def known(self) -> str:
        """Their names in a message."""
        return shortened(", ".join(map(str, self._listed)))


def _decimal_errors(field: Mapping[str, Any], value: str, where: str) -> Iterator[FieldError]:
    """Check a decimal and its range, which JSON Schema ignores for a text."""
    if len(value) > _DECIMAL_CHARS or not _DECIMAL.fullmatch(value):
        yield FieldError(where, f"must be {FORMATS['decimal']}")
        return
    number = Decimal(value)
    for rule, is_broken in _BROKEN.items():
        if rule in field and is_broken(number, Decimal(str(field[rule]))):
            yield FieldError(where, _limit(rule, field[rule]))


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
    elif rule == "type":
        kinds = [limit] if isinstance(limit, str) else limit
        if all(kind in _TYPES for kind in kinds):
            message = f"must be {' or '.join(_TYPES[kind] for kind in kinds)}"
    return shortened(message)


def _limit(rule: str, limit: float, unit: str = "") -> str:
    words, own = _LIMITS[rule]
    unit = unit or own
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


def _choice_errors(
    field: Mapping[str, Any], choices: _Choices, value: object, where: str
) -> list[FieldError]:
    """Check a multiple choice by hand, because jsonschema compares each item with every other."""
    if not isinstance(value, list):
        return [FieldError(where, "must be a list of choices")]
    if len(value) > limits.MAX_SCHEMA_CHOICES:
        return [FieldError(where, f"can have at most {limits.MAX_SCHEMA_CHOICES} choices")]
    wrong = (
        FieldError(
            f"{where}.{i}", shortened(f"`{item}` is not a choice; choose from: {choices.known}")
        )
        if isinstance(item, str)
        else FieldError(f"{where}.{i}", f"must be {_TYPES['string']}")
        for i, item in enumerate(value)
        if not isinstance(item, str) or item not in choices.texts
    )
    found = list(islice(wrong, _MOST_ERRORS))
    if found:
        return found
    if field.get("uniqueItems") and len(set(value)) < len(value):
        found.append(FieldError(where, "must not name a choice twice"))
    return [*found, *_number_errors(field, value, where, " choice")]


def _number_errors(
    field: Mapping[str, Any], value: list[Any], where: str, unit: str
) -> Iterator[FieldError]:
    """Check how many choices or rows there are."""
    if len(value) < field.get("minItems", 0):
        yield FieldError(where, _limit("minItems", field["minItems"], unit))
    if len(value) > field.get("maxItems", len(value)):
        yield FieldError(where, _limit("maxItems", field["maxItems"], unit))


def shortened(message: str) -> str:
    """Return a message cut to a readable length."""
    return message if len(message) <= _MESSAGE_CHARS else f"{message[:_MESSAGE_CHARS]}…"
