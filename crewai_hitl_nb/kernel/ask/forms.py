"""A form, with the conversion between what it shows and the values of the code that asked.

Pure. ``protocol/schema.py`` says what a form on the wire may contain. ``ask/form_schema.py`` makes
a form from a JSON Schema; ``ask/answer_types.py`` and the gates fill it, and read what a person
filled in.
"""

import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, TypeAlias

from crewai_hitl_nb.protocol.errors import FieldError
from crewai_hitl_nb.protocol.schema import is_file

HEADINGS: Final = ("title", "description")
"""The texts that a form, or a field, may show above its values."""

Nothing: TypeAlias = Literal["keep", "drop", "refuse"]
"""What to do with None in a field that cannot be None: keep it, leave it out, or refuse it."""

SAFE: Final = 2**53
"""A browser, as any float, rounds larger whole numbers."""

_ZONE: Final = re.compile(r"\d(?:[Zz]|[+-]\d\d:?\d\d)$")


def unchanged(value: Any) -> Any:
    """Convert nothing: the form shows the value as it is."""
    return value


def whole(value: Any) -> Any:
    """Return a whole number as an int, as JSON may also write it: 5.0.

    Raises:
        ValueError: It is so large that it may be any of several numbers.
    """
    if not isinstance(value, float):
        return value
    if not value.is_integer() or abs(value) > SAFE:
        raise ValueError("must be a whole number, written with all of its digits")
    return int(value)


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
        part: The form that a nested field consists of.
        row: The field that each row of a list consists of.
    """

    schema: dict[str, Any]
    shown: Callable[[Any], Any] = unchanged
    read: Callable[[Any], Any] = unchanged
    nullable: bool = False
    replaced: bool = False
    part: "Form | None" = None
    row: "Field | None" = None

    @classmethod
    def of_part(cls, part: "Form") -> "Field":
        """Return the nested field that consists of a form."""
        return cls(part.schema, part.shown, part=part)

    @classmethod
    def of_rows(cls, row: "Field", limits: Mapping[str, Any]) -> "Field":
        """Return the list whose rows are such a field."""
        items = {key: rule for key, rule in row.schema.items() if key != "default"}
        schema = {"type": "array", "items": items, **limits}
        return cls(schema, lambda value: [row.shown(one) for one in value], row=row)

    def value_of(self, filled: Any, nothing: Nothing) -> Any:
        """Convert what was filled in, in every part and row.

        Raises:
            WrongValues: A part or a row cannot be converted; paths begin within this field.
            ValueError: The value cannot be converted.
        """
        if self.part is not None:
            return self.part.converted(filled, nothing)
        if self.row is None:
            return self.read(filled)
        by_place = {str(at): one for at, one in enumerate(filled)}
        rows = Form(dict.fromkeys(by_place, replace(self.row, nullable=True)), frozenset())
        return list(rows.converted(by_place, nothing).values())

    @property
    def is_file(self) -> bool:
        """Whether the value is a file, or a list of files; a form shows none beforehand."""
        return is_file(self.schema) or (self.row is not None and self.row.is_file)

    def files_in(self, value: Any, path: str) -> Iterator[tuple[str, Any]]:
        """Yield the files in a value, in every part and row, each with the path of its field."""
        if value is None:
            return
        if is_file(self.schema):
            yield path, value
        elif self.part is not None and isinstance(value, Mapping):
            yield from self.part.files_in(value, f"{path}.")
        elif self.row is not None and isinstance(value, list):
            for at, one in enumerate(value):
                yield from self.row.files_in(one, path if self.is_file else f"{path}.{at}")

    def replacing_files(self, value: Any, other: Callable[[Any], Any]) -> Any:
        """Return a value with another value in place of each file, in every part and row."""
        if value is None:
            return None
        if is_file(self.schema):
            return other(value)
        if self.part is not None:
            return self.part.replacing_files(value, other)
        if self.row is not None:
            rows = [self.row.replacing_files(one, other) for one in value]
            return [row for row in rows if row is not None] if self.row.is_file else rows
        return value

    @property
    def fixed(self) -> bool:
        """Whether the value is only shown."""
        return self.schema.get("readOnly") is True

    def completed(self, filled: Any, shown: Any, *, in_row: bool) -> Any:
        """Return what was filled in, completed in every part and row with what was shown."""
        if self.part is not None and isinstance(filled, Mapping):
            there = shown if isinstance(shown, Mapping) else {}
            return self.part.completed(filled, there, in_row=in_row)
        if self.row is not None and isinstance(filled, list):
            rows = [*shown] if isinstance(shown, list) else []
            rows += [None] * (len(filled) - len(rows))
            return [
                self.row.completed(one, there, in_row=True)
                for one, there in zip(filled, rows, strict=False)
            ]
        return filled

    def showing(self, value: Any) -> "Field":
        """Return the field showing this value, in its form on the wire; None empties it."""
        schema = {key: rule for key, rule in self.schema.items() if key != "default"}
        if value is not None:
            schema = of_its_zones({**schema, "default": value})
        return replace(self, schema=schema, replaced=True)


@dataclass(frozen=True)
class Form:
    """A form, with the conversion between its values and the caller's.

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

    def files_in(self, values: Mapping[str, Any], under: str = "") -> Iterator[tuple[str, Any]]:
        """Yield the files in the values, each with its path."""
        for name, value in values.items():
            if name in self.fields:
                yield from self.fields[name].files_in(value, f"{under}{name}")

    def replacing_files(
        self, values: Mapping[str, Any], other: Callable[[Any], Any]
    ) -> dict[str, Any]:
        """Return the values with another value in place of each file."""
        return {
            name: self.fields.get(name, _AS_IT_IS).replacing_files(value, other)
            for name, value in values.items()
        }

    def refilled(self, values: Mapping[str, Any]) -> "Form":
        """Return the form filled with a person's values, so that nothing they typed is lost.

        Only files have to be chosen again: they belong to the question that they were chosen for.
        """
        values = self.replacing_files(values, lambda file: None)
        filled = self.completed(values, self._shown_for(values))
        fields = {
            name: field.showing(filled[name]) if name in values and not field.is_file else field
            for name, field in self.fields.items()
        }
        return replace(self, fields=fields)

    def completed(
        self, filled: Mapping[str, Any], shown: Mapping[str, Any], *, in_row: bool = False
    ) -> dict[str, Any]:
        """Return what was filled in, completed with what was shown.

        That is each value that is only shown, and each that was left out. The latter not in a row:
        a person may have removed the row that was shown in its place.
        """
        found = dict(filled)
        for name, field in self.fields.items():
            if name in shown and (field.fixed or not (in_row or name in filled)):
                found[name] = shown[name]
            elif filled.get(name) is not None:
                found[name] = field.completed(filled[name], shown.get(name), in_row=in_row)
        return found

    def _shown_for(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return what was shown in these fields, and in those for which it counts anyway."""
        return {
            name: field.schema.get("default")
            for name, field in self.fields.items()
            if field.replaced or ("default" in field.schema and (field.fixed or name in values))
        }

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

    def read(self, values: Mapping[str, Any], nothing: Nothing = "keep") -> dict[str, Any]:
        """Convert the form's values to the caller's; what is only shown stays as it was shown.

        Args:
            values: The values that a person filled in.
            nothing: What to do with None in a field that cannot be None.

        Raises:
            WrongValues: A field's value cannot be converted.
        """
        return self.converted(self.completed(values, self._shown_for(values)), nothing)

    def converted(self, values: Mapping[str, Any], nothing: Nothing) -> dict[str, Any]:
        """Convert complete values to the caller's; see :meth:`read`."""
        read: dict[str, Any] = {}
        errors: list[FieldError] = []
        for name, value in values.items():
            field = self.fields.get(name, _AS_IT_IS)
            if value is not None:
                try:
                    read[name] = field.value_of(value, nothing)
                except (WrongValues, ValueError) as refusal:
                    errors += _under(name, refusal)
            elif field.nullable or nothing == "keep":
                read[name] = None
            elif nothing == "refuse":
                errors.append(FieldError(name, "cannot be left empty"))
        if errors:
            raise WrongValues(tuple(errors))
        return read


_AS_IT_IS: Final = Field({})


def _under(name: str, refusal: WrongValues | ValueError) -> Iterable[FieldError]:
    """Return the errors of a part under its name."""
    if isinstance(refusal, WrongValues):
        return [FieldError(f"{name}.{error.field}", error.message) for error in refusal.errors]
    return [FieldError(name, str(refusal))]


def of_its_zones(schema: dict[str, Any]) -> dict[str, Any]:
    """Return a field whose times are like those of its default: with or without a time zone."""
    default = schema.get("default")
    return schema if default is None else _like(schema, [default])


def _like(schema: dict[str, Any], examples: list[Any]) -> dict[str, Any]:
    if "properties" in schema:
        objects = [one for one in examples if isinstance(one, Mapping)]
        fields = {
            name: _like(field, [one[name] for one in objects if name in one])
            for name, field in schema["properties"].items()
        }
        return {**schema, "properties": fields}
    if isinstance(schema.get("items"), dict):
        rows = [row for one in examples if isinstance(one, list) for row in one]
        return {**schema, "items": _like(schema["items"], rows)}
    kind = str(schema.get("format", ""))
    moment, texts = kind.removesuffix("-local"), [one for one in examples if isinstance(one, str)]
    if moment not in ("date-time", "time") or not texts:
        return schema
    return {**schema, "format": moment if _ZONE.search(texts[0]) else f"{moment}-local"}
