"""What a person at a terminal is asked for, as steps without I/O.

:func:`steps` yields what to show and which line to read, is sent each line, and returns
the answer. It asks only for what the request accepts, and again until there is an answer
that means something. Whether it fits, the server says.

Nothing counts as an approval but the word, and where the caller wants it (``enter``) a
blank line at those questions for which crewAI's own console says so.
"""

from collections.abc import Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from crewai_hitl_nb.protocol.events import Decision, HumanInputRequired, Kind, Response
from crewai_hitl_nb.protocol.schema import FORMATS
from crewai_hitl_nb.terminal.sanitize import one_line

T = TypeVar("T")

ENTER_MEANS: Final[Mapping[Kind, str]] = {
    "task_feedback": "accept the result",
    "flow_feedback": "go on without feedback",
}
"""Where a blank line may approve, and what that does. Not where a tool or a model call waits
for permission: a key pressed too early must not run it."""

_EMPTY: Final = "-"
"""What empties a field that has a default and need not be filled."""

_TRUTH: Final[Mapping[str, bool]] = {"y": True, "yes": True, "n": False, "no": False}
_YES_NO: Final = (*_TRUTH, "true", "false")


@dataclass(frozen=True)
class Reply:
    """What a person answers, whether asked for it or by the command line.

    Attributes:
        decision: What they decided; never left to be inferred from blank text.
        text: Their words.
        options: What they chose.
        values: The form they filled.
    """

    decision: Decision
    text: str = ""
    options: tuple[str, ...] | None = None
    values: dict[str, Any] | None = None


@dataclass(frozen=True)
class Note:
    """A line to show.

    Attributes:
        text: The line.
        style: In rich's words.
    """

    text: str
    style: str = ""


@dataclass(frozen=True)
class Ask:
    """A line to read.

    Attributes:
        label: What stands before it.
        blank: Whether a blank line says something.
        whole: Whether it may be a text of several lines.
    """

    label: str
    blank: bool = False
    whole: bool = False


Steps: TypeAlias = Generator[Note | Ask, str, T]
"""Yields what to do; is sent the line after an :class:`Ask`, anything after a note."""


def steps(request: HumanInputRequired, *, enter: bool = False) -> Steps[Reply]:
    """Ask for an answer to the request.

    Args:
        request: The question.
        enter: Whether a blank line approves where :data:`ENTER_MEANS` says so.
    """
    response = request.response
    meaning = ENTER_MEANS.get(request.kind) if enter else None
    if meaning and "approve" in response.decisions and "reject" not in response.decisions:
        return (yield from _at_once(request, meaning))
    decision = yield from _decision(response.decisions)
    if decision == "approve":
        return Reply(decision)
    if decision == "reject":
        return Reply(decision, text=(yield Ask("Why (may be blank)", blank=True)).strip())
    return (yield from _content(request, decision))


def _at_once(request: HumanInputRequired, meaning: str) -> Steps[Reply]:
    """Let one line decide: blank approves, anything else is the answer."""
    response = request.response
    if response.schema is not None:
        said = yield Ask(f"Press Enter to {meaning}, or type anything to fill the form", blank=True)
        return (yield from _content(request, "respond")) if said.strip() else Reply("approve")
    if response.options is not None:
        yield from _listed(response.options)
        chosen = yield from _choice(response, f"Press Enter to {meaning}, or choose")
        if not chosen:
            return Reply("approve")
        return (yield from _commented(request, chosen))
    label = f"Press Enter to {meaning}, or say what to change"
    said = (yield Ask(label, blank=True, whole=True)).strip()
    # Who types the decision's name means the decision.
    return Reply("approve") if said in ("", "approve") else Reply("respond", text=said)


def _content(request: HumanInputRequired, decision: Decision) -> Steps[Reply]:
    response = request.response
    if response.schema is not None:
        return Reply(decision, values=(yield from _form(response.schema)))
    if response.options is not None:
        yield from _listed(response.options)
        chosen = yield from _choice(response, None)
        return (yield from _commented(request, chosen))
    return Reply(decision, text=(yield from _text()))


