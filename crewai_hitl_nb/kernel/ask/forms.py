"""A flat form, with the conversion between what it shows and the values of the code that asked.

Pure. Forms on the wire are flat (``protocol/schema.py``). ``ask/form_schema.py`` makes a form from
a JSON Schema; ``ask/answer_types.py`` and the gates fill it, and read what a person filled in.
"""

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

from crewai_hitl_nb.protocol.errors import FieldError

HEADINGS: Final = ("title", "description")
"""The texts that a form, or a field, may show above its values."""

_ZONE: Final = re.compile(r"\d(?:[Zz]|[+-]\d\d:?\d\d)$")


def unchanged(value: Any) -> Any:
    """Convert nothing: the form shows the value as it is."""
    return value


class WrongValues(Exception):
    """The form allowed these values, but the code that asked rejects them.

    Attributes:
        errors: What is wrong, field by field.
    """

    def __init__(self, errors: tuple[FieldError, ...]) -> None:
        super().__init__(
            "; ".join(f"{e.field}: {e.message}" if e.field else e.message for e in errors)
        )
        self.errors = errors


@dataclass(frozen=True)
class Field:
    """One field of a form, with the conversion of its values.

    Attributes:
        schema: The JSON Schema of the field.
        shown: Converts a value to what the form shows.
        read: Converts what was filled in to a value; raises ValueError if it is not one.
        nullable: Whether None is a valid value.
        replaced: Whether the value it shows came from the code that asked or from a person. Then
            leaving the field out means that value; otherwise the code that reads the values
            decides.
    """

    schema: dict[str, Any]
    shown: Callable[[Any], Any] = unchanged
    read: Callable[[Any], Any] = unchanged
    nullable: bool = False
    replaced: bool = False

    def showing(self, value: Any) -> "Field":
        """Return the field showing this value, in its form on the wire; None empties it."""
        schema = {key: rule for key, rule in self.schema.items() if key != "default"}
        if value is not None:
            schema = of_its_zone({**schema, "default": value})
        return replace(self, schema=schema, replaced=True)


@dataclass(frozen=True)
class Form:
    """A flat form, with the conversion between its values and the caller's.

    Attributes:
        fields: The fields by name, in order.
        required: The names of the fields that must be filled.
        title: The title above the form.
        description: The text below the title.
    """

    fields: Mapping[str, Field]
    required: frozenset[str]
    title: str = ""
    description: str = ""

    @property
    def schema(self) -> dict[str, Any]:
        """The form's JSON Schema on the wire."""
        headings = {name: getattr(self, name) for name in HEADINGS if getattr(self, name)}
        return {
            "type": "object",
            **headings,
            "properties": {name: field.schema for name, field in self.fields.items()},
            "required": [name for name in self.fields if name in self.required],
        }

    def filled_with(self, values: Mapping[str, Any], *, required: bool = False) -> "Form":
        """Return the form filled with these values; values without a field are ignored.

        Args:
            values: The caller's values; None empties a field that is nullable.
            required: Whether a field with a value becomes required.
        """
        fields = dict(self.fields)
        for name, value in values.items():
            field = fields.get(name)
            if field is not None and (value is not None or field.nullable):
                fields[name] = field.showing(None if value is None else field.shown(value))
        kept = {name for name in fields if values.get(name) is not None}
        return replace(
            self, fields=fields, required=self.required | kept if required else self.required
        )

    def refilled(self, values: Mapping[str, Any]) -> "Form":
        """Return the form filled with a person's values, so that nothing they typed is lost."""
        fields = {
            name: field.showing(values[name]) if name in values else field
            for name, field in self.fields.items()
        }
        return replace(self, fields=fields)

    def shown(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Convert the caller's values to the form's; None for an empty field."""
        shown = {}
        for name, value in values.items():
            field = self.fields.get(name)
            if field is not None and value is not None:
                shown[name] = field.shown(value)
            elif field is not None and field.nullable and name not in self.required:
                shown[name] = None
        return shown

    def read(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Convert the form's values to the caller's.

        Raises:
            WrongValues: A field's value cannot be converted.
        """
        left_out = {
            name: field.schema.get("default")
            for name, field in self.fields.items()
            if field.replaced and name not in values
        }
        read: dict[str, Any] = {}
        errors = []
        for name, value in {**left_out, **values}.items():
            field = self.fields.get(name, _AS_IT_IS)
            try:
                read[name] = None if value is None else field.read(value)
            except ValueError as error:
                errors.append(FieldError(name, str(error)))
        if errors:
            raise WrongValues(tuple(errors))
        return read


_AS_IT_IS: Final = Field({})


def of_its_zone(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a time field with the format of its default: with or without a time zone."""
    kind, default = str(schema.get("format", "")), schema.get("default")
    moment = kind.removesuffix("-local")
    if moment not in ("date-time", "time") or not isinstance(default, str):
        return schema
    return {**schema, "format": moment if _ZONE.search(default) else f"{moment}-local"}
