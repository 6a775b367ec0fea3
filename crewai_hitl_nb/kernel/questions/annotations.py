"""``annotate()``: settings for a task's questions that crewAI's ``Task`` has no fields for.

They are stored in a table beside crewAI's tasks. It uses the protocol and ``questions/terms.py``.
``questions/question.py`` reads the table, and ``tasks/copies.py`` adds copies of tasks to it.
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
from crewai_hitl_nb.tracebacks import short_traceback


@dataclass(frozen=True)
class Annotation:
    """The settings for a task's questions.

    Attributes:
        prompt: The prompt, instead of the usual one.
        reason_flags: Why a person is needed, in addition to the flag of the question's kind.
        response: Which answers are acceptable, instead of the usual ones.
        assignee: Who should answer.
        terms: How long a question may wait.
    """

    prompt: str | None = None
    reason_flags: tuple[str, ...] = ()
    response: Response | None = None
    assignee: str | None = None
    terms: Terms = NO_TERMS


NOTHING: Final = Annotation()

_annotations: "weakref.WeakKeyDictionary[Task, Annotation]" = weakref.WeakKeyDictionary()
# Process-wide on purpose, as the tasks are; an entry is dropped with its task.


@short_traceback
def annotate(  # noqa: PLR0913 - keyword arguments of a public function
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
    """Configure the questions of a task with human input.

    Calling it again replaces the earlier settings. They also apply to copies of the task, such as
    those that ``crew.train()`` and ``kickoff_for_each()`` make.

    Args:
        task: A task with ``human_input=True``.
        prompt: The question that people see.
        reason_flags: Why a person is needed, e.g. ``["ambiguity"]``.
        response: Which answers are acceptable, in the format of the protocol: ``decisions``,
            ``options``, ``multiple``, ``schema``. A chosen option or a form's values go to the
            agent as feedback.
        assignee: Who should answer.
        timeout: Time until the question's deadline, in seconds or as a ``timedelta``.
        remind_after: Time until a reminder is sent, in seconds or as a ``timedelta``.
        on_expiry: What happens at the deadline: ``fail``, ``default`` or ``wait``.
        default: The answer for ``on_expiry="default"``, e.g. ``{"decision": "approve"}``.

    Returns:
        The task.

    Raises:
        InvalidEvent: ``response`` has an invalid field.
        ValueError: A time or policy is not valid; the message says which.
        WrongArgument: An argument has the wrong type.
    """
    if not isinstance(task, Task):
        raise WrongArgument("task", "a crewai.Task", task)
    if response is not None:
        expected = "a dict such as {'decisions': ['approve', 'respond']}"
        response = arguments.mapping("response", expected, response)
    _annotations[task] = Annotation(
        prompt=arguments.text_or_none("prompt", prompt),
        reason_flags=arguments.flags("reason_flags", reason_flags),
        response=None if response is None else response_from_wire(response),
        assignee=arguments.text_or_none("assignee", assignee),
        terms=Terms.of(timeout, remind_after, on_expiry, default),
    )
    return task


def annotation_of(task: Any) -> Annotation:
    """Return the settings of this task, or of the task that it is a copy of."""
    return _annotations.get(task, NOTHING) if isinstance(task, Task) else NOTHING


def annotate_copy(copy: Task, original: Task) -> None:
    """Apply a task's settings to a copy of it."""
    annotation = _annotations.get(original)
    if annotation is not None:
        _annotations[copy] = annotation
