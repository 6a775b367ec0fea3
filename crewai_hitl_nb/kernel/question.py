"""Turns crewAI's moment of asking into the question that people see.

Pure: from the objects at hand to the protocol's event. Above it is ``human_input.py``;
below only the protocol. It neither asks nor waits.
"""

import os
import socket
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

from crewai.core.providers.human_input import ExecutorContext
from crewai.execution import get_execution_uuid
from pydantic import BaseModel

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import HumanInputRequired, Kind, Response, Source
from crewai_hitl_nb.protocol.ids import new_event_id

REVIEW_PROMPT: Final = "Is this result good? Accept it, or say what to change."
TRAINING_PROMPT: Final = (
    "Training: say how this result should be better. The agent revises it and learns from that."
)

MAX_NAME_CHARS: Final = 200
"""A name on a card; a task without a name is called by the start of its description."""

_DETAIL_CHARS: Final = limits.MAX_CONTEXT_CHARS // 8
"""For the task's description and its expected output each; the draft gets the rest."""


@dataclass(frozen=True)
class Waiter:
    """This process, as the server and people know it.

    Attributes:
        source_id: Names it for the server; one per process.
        kernel_id: The Jupyter kernel, if it is one.
        notebook: Path of the notebook, if the server told it.
    """

    source_id: str
    kernel_id: str | None = None
    notebook: str | None = None


def task_question(
    draft: str | BaseModel, context: ExecutorContext, waiter: Waiter, *, round_: int
) -> HumanInputRequired:
    """Return the question that a task with human input asks about its draft.

    Args:
        draft: What the agent proposes.
        context: crewAI's executor, which knows the crew, the task and the agent.
        waiter: This process.
        round_: 1 for the first draft, one more for each revision.
    """
    training = context._is_training_mode()
    kind: Kind = "training_feedback" if training else "task_feedback"
    crew, task, agent = context.crew, context.task, context.agent
    event_id = new_event_id()
    return HumanInputRequired(
        event_id=event_id,
        request_id=event_id,
        timestamp=datetime.now(timezone.utc),
        execution_id=get_execution_uuid(),
        crew_id=_id_of(crew),
        task_id=_id_of(task),
        agent_id=_id_of(agent),
        prompt=TRAINING_PROMPT if training else REVIEW_PROMPT,
        context=_context(draft, task),
        reason_flags={"training": True} if training else {"review": True},
        kind=kind,
        response=Response(decisions=("approve", "respond")),
        source=Source(
            id=waiter.source_id,
            kernel_id=waiter.kernel_id,
            notebook=waiter.notebook,
            crew_name=_name(getattr(crew, "name", None)),
            task_name=_name(getattr(task, "name", None) or getattr(task, "description", None)),
            agent_role=_name(getattr(agent, "role", None)),
            host=socket.gethostname(),
            pid=os.getpid(),
        ),
        round=round_,
    )


def _context(draft: str | BaseModel, task: Any) -> str:
    """Return the draft under review and what was asked for, as Markdown."""
    details = [
        f"**{title}**\n\n{cut(text.strip(), _DETAIL_CHARS)}"
        for title, text in (
            ("Task", getattr(task, "description", None) or ""),
            ("Expected output", getattr(task, "expected_output", None) or ""),
        )
        if text.strip()
    ]
    below = "\n\n".join(["---", *details]) if details else ""
    if isinstance(draft, BaseModel):
        room = limits.MAX_CONTEXT_CHARS - len(below) - len("```json\n\n```\n\n")
        above = f"```json\n{cut(draft.model_dump_json(indent=2), room)}\n```"
    else:
        above = cut(draft, limits.MAX_CONTEXT_CHARS - len(below) - len("\n\n"))
    return f"{above}\n\n{below}" if below else above


def cut(text: str, room: int) -> str:
    """Return the text, shortened to ``room`` characters with the cut said at its end."""
    if len(text) <= room:
        return text
    note = f"\n\n… (cut here: {len(text):,} characters in all)"
    return text[: max(0, room - len(note))] + note


def _id_of(thing: Any) -> str | None:
    value = getattr(thing, "id", None)
    return None if value is None else str(value)[: limits.MAX_ID_CHARS]


def _name(text: str | None) -> str | None:
    if not text or not text.strip():
        return None
    first_line = text.strip().splitlines()[0].strip()
    return first_line if len(first_line) <= MAX_NAME_CHARS else f"{first_line[:MAX_NAME_CHARS]}…"
