"""A question and its answer as a saved notebook shows them without our code.

GitHub, nbconvert, and front ends without our extension draw these formats of the card's output.
``js/src/lab/saved-output.ts`` writes the same, for outputs that the kernel could not update;
``tests/fixtures/saved_outputs.json`` checks both. Pure.

Crews and people wrote the texts, so they are shown as code: in HTML escaped in ``<pre>``, in
Markdown between fences that are longer than any in the text. Neither can link or load anything.
"""

import re
from collections.abc import Iterator
from datetime import timezone
from html import escape
from typing import Final, NamedTuple
from unicodedata import category

import msgspec

from crewai_hitl_nb.protocol.escapes import visible, visible_lines
from crewai_hitl_nb.protocol.events import (
    ClosingEvent,
    HumanInputCancelled,
    HumanInputCompleted,
    HumanInputRequired,
    Kind,
)
from crewai_hitl_nb.protocol.files import context_in_words, in_words
from crewai_hitl_nb.protocol.limits import SAVED_NAME_CHARS, SAVED_TEXT_CHARS
from crewai_hitl_nb.terminal.wording import by

_WHERE: Final = (
    "This was saved while the question was open. It can be answered in JupyterLab, in the inbox "
    "of its server, or with crewai-hitl answer."
)
_CUT: Final = "\n… (cut here)"
_MARKS: Final = 8
"""More marks on one letter, which no script needs, would cover the lines around it."""

_CANCELLED: Final = {
    "interrupted": "the run was interrupted",
    "run_failed": "the run failed",
    "source_lost": "the kernel that asked has stopped",
    "withdrawn": "the question was withdrawn",
}
_VERDICTS: Final = {
    "approve": ("Accepted", "Allowed"),
    "edit": ("Accepted with edits", "Allowed with changes"),
    "reject": ("Rejected", "Refused"),
}
"""Of a review, and of a call."""

_STYLE: Final = "white-space: pre-wrap; overflow-wrap: anywhere"


class _Record(NamedTuple):
    """What is shown, in the order in which it is read."""

    state: str
    who: str | None
    at: str
    note: str
    names: list[tuple[str, str]]
    question: str
    answer: str
    context: str


def saved_output(request: HumanInputRequired, closing: ClosingEvent | None) -> dict[str, str]:
    """Return the formats of a question's output, by MIME type.

    Args:
        request: The question.
        closing: How it ended; None while it is open.
    """
    person = closing.answered_by if isinstance(closing, HumanInputCompleted) else None
    record = _Record(
        state="Waiting for an answer" if closing is None else _verdict(request.kind, closing),
        who=None if person is None else by(person),
        at=""
        if closing is None
        else f"{closing.timestamp.astimezone(timezone.utc):%Y-%m-%d %H:%M} UTC",
        note=_WHERE if closing is None else "",
        names=list(_names(request)),
        question=request.prompt,
        answer=_answer(closing),
        context=context_in_words(request),
    )
    return {
        "text/html": _html(record),
        "text/markdown": _markdown(record),
        "text/plain": _plain(record),
    }


def _verdict(kind: Kind, closing: ClosingEvent) -> str:
    """Return the outcome in the words of the card (``js/src/view/words.ts``)."""
    if isinstance(closing, HumanInputCancelled):
        return f"Cancelled: {_CANCELLED[closing.reason]}"
    if not isinstance(closing, HumanInputCompleted):
        return "Expired: nobody answered in time"
    if closing.decision in _VERDICTS:
        if kind == "question" and closing.decision == "reject":
            return "Declined"
        return _VERDICTS[closing.decision][kind in {"tool_approval", "llm_approval"}]
    is_answer = kind == "question" or closing.options is not None or closing.values is not None
    return "Answered" if is_answer else "Feedback sent"


