"""Runs crews and flows in the background, for ``hitl.start()``.

Each run has a daemon thread, a copy of the caller's context, and an execution id that is chosen
beforehand, so that its questions and its run events share it. ``session.py`` uses it; it uses
``runs/run.py`` (stopping), ``started/run_events.py`` (publishing) and the notebook.
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
from crewai_hitl_nb.kernel.notebook import Bundle, Cell, Notebook
from crewai_hitl_nb.kernel.questions.question import Waiter
from crewai_hitl_nb.kernel.runs.run import Run, enter
from crewai_hitl_nb.kernel.started.run_events import (
    Publish,
    RunReporter,
    cause_text,
    error_text,
    name_of,
    report_started_runs,
    result_text,
    steps_of,
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

_SHARED_REASONS: Final = ("interrupted", "source_lost")
"""The reasons for cancelling a question that are also the reason for cancelling its run."""

Target = Crew | Flow[Any]
View = Callable[[RunStarted], Bundle]


class Starter:
    """Starts runs in this process and keeps track of them, while the bridge is enabled.

    Args:
        publish: Publishes a run event; must return at once.
        notebook: The notebook that shows the runs; None in a script.
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
        self._active: dict[StartedRun, RunReporter] = {}
        self._stop_reporting = report_started_runs()

    def start(self, target: Target, inputs: Mapping[str, Any] | None) -> StartedRun:
        """Start a run and return at once.

        Raises:
            TypeError: The target is neither a crew nor a flow.
            RuntimeError: The target, or one of its agents, already works in another run.
        """
        kind = _kind_of(target)
        cell = self._notebook.cell() if self._notebook is not None else None
        execution_id = str(uuid.uuid4())
        reporter = RunReporter(self._publish, execution_id, target)
        begun = self._announcement(execution_id, target, kind)
        run = Run(cell, has_view=self._notebook is not None)
        view = functools.partial(self._shown_elsewhere, cell, begun)
        started = StartedRun(run, execution_id, name_of(target), kind, view)
        with self._lock:
            replaced = self._stop_earlier(cell)
            _refuse_if_busy(target, self._others(replaced))
            self._active[started] = reporter
        self._before()
        self._show(begun, cell)
        self._publish(begun)
        work = functools.partial(self._work, started, run, reporter, inputs, replaced)
        threading.Thread(
            target=copy_context().run, args=(work,), name="crewai-hitl-start", daemon=True
        ).start()
        return started

    def cancel(self, execution_id: str) -> None:
        """Cancel a run if it is one of this process; the request comes from the stream."""
        for started in list(self._active):
            if started.execution_id == execution_id:
                started.cancel()

    def interrupted(self, cell_message_id: str) -> None:
        """Stop the runs that began in a cell, because the cell was interrupted."""
        for started in list(self._active):
            if started.cell is not None and started.cell.message_id == cell_message_id:
                started.stop("interrupted")

    def after_fork(self, waiter: Waiter) -> None:
        """Continue in a forked process, which has none of the runs and is not a notebook."""
        self._waiter = waiter
        self._notebook = None
        self._lock = threading.Lock()
        self._active = {}

    def end_all(self) -> None:
        """Stop all runs and publish that, because this process ends or the bridge is disabled."""
        for started, reporter in list(self._active.items()):
            reporter.end(RunCancelled, reason="source_lost")
            started.stop("source_lost")

    def close(self) -> None:
        """Stop all runs, and stop listening to crewAI's events."""
        self.end_all()
        self._stop_reporting()

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
        """Stop the runs of an earlier execution of the same cell; return those still running."""
        if cell is None or cell.cell_id is None:
            return []
        return [
            earlier
            for earlier in self._active
            if earlier.cell is not None
            and earlier.cell.cell_id == cell.cell_id
            and earlier.cell.message_id != cell.message_id
            and earlier.stop("replaced")
        ]

    def _others(self, replaced: Iterable[StartedRun]) -> list[tuple[StartedRun, Target]]:
        stopped = set(replaced)
        return [
            (run, reporter.target) for run, reporter in self._active.items() if run not in stopped
        ]

    def _show(self, begun: RunStarted, cell: Cell | None) -> None:
        if self._notebook is not None and cell is not None:
            self._notebook.display(self._view(begun), cell)

    def _shown_elsewhere(self, begun_in: Cell | None, begun: RunStarted) -> Bundle:
        """Return the view, except in the cell where the run began, which already shows it."""
        if self._notebook is None or begun_in is None:
            return {}, {}
        if self._notebook.cell().message_id == begun_in.message_id:
            return {}, {}
        return self._view(begun)

    # ---------------------------------------------------------------- on the run's thread

    def _work(
        self,
        started: StartedRun,
        run: Run,
        reporter: RunReporter,
        inputs: Mapping[str, Any] | None,
        earlier: Iterable[StartedRun],
    ) -> None:
        enter(run)
        reporter.report_here()
        set_execution_uuid(started.execution_id)
        result, error = None, None
        try:
            for replaced in earlier:
                replaced.when_ended()  # it may use the same crew object
            result = _kick_off(reporter.target, inputs, run)
        except BaseException as raised:  # noqa: BLE001 - raised again in the code that waits
            error = raised
        _settle(started, reporter, result, error)
        with self._lock:
            del self._active[started]


