"""What a started run tells of itself: from crewAI's event bus to run events.

crewAI runs the asynchronous handlers of its bus in order, each in the context of whoever
emitted the event; so a run is found there, however deep in threads it works. Below it is
the protocol; above it is ``started/starter.py``. It neither starts nor ends anything.
"""

import threading
from collections.abc import Callable
from contextvars import ContextVar
from typing import Any, Final

from crewai import Crew
from crewai.crews.crew_output import CrewOutput
from crewai.events.event_bus import crewai_event_bus
from crewai.events.types.flow_events import (
    MethodExecutionFailedEvent,
    MethodExecutionFinishedEvent,
    MethodExecutionStartedEvent,
)
from crewai.events.types.task_events import (
    TaskCompletedEvent,
    TaskFailedEvent,
    TaskStartedEvent,
)
from crewai.flow.flow import Flow
from pydantic import BaseModel

from crewai_hitl_nb.kernel.questions.context import cut, fenced
from crewai_hitl_nb.kernel.questions.rendering import as_json
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.json_safe import text_of
from crewai_hitl_nb.protocol.runs import (
    MAX_RUN_STEPS,
    RunEvent,
    RunTaskFailed,
    RunTaskFinished,
    RunTaskStarted,
    Step,
    new_run_event,
)

MAX_ERROR_CHARS: Final = 4000
"""An error's text, and that of what led to it: to be read, not to be searched."""

MAX_STEP_NAME_CHARS: Final = 200

Publish = Callable[[RunEvent], None]

_news: ContextVar["RunNews | None"] = ContextVar("crewai_hitl_run_news", default=None)


class RunNews:
    """Tells what one run does, and once how it ended.

    Args:
        publish: Must return at once.
        execution_id: Of the run.
        target: The crew or the flow.
    """

    def __init__(self, publish: Publish, execution_id: str, target: Crew | Flow[Any]) -> None:
        self.target = target
        self._publish = publish
        self._execution_id = execution_id
        self._crew_id = str(target.id) if isinstance(target, Crew) else None
        self._lock = threading.Lock()
        self._ended = False

    def tell(self, struct: type[RunEvent], /, **fields: Any) -> None:
        """Publish an event of this run."""
        self._publish(new_run_event(self._execution_id, struct, crew_id=self._crew_id, **fields))

    def end(self, struct: type[RunEvent], /, **fields: Any) -> None:
        """Publish how it ended, unless that was said before."""
        with self._lock:
            first, self._ended = not self._ended, True
        if first:
            self.tell(struct, **fields)

    def hear_here(self) -> None:
        """Tell from here on what crewAI emits in the calling context."""
        _news.set(self)


def tell_runs() -> Callable[[], None]:
    """Turn crewAI's events of started runs into run events; returns how to stop that."""
    handlers: dict[type[Any], Callable[[Any, Any], Any]] = {
        TaskStartedEvent: _task_handler(RunTaskStarted),
        TaskCompletedEvent: _task_handler(RunTaskFinished),
        TaskFailedEvent: _task_handler(RunTaskFailed),
        MethodExecutionStartedEvent: _method_handler(RunTaskStarted),
        MethodExecutionFinishedEvent: _method_handler(RunTaskFinished),
        MethodExecutionFailedEvent: _method_handler(RunTaskFailed),
    }
    for kind, handler in handlers.items():
        crewai_event_bus.on(kind)(handler)

    def stop() -> None:
        for kind, handler in handlers.items():
            crewai_event_bus.off(kind, handler)

    return stop


def steps_of(target: Crew | Flow[Any]) -> tuple[Step, ...]:
    """Return the tasks of a crew; what a flow will do shows when it does it."""
    if not isinstance(target, Crew):
        return ()
    return tuple(
        Step(
            id=str(task.id),
            name=_first_line(task.name or task.description),
            agent=_role_of(task.agent),
        )
        for task in target.tasks[:MAX_RUN_STEPS]
    )


def name_of(target: Crew | Flow[Any]) -> str:
    """Return what people call a crew or a flow."""
    name = target.name if isinstance(target.name, str) else None
    return _first_line(name or type(target).__name__)


def result_text(result: Any) -> str:
    """Return a run's result as Markdown, bounded."""
    if isinstance(result, CrewOutput):
        result = result.pydantic or result.json_dict or result.raw
    if result is None:
        return ""
    if isinstance(result, str):
        return cut(result, limits.MAX_CONTEXT_CHARS)
    if isinstance(result, BaseModel | dict | list | tuple):
        return fenced(as_json(result), "json", limits.MAX_CONTEXT_CHARS)
    return cut(text_of(result), limits.MAX_CONTEXT_CHARS)


def error_text(error: BaseException) -> str:
    """Return an error as one would read it under a traceback, bounded."""
    return cut(f"{type(error).__name__}: {text_of(error)}", MAX_ERROR_CHARS)


def cause_text(error: BaseException) -> str | None:
    """Return what led to an error, the nearest first, one per line; None when nothing did."""
    seen = {id(error)}
    causes = []
    cause = _cause_of(error)
    while cause is not None and id(cause) not in seen:
        seen.add(id(cause))
        causes.append(f"{type(cause).__name__}: {text_of(cause)}")
        cause = _cause_of(cause)
    return cut("\n".join(causes), MAX_ERROR_CHARS) if causes else None


def _cause_of(error: BaseException) -> BaseException | None:
    if error.__cause__ is not None or error.__suppress_context__:
        return error.__cause__
    return error.__context__


# Asynchronous on purpose: the bus runs synchronous handlers in a pool, in any order.


def _task_handler(struct: type[RunEvent]) -> Callable[[Any, Any], Any]:
    async def on_task(source: Any, event: Any) -> None:
        news = _news.get()
        task_id = event.task_id or getattr(source, "id", None)
        if news is None or task_id is None:
            return
        error = {"error": _error_of(event)} if struct is RunTaskFailed else {}
        news.tell(
            struct,
            task_id=str(task_id),
            task_name=_first_line(event.task_name or ""),
            agent_role=_role_of(getattr(event.task, "agent", None)),
            **error,
        )

    return on_task


def _method_handler(struct: type[RunEvent]) -> Callable[[Any, Any], Any]:
    async def on_method(source: Any, event: Any) -> None:
        news = _news.get()
        if news is None or source is not news.target:  # every agent is a flow inside, too
            return
        name = str(event.method_name)
        error = {"error": _error_of(event)} if struct is RunTaskFailed else {}
        news.tell(struct, task_id=name[: limits.MAX_ID_CHARS], task_name=_first_line(name), **error)

    return on_method


def _error_of(event: Any) -> str:
    error = event.error
    return error_text(error) if isinstance(error, BaseException) else cut(error, MAX_ERROR_CHARS)


def _role_of(agent: Any) -> str | None:
    role = getattr(agent, "role", None)
    return _first_line(role) if isinstance(role, str) and role.strip() else None


def _first_line(text: str) -> str:
    first = (text.strip().splitlines() or [""])[0].strip()
    return first if len(first) <= MAX_STEP_NAME_CHARS else f"{first[:MAX_STEP_NAME_CHARS]}…"
