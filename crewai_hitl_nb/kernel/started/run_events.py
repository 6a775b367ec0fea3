"""Publishes run events for a started run, from crewAI's event bus.

crewAI runs the asynchronous handlers of its bus in order, each in the context of the code that
emitted the event. So the run is found in that context, however many threads deep the code is.
It uses the protocol; ``started/starter.py`` uses it.
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
"""The longest text of an error, and of its causes: enough for people to read."""

MAX_STEP_NAME_CHARS: Final = 200

Publish = Callable[[RunEvent], None]

_reporter: ContextVar["RunReporter | None"] = ContextVar("crewai_hitl_run_reporter", default=None)


class RunReporter:
    """Publishes the events of one run, and once how it ended.

    Args:
        publish: Publishes an event; must return at once.
        execution_id: The id of the run.
        target: The crew or the flow.
    """

    def __init__(self, publish: Publish, execution_id: str, target: Crew | Flow[Any]) -> None:
        self.target = target
        self._publish = publish
        self._execution_id = execution_id
        self._crew_id = str(target.id) if isinstance(target, Crew) else None
        self._lock = threading.Lock()
        self._ended = False

    def publish(self, struct: type[RunEvent], /, **fields: Any) -> None:
        """Publish an event of this run."""
        self._publish(new_run_event(self._execution_id, struct, crew_id=self._crew_id, **fields))

    def end(self, struct: type[RunEvent], /, **fields: Any) -> None:
        """Publish how it ended, unless that was published before."""
        with self._lock:
            first, self._ended = not self._ended, True
        if first:
            self.publish(struct, **fields)

    def report_here(self) -> None:
        """From now on, publish the events that crewAI emits in the calling context."""
        _reporter.set(self)


def report_started_runs() -> Callable[[], None]:
    """Convert crewAI's events of started runs to run events; return a function that stops it."""
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
    """Return the tasks of a crew; the steps of a flow are known only when they run."""
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
    """Return the name of a crew or a flow for people."""
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
    """Return an error as in the last line of a traceback, bounded."""
    return cut(f"{type(error).__name__}: {text_of(error)}", MAX_ERROR_CHARS)


def cause_text(error: BaseException) -> str | None:
    """Return the causes of an error, nearest first, one per line; None if there are none."""
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


# Asynchronous on purpose: the bus runs synchronous handlers in a thread pool, in any order.


def _task_handler(struct: type[RunEvent]) -> Callable[[Any, Any], Any]:
    async def on_task(source: Any, event: Any) -> None:
        reporter = _reporter.get()
        task_id = event.task_id or getattr(source, "id", None)
        if reporter is None or task_id is None:
            return
        error = {"error": _error_of(event)} if struct is RunTaskFailed else {}
        reporter.publish(
            struct,
            task_id=str(task_id),
            task_name=_first_line(event.task_name or ""),
            agent_role=_role_of(getattr(event.task, "agent", None)),
            **error,
        )

    return on_task


def _method_handler(struct: type[RunEvent]) -> Callable[[Any, Any], Any]:
    async def on_method(source: Any, event: Any) -> None:
        reporter = _reporter.get()
        # crewAI runs every agent as a flow: only the methods of the started flow count.
        if reporter is None or source is not reporter.target:
            return
        name = str(event.method_name)
        error = {"error": _error_of(event)} if struct is RunTaskFailed else {}
        reporter.publish(
            struct, task_id=name[: limits.MAX_ID_CHARS], task_name=_first_line(name), **error
        )

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
