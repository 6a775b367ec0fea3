"""Builds the question that people see from crewAI's objects.

Pure: it returns the protocol's event. The providers use it (``tasks/human_input.py`` for tasks);
it uses ``context.py``, ``annotations.py``, ``terms.py`` and the protocol.
"""

import os
import socket
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timezone
from typing import Any, Final

import msgspec
from crewai.core.providers.human_input import ExecutorContext
from crewai.execution import get_execution_uuid
from pydantic import BaseModel

from crewai_hitl_nb.kernel.questions.annotations import Annotation, annotation_of
from crewai_hitl_nb.kernel.questions.context import bounded, cut, feedback_list, under
from crewai_hitl_nb.kernel.questions.rendering import as_json
from crewai_hitl_nb.kernel.questions.steps import steps_so_far
from crewai_hitl_nb.kernel.questions.terms import Terms
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import (
    Attachments,
    Decision,
    GatedCall,
    HumanInputRequired,
    Kind,
    Response,
    Round,
    Source,
)
from crewai_hitl_nb.protocol.ids import new_event_id
from crewai_hitl_nb.protocol.records import REFUSAL_TITLE, REFUSED_TITLE, ROUNDS_TITLE
from crewai_hitl_nb.protocol.wire import carriable, encode_event

_LEFT_OUT: Final = (
    "\n\n(The tables and images are left out: with them the question would have more than 1 MB.)"
)

REVIEW_PROMPT: Final = "Is this result good? Accept it, or say what to change."
TRAINING_PROMPT: Final = (
    "Training: say how to improve this result. The agent revises it and learns from your feedback."
)

REFUSED: Final = "A guardrail refused the version before this one."
"""Added before the prompt when a guardrail refused the previous draft."""

REASONS: Final[dict[Kind, str]] = {
    "task_feedback": "review",
    "training_feedback": "training",
    "flow_feedback": "review",
    "question": "clarification",
    "tool_approval": "approval",
    "llm_approval": "approval",
}
"""The flag that says why a person is needed, for each kind of question."""

MAX_NAME_CHARS: Final = 200
"""The longest name on a card; a task without a name gets the start of its description."""


@dataclass(frozen=True)
class Waiter:
    """Identifies this process, which waits for answers, to the server and to people.

    Attributes:
        source_id: The id of this process; one per process.
        kernel_id: The id of the Jupyter kernel, if the process is one.
        notebook: The path of the notebook, if the server passed it.
    """

    source_id: str
    kernel_id: str | None = None
    notebook: str | None = None


@dataclass(frozen=True)
class Asking:
    """Who asks: crewAI's objects or names, as far as they are known.

    Attributes:
        crew: A ``Crew``.
        task: A ``Task``; for a flow, the name of its method.
        agent: An agent.
        flow_name: The name of a flow.
        tool_name: The name of a tool that waits for approval.
        execution_id: The id of the run; by default crewAI's id in the current context.
    """

    crew: Any = None
    task: Any = None
    agent: Any = None
    flow_name: str | None = None
    tool_name: str | None = None
    execution_id: str | None = None

    @property
    def role(self) -> str | None:
        """The agent's role, as a card shows it."""
        return _name(getattr(self.agent, "role", None))

    @property
    def agent_details(self) -> str:
        """The agent's role and goal, for the details under a question."""
        goal = getattr(self.agent, "goal", None) or ""
        return f"{self.role or ''}\n\nGoal: {goal}".strip() if goal else self.role or ""

    @property
    def task_id(self) -> str | None:
        """The task's id on the wire; a flow's method has none."""
        return None if isinstance(self.task, str) else _id_of(self.task)

    @property
    def agent_id(self) -> str | None:
        """The agent's id on the wire."""
        return _id_of(self.agent)


def new_question(  # noqa: PLR0913 - the fields of one event, all by name
    waiter: Waiter,
    asking: Asking,
    kind: Kind,
    *,
    prompt: str,
    context: str = "",
    response: Response,
    terms: Terms,
    reason_flags: Iterable[str] = (),
    assignee: str | None = None,
    draft: str | None = None,
    history: Sequence[Round] = (),
    round_: int = 1,
    attachments: Attachments | None = None,
    call: GatedCall | None = None,
) -> HumanInputRequired:
    """Return a question of this process.

    Values that JSON cannot represent are replaced here, before the question is shown or sent.

    Args:
        waiter: This process.
        asking: Who asks.
        kind: The kind of question; it also sets the first reason flag.
        prompt: The question's text.
        context: The background that a person needs to answer, as Markdown.
        response: Which answers are acceptable.
        terms: How long the question may wait.
        reason_flags: Why a person is needed, in addition to the flag of the kind.
        assignee: Who should answer.
        draft: The complete text under review, if it may be edited.
        history: The earlier rounds, oldest first.
        round_: Which round this is, from 1.
        attachments: Tables and images that the context links to; left out if the event would be
            too large with them.
        call: The tool call that waits at a gate.
    """
    event_id = new_event_id()
    question = HumanInputRequired(
        event_id=event_id,
        request_id=event_id,
        timestamp=datetime.now(timezone.utc),
        execution_id=asking.execution_id or get_execution_uuid(),
        crew_id=_id_of(asking.crew),
        task_id=asking.task_id,
        agent_id=asking.agent_id,
        prompt=prompt,
        context=context,
        reason_flags=dict.fromkeys((REASONS[kind], *reason_flags), True),
        kind=kind,
        response=response,
        source=_source(waiter, asking),
        round=round_,
        assignee=assignee,
        draft=draft,
        history=tuple(history),
        attachments=attachments or {},
        steps=steps_so_far(asking.task),
        call=call or msgspec.UNSET,
    )
    return _within_limits(carriable(terms.applied(question)))


