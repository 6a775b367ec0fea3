"""The dialog in which a person at a terminal answers a question, as steps without I/O.

:func:`steps` yields what to show and which line to read, receives each line, and returns the
answer; ``dialog_steps.py`` takes the steps with a reader of lines, and ``form_dialog.py`` has those
of a form. The dialog asks only for what the request accepts, and repeats until there is an answer.
The server decides whether the answer is valid; :func:`corrected` is the question to ask if it is
not.

Only the word "approve" approves. If the caller asks for it (``enter``), a blank line also
approves, but only for the questions where crewAI's own console offers that.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

from msgspec.structs import replace

from crewai_hitl_nb.protocol.errors import FieldError
from crewai_hitl_nb.protocol.events import Decision, HumanInputRequired, Kind, Response
from crewai_hitl_nb.terminal.dialog_steps import Ask, Note, Steps
from crewai_hitl_nb.terminal.form_dialog import filled_in, form_steps
from crewai_hitl_nb.terminal.sanitize import one_line

ENTER_MEANS: Final[Mapping[Kind, str]] = {
    "task_feedback": "accept the result",
    "flow_feedback": "continue without feedback",
}
"""The kinds of question that a blank line may approve, and what that does. Tool and model calls
are not among them: a key pressed too early must not run them."""


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


def corrected(
    request: HumanInputRequired, reply: Reply, errors: tuple[FieldError, ...]
) -> HumanInputRequired:
    """Return the question with the refused values of its form, and what is wrong with them."""
    schema = request.response.schema
    if schema is None or reply.values is None:
        return request
    response = replace(
        request.response, schema=filled_in(schema, reply.values, only=True), errors=errors
    )
    return replace(request, response=response)


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
        values = yield from form_steps(response.schema, response.errors or ())
        return Reply(decision, values=values)
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
        text: str = (yield Ask("Your answer", whole=True)).strip()
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
