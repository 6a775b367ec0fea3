"""Remembers what an agent did for its task, so that a question of it can show its steps.

Our hooks in crewAI call it (``tasks/hooks.py``, ``tasks/tool_calls.py``), in the context of the
code that will ask; ``questions/question.py`` reads it. It knows tasks only as keys.
"""

import itertools
import weakref
from collections import deque
from contextvars import ContextVar
from typing import Any, Final

from crewai_hitl_nb.kernel.questions.rendering import as_json
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import AgentStep
from crewai_hitl_nb.protocol.json_safe import text_of

_NAME_CHARS: Final = 200


class _TaskSteps:
    """The latest steps of one task; threads of the same agent may add to it at once."""

    def __init__(self, task: Any, outer: "_TaskSteps | None") -> None:
        self.task = weakref.ref(task)
        self.outer = outer
        self._numbers = itertools.count(1)
        self._steps: deque[AgentStep] = deque(maxlen=limits.MAX_STEPS)

    def add(self, **fields: Any) -> None:
        self._steps.append(AgentStep(number=next(self._numbers), **fields))

    def latest(self) -> tuple[AgentStep, ...]:
        return tuple(sorted(self._steps.copy(), key=lambda step: step.number))


_current: ContextVar[_TaskSteps | None] = ContextVar("crewai_hitl_task_steps", default=None)


def begin_steps(task: Any, *, in_a_tool_call: bool) -> None:
    """Begin a task without steps.

    Args:
        task: The task, as crewAI passes it to its hooks.
        in_a_tool_call: Whether a tool of another task runs it, which then continues.
    """
    _current.set(_TaskSteps(task, _current.get() if in_a_tool_call else None))


def add_tool_call(task: Any, name: str, arguments: Any, result: Any) -> None:
    """Add a tool call that has ended."""
    steps = _steps_of(task)
    if steps is not None:
        steps.add(
            kind="tool",
            name=_line(name, _NAME_CHARS),
            input=_line(as_json(arguments)) if arguments else "",
            output=_line(text_of(result)),
        )


def add_model_call(task: Any, model: str) -> None:
    """Add a call of a language model."""
    steps = _steps_of(task)
    if steps is not None:
        steps.add(kind="model", name=_line(model, _NAME_CHARS))


def steps_so_far(task: Any) -> tuple[AgentStep, ...]:
    """Return the latest steps of an agent that asks for a task; none for who has no task."""
    if task is None or isinstance(task, str):  # a text names the method of a flow
        return ()
    steps = _steps_of(task)
    return () if steps is None else steps.latest()


def _steps_of(task: Any) -> _TaskSteps | None:
    """Return the steps of a task, or of the one that its agent is helping with."""
    steps = _current.get()
    while steps is not None and steps.task() is not task:
        steps = steps.outer
    return steps or _current.get()


def _line(text: str, most: int = limits.MAX_STEP_CHARS) -> str:
    """Return a text in one line, cut to ``most`` characters."""
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
