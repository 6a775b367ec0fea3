"""The dialog in which a person at a terminal answers a question, as steps without I/O.

:func:`steps` yields what to show and which line to read, receives each line, and returns the
answer; :func:`go_through` takes the steps with a reader of lines. The dialog asks only for what the
request accepts, and repeats until there is an answer. The server decides whether the answer is
valid.

Only the word "approve" approves. If the caller asks for it (``enter``), a blank line also
approves, but only for the questions where crewAI's own console offers that.
"""

from collections.abc import Callable, Generator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, TypeAlias, TypeVar

import msgspec

from crewai_hitl_nb.protocol.events import Decision, HumanInputRequired, Kind, Response
from crewai_hitl_nb.protocol.schema import FORMATS
from crewai_hitl_nb.terminal.sanitize import one_line

T = TypeVar("T")

ENTER_MEANS: Final[Mapping[Kind, str]] = {
    "task_feedback": "accept the result",
    "flow_feedback": "continue without feedback",
}
"""The kinds of question that a blank line may approve, and what that does. Tool and model calls
are not among them: a key pressed too early must not run them."""

_EMPTY: Final = "-"
"""What a person types to empty an optional field that has a default."""

_TRUTH: Final[Mapping[str, bool]] = {"y": True, "yes": True, "n": False, "no": False}
_EXPECTED: Final = {"boolean": "yes or no", "integer": "a whole number", "number": "a number"}
_YES_NO: Final = (*_TRUTH, "true", "false")


@dataclass(frozen=True)
class Reply:
    """A person's answer, from a dialog or from the command line.

    Attributes:
        decision: Their decision; it is never inferred from blank text.
        text: Their text.
        options: The options they chose.
        values: The values of the form they filled.
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
        style: Its style, as rich names it.
    """

    text: str
    style: str = ""


@dataclass(frozen=True)
class Ask:
    """A line to read.

    Attributes:
        label: The prompt in front of it.
        blank: Whether a blank line is an answer.
        whole: Whether the text may have several lines.
    """

    label: str
    blank: bool = False
    whole: bool = False


Steps: TypeAlias = Generator[Note | Ask, str, T]
"""Yields what to do; the caller sends the line after an :class:`Ask`, anything after a note."""


def go_through(dialog: Steps[T], read: Callable[[Ask], str], show: Callable[[Note], None]) -> T:
    """Take every step of a dialog, and return its result.

    Args:
        dialog: The steps.
        read: Reads the line that a step asks for; what it raises ends the dialog.
        show: Shows a note.
    """
    line = ""
    try:
        step = next(dialog)
        while True:
            if isinstance(step, Ask):
                line = read(step)
            else:
                show(step)
            step = dialog.send(line)
    except StopIteration as end:
        result: T = end.value
        return result


def steps(request: HumanInputRequired, *, enter: bool = False) -> Steps[Reply]:
    """Ask for an answer to the request.

    Args:
        request: The question.
        enter: Whether a blank line approves the kinds of question in :data:`ENTER_MEANS`.
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
        typed = yield Ask(
            f"Press Enter to {meaning}, or type anything to fill the form", blank=True
        )
        return (yield from _content(request, "respond")) if typed.strip() else Reply("approve")
    if response.options is not None:
        yield from _listed(response.options)
        chosen = yield from _choice(response, f"Press Enter to {meaning}, or choose")
        if not chosen:
            return Reply("approve")
        return (yield from _commented(request, chosen))
    label = f"Press Enter to {meaning}, or say what to change"
    typed = (yield Ask(label, blank=True, whole=True)).strip()
    # A person who types the name of the decision means the decision.
    return Reply("approve") if typed in ("", "approve") else Reply("respond", text=typed)


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
    """Ask for a comment if the choice is a flow's outcome: the comment is its feedback."""
    if request.kind != "flow_feedback":
        return Reply("respond", options=chosen)
    comment = yield Ask("A comment (may be blank)", blank=True, whole=True)
    return Reply("respond", text=comment.strip(), options=chosen)


def _decision(decisions: Sequence[Decision]) -> Steps[Decision]:
    if tuple(decisions) == ("respond",):
        return "respond"
    while True:
        typed = (yield Ask(f"Your decision ({', '.join(decisions)})")).strip().lower()
        meant = [decision for decision in decisions if typed and decision.startswith(typed)]
        if len(meant) == 1:
            return meant[0]
        yield Note(
            f"Type one of {', '.join(decisions)}, or press Ctrl-C to leave without answering."
        )


def _text() -> Steps[str]:
    while True:
        text = (yield Ask("Your answer", whole=True)).strip()
        if text:
            return text
        yield Note("The answer is empty.")


def _listed(options: Sequence[str]) -> Steps[None]:
    for number, option in enumerate(options, 1):
        yield Note(f"  {number}  {one_line(option)}")


def _choice(response: Response, on_enter: str | None) -> Steps[tuple[str, ...]]:
    """Ask for options by number; return none if a blank line is an answer and they enter one."""
    options = response.options or ()
    what = "numbers separated by commas" if response.multiple else "a number"
    while True:
        typed = yield Ask(f"{on_enter or 'Your choice'}, {what}", blank=on_enter is not None)
        if on_enter is not None and not typed.strip():
            return ()
        numbers = [part.strip() for part in typed.split(",")]
        right_many = response.multiple or len(numbers) == 1
        if right_many and all(_is_place(number, options) for number in numbers):
            return tuple(options[int(number) - 1] for number in numbers)
        yield Note(f"Type {what} from 1 to {len(options)}.")


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
    """Ask for one field of a form; None leaves it out, or empties one that had a default."""
    present = field.get("default")
    hint = "" if needed else ", may be blank"
    if present is not None:
        hint = f", blank keeps {one_line(msgspec.json.encode(present).decode())}"
        hint += "" if needed else f", {_EMPTY} leaves it empty"
    label = f"{one_line(str(field.get('title') or name))} ({_expected(field)}{hint})"
    while True:
        typed = (yield Ask(label, blank=bool(hint))).strip()
        if not typed and hint:
            return present
        if typed == _EMPTY and present is not None and not needed:
            return None
        try:
            return _value(typed, field["type"])
        except (ValueError, msgspec.DecodeError):  # up to msgspec 0.20 not a ValueError
            yield Note(f"Expected: {_expected(field)}.")


def _expected(field: Mapping[str, Any]) -> str:
    choices = field.get("enum") or field.get("items", {}).get("enum")
    if choices is not None:
        listed = " | ".join(one_line(str(choice)) for choice in choices)
        return f"some of {listed}, separated by commas" if field["type"] == "array" else listed
    if field["type"] == "string":
        return FORMATS.get(field.get("format", ""), "text").replace("`", "")
    return _EXPECTED[field["type"]]


def _value(typed: str, kind: str) -> Any:
    """Convert the typed text to a value of the field's type.

    Raises:
        ValueError: The text is not a value of that type.
    """
    if kind == "boolean":
        if typed.lower() not in _YES_NO:
            raise ValueError(typed)
        return _TRUTH.get(typed.lower(), typed.lower() == "true")
    if kind in ("integer", "number"):
        return msgspec.json.decode(typed, type=int if kind == "integer" else float)
    if kind == "array":
        return [part.strip() for part in typed.split(",")]
    return typed
