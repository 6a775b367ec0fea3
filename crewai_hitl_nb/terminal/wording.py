"""How a question and its end are said to a person at a terminal.

Pure: the clock is given. Above it are the command line and the console; what it returns
still has to be made harmless (``sanitize.py``).
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
"""A text, or a text and its rich style."""

_UNITS: Final[tuple[tuple[int, str], ...]] = ((86_400, "d"), (3_600, "h"), (60, "min"), (1, "s"))


def age(then: datetime, now: datetime) -> str:
    """Return how long ago something was, in its largest unit."""
    return _span((now - then).total_seconds())


def asker(request: HumanInputRequired) -> str:
    """Return who asks: crew or flow, task and agent by name, or by id where they have none."""
    source = request.source
    names = (
        source.crew_name or source.flow_name or request.crew_id,
        source.task_name or request.task_id,
        source.agent_role or request.agent_id,
    )
    return " / ".join(name for name in names if name) or "someone"


def by(person: AnsweredBy | None) -> str:
    """Return who did it and from where."""
    return "someone" if person is None else f"{person.name} ({person.via})"


def deadline(request: HumanInputRequired, now: datetime) -> str | None:
    """Return until when it waits and what happens then; None if it waits for ever."""
    if request.expires_at is None:
        return None
    left = _span((request.expires_at - now).total_seconds())
    after = {
        "fail": "then nobody is asked any more",
        "default": "then its default answers",
        "wait": "it waits on after that",
    }[request.response.on_expiry]
    return f"until {request.expires_at.astimezone():%H:%M:%S} (in {left}), {after}"


def ending(closing: ClosingEvent) -> str:
    """Return how a question ended, in one sentence."""
    if isinstance(closing, HumanInputCompleted):
        said = ", ".join(closing.options or ()) or closing.human_feedback
        gist = " ".join(said.split())
        return f"{by(closing.answered_by)} answered first: {closing.decision} {gist}".rstrip()
    if isinstance(closing, HumanInputCancelled):
        return f"The question was cancelled ({closing.reason}); nobody waits for an answer."
    return "The deadline passed; nobody waits for an answer."


def _span(seconds: float) -> str:
    whole = max(0, int(seconds))
    size, unit = next(((size, unit) for size, unit in _UNITS if whole >= size), (1, "s"))
    return f"{whole // size} {unit}"
