"""From pydantic models and JSON Schemas to forms, and from values back."""

import enum
from collections.abc import Callable
from dataclasses import dataclass
from datetime import date, datetime, time, timezone
from decimal import Decimal
from typing import Annotated, Any, Literal
from uuid import UUID

import pytest
from pydantic import (
    AnyUrl,
    AwareDatetime,
    BaseModel,
    Field,
    NaiveDatetime,
    SecretStr,
    create_model,
    field_validator,
)

from crewai_hitl_nb.kernel.ask.answer_types import Typed
from crewai_hitl_nb.kernel.ask.form_schema import FormSchema, form_of
from crewai_hitl_nb.kernel.ask.forms import WrongValues
from crewai_hitl_nb.protocol.errors import FieldError
from crewai_hitl_nb.protocol.events import HumanInputCompleted
from crewai_hitl_nb.protocol.form_values import form_errors
from crewai_hitl_nb.protocol.ids import new_event_id
from crewai_hitl_nb.protocol.schema import check_form


class Colour(enum.Enum):
    RED = "red"
    BLUE = "blue"


class Level(enum.IntEnum):
    LOW = 1
    HIGH = 2


class Inner(BaseModel):
    """A part."""

    x: int


class Node(BaseModel):
    below: "list[Node]"


def property_of(annotation: Any, default: Any = ...) -> dict[str, Any]:
    """Return the form's property for a field of this type."""
    model = create_model("Asked", field=(annotation, default))
    form = form_of(model.model_json_schema(schema_generator=FormSchema))
    check_form(form.schema)
    found: dict[str, Any] = form.schema["properties"]["field"]
    found.pop("title", None)
    return found


INNER = {
    "type": "object",
    "description": "A part.",
    "properties": {"x": {"type": "integer", "title": "X"}},
    "required": ["x"],
}
CHOICES = {"type": "string", "enum": ["red", "blue"]}


@pytest.mark.parametrize(
    ("annotation", "expected"),
    [
        (str, {"type": "string"}),
        (
            Annotated[str, Field(min_length=2, max_length=9, pattern="^a")],
            {"type": "string", "minLength": 2, "maxLength": 9},
        ),
        (int, {"type": "integer"}),
        (
            Annotated[int, Field(ge=1, lt=9)],
            {"type": "integer", "minimum": 1, "exclusiveMaximum": 9},
        ),
        (Annotated[float, Field(gt=0, multiple_of=0.5)], {"type": "number", "exclusiveMinimum": 0}),
        (Decimal, {"type": "string", "format": "decimal"}),
        (
            Annotated[Decimal, Field(gt=0, le=Decimal("9.5"))],
            {"type": "string", "format": "decimal", "exclusiveMinimum": 0, "maximum": 9.5},
        ),
        (int | str, {"type": ["integer", "string"]}),
        (bool | int | None, {"type": ["boolean", "integer"]}),
        (int | Literal["auto"], {"type": ["integer", "string"]}),
        (date | datetime, {"type": "string"}),
        (list[str], {"type": "array", "items": {"type": "string"}}),
        (
            Annotated[list[date], Field(max_length=3)],
            {"type": "array", "items": {"type": "string", "format": "date"}, "maxItems": 3},
        ),
        (Inner, INNER),
        (Inner | None, INNER),
        (list[Inner], {"type": "array", "items": INNER}),
        (bool, {"type": "boolean"}),
        (date, {"type": "string", "format": "date"}),
        (datetime, {"type": "string", "format": "date-time"}),
        (time, {"type": "string", "format": "time-local"}),
        (NaiveDatetime, {"type": "string", "format": "date-time-local"}),
        (AwareDatetime, {"type": "string", "format": "date-time"}),
        (UUID, {"type": "string"}),
        (AnyUrl, {"type": "string", "format": "uri", "minLength": 1}),
        (Colour, CHOICES),
        (Colour | None, CHOICES),
        (Literal["red", "blue"], CHOICES),
        (Literal["red", "blue", None], CHOICES),
        (Level, {"type": "string", "enum": ["1", "2"]}),
        (Literal["only"], {"type": "string", "enum": ["only"]}),
        (int | None, {"type": "integer"}),
        (int | float, {"type": "number"}),
        (
            list[Literal["red", "blue"]],
            {"type": "array", "items": CHOICES, "uniqueItems": True},
        ),
        (
            Annotated[set[Colour], Field(min_length=1)],
            {"type": "array", "items": CHOICES, "minItems": 1, "uniqueItems": True},
        ),
    ],
)
def test_a_field_becomes_a_property(annotation: Any, expected: dict[str, Any]) -> None:
    assert property_of(annotation) == expected