def _names(request: HumanInputRequired) -> Iterator[tuple[str, str]]:
    source = request.source
    named = (
        ("Agent", source.agent_role),
        ("Crew", source.crew_name),
        ("Flow", source.flow_name),
        ("Task" if source.flow_name is None else "Step", source.task_name),
        ("Tool", source.tool_name),
    )
    yield from ((title, name) for title, name in named if name and name.strip())


def _answer(closing: ClosingEvent | None) -> str:
    if isinstance(closing, HumanInputCancelled):
        return closing.message
    if not isinstance(closing, HumanInputCompleted):
        return ""
    chosen = ", ".join(closing.options or ())
    values = msgspec.json.encode(in_words(closing.values)).decode() if closing.values else ""
    words = "" if closing.human_feedback == chosen else closing.human_feedback
    return "\n".join(part for part in (chosen, words, values) if part.strip())


def _html(record: _Record) -> str:
    def code(name: str) -> str:  # in code JupyterLab looks for no formula
        return f"<code>{escape(_name(name))}</code>"

    def block(text: str) -> str:
        # In one line: nbconvert puts this HTML into Markdown, where a blank line would end it.
        lines = escape(_bounded(text)).replace("\n", "&#10;")
        return f'<pre dir="auto" style="{_STYLE}">{lines}</pre>'

    lines = [
        _joined(f"<strong>{record.state}</strong>", record.who and code(record.who), record.at)
    ]
    lines += [record.note, ", ".join(f"{title} {code(name)}" for title, name in record.names)]
    parts = [f"<p>{line}</p>" for line in lines if line]
    parts += ["<p><strong>Question</strong></p>", block(record.question)]
    if record.answer:
        parts += ["<p><strong>Answer</strong></p>", block(record.answer)]
    if record.context.strip():
        under = f"<summary>Context</summary>{block(record.context)}"
        parts += [f"<details>{under}</details>"]
    return "\n".join(("<div>", *parts, "</div>"))


def _markdown(record: _Record) -> str:
    def code(name: str) -> str:
        text = _name(name)
        fence = "`" * (_longest_fence(text) + 1)
        return f"{fence} {text} {fence}"

    def block(text: str) -> str:
        shown = _bounded(text)
        fence = "`" * max(3, _longest_fence(shown) + 1)
        return f"{fence}text\n{shown}\n{fence}"

    parts = [_joined(f"**{record.state}**", record.who and code(record.who), record.at)]
    parts += [record.note, ", ".join(f"{title} {code(name)}" for title, name in record.names)]
    parts += ["**Question**", block(record.question)]
    if record.answer:
        parts += ["**Answer**", block(record.answer)]
    if record.context.strip():
        parts += ["**Context**", block(record.context)]
    return "\n\n".join(part for part in parts if part)


def _plain(record: _Record) -> str:
    parts = [
        record.question,
        record.context,
        _joined(record.state, record.who, record.at),
        record.note,
        record.answer,
    ]
    return "\n\n".join(_bounded(part) for part in parts if part.strip())


def _joined(state: str, who: str | None, at: str) -> str:
    return ", ".join(part for part in (f"{state} by {who}" if who else state, at) if part)


def _name(text: str) -> str:
    shown = _few_marks(visible(text))
    if len(shown) > SAVED_NAME_CHARS:
        shown = f"{shown[:SAVED_NAME_CHARS]}…"
    return shown


def _bounded(text: str) -> str:
    cut = len(text) > SAVED_TEXT_CHARS
    return _visible(text[:SAVED_TEXT_CHARS]).rstrip("\n") + (_CUT if cut else "")


def _visible(text: str) -> str:
    return _few_marks(visible_lines(text.replace("\r\n", "\n")))


def _few_marks(text: str) -> str:
    if text.isascii():
        return text
    shown: list[str] = []
    marks = 0
    for letter in text:
        marks = marks + 1 if category(letter).startswith("M") else 0
        if marks <= _MARKS + 1:
            shown.append(letter if marks <= _MARKS else "…")
    return "".join(shown)


def _longest_fence(text: str) -> int:
    return max(map(len, re.findall("`+", text)), default=0)