def _kick_off(target: Target, inputs: Mapping[str, Any] | None, run: Run) -> Any:
    def stop_here(_: Any) -> None:
        raise_if_stopped(run.stopped)

    points = (InterceptionPoint.PRE_MODEL_CALL, InterceptionPoint.PRE_TOOL_CALL)
    with scoped_hooks({point: [stop_here] for point in points}):
        raise_if_stopped(run.stopped)
        return read_out(target.kickoff(inputs=dict(inputs) if inputs is not None else None))


def _settle(
    started: StartedRun, reporter: RunReporter, result: Any, error: BaseException | None
) -> None:
    """Publish how a run ended, then pass it to the code that waits for the run."""
    reason = None if error is None else _cancelled_as(started, error)
    try:
        _report_end(reporter, result, error, reason)
    except Exception:  # noqa: BLE001 - the caller gets the result even if it cannot be published
        _log.exception("the end of run %s could not be published", started.execution_id)
    if error is None:
        paused = isinstance(result, HumanFeedbackPending)
        started.end("paused" if paused else "finished", result, None)
    elif reason is not None:
        started.end("cancelled", None, _not_answered(error, reason))
    else:
        started.end("failed", None, error)


def _report_end(
    reporter: RunReporter,
    result: Any,
    error: BaseException | None,
    reason: RunCancelReason | None,
) -> None:
    if isinstance(result, HumanFeedbackPending):
        reporter.end(RunPaused)
    elif error is None:
        reporter.end(RunFinished, result=result_text(result))
    elif reason is not None:
        reporter.end(RunCancelled, reason=reason)
    else:
        reporter.end(RunFailed, error=error_text(error), cause=cause_text(error))


def _cancelled_as(started: StartedRun, error: BaseException) -> RunCancelReason | None:
    """Return why a run was cancelled; None if it failed."""
    if started.cancelled_as is not None:
        return started.cancelled_as
    if not isinstance(error, NotAnswered) or error.ending != "cancelled":
        return None
    # Its question was withdrawn first: by somebody else, or because its cell is being interrupted,
    # which the thread that asks may notice before the cell has ended.
    return error.cancelled_as if error.cancelled_as in _SHARED_REASONS else "withdrawn"


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
    hint = "; create an instance of the class" if isinstance(target, type) else hint
    raise TypeError(f"start() runs a Crew or a Flow, not {target!r:.100}{hint}")


def _refuse_if_busy(target: Target, others: Iterable[tuple[StartedRun, Target]]) -> None:
    """Refuse a target in use, which crewAI would refuse later with a less helpful error.

    Raises:
        RuntimeError: The message says which part is used in which run.
    """
    for started, other in others:
        if other is target:
            raise RuntimeError(
                f"this {started.kind} is already {started.state}, in {started!r}; wait for its "
                f"result, cancel it, or create another {started.kind}"
            )
        shared = _agents_of(target).keys() & _agents_of(other).keys()
        if shared:
            role = str(getattr(_agents_of(target)[shared.pop()], "role", "")).strip()
            raise RuntimeError(
                f"the agent {role!r} already works in {started!r}, and an agent does one task "
                "at a time; give each crew its own agents"
            )


def _agents_of(target: Target) -> dict[int, Any]:
    if not isinstance(target, Crew):
        return {}
    agents = [*target.agents, *(task.agent for task in target.tasks if task.agent is not None)]
    return {id(agent): agent for agent in agents}
