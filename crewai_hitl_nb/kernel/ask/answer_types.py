"""The types of answer to ``ask()``: a text, one or several options, or a filled form.

Pure. Each type says which answers are acceptable and converts an answer to the caller's own
value. The server validates a form first; here the caller's own rules validate it again. It is
used by ``public/ask.py`` and uses ``ask/form_schema.py`` and the protocol.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

import msgspec
from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError, create_model
from pydantic_core import ErrorDetails

from crewai_hitl_nb.kernel.ask.form_schema import FormSchema, files_alone, form_of
from crewai_hitl_nb.kernel.ask.forms import Form, Nothing, WrongValues
from crewai_hitl_nb.kernel.ask.frames import EditedFrame, are_columns, is_data_frame
from crewai_hitl_nb.kernel.ask.row_decisions import RowByRow
from crewai_hitl_nb.kernel.files import file_in
from crewai_hitl_nb.kernel.tasks.human_input import answer_text
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.arguments import WrongArgument, several, yes_or_no
from crewai_hitl_nb.protocol.errors import FieldError
from crewai_hitl_nb.protocol.events import HumanInputCompleted, Response
from crewai_hitl_nb.protocol.files import reference_from_wire
from crewai_hitl_nb.protocol.form_values import broken_rule, shortened
from crewai_hitl_nb.protocol.json_safe import text_of

_MAX_OPTION_CHARS = 1000
_SCHEMA = "a type such as a pydantic model, or a JSON Schema"


class AnswerType(Protocol):
    """One type of answer."""

    def response(self) -> Response:
        """Return which answers are acceptable."""
        ...

    def read(self, answer: HumanInputCompleted) -> Any:
        """Convert an answer to the caller's value.

        Raises:
            WrongValues: The answer breaks the caller's rules.
        """
        ...

    def refilled(self, answer: HumanInputCompleted, errors: tuple[FieldError, ...]) -> "AnswerType":
        """Return the same type, filled in with this answer and its errors, to ask again."""
        ...

    def default(self, value: Any) -> Any:
        """Convert the caller's default to its form on the wire.

        Raises:
            ValueError: It is not a possible answer.
        """
        ...


class Text:
    """Free text."""

    def response(self) -> Response:
        """Return a response that accepts text."""
        return Response(decisions=("respond",))

    def read(self, answer: HumanInputCompleted) -> str:
        """Return the text that the person wrote."""
        return answer_text(answer)

    def refilled(self, answer: HumanInputCompleted, errors: tuple[FieldError, ...]) -> "Text":
        """Return this type: a text is not filled in."""
        return self

    def default(self, value: Any) -> str:
        """Return the text, which must not be blank."""
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"default must be a text that is not blank, not {value!r}")
        return value


class Choice:
    """One of the options, or several.

    Args:
        options: The values to choose from; each is shown as its text.
        multiple: Whether several may be chosen; the value is then a list.

    Raises:
        ValueError: There are no options, or too many, or two with the same text.
    """

    def __init__(self, options: Iterable[Any], multiple: bool) -> None:
        given = several("options", "options such as ['yes', 'no']", options)
        self._options = {text_of(option): option for option in given}
        self._multiple = multiple
        if not 0 < len(given) <= limits.MAX_OPTIONS:
            raise ValueError(f"there must be 1 to {limits.MAX_OPTIONS} options, not {len(given)}")
        if len(self._options) < len(given):
            raise ValueError("two of the options have the same text")
        for label in self._options:
            if not label.strip() or len(label) > _MAX_OPTION_CHARS:
                raise ValueError(
                    f"an option must have 1 to {_MAX_OPTION_CHARS} characters: {label[:80]!r}"
                )

    def response(self) -> Response:
        """Return the options."""
        return Response(
            decisions=("respond",), options=tuple(self._options), multiple=self._multiple
        )

    def read(self, answer: HumanInputCompleted) -> Any:
        """Return the chosen option, or the list of chosen options."""
        chosen = [self._options[label] for label in answer.options or () if label in self._options]
        if not chosen:
            raise WrongValues((FieldError("", "none of the options was chosen"),))
        return chosen if self._multiple else chosen[0]

    def refilled(self, answer: HumanInputCompleted, errors: tuple[FieldError, ...]) -> "Choice":
        """Return this type: options are not filled in."""
        return self

    def default(self, value: Any) -> dict[str, Any]:
        """Return one of the options, or several."""
        several = self._multiple and isinstance(value, list | tuple | set | frozenset)
        labels = [text_of(one) for one in value] if several else [text_of(value)]
        if not labels or any(label not in self._options for label in labels):
            raise ValueError(f"default must be one of the options, not {value!r}")
        return {"decision": "respond", "options": labels}


@dataclass(frozen=True)
class Typed:
    """A filled form.

    Attributes:
        schema: A JSON Schema, which gives a dict, or a type that pydantic knows, which gives an
            instance.
        form: The form that people fill.
        errors: What is wrong with the values that the form is filled with.
        only: The field whose value alone is the answer; None if all of them are.
    """

    schema: Any
    form: Form
    errors: tuple[FieldError, ...] = ()
    only: str | None = None

    @classmethod
    def of(cls, schema: Any) -> "Typed":
        """Return the form of a schema.

        Args:
            schema: A pydantic model, any other type that pydantic reads from an object,
                a file or a list of files, or a JSON Schema.

        Raises:
            ValueError: It cannot be shown as a form; the message names the field.
        """
        if isinstance(schema, Mapping):
            return cls(schema, form_of(schema))
        if isinstance(schema, str | bytes | int | float | list | tuple | set):
            raise WrongArgument("schema", _SCHEMA, schema)
        if isinstance(schema, BaseModel):
            raise WrongArgument("schema", f"{_SCHEMA} (pass an instance as default=)", schema)
        try:
            described = TypeAdapter(schema).json_schema(schema_generator=FormSchema)
        except PydanticUserError as error:
            raise ValueError(f"cannot make a form from {schema!r}: {error.message}") from None
        if (name := files_alone(described)) is not None:
            may_be_missing = any(kind.get("type") == "null" for kind in described.get("anyOf", ()))
            field = (schema, None if may_be_missing else ...)
            return replace(cls.of(create_model("Files", **{name: field})), only=name)  # type: ignore[call-overload]
        return cls(schema, form_of(described))

    def response(self) -> Response:
        """Return the form."""
        return Response(
            decisions=("respond",), schema=self.form.schema, errors=self.errors or msgspec.UNSET
        )

    def read(self, answer: HumanInputCompleted) -> Any:
        """Convert the form's values to the caller's type.

        A type has a default for a field that was emptied, which the person did not mean; a JSON
        Schema has none.
        """
        nothing: Nothing = "drop" if isinstance(self.schema, Mapping) else "refuse"
        found = self._checked(self.form.read(answer.values or {}, nothing))
        return found if self.only is None else getattr(found, self.only)

    def refilled(self, answer: HumanInputCompleted, errors: tuple[FieldError, ...]) -> "Typed":
        """Return the form with the values that the person entered, each error at its field."""
        placed = tuple(
            FieldError(f"values.{error.field}".removesuffix("."), shortened(error.message))
            for error in [*errors, *self._lost(answer, errors)][: limits.MAX_SCHEMA_PROPERTIES]
        )
        return replace(self, form=self.form.refilled(answer.values or {}), errors=placed)

    def _lost(
        self, answer: HumanInputCompleted, errors: tuple[FieldError, ...]
    ) -> Iterable[FieldError]:
        """Ask for the files again that the form cannot show: each belongs to one question."""
        wrong = {error.field for error in errors}
        for path, file in self.form.files_in(answer.values or {}):
            if path not in wrong:
                yield FieldError(path, f"choose {reference_from_wire(file).name} again")

    def default(self, value: Any) -> dict[str, Any]:
        """Return the form's values from an instance or a dict."""
        values = self._dumped(value if self.only is None else self.schema(**{self.only: value}))
        if named := next(self.form.files_in(values), None):
            raise ValueError(f"default cannot have a file, which people attach: {named[0]}")
        try:
            self._checked(values)
        except (WrongValues, ValidationError) as error:
            raise ValueError(f"default does not fit the form: {error}") from None
        return {"decision": "respond", "values": self.form.shown(values)}

    def filled_with(self, value: Any) -> "Typed":
        """Return the form filled with a default, which people can change."""
        return replace(self, form=self.form.filled_with(self._dumped(value)))

    def _dumped(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Mapping):
            return dict(value)
        if isinstance(self.schema, Mapping):
            raise ValueError(f"default must be a dict of the form's values, not {value!r}")
        dumped = TypeAdapter(self.schema).dump_python(value, mode="json", by_alias=True)
        return dict(dumped)

    def _checked(self, values: Mapping[str, Any]) -> Any:
        """Convert the values to the caller's type, applying all of its rules.

        Raises:
            WrongValues: They break a rule.
        """
        if isinstance(self.schema, Mapping):
            if errors := _broken_rules(self.schema, values):
                raise WrongValues(errors)
            return self.form.replacing_files(values, lambda raw: file_in(reference_from_wire(raw)))
        adapter = TypeAdapter(self.schema)
        try:
            # From JSON, because there even a strict model accepts a date as a text.
            return adapter.validate_json(TypeAdapter(dict).dump_json(dict(values)))
        except ValidationError as refusal:
            raise WrongValues(errors_of(refusal)) from None