@pytest.mark.parametrize(
    "annotation", [dict[str, int], Inner | int, bytes | list[int], tuple[int, str], Any]
)
def test_what_is_no_form_is_refused_by_name_or_asked_as_json(annotation: Any) -> None:
    schema = create_model("Asked", field=(annotation, ...)).model_json_schema()

    with pytest.raises(ValueError, match=r"^field: a form cannot ask for this.*separate fields"):
        form_of(schema)
    form = form_of(schema, nested="json")
    assert form.schema["properties"]["field"]["type"] == "string"
    assert form.read({"field": '{"x": 1}'}) == {"field": {"x": 1}}
    with pytest.raises(WrongValues, match="field: is not valid JSON"):
        form.read({"field": "{x"})


def test_a_model_within_itself_is_refused_by_name() -> None:
    with pytest.raises(ValueError, match=r"^below\.below.*: is nested too deep"):
        Typed.of(Node)


def test_a_secret_is_refused_because_answers_are_kept() -> None:
    with pytest.raises(ValueError, match="field: cannot ask for a secret"):
        property_of(SecretStr)


def test_defaults_titles_and_descriptions_come_along() -> None:
    class Asked(BaseModel):
        """Where the report goes."""

        table: str = Field("sales", title="Which table", description="As the database calls it")
        level: Level = Level.HIGH
        amount: Decimal = Decimal("1.5")
        note: str | None = None

    schema = form_of(Asked.model_json_schema()).schema

    assert schema["description"] == "Where the report goes."
    assert schema["required"] == []
    assert schema["properties"]["table"] == {
        "title": "Which table",
        "description": "As the database calls it",
        "type": "string",
        "default": "sales",
    }
    assert schema["properties"]["level"]["default"] == "2"
    assert schema["properties"]["amount"]["default"] == 1.5
    assert "default" not in schema["properties"]["note"]


def test_a_schema_of_anybodys_making_becomes_a_form_too() -> None:
    schema = {
        "type": "object",
        "properties": {
            "name": {"type": ["string", "null"], "pattern": "^x", "examples": ["x1"]},
            "size": {"$ref": "#/$defs/Size"},
            "kind": {"oneOf": [{"const": "a"}, {"const": "b"}]},
        },
        "required": ["name"],
        "$defs": {"Size": {"type": "integer", "minimum": 1}},
    }

    assert form_of(schema).schema == {
        "type": "object",
        "properties": {
            "name": {"type": "string"},
            "size": {"type": "integer", "minimum": 1},
            "kind": {"type": "string", "enum": ["a", "b"]},
        },
        "required": ["name"],
    }


@pytest.mark.parametrize(
    "schema",
    [
        {},
        {"type": "object", "properties": {}},
        {"type": "object", "properties": {"a": {"$ref": "#/$defs/Gone"}}},
        {"type": "object", "properties": {f"f{n}": {"type": "string"} for n in range(101)}},
        {"type": "object", "properties": {"a": {"type": "string"}}, "required": ["b"]},
    ],
)
def test_a_schema_without_fields_is_refused(schema: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=r"\w"):
        form_of(schema)


