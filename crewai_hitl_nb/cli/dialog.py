"""Asks a person at a terminal for their answer to one question.

It shows the question, then asks only for what the request accepts. Nothing counts as an
approval but the word: a blank line asks again, the end of input and Ctrl-C send nothing.
It speaks on stderr, so that stdout stays the command's result. It knows no server; whether
the answer fits, the server says.
"""

import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

import click
import msgspec

from crewai_hitl_nb.cli.neutral import one_line
from crewai_hitl_nb.cli.screen import Screen
from crewai_hitl_nb.cli.wording import age, asker
from crewai_hitl_nb.protocol.events import Decision, HumanInputRequired, Response

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


def show_question(screen: Screen, request: HumanInputRequired) -> None:
    """Show who asks what, and what it is about."""
    since = age(request.timestamp, datetime.now(timezone.utc))
    screen.ask((asker(request), "bold"), (f"  {since} ago  {request.request_id}", "dim"))
    if request.context.strip():
        screen.ask("")
        screen.ask(request.context.strip("\n"))
    screen.ask("")
    screen.ask((request.prompt, "bold"))


def ask_for_reply(screen: Screen, response: Response) -> Reply:
    """Ask until there is an answer that means something.

    Raises:
        click.Abort: The input ended, or Ctrl-C: there is no answer.
    """
    decision = _decision(screen, response.decisions)
    if decision == "approve":
        return Reply(decision)
    if decision == "reject":
        return Reply(decision, text=_prompt("Why (may be blank)", blank=True))
    if response.schema is not None:
        return Reply(decision, values=_form(screen, response.schema))
    if response.options is not None:
        return Reply(decision, options=_options(screen, response.options, response.multiple))
    return Reply(decision, text=_text(screen))


def _decision(screen: Screen, decisions: Sequence[Decision]) -> Decision:
    if tuple(decisions) == ("respond",):
        return "respond"
    while True:
        said = _prompt(f"Your decision ({', '.join(decisions)})").lower()
        meant = [decision for decision in decisions if decision.startswith(said)]
        if len(meant) == 1:
            return meant[0]
        screen.ask(f"Type one of {', '.join(decisions)}; Ctrl-C leaves without an answer.")


def _text(screen: Screen) -> str:
    """Read lines up to Ctrl-D, so that a pasted text comes whole, blank lines and all."""
    while True:
        screen.ask("Your answer; end it with Ctrl-D on a line of its own:")
        text = sys.stdin.read().strip()
        if text:
            return text
        screen.ask("Nothing was written. Ctrl-C leaves without an answer.")


def _options(screen: Screen, options: Sequence[str], multiple: bool) -> tuple[str, ...]:
    for number, option in enumerate(options, 1):
        screen.ask(f"  {number}  {one_line(option)}")
    what = "Your choice, numbers with commas between" if multiple else "Your choice, a number"
    while True:
        numbers = [part.strip() for part in _prompt(what).split(",")]
        if (multiple or len(numbers) == 1) and all(_is_place(n, options) for n in numbers):
            return tuple(options[int(n) - 1] for n in numbers)
        screen.ask(f"From 1 to {len(options)}, please.")


def _is_place(text: str, options: Sequence[str]) -> bool:
    return text.isascii() and text.isdigit() and 1 <= int(text) <= len(options)


def _form(screen: Screen, form: Mapping[str, Any]) -> dict[str, Any]:
    values: dict[str, Any] = {}
    required = form.get("required", ())
    for name, field in form["properties"].items():
        if field.get("description"):
            screen.ask((f"  {field['description']}", "dim"))
        value = _field(screen, name, field, needed=name in required)
        if value is not None:
            values[name] = value
    return values


def _field(screen: Screen, name: str, field: Mapping[str, Any], *, needed: bool) -> Any:
    """Ask for one field of a form; None leaves it out."""
    hint = "" if needed else ", may be blank"
    label = f"{one_line(str(field.get('title') or name))} ({_expected(field)}{hint})"
    while True:
        said = _prompt(label, blank=not needed)
        if not said:
            return None
        try:
            return _value(said, field["type"])
        except ValueError:
            screen.ask(f"This takes: {_expected(field)}.")


def _expected(field: Mapping[str, Any]) -> str:
    choices = field.get("enum") or field.get("items", {}).get("enum")
    if choices is not None:
        listed = " | ".join(one_line(str(choice)) for choice in choices)
        return f"some of {listed}, with commas between" if field["type"] == "array" else listed
    return {"boolean": "yes or no", "string": str(field.get("format", "text"))}.get(
        field["type"], str(field["type"])
    )


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


def _prompt(label: str, *, blank: bool = False) -> str:
    """Ask for a line; unless blank is an answer, a blank line asks again."""
    default = "" if blank else None
    return str(click.prompt(label, default=default, show_default=False, err=True)).strip()
