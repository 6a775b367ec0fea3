"""Describes a question and how it ended to a person at a terminal.

Pure: the caller gives the time. The command line and the console use it, and they sanitize what
it returns (``sanitize.py``).
"""

from datetime import datetime
from typing import Final, TypeAlias

from crewai_hitl_nb.protocol.events import (
    AnsweredBy,
    ClosingEvent,
    HumanInputCancelled,
    HumanInputCompleted,
    HumanInputRequired,
)

Part: TypeAlias = str | tuple[str, str]
"""A text, or a text with its style as rich names it."""

_UNITS: Final[tuple[tuple[int, str], ...]] = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def age(then: datetime, now: datetime) -> str:
    """Return how long ago something happened, in the largest unit that fits."""
    return _span((now - then).total_seconds())


def asker(request: HumanInputRequired) -> str:
    """Return who asks: the names of crew or flow, task and agent, or the id if one has no name."""
    source = request.source
    names = (
        source.crew_name or source.flow_name or request.crew_id,
        source.task_name or request.task_id,
        source.agent_role or request.agent_id,
    )
    return " / ".join(name for name in names if name) or "someone"


def by(person: AnsweredBy | None) -> str:
    """Return who answered or claimed, and from which surface."""
    return "someone" if person is None else f"{person.name} ({person.via})"


def deadline(request: HumanInputRequired, now: datetime) -> str | None:
    """Return the deadline and what happens then; None if the question has no deadline."""
    if request.expires_at is None:
        return None
    left = _span((request.expires_at - now).total_seconds())
    after = {
        "fail": "then the question expires",
        "default": "then its default answer is used",
        "wait": "then it keeps waiting",
    }[request.response.on_expiry]
    return f"until {request.expires_at.astimezone():%H:%M:%S} (in {left}), {after}"


def ending(closing: ClosingEvent) -> str:
    """Return how a question ended, in one sentence."""
    if isinstance(closing, HumanInputCompleted):
        answer = ", ".join(closing.options or ()) or closing.human_feedback
        gist = " ".join(answer.split())
        return f"{by(closing.answered_by)} answered first: {closing.decision} {gist}".rstrip()
    if isinstance(closing, HumanInputCancelled):
        return f"The question was cancelled ({closing.reason}); nobody is waiting for an answer."
    return "The deadline passed; nobody is waiting for an answer."


def _span(seconds: float) -> str:
    whole = max(0, int(seconds))
    size, unit = next(((size, unit) for size, unit in _UNITS if whole >= size), (1, "s"))
    return f"{whole // size} {unit}"