def answered(values: dict[str, Any]) -> HumanInputCompleted:
    """Return an answer with these values."""
    return HumanInputCompleted(
        event_id=new_event_id(), timestamp=datetime.now().astimezone(), values=values
    )


def test_values_come_back_as_the_asker_has_them() -> None:
    class Asked(BaseModel, strict=True):
        level: Level
        when: date
        colours: set[Colour]
        alias: int = Field(alias="aliasName")

    wanted = Typed.of(Asked)
    values = {"level": "2", "when": "2026-11-22", "colours": ["red"], "aliasName": 3}
    form = wanted.response().schema
    assert form is not None
    assert form_errors(form, values) == ()

    read = wanted.read(answered(values))

    assert read == Asked(
        level=Level.HIGH, when=date(2026, 11, 22), colours={Colour.RED}, aliasName=3
    )
    assert wanted.default(read) == {"decision": "respond", "values": values}


def test_a_json_schema_is_held_to_all_of_its_rules() -> None:
    schema = {"type": "object", "properties": {"code": {"type": "string", "pattern": "^[A-Z]+$"}}}
    wanted = Typed.of(schema)

    assert wanted.read(answered({"code": "ABC"})) == {"code": "ABC"}
    with pytest.raises(WrongValues, match="code: 'abc' does not match"):
        wanted.read(answered({"code": "abc"}))


def test_a_type_that_json_has_no_words_for_is_refused() -> None:
    asked = create_model("Asked", field=(Callable[[], int], ...))

    with pytest.raises(ValueError, match="cannot make a form from"):
        Typed.of(asked)


def test_any_type_that_pydantic_reads_from_an_object_will_do() -> None:
    @dataclass
    class Point:
        x: int
        y: int = 0

    assert Typed.of(Point).read(answered({"x": 1})) == Point(1, 0)


class Guest(BaseModel):
    name: str = Field(min_length=1)
    arrives: datetime
    price: Decimal
    level: Level = Level.LOW
    note: str | None = "none"

    @field_validator("name")
    @classmethod
    def known(cls, name: str) -> str:
        if name == "Nobody":
            raise ValueError("nobody of this name is on the list")
        return name


class Party(BaseModel):
    host: Guest | None = None
    guests: list[Guest]
    tags: list[str] = []
    tables: int | str = "any"


PARTY: dict[str, Any] = {
    "guests": [
        {"name": "Ada", "arrives": "2026-05-01T10:00", "price": "12.50", "level": "2"},
        {"name": "Bo", "arrives": "2026-05-01T11:00", "price": "0.1", "note": None},
    ],
    "tables": 4,
}


def test_parts_and_rows_come_back_as_instances() -> None:
    at = datetime(2026, 5, 1, 10)
    default = Party(guests=[Guest(name="Ada", arrives=at, price=Decimal("12.50"))])
    wanted = Typed.of(Party).filled_with(default)
    schema = wanted.response().schema
    assert schema is not None
    check_form(schema)
    assert form_errors(schema, PARTY) == ()

    assert wanted.read(answered({})) == default
    party = wanted.read(answered(PARTY))
    assert party.guests[0] == Guest(
        name="Ada", arrives=at, price=Decimal("12.50"), level=Level.HIGH
    )
    assert str(party.guests[0].price) == "12.50"
    assert party.guests[1].note is None
    assert party.tables == 4


