"""Answers as data: one row for each question that has ended, and pairs for preference tuning.

Pure. ``client/history.py`` makes data frames of the rows, and ``cli/export.py`` writes files.
"""

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from typing import Any, Final

import msgspec

from crewai_hitl_nb.protocol.answer import REVIEWS
from crewai_hitl_nb.protocol.blank import is_blank
from crewai_hitl_nb.protocol.events import (
    ClosingEvent,
    Decision,
    HumanInputCancelled,
    HumanInputCompleted,
    HumanInputRequired,
    Kind,
    Round,
)
from crewai_hitl_nb.protocol.state import STATUS_AFTER, Status


class Record(msgspec.Struct, frozen=True, kw_only=True):
    """One question that has ended.

    Attributes:
        request_id: The question's id.
        execution_id: The run that asked it.
        asked_at: When it was asked, in UTC.
        closed_at: When it was answered, cancelled or expired, in UTC.
        seconds: From one to the other.
        status: ``answered``, ``cancelled`` or ``expired``.
        kind: ``task_feedback``, ``question``, ``tool_approval`` …
        question: The question as people saw it.
        draft: The text under review, if there was one.
        round: Which draft of the same work this was, from 1.
        decision: ``approve``, ``respond``, ``edit`` or ``reject``; None if nobody answered.
        words: What the person wrote: feedback, an answer, a reason.
        edit: The text as the person changed it; None unless they did.
        options: The options that they chose.
        values: The form that they filled in, or the arguments that they changed.
        person: Who answered.
        via: On which surface; ``default`` if no person decided, ``rule`` if a rule did.
        rule: The id of that rule; None where there was none.
        reason: Why it was cancelled; None if it was not.
        crew: The crew's name.
        flow: The flow's name.
        agent: The agent's role.
        task: The task's name.
        tool: The tool that needed approval.
        notebook: The notebook that asked.
    """

    request_id: str
    execution_id: str | None
    asked_at: datetime
    closed_at: datetime
    seconds: float
    status: Status
    kind: Kind
    question: str
    draft: str | None
    round: int
    decision: Decision | None
    words: str
    edit: str | None
    options: tuple[str, ...] | None
    values: dict[str, Any] | None
    person: str | None
    via: str | None
    rule: str | None
    reason: str | None
    crew: str | None
    flow: str | None
    agent: str | None
    task: str | None
    tool: str | None
    notebook: str | None


FIELDS: Final[tuple[str, ...]] = Record.__struct_fields__

REFUSAL_TITLE: Final = "Why this is asked again"
REFUSED_TITLE: Final = "The refused version"
ROUNDS_TITLE: Final = "Rounds so far"
"""The sections of a review's context that are no part of what was to be written."""

CUT_MARK: Final = "\n\n… (cut here: "
"""Where the bridge cut a text that was too long for a question."""


class Preference(msgspec.Struct, frozen=True, kw_only=True):
    """Two texts for the same work, of which a person preferred one.

    ``prompt``, ``chosen`` and ``rejected`` are the names of a preference dataset in TRL and the
    tools that follow it.

    Attributes:
        prompt: What was to be written, as the person saw it.
        chosen: The person's own version, or the draft that they accepted.
        rejected: The agent's draft.
        feedback: What the person said to the rejected draft; blank for an edit.
        request_id: The question where they decided.
    """

    prompt: str
    chosen: str
    rejected: str
    feedback: str
    request_id: str


def record_of(request: HumanInputRequired, closing: ClosingEvent) -> Record:
    """Return the row of a question and the event that closed it."""
    source = request.source
    answer = closing if isinstance(closing, HumanInputCompleted) else None
    words = "" if answer is None else answer.human_feedback
    edited = answer is not None and answer.decision == "edit" and not is_blank(words)
    by = answer.answered_by if answer is not None else None
    return Record(
        request_id=request.request_id,
        execution_id=request.execution_id,
        asked_at=request.timestamp,
        closed_at=closing.timestamp,
        seconds=round((closing.timestamp - request.timestamp).total_seconds(), 3),
        status=STATUS_AFTER[str(closing.__struct_config__.tag)],
        kind=request.kind,
        question=request.prompt,
        draft=request.draft,
        round=request.round,
        decision=answer.decision if answer is not None else None,
        words="" if edited else words,
        edit=words if edited else None,
        options=answer.options if answer is not None else None,
        values=answer.values if answer is not None else None,
        person=by.name if by is not None else None,
        via=by.via if by is not None else None,
        rule=(answer.by_rule or None) if answer is not None else None,
        reason=closing.reason if isinstance(closing, HumanInputCancelled) else None,
        crew=source.crew_name,
        flow=source.flow_name,
        agent=source.agent_role,
        task=source.task_name,
        tool=source.tool_name,
        notebook=source.notebook,
    )


def preferences_of(request: HumanInputRequired, closing: ClosingEvent) -> Iterator[Preference]:
    """Yield the pairs that a person's decision about a draft makes.

    An edit is preferred to the draft that it changed. A text that was accepted or edited is
    preferred to each earlier draft of the same work that a person sent back. Nothing is taken from
    a default, which no person decided, or from anything but the review of a draft.
    """
    if not isinstance(closing, HumanInputCompleted) or request.kind not in REVIEWS:
        return
    if closing.answered_by is None or closing.answered_by.via == "default":
        return
    accepted = None
    if closing.decision == "edit":
        accepted = closing.human_feedback
    elif closing.decision == "approve":
        accepted = request.draft
    if accepted is None or is_blank(accepted):
        return
    work = _work(request)
    if work is None:
        return
    earlier: Iterable[Round] = request.history
    if closing.decision == "edit" and request.draft is not None:
        earlier = (*request.history, Round(draft=request.draft, feedback=""))
    for one in earlier:
        told = one.draft in work or accepted in work  # a draft may look like a section
        if one.draft == accepted or is_blank(one.draft) or CUT_MARK in one.draft or told:
            continue
        yield Preference(
            prompt=work or request.prompt,
            chosen=accepted,
            rejected=one.draft,
            feedback=one.feedback,
            request_id=request.request_id,
        )


def _work(request: HumanInputRequired) -> str | None:
    """Return what was to be written: the context of a review without the draft and its past.

    Returns:
        None where it cannot be told from the draft, because the bridge cut one of them.
    """
    if CUT_MARK in request.context:
        return None
    details = request.context.removeprefix(request.draft or "").strip().removeprefix("---")
    parts = _SECTION.split(f"\n\n{details.strip()}")
    titles, texts = parts[1::2], parts[2::2]
    sections = [
        f"**{title}**\n\n{text}"
        for title, text in zip(titles, texts, strict=True)
        if title not in (REFUSAL_TITLE, REFUSED_TITLE, ROUNDS_TITLE)
    ]
    return "\n\n".join(one.strip() for one in (parts[0], *sections) if one.strip())


_SECTION: Final = re.compile(r"\n\n\*\*([^*\n]+)\*\*\n\n")
"""A section of a context, as the bridge writes it below the draft."""
