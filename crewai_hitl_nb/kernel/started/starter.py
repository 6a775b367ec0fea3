"""Runs crews and flows in the background: what stands behind ``hitl.start()``.

Each run has a daemon thread, a copy of the caller's context, and an execution id that is
chosen beforehand, so that its questions and its run events share it. Above it is
``session.py``; below are ``runs/run.py`` (stopping), ``started/run_events.py`` (what it tells) and
the notebook. It knows nothing of how events travel.
"""

import functools
import threading
import uuid
from collections.abc import Callable, Iterable, Mapping
from contextvars import copy_context
from typing import Any, Final

from crewai import Crew
from crewai.execution import set_execution_uuid
from crewai.flow.async_feedback.types import HumanFeedbackPending
from crewai.flow.flow import Flow
from crewai.hooks import InterceptionPoint
from crewai.hooks.dispatch import scoped_hooks

from crewai_hitl_nb.kernel.asking import NotAnswered, raise_if_stopped
from crewai_hitl_nb.kernel.notebook import Cell, Notebook
from crewai_hitl_nb.kernel.questions.question import Waiter
from crewai_hitl_nb.kernel.runs.run import Run, enter
from crewai_hitl_nb.kernel.started.run_events import (
    Publish,
    RunNews,
    cause_text,
    error_text,
    name_of,
    result_text,
    steps_of,
    tell_runs,
)
from crewai_hitl_nb.kernel.started.started_run import StartedRun
from crewai_hitl_nb.kernel.started.streams import read_out
from crewai_hitl_nb.protocol.events import Source
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.protocol.runs import (
    RunCancelled,
    RunCancelReason,
    RunFailed,
    RunFinished,
    RunKind,
    RunPaused,
    RunStarted,
    new_run_event,
)

_log = logger(__name__)

_AS_ASKED: Final = ("interrupted", "source_lost")
"""The reasons for which a question is cancelled that are said of its run as well."""

Target = Crew | Flow[Any]
View = Callable[[RunStarted], dict[str, Any]]


class Starter:
    """The runs that were started in this process, while the bridge is on.

    Args:
        publish: Publishes a run event; must return at once.
        notebook: Where they are shown; None in a script.
        waiter: This process.
        view: Returns the MIME bundle that shows a run.
        before: Called before each run.
    """

    def __init__(
        self,
        publish: Publish,
        notebook: Notebook | None,
        waiter: Waiter,
        view: View,
        before: Callable[[], None],
    ) -> None:
        self._publish = publish
        self._notebook = notebook
        self._waiter = waiter
        self._view = view
        self._before = before
        self._lock = threading.Lock()
        self._going: dict[StartedRun, RunNews] = {}
        self._deafen = tell_runs()

    def start(self, target: Target, inputs: Mapping[str, Any] | None) -> StartedRun:
        """Begin a run and return at once.

        Raises:
            TypeError: The target is neither a crew nor a flow.
            RuntimeError: It, or an agent of it, works in another run already.
        """
        kind = _kind_of(target)
        cell = self._notebook.cell() if self._notebook is not None else None
        execution_id = str(uuid.uuid4())
        news = RunNews(self._publish, execution_id, target)
        begun = self._announcement(execution_id, target, kind)
        run = Run(cell, has_view=self._notebook is not None)
        view = functools.partial(self._shown_elsewhere, cell, begun)
        started = StartedRun(run, execution_id, name_of(target), kind, view)
        with self._lock:
            replaced = self._stop_earlier(cell)
            _refuse_if_busy(target, self._others(replaced))
            self._going[started] = news
        self._before()
        self._show(begun, cell)
        self._publish(begun)
        work = functools.partial(self._work, started, run, news, inputs, replaced)
        threading.Thread(
            target=copy_context().run, args=(work,), name="crewai-hitl-start", daemon=True
        ).start()
        return started

    def cancel(self, execution_id: str) -> None:
        """Cancel a run of this process, if it is one: somebody asked for it elsewhere."""
        for started in list(self._going):
            if started.execution_id == execution_id:
                started.cancel()

    def interrupted(self, cell_message_id: str) -> None:
        """Stop what began in that cell: it was interrupted."""
        for started in list(self._going):
            if started.cell is not None and started.cell.message_id == cell_message_id:
                started.stop("interrupted")

    def after_fork(self, waiter: Waiter) -> None:
        """Go on in a forked process, which has none of the runs and is no notebook."""
        self._waiter = waiter
        self._notebook = None
        self._lock = threading.Lock()
        self._going = {}

    def end_all(self) -> None:
        """Stop everything and say so now: this process ends, or the bridge goes off."""
        for started, news in list(self._going.items()):
            news.end(RunCancelled, reason="source_lost")
            started.stop("source_lost")

    def close(self) -> None:
        """Stop everything, and hear crewAI's events no more."""
        self.end_all()
        self._deafen()

    # ---------------------------------------------------------------- beginning

    def _announcement(self, execution_id: str, target: Target, kind: RunKind) -> RunStarted:
        name = name_of(target)
        return new_run_event(
            execution_id,
            RunStarted,
            crew_id=str(target.id) if isinstance(target, Crew) else None,
            name=name,
            kind=kind,
            tasks=steps_of(target),
            source=Source(
                id=self._waiter.source_id,
                kernel_id=self._waiter.kernel_id,
                notebook=self._waiter.notebook,
                crew_name=name if kind == "crew" else None,
                flow_name=name if kind == "flow" else None,
            ),
        )

    def _stop_earlier(self, cell: Cell | None) -> list[StartedRun]:
        """Stop what an earlier execution of the same cell began; return what still goes."""
        if cell is None or cell.cell_id is None:
            return []
        return [
            earlier
            for earlier in self._going
            if earlier.cell is not None
            and earlier.cell.cell_id == cell.cell_id
            and earlier.cell.message_id != cell.message_id
            and earlier.stop("replaced")
        ]

    def _others(self, replaced: Iterable[StartedRun]) -> list[tuple[StartedRun, Target]]:
        gone = set(replaced)
        return [(run, news.target) for run, news in self._going.items() if run not in gone]

    def _show(self, begun: RunStarted, cell: Cell | None) -> None:
        if self._notebook is not None and cell is not None:
            self._notebook.display(self._view(begun), cell)

    def _shown_elsewhere(self, begun_in: Cell | None, begun: RunStarted) -> dict[str, Any]:
        """Return the view for another cell than the one where the run began."""
        if self._notebook is None or begun_in is None:
            return {}
        if self._notebook.cell().message_id == begun_in.message_id:
            return {}
        return self._view(begun)

    # ---------------------------------------------------------------- on the run's thread

    def _work(
        self,
        started: StartedRun,
        run: Run,
        news: RunNews,
        inputs: Mapping[str, Any] | None,
        earlier: Iterable[StartedRun],
    ) -> None:
        enter(run)
        news.hear_here()
        set_execution_uuid(started.execution_id)
        result, error = None, None
        try:
            for replaced in earlier:
                replaced.when_ended()  # it may work with the very same crew
            result = _kick_off(news.target, inputs, run)
        except BaseException as raised:  # noqa: BLE001 - carried over to whoever waits for the run
            error = raised
        _settle(started, news, result, error)
        with self._lock:
            del self._going[started]