def test_a_wrong_part_is_named_by_its_row_and_field_and_stays_as_it_was_filled() -> None:
    wanted = Typed.of(Party)
    schema = wanted.response().schema
    assert schema is not None
    wrong = {"guests": [{"name": "", "arrives": "soon", "price": "much"}]}
    found = {error.field: error.message for error in form_errors(schema, wrong)}
    assert found == {
        "values.guests.0.name": "must have at least 1 character",
        "values.guests.0.arrives": "must be a date with time and zone, such as "
        "`2026-05-01T10:00:00Z`",
        "values.guests.0.price": "must be a decimal number, such as `12.50`",
    }

    refused = {"guests": [{**PARTY["guests"][0], "name": "Nobody", "level": None}]}
    with pytest.raises(WrongValues) as refusal:
        wanted.read(answered(refused))
    assert refusal.value.errors == (FieldError("guests.0.level", "cannot be left empty"),)

    refused["guests"][0].pop("level")
    with pytest.raises(WrongValues) as refusal:
        wanted.read(answered(refused))
    again = wanted.refilled(answered(refused), refusal.value.errors).response()
    said = FieldError("values.guests.0.name", "nobody of this name is on the list")
    assert again.errors == (said,)
    assert again.schema is not None
    assert again.schema["properties"]["guests"]["default"] == refused["guests"]


@pytest.mark.parametrize("default", [time(2, 30), time(2, 30, 15)])
def test_a_time_that_nobody_changes_comes_back(default: time) -> None:
    wanted = Typed.of(create_model("Asked", at=(time, default)))
    schema = wanted.response().schema
    assert schema is not None
    shown = {"at": schema["properties"]["at"]["default"]}
    assert form_errors(schema, shown) == ()
    assert wanted.read(answered(shown)).at == default


@pytest.mark.parametrize(
    ("default", "kind"),
    [
        (datetime(2026, 5, 1, 10), "date-time-local"),
        (datetime(2026, 5, 1, 10, tzinfo=timezone.utc), "date-time"),
        (time(10), "time-local"),
        (time(10, tzinfo=timezone.utc), "time"),
    ],
)
def test_a_moment_has_a_zone_if_its_default_has_one(default: datetime | time, kind: str) -> None:
    asked = create_model("Asked", at=(type(default), default))
    without = create_model("Asked", at=(type(default), ...))
    for wanted in (Typed.of(asked), Typed.of(without).filled_with({"at": default.isoformat()})):
        schema = wanted.response().schema
        assert schema is not None
        field = schema["properties"]["at"]
        assert field["format"] == kind
        assert form_errors(schema, {"at": field["default"]}) == ()  # as nobody touched it
        assert wanted.read(answered({"at": field["default"]})).at == default


def test_a_time_comes_back_with_or_without_a_zone_as_it_was_written() -> None:
    wanted = Typed.of(create_model("Asked", at=(time, ...), then=(NaiveDatetime, ...)))
    schema = wanted.response().schema
    assert schema is not None
    for values, at in (
        ({"at": "10:00", "then": "2026-05-01 10:00"}, time(10)),
        ({"at": "10:00Z", "then": "2026-05-01T10:00:00.5"}, time(10, tzinfo=timezone.utc)),
    ):
        assert form_errors(schema, values) == ()
        read = wanted.read(answered(values))
        assert read.at == at
        assert read.then.tzinfo is None


class Emptied(BaseModel):
    """Fields with defaults, of which some may hold nothing."""

    limit: int | None = 10
    due: date | None = date(2026, 5, 1)
    colour: Literal["red", "blue"] | None = "red"
    seats: int = 3


NOTHING = {"limit": None, "due": None, "colour": None}


def test_a_field_that_a_person_empties_is_none_and_not_the_default() -> None:
    wanted = Typed.of(Emptied)
    schema = wanted.response().schema
    assert schema is not None
    assert form_errors(schema, NOTHING) == ()

    assert wanted.read(answered(NOTHING)) == Emptied(limit=None, due=None, colour=None)
    assert wanted.read(answered({})) == Emptied()


def test_an_emptied_field_that_cannot_be_none_is_asked_again() -> None:
    with pytest.raises(WrongValues, match="seats: cannot be left empty"):
        Typed.of(Emptied).read(answered({"seats": None}))


def test_an_emptied_field_stays_empty_when_the_form_is_asked_again() -> None:
    again = Typed.of(Emptied).refilled(answered(NOTHING), ())
    schema = again.response().schema
    assert schema is not None
    assert "default" not in schema["properties"]["limit"]

    assert again.read(answered({"seats": 4})) == Emptied(limit=None, due=None, colour=None, seats=4)


