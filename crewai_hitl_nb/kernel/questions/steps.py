"""Remembers what an agent did for its task, so that a question of it can show its steps.

Our hooks in crewAI call it (``tasks/hooks.py``, ``tasks/tool_calls.py``); ``questions/question.py``
reads it. Steps belong to the task object that crewAI passes to its hooks, whatever thread or
context runs it, and go with it. Nothing here may fail: a step that cannot be shown is left out.
"""

import itertools
import weakref
from collections import deque
from typing import Any, Final

from crewai_hitl_nb.kernel.questions.rendering import as_json
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import AgentStep
from crewai_hitl_nb.protocol.json_safe import text_of
from crewai_hitl_nb.protocol.log_lines import logger

_log = logger(__name__)

_NAME_CHARS: Final = 200


class _TaskSteps:
    """The latest steps of one task; threads of the same agent may add to it at once."""

    def __init__(self, task: Any) -> None:
        self.task = weakref.ref(task)
        weakref.finalize(task, _tasks.pop, id(task), None).atexit = False
        self._numbers = itertools.count(1)
        self._steps: deque[AgentStep] = deque(maxlen=limits.MAX_STEPS)

    def add(self, **fields: Any) -> None:
        self._steps.append(AgentStep(number=next(self._numbers), **fields))

    def latest(self) -> tuple[AgentStep, ...]:
        return tuple(sorted(self._steps.copy(), key=lambda step: step.number))


_tasks: Final[dict[int, _TaskSteps]] = {}
"""By the identity of the task: copies of one task are equal, but have steps of their own."""


def begin_steps(task: Any) -> None:
    """Forget the steps of a task, because it is executed anew."""
    _tasks.pop(id(task), None)


def add_tool_call(task: Any, name: str, arguments: Any, result: Any) -> None:
    """Add a tool call that has ended."""
    try:
        _steps_of(task).add(
            kind="tool",
            name=_line(name, _NAME_CHARS),
            input=_line(as_json(arguments)) if arguments else "",
            output=_line(result),
        )
    except Exception as error:  # noqa: BLE001 - foreign objects, in the middle of an agent's run
        _log.debug("a step is left out: %s", type(error).__name__)


def add_model_call(task: Any, llm: Any) -> None:
    """Add a call of a language model."""
    try:
        model = getattr(llm, "model", None) or type(llm).__name__
        _steps_of(task).add(kind="model", name=_line(model, _NAME_CHARS))
    except Exception as error:  # noqa: BLE001 - as above
        _log.debug("a step is left out: %s", type(error).__name__)


def steps_so_far(task: Any) -> tuple[AgentStep, ...]:
    """Return the latest steps of an agent that asks for a task; none for who has no task."""
    steps = _tasks.get(id(task))
    return () if steps is None or steps.task() is not task else steps.latest()


def _steps_of(task: Any) -> _TaskSteps:
    """Return the steps of a task.

    Raises:
        TypeError: There is no task, as in a direct call of a model.
    """
    steps = _tasks.get(id(task))
    if steps is None or steps.task() is not task:
        steps = _tasks[id(task)] = _TaskSteps(task)
    return steps


def _line(thing: Any, most: int = limits.MAX_STEP_CHARS) -> str:
    """Return a text in one line, cut to ``most`` characters."""
    text = str.__str__(text_of(thing))
    line = " ".join(text[: 4 * most].split())
    return line if len(line) <= most else f"{line[: most - 1]}…"