def _kick_off(target: Target, inputs: Mapping[str, Any] | None, run: Run) -> Any:
    def stop_here(_: Any) -> None:
        raise_if_stopped(run.stopped)

    points = (InterceptionPoint.PRE_MODEL_CALL, InterceptionPoint.PRE_TOOL_CALL)
    with scoped_hooks({point: [stop_here] for point in points}):
        raise_if_stopped(run.stopped)
        return read_out(target.kickoff(inputs=dict(inputs) if inputs is not None else None))


def _settle(started: StartedRun, news: RunNews, result: Any, error: BaseException | None) -> None:
    """Tell how a run ended, in the log and then to whoever waits for it."""
    reason = None if error is None else _cancelled_as(started, error)
    try:
        _tell_end(news, result, error, reason)
    except Exception:  # noqa: BLE001 - a result that cannot be told is still its caller's
        _log.exception("the end of run %s could not be told", started.execution_id)
    if error is None:
        paused = isinstance(result, HumanFeedbackPending)
        started.end("paused" if paused else "finished", result, None)
    elif reason is not None:
        started.end("cancelled", None, _not_answered(error, reason))
    else:
        started.end("failed", None, error)


def _tell_end(
    news: RunNews, result: Any, error: BaseException | None, reason: RunCancelReason | None
) -> None:
    if isinstance(result, HumanFeedbackPending):
        news.end(RunPaused)
    elif error is None:
        news.end(RunFinished, result=result_text(result))
    elif reason is not None:
        news.end(RunCancelled, reason=reason)
    else:
        news.end(RunFailed, error=error_text(error), cause=cause_text(error))


def _cancelled_as(started: StartedRun, error: BaseException) -> RunCancelReason | None:
    """Return why a run was cancelled; None when it failed by itself."""
    if started.cancelled_as is not None:
        return started.cancelled_as
    if not isinstance(error, NotAnswered) or error.ending != "cancelled":
        return None
    # Its question was withdrawn first: by somebody else, or because its cell is being interrupted,
    # which the thread that asks may see before the cell has ended.
    return error.cancelled_as if error.cancelled_as in _AS_ASKED else "withdrawn"


def _not_answered(error: BaseException, reason: RunCancelReason) -> NotAnswered:
    if isinstance(error, NotAnswered):
        return error
    cancelled = NotAnswered(f"the run was cancelled ({reason})", "cancelled")
    cancelled.__cause__ = error
    return cancelled


def _kind_of(target: object) -> RunKind:
    if isinstance(target, Crew):
        return "crew"
    if isinstance(target, Flow):
        return "flow"
    hint = "; call its .crew()" if callable(getattr(target, "crew", None)) else ""
    hint = "; make one: call the class" if isinstance(target, type) else hint
    raise TypeError(f"start() runs a Crew or a Flow, not {target!r:.100}{hint}")


def _refuse_if_busy(target: Target, others: Iterable[tuple[StartedRun, Target]]) -> None:
    """Refuse what crewAI would refuse later, deep inside and in other words.

    Raises:
        RuntimeError: Saying which part works for which run.
    """
    for started, other in others:
        if other is target:
            raise RuntimeError(
                f"this {started.kind} is {started.state} already, in {started!r}; wait for its "
                "result, cancel it, or make another one"
            )
        shared = _agents_of(target).keys() & _agents_of(other).keys()
        if shared:
            role = str(getattr(_agents_of(target)[shared.pop()], "role", "")).strip()
            raise RuntimeError(
                f"the agent {role!r} works in {started!r} already, and an agent does one thing "
                "at a time; give each crew agents of its own"
            )


def _agents_of(target: Target) -> dict[int, Any]:
    if not isinstance(target, Crew):
        return {}
    agents = [*target.agents, *(task.agent for task in target.tasks if task.agent is not None)]
    return {id(agent): agent for agent in agents}