def test_a_default_of_the_askers_may_be_nothing_too() -> None:
    default = Emptied(limit=None, due=None, seats=5)
    wanted = Typed.of(Emptied).filled_with(default)
    schema = wanted.response().schema
    assert schema is not None
    assert "default" not in schema["properties"]["limit"]

    at_the_deadline = Typed.of(Emptied).default(default)["values"]
    assert form_errors(schema, at_the_deadline) == ()
    assert wanted.read(answered(at_the_deadline)) == default
    assert wanted.read(answered({})) == default


def test_an_emptied_field_of_a_json_schema_is_left_out_unless_it_may_be_null() -> None:
    properties = {
        "n": {"type": "integer", "default": 3},
        "m": {"type": ["integer", "null"], "default": 3},
        "size": {"$ref": "#/$defs/Size"},
    }
    wanted = Typed.of(
        {"type": "object", "properties": properties, "$defs": {"Size": {"type": "integer"}}}
    )

    assert wanted.read(answered({"n": None, "m": None, "size": 1})) == {"m": None, "size": 1}


class Payment(BaseModel):
    """An amount that nobody may change, and a note."""

    amount: int = Field(default=0, json_schema_extra={"readOnly": True})
    note: str = ""


class Payments(BaseModel):
    """Values that are only shown, at every depth."""

    total: int | None = Field(default=None, json_schema_extra={"readOnly": True})
    first: Payment = Payment()
    rows: list[Payment] = []


PAYMENTS = Payments(
    total=300,
    first=Payment(amount=100, note="a"),
    rows=[Payment(amount=100, note="b"), Payment(amount=200, note="c")],
)


def test_what_is_only_shown_comes_back_as_it_was_shown_at_every_depth() -> None:
    wanted = Typed.of(Payments).filled_with(PAYMENTS)
    schema = wanted.response().schema
    assert schema is not None
    values = {"first": {"note": "d"}, "rows": [{"note": "e"}, {"note": "f"}, {"note": "new"}]}
    assert form_errors(schema, values) == ()
    expected = Payments(
        total=300,
        first=Payment(amount=100, note="d"),
        rows=[
            Payment(amount=100, note="e"),
            Payment(amount=200, note="f"),
            Payment(amount=0, note="new"),
        ],
    )
    assert wanted.read(answered(values)) == expected
    again = wanted.refilled(answered(values), ())
    assert again.read(answered({})) == expected


def test_what_is_only_shown_cannot_be_emptied() -> None:
    schema = Typed.of(Payments).filled_with(PAYMENTS).response().schema
    assert schema is not None
    emptied = {"total": None, "first": {"amount": None}, "rows": [{"amount": None}]}
    said = "is only shown and cannot be changed"
    assert form_errors(schema, emptied) == (
        FieldError("values.total", said),
        FieldError("values.first.amount", said),
        FieldError("values.rows.0.amount", said),
    )


def test_what_a_part_leaves_out_stays_as_shown_but_no_row_takes_from_a_removed_one() -> None:
    wanted = Typed.of(Payments).filled_with(PAYMENTS)
    read = wanted.read(answered({"first": {}, "rows": [{}]}))
    assert read.first.note == "a"
    assert [row.note for row in read.rows] == [""]


def test_a_whole_number_comes_back_as_an_int_and_never_rounded() -> None:
    wanted = Typed.of({"type": "object", "properties": {"n": {"type": "integer"}}})
    for value, expected in ((5.0, 5), (2**60, 2**60)):
        read = wanted.read(answered({"n": value}))
        assert read == {"n": expected}
        assert type(read["n"]) is int
    with pytest.raises(WrongValues, match="n: must be a whole number, written with all"):
        wanted.read(answered({"n": 1e300}))
