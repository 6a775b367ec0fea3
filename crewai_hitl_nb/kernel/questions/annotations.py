"""``annotate()``: what a question of a task says beyond what crewAI knows.

A table beside crewAI's tasks, which have no room for it. Below it are the protocol and
``questions/terms.py``; ``questions/question.py`` reads it, and ``tasks/copies.py`` tells it of
copies. It asks nothing.
"""

import weakref
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any, Final

from crewai import Task

from crewai_hitl_nb.kernel.questions.terms import NO_TERMS, OnExpiry, Terms
from crewai_hitl_nb.protocol import arguments
from crewai_hitl_nb.protocol.arguments import Seconds, WrongArgument
from crewai_hitl_nb.protocol.events import Response
from crewai_hitl_nb.protocol.wire import response_from_wire


@dataclass(frozen=True)
class Annotation:
    """What was said about a task's questions.

    Attributes:
        prompt: In place of the usual one.
        reason_flags: Why a person is needed, beside what follows from the kind.
        response: Which answers are acceptable, in place of the usual ones.
        assignee: Who should answer.
        terms: How long it may wait.
    """

    prompt: str | None = None
    reason_flags: tuple[str, ...] = ()
    response: Response | None = None
    assignee: str | None = None
    terms: Terms = NO_TERMS


NOTHING: Final = Annotation()

_annotations: "weakref.WeakKeyDictionary[Task, Annotation]" = weakref.WeakKeyDictionary()
# Process-wide on purpose, as the tasks are; an entry goes with its task.


def annotate(  # noqa: PLR0913 - options of a public call, by name
    task: Task,
    *,
    prompt: str | None = None,
    reason_flags: str | Iterable[str] = (),
    response: Mapping[str, Any] | None = None,
    assignee: str | None = None,
    timeout: Seconds | None = None,
    remind_after: Seconds | None = None,
    on_expiry: OnExpiry | None = None,
    default: Any = None,
) -> Task:
    """Say more about the questions of a task with human input; return the task.

    Calling it again replaces what was said before. It holds for copies of the task as
    well, such as ``crew.train()`` and ``kickoff_for_each()`` make.

    Args:
        task: A task with ``human_input=True``.
        prompt: What people are asked.
        reason_flags: Why a person is needed, e.g. ``["ambiguity"]``.
        response: Which answers are acceptable, as on the wire: ``decisions``, ``options``,
            ``multiple``, ``schema``. An option or a form's values go to the agent as
            feedback.
        assignee: Who should answer.
        timeout: Seconds, or a ``timedelta``, until the question's deadline.
        remind_after: Seconds, or a ``timedelta``, until those who look are told again.
        on_expiry: ``fail``, ``default`` or ``wait``.
        default: The answer for ``on_expiry="default"``, e.g. ``{"decision": "approve"}``.

    Raises:
        InvalidEvent: ``response`` names a wrong field.
        ValueError: A time or a policy does not fit; the message says what.
        WrongArgument: An argument is of the wrong kind.
    """
    if not isinstance(task, Task):
        raise WrongArgument("task", "a crewai.Task", task)
    if response is not None:
        wanted = "a dict such as {'decisions': ['approve', 'respond']}"
        response = arguments.mapping("response", wanted, response)
    _annotations[task] = Annotation(
        prompt=arguments.text_or_none("prompt", prompt),
        reason_flags=arguments.flags("reason_flags", reason_flags),
        response=None if response is None else response_from_wire(response),
        assignee=arguments.text_or_none("assignee", assignee),
        terms=Terms.of(timeout, remind_after, on_expiry, default),
    )
    return task


def annotation_of(task: Any) -> Annotation:
    """Return what was said about this very task, or the one that it is a copy of."""
    return _annotations.get(task, NOTHING) if isinstance(task, Task) else NOTHING


def annotate_copy(copy: Task, original: Task) -> None:
    """Let what was said about a task hold for a copy of it."""
    said = _annotations.get(original)
    if said is not None:
        _annotations[copy] = said