def _broken_rules(schema: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Return what breaks the caller's own JSON Schema; the form has checked the formats."""
    import jsonschema  # here, because it takes a second and most questions have no form

    found = jsonschema.Draft202012Validator(schema).iter_errors(dict(values))
    return tuple(
        FieldError(".".join(map(str, error.absolute_path)), broken_rule(error)) for error in found
    )


def answer_type_of(
    options: Iterable[Any] | None, multiple: bool, schema: Any, rows: Any = None
) -> AnswerType:
    """Return the type of answer that the arguments of a question describe.

    Raises:
        ValueError: The arguments contradict each other, or cannot be asked.
    """
    multiple = yes_or_no("multiple", multiple)
    if rows is not None:
        if options is not None or multiple or schema is not None:
            raise ValueError("give rows, options or a schema, one of them")
        return RowByRow(rows)
    if schema is not None:
        if options is not None or multiple:
            raise ValueError("give options or a schema, not both")
        if is_data_frame(schema) or are_columns(schema):
            return EditedFrame.of(schema)
        return Typed.of(schema)
    if options is not None:
        return Choice(options, multiple)
    if multiple:
        raise ValueError("multiple=True needs options to choose from")
    return Text()


def errors_of(refusal: WrongValues | ValidationError) -> tuple[FieldError, ...]:
    """Return what is wrong with values, field by field."""
    if isinstance(refusal, WrongValues):
        return refusal.errors
    return tuple(
        FieldError(".".join(map(str, error["loc"])), _words_of(error))
        for error in refusal.errors(include_url=False)
    )


def _words_of(error: ErrorDetails) -> str:
    """Return what a person reads: a validator's own words, without pydantic's in front of them."""
    cause = error.get("ctx", {}).get("error")
    return str(cause) if isinstance(cause, Exception) and str(cause) else error["msg"]


def error_list(errors: Iterable[FieldError]) -> str:
    """Return the errors as a Markdown list for people."""
    return "\n".join(f"- `{e.field}`: {e.message}" if e.field else f"- {e.message}" for e in errors)
