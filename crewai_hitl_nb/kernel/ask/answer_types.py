"""What an asker wants back: a text, one or several options, or a filled form.

Pure. Each kind says which answers are acceptable, and turns an answer into the asker's own
value. The server judges a form first; here the asker's own rules judge it again. Above it
is ``public/ask.py``; below are ``ask/forms.py`` and the protocol.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from typing import Any, Protocol

from pydantic import BaseModel, PydanticUserError, TypeAdapter, ValidationError

from crewai_hitl_nb.kernel.ask.forms import Form, FormSchema, WrongValues, form_of
from crewai_hitl_nb.kernel.tasks.human_input import said_of
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.arguments import WrongArgument, several, yes_or_no
from crewai_hitl_nb.protocol.errors import FieldError
from crewai_hitl_nb.protocol.events import HumanInputCompleted, Response
from crewai_hitl_nb.protocol.json_safe import text_of
from crewai_hitl_nb.protocol.schema import shortened

_MAX_OPTION_CHARS = 1000
_SCHEMA = "a type such as a pydantic model, or a JSON Schema"


class Wanted(Protocol):
    """One kind of answer."""

    def response(self) -> Response:
        """Return which answers are acceptable."""
        ...

    def read(self, answer: HumanInputCompleted) -> Any:
        """Return an answer as the asker's value.

        Raises:
            WrongValues: It does not fit.
        """
        ...

    def refilled(self, answer: HumanInputCompleted) -> "Wanted":
        """Return the same with what this answer said in it, to ask again."""
        ...

    def default(self, value: Any) -> Any:
        """Return the asker's default as it stands on the wire.

        Raises:
            ValueError: It is no possible answer.
        """
        ...


class Text:
    """Whatever a person writes."""

    def response(self) -> Response:
        """Return that text is acceptable."""
        return Response(decisions=("respond",))

    def read(self, answer: HumanInputCompleted) -> str:
        """Return what they wrote."""
        return said_of(answer)

    def refilled(self, answer: HumanInputCompleted) -> "Text":
        """Return the same."""
        return self

    def default(self, value: Any) -> str:
        """Return a text, which must not be blank."""
        if not isinstance(value, str) or not value.strip():
            raise ValueError(f"default is a text that is not blank, not {value!r}")
        return value


class Choice:
    """One of the options, or several.

    Args:
        options: Whatever is to be chosen; each is shown as its text.
        multiple: Whether several may be chosen; then a list comes back.

    Raises:
        ValueError: There are none, or too many, or two that look alike.
    """

    def __init__(self, options: Iterable[Any], multiple: bool) -> None:
        given = several("options", "options such as ['yes', 'no']", options)
        self._options = {text_of(option): option for option in given}
        self._multiple = multiple
        if not 0 < len(given) <= limits.MAX_OPTIONS:
            raise ValueError(f"options are 1 to {limits.MAX_OPTIONS}, not {len(given)}")
        if len(self._options) < len(given):
            raise ValueError("two of the options look alike as text")
        for label in self._options:
            if not label.strip() or len(label) > _MAX_OPTION_CHARS:
                raise ValueError(
                    f"an option is 1 to {_MAX_OPTION_CHARS} characters: {label[:80]!r}"
                )

    def response(self) -> Response:
        """Return the options."""
        return Response(
            decisions=("respond",), options=tuple(self._options), multiple=self._multiple
        )

    def read(self, answer: HumanInputCompleted) -> Any:
        """Return the option that was chosen, or the list of them."""
        chosen = [self._options[label] for label in answer.options or () if label in self._options]
        if not chosen:
            raise WrongValues((FieldError("", "none of the options was chosen"),))
        return chosen if self._multiple else chosen[0]

    def refilled(self, answer: HumanInputCompleted) -> "Choice":
        """Return the same."""
        return self

    def default(self, value: Any) -> dict[str, Any]:
        """Return one of the options, or several."""
        several = self._multiple and isinstance(value, list | tuple | set | frozenset)
        labels = [text_of(one) for one in value] if several else [text_of(value)]
        if not labels or any(label not in self._options for label in labels):
            raise ValueError(f"default is one of the options, not {value!r}")
        return {"decision": "respond", "options": labels}


@dataclass(frozen=True)
class Typed:
    """A filled form.

    Attributes:
        schema: A JSON Schema, for which a dict comes back, or a type that pydantic knows,
            for which an instance does.
        form: What people fill.
    """

    schema: Any
    form: Form

    @classmethod
    def of(cls, schema: Any) -> "Typed":
        """Return the form of a schema.

        Args:
            schema: A pydantic model, any other type that pydantic reads from an object,
                or a JSON Schema.

        Raises:
            ValueError: It cannot be a flat form; the message names the field.
        """
        if isinstance(schema, Mapping):
            return cls(schema, form_of(schema))
        if isinstance(schema, str | bytes | int | float | list | tuple | set):
            raise WrongArgument("schema", _SCHEMA, schema)
        if isinstance(schema, BaseModel):
            raise WrongArgument("schema", f"{_SCHEMA} (pass the filled one as default=)", schema)
        try:
            described = TypeAdapter(schema).json_schema(schema_generator=FormSchema)
        except PydanticUserError as error:
            raise ValueError(f"no form can be made of {schema!r}: {error.message}") from None
        return cls(schema, form_of(described))

    def response(self) -> Response:
        """Return the form."""
        return Response(decisions=("respond",), schema=self.form.schema)

    def read(self, answer: HumanInputCompleted) -> Any:
        """Return what was filled in, as the asker's type."""
        return self._checked(self._without_nothing(self.form.read(answer.values or {})))

    def refilled(self, answer: HumanInputCompleted) -> "Typed":
        """Return the form as it was filled."""
        return replace(self, form=self.form.refilled(answer.values or {}))

    def default(self, value: Any) -> dict[str, Any]:
        """Return the values of an instance, or of a dict."""
        try:
            values = self._dumped(value)
            self._checked(values)
        except (WrongValues, ValidationError) as error:
            raise ValueError(f"default does not fit the form: {error}") from None
        return {"decision": "respond", "values": self.form.shown(values)}

    def filled_with(self, value: Any) -> "Typed":
        """Return the form with a default in it, for people to change."""
        return replace(self, form=self.form.filled_with(self._dumped(value)))

    def _dumped(self, value: Any) -> dict[str, Any]:
        if isinstance(value, Mapping):
            return dict(value)
        if isinstance(self.schema, Mapping):
            raise ValueError(f"default is a dict of the form's values, not {value!r}")
        dumped = TypeAdapter(self.schema).dump_python(value, mode="json", by_alias=True)
        return dict(dumped)

    def _without_nothing(self, values: Mapping[str, Any]) -> dict[str, Any]:
        """Return the values without the fields that were emptied and cannot hold None.

        Raises:
            WrongValues: One of them has a default in its type, which nobody meant.
        """
        emptied = [
            name
            for name, value in values.items()
            if value is None and not (name in self.form.fields and self.form.fields[name].nullable)
        ]
        if emptied and not isinstance(self.schema, Mapping):
            raise WrongValues(tuple(FieldError(name, "cannot be left empty") for name in emptied))
        return {name: value for name, value in values.items() if name not in emptied}

    def _checked(self, values: Mapping[str, Any]) -> Any:
        """Return the values as the asker's type, by all of its rules.

        Raises:
            WrongValues: They break one.
        """
        if isinstance(self.schema, Mapping):
            if errors := _broken_rules(self.schema, values):
                raise WrongValues(errors)
            return dict(values)
        adapter = TypeAdapter(self.schema)
        try:
            # From JSON, in which a date is a text even for a strict model.
            return adapter.validate_json(TypeAdapter(dict).dump_json(dict(values)))
        except ValidationError as refusal:
            raise WrongValues(errors_of(refusal)) from None


def _broken_rules(schema: Mapping[str, Any], values: Mapping[str, Any]) -> tuple[FieldError, ...]:
    """Return what breaks the asker's own JSON Schema; its formats were the form's to check."""
    import jsonschema  # here, because it takes a second and most questions carry no form

    found = jsonschema.Draft202012Validator(schema).iter_errors(dict(values))
    return tuple(
        FieldError(".".join(map(str, error.absolute_path)), shortened(error.message))
        for error in found
    )


def wanted_of(options: Iterable[Any] | None, multiple: bool, schema: Any) -> Wanted:
    """Return the kind of answer that the arguments of a question describe.

    Raises:
        ValueError: They contradict each other, or cannot be asked.
    """
    multiple = yes_or_no("multiple", multiple)
    if schema is not None:
        if options is not None or multiple:
            raise ValueError("give options or a schema, not both")
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
        FieldError(".".join(map(str, error["loc"])), error["msg"])
        for error in refusal.errors(include_url=False)
    )


def errors_said(errors: Iterable[FieldError]) -> str:
    """Return what is wrong as a list for people."""
    return "\n".join(f"- `{e.field}`: {e.message}" if e.field else f"- {e.message}" for e in errors)