def _commented(request: HumanInputRequired, chosen: tuple[str, ...]) -> Steps[Reply]:
    """A flow's outcome may come with words; they are its feedback."""
    if request.kind != "flow_feedback":
        return Reply("respond", options=chosen)
    comment = yield Ask("A comment (may be blank)", blank=True, whole=True)
    return Reply("respond", text=comment.strip(), options=chosen)


def _decision(decisions: Sequence[Decision]) -> Steps[Decision]:
    if tuple(decisions) == ("respond",):
        return "respond"
    while True:
        said = (yield Ask(f"Your decision ({', '.join(decisions)})")).strip().lower()
        meant = [decision for decision in decisions if said and decision.startswith(said)]
        if len(meant) == 1:
            return meant[0]
        yield Note(f"Type one of {', '.join(decisions)}; Ctrl-C leaves without an answer.")


def _text() -> Steps[str]:
    while True:
        text = (yield Ask("Your answer", whole=True)).strip()
        if text:
            return text
        yield Note("Nothing was written.")


def _listed(options: Sequence[str]) -> Steps[None]:
    for number, option in enumerate(options, 1):
        yield Note(f"  {number}  {one_line(option)}")


def _choice(response: Response, on_enter: str | None) -> Steps[tuple[str, ...]]:
    """Ask for options by number; none at all where a blank line says something."""
    options = response.options or ()
    what = "numbers with commas between" if response.multiple else "a number"
    while True:
        said = yield Ask(f"{on_enter or 'Your choice'}, {what}", blank=on_enter is not None)
        if on_enter is not None and not said.strip():
            return ()
        numbers = [part.strip() for part in said.split(",")]
        right_many = response.multiple or len(numbers) == 1
        if right_many and all(_is_place(number, options) for number in numbers):
            return tuple(options[int(number) - 1] for number in numbers)
        yield Note(f"From 1 to {len(options)}, please.")


def _is_place(text: str, options: Sequence[str]) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= len(options)


def _form(form: Mapping[str, Any]) -> Steps[dict[str, Any]]:
    values: dict[str, Any] = {}
    required = form.get("required", ())
    for name, field in form["properties"].items():
        if field.get("description"):
            yield Note(f"  {field['description']}", "dim")
        value = yield from _field(name, field, needed=name in required)
        if value is not None or field.get("default") is not None:
            values[name] = value
    return values


def _field(name: str, field: Mapping[str, Any], *, needed: bool) -> Steps[Any]:
    """Ask for one field of a form; None leaves it out, or empties what had a default."""
    present = field.get("default")
    hint = "" if needed else ", may be blank"
    if present is not None:
        hint = f", blank keeps {one_line(msgspec.json.encode(present).decode())}"
        hint += "" if needed else f", {_EMPTY} leaves it empty"
    label = f"{one_line(str(field.get('title') or name))} ({_expected(field)}{hint})"
    while True:
        said = (yield Ask(label, blank=bool(hint))).strip()
        if not said and hint:
            return present
        if said == _EMPTY and present is not None and not needed:
            return None
        try:
            return _value(said, field["type"])
        except ValueError:
            yield Note(f"This takes: {_expected(field)}.")


def _expected(field: Mapping[str, Any]) -> str:
    choices = field.get("enum") or field.get("items", {}).get("enum")
    if choices is not None:
        listed = " | ".join(one_line(str(choice)) for choice in choices)
        return f"some of {listed}, with commas between" if field["type"] == "array" else listed
    said = FORMATS.get(field.get("format", ""), "text").replace("`", "")
    return {"boolean": "yes or no", "string": said}.get(field["type"], str(field["type"]))


def _value(said: str, kind: str) -> Any:
    """Turn what was typed into a value of the field's type.

    Raises:
        ValueError: It is none.
    """
    if kind == "boolean":
        if said.lower() not in _YES_NO:
            raise ValueError(said)
        return _TRUTH.get(said.lower(), said.lower() == "true")
    if kind in ("integer", "number"):
        return msgspec.json.decode(said, type=int if kind == "integer" else float)
    if kind == "array":
        return [part.strip() for part in said.split(",")]
    return said