def _within_limits(question: HumanInputRequired) -> HumanInputRequired:
    """Return the question without its attachments, and say so in it, if it is too large with them.

    A long draft and its earlier rounds can need more than the half of an event that is theirs.
    """
    if not question.attachments or len(encode_event(question)) <= limits.MAX_EVENT_BYTES:
        return question
    context = cut(question.context, limits.MAX_CONTEXT_CHARS - len(_LEFT_OUT)) + _LEFT_OUT
    return msgspec.structs.replace(question, context=context, attachments={})


def _source(waiter: Waiter, asking: Asking) -> Source:
    return Source(
        id=waiter.source_id,
        kernel_id=waiter.kernel_id,
        notebook=waiter.notebook,
        crew_name=_name(getattr(asking.crew, "name", None)),
        task_name=_task_name(asking.task),
        agent_role=asking.role,
        flow_name=_name(asking.flow_name),
        tool_name=_name(asking.tool_name),
        host=socket.gethostname(),
        pid=os.getpid(),
    )


def task_question(
    draft: str | BaseModel,
    context: ExecutorContext,
    waiter: Waiter,
    terms: Terms,
    history: Sequence[Round] = (),
    refusal: Round | None = None,
) -> HumanInputRequired:
    """Return the question that a task with human input asks about its draft.

    Args:
        draft: The agent's proposed result.
        context: crewAI's executor, which has the crew, the task and the agent.
        waiter: This process.
        terms: How long a question may wait unless the task says otherwise.
        history: All earlier rounds, oldest first.
        refusal: The latest round that a guardrail ended.
    """
    training = context._is_training_mode()
    annotation = annotation_of(context.task)
    asking = Asking(crew=context.crew, task=context.task, agent=context.agent)
    editable = None if training else _editable(draft, annotation)
    prompt = annotation.prompt or (TRAINING_PROMPT if training else REVIEW_PROMPT)
    return new_question(
        waiter,
        asking,
        "training_feedback" if training else "task_feedback",
        prompt=f"{REFUSED} {prompt}" if refusal and refusal is history[-1] else prompt,
        context=_task_context(draft, asking, history, refusal),
        response=annotation.response or Response(decisions=_decisions(editable)),
        terms=annotation.terms.over(terms),
        reason_flags=annotation.reason_flags,
        assignee=annotation.assignee,
        draft=editable,
        history=bounded(history),
        round_=len(history) + 1,
    )


def _decisions(editable: str | None) -> tuple[Decision, ...]:
    return ("approve", "respond") if editable is None else ("approve", "respond", "edit")


def _editable(draft: str | BaseModel, annotation: Annotation) -> str | None:
    """Return the complete draft if a person may replace it with their own text."""
    if isinstance(draft, BaseModel) or not 0 < len(draft) <= limits.MAX_CONTEXT_CHARS:
        return None
    if annotation.response is not None and "edit" not in annotation.response.decisions:
        return None
    return draft


def _task_context(
    draft: str | BaseModel, asking: Asking, history: Sequence[Round], refusal: Round | None
) -> str:
    """Return the draft under review and the task's description, as Markdown."""
    details = (
        (REFUSAL_TITLE, refusal.feedback if refusal else ""),
        (REFUSED_TITLE, refusal.draft if refusal else ""),
        ("Task", getattr(asking.task, "description", None) or ""),
        ("Expected output", getattr(asking.task, "expected_output", None) or ""),
        ("Agent", asking.agent_details),
        (ROUNDS_TITLE, feedback_list(history)),
    )
    if isinstance(draft, BaseModel):
        return under(as_json(draft), details, language="json")
    return under(draft, details)


def _task_name(task: Any) -> str | None:
    if isinstance(task, str):
        return _name(task)
    return _name(getattr(task, "name", None) or getattr(task, "description", None))


def _id_of(thing: Any) -> str | None:
    value = getattr(thing, "id", None)
    return None if value is None else str(value)[: limits.MAX_ID_CHARS]


def _name(text: str | None) -> str | None:
    if not text or not text.strip():
        return None
    first_line = text.strip().splitlines()[0].strip()
    return first_line if len(first_line) <= MAX_NAME_CHARS else f"{first_line[:MAX_NAME_CHARS]}…"
