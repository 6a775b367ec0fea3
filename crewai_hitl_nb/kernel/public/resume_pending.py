"""``resume_pending()``: continues the paused flows whose questions have been answered.

The log says which paused flows have an answer, and crewAI's store has their state.
``flows/stored_flow.py`` proves that a question belongs to its flow, and ``flows/resume_claim.py``
ensures that only one process at a time uses an answer, and only once. It uses the bridge, and the
package exports its functions.
"""

import asyncio
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, Final, Literal, TypeAlias

from crewai.flow.async_feedback.types import HumanFeedbackPending
from crewai.flow.persistence.base import FlowPersistence
from crewai.flow.runtime import Flow

from crewai_hitl_nb.client.discovery import HOW_TO_NAME_ONE
from crewai_hitl_nb.client.errors import NoServer
from crewai_hitl_nb.client.results import Request
from crewai_hitl_nb.kernel.asking import Asker, raise_if_stopped
from crewai_hitl_nb.kernel.flows.events import emit_received
from crewai_hitl_nb.kernel.flows.outcome import feedback_for
from crewai_hitl_nb.kernel.flows.resume_claim import claim, was_used
from crewai_hitl_nb.kernel.flows.run_events import (
    has_ended,
    report_ended,
    report_resumed,
    report_still_stored,
)
from crewai_hitl_nb.kernel.flows.stored_flow import (
    NotItsQuestion,
    StoredElsewhere,
    Stores,
    flow_classes,
    prove,
    waits_for,
)
from crewai_hitl_nb.kernel.runs.run import current_run
from crewai_hitl_nb.kernel.session import Session
from crewai_hitl_nb.protocol.arguments import WrongArgument
from crewai_hitl_nb.protocol.events import HumanInputCompleted, Pause
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.tracebacks import short_traceback, short_traceback_async

_log = logger(__name__)

FlowClass: TypeAlias = type[Flow[Any]]
FlowClasses: TypeAlias = FlowClass | Iterable[FlowClass]


@dataclass(frozen=True)
class ResumedFlow:
    """The result of one attempt to resume a paused flow.

    Attributes:
        request_id: The id of its question.
        flow_id: The id of the flow.
        status: ``finished``, ``paused`` (it asked again) or ``failed``; ``expired`` or
            ``cancelled`` if its question ended without an answer.
        flow: The flow, if it was restored.
        result: The value that the flow returned.
        error: Why it failed.
    """

    request_id: str
    flow_id: str
    status: Literal["finished", "paused", "failed", "expired", "cancelled"]
    flow: Flow[Any] | None = field(default=None, repr=False)
    result: Any = None
    error: Exception | None = None


@short_traceback
def resume_pending(
    flows: FlowClasses, *, persistence: FlowPersistence | None = None
) -> list[ResumedFlow]:
    """Resume the paused flows of these classes whose questions have been answered.

    Works in a cell, as ``kickoff()`` does. Flows whose questions are still open stay paused. If a
    question expired or was cancelled, its flow is reported and not resumed. An answer is used
    only once, even if several processes call this at the same time.

    Args:
        flows: One flow class, or several.
        persistence: Where the flows are stored. Default: the persistence of their class, or
            crewAI's default. No other database is opened, whatever a question in the log names.

    Returns:
        One result for each flow, in the order of the questions; failures are included.

    Raises:
        WrongArgument: ``flows`` are not flow classes, or ``persistence`` is not a persistence.
        NoServer: No server was found.
        HitlError: The server refused the call.
    """
    classes = _checked(flows, persistence)
    session, asker = _session()
    return session.runs.block(lambda: asyncio.run(_resume(asker, classes, persistence)))


@short_traceback_async
async def resume_pending_async(
    flows: FlowClasses, *, persistence: FlowPersistence | None = None
) -> list[ResumedFlow]:
    """Resume paused flows on the running event loop; the same as :func:`resume_pending`."""
    classes = _checked(flows, persistence)
    session, asker = _session()
    return await session.runs.await_(lambda: _resume(asker, classes, persistence))


def _session() -> tuple[Session, Asker]:
    from crewai_hitl_nb.kernel import session  # here, because it holds this process's switch

    current = session()
    asker = current.asker()
    if asker is None:
        raise NoServer(f"no crewai-hitl server was found. {HOW_TO_NAME_ONE}")
    return current, asker


def _checked(flows: object, persistence: object) -> dict[str, FlowClass]:
    if persistence is not None and not isinstance(persistence, FlowPersistence):
        expected = "a FlowPersistence of crewAI, such as SQLiteFlowPersistence(path)"
        raise WrongArgument("persistence", expected, persistence)
    return _by_name(flow_classes("flows", flows))


def _by_name(flows: Iterable[FlowClass]) -> dict[str, FlowClass]:
    """Return the classes by the names that a stored pause may use for them.

    A module that runs as a program is named ``__main__``; elsewhere it has its own name.
    """
    named: dict[str, FlowClass] = {}
    for flow_class in flows:
        name = flow_class.__name__
        named[f"{flow_class.__module__}.{name}"] = flow_class
        named.setdefault(f"__main__.{name}", flow_class)
        if flow_class.__module__ == "__main__":
            named[name] = flow_class
    return named


async def _resume(
    asker: Asker, classes: dict[str, FlowClass], persistence: FlowPersistence | None
) -> list[ResumedFlow]:
    listing = asker.bridge.call(lambda client: client.requests(kind="flow_feedback"))
    stores = Stores(persistence)
    results: list[ResumedFlow] = []
    for request in await asyncio.wrap_future(listing):
        pause = request.pause
        if pause is None or request.status == "pending":
            continue
        flow_class = classes.get(pause.flow_class) or classes.get(pause.flow_class.split(".")[-1])
        if flow_class is not None:
            paused = _PausedFlow(asker, request, pause, flow_class)
            results += await paused.resume(stores)
    return results


class _PausedFlow:
    """One paused flow and its question, which is closed."""

    def __init__(self, asker: Asker, request: Request, pause: Pause, flow_class: FlowClass) -> None:
        self._asker = asker
        self._request = request
        self._pause = pause
        self._class = flow_class

    async def resume(self, stores: Stores) -> list[ResumedFlow]:
        """Resume the flow; return no result if another process has resumed it or is doing so."""
        run = current_run()
        if run is not None:
            raise_if_stopped(run.stopped)
        request_id, flow_id = self._request.request_id, self._pause.flow_id
        try:
            store = stores.holding(self._pause, self._class, request_id)
            loaded = store.load_pending_feedback(flow_id)
            if loaded is None or not waits_for(store, flow_id, request_id):
                return []
            prove(loaded[1], self._request, self._request.completion)
        except StoredElsewhere as mismatch:
            done = self._was_used(stores) or await self._has_ended()
            return [] if done else [self._failed(mismatch, None)]
        except NotItsQuestion as mismatch:
            return [self._failed(mismatch, None)]
        completion = self._request.completion
        if not isinstance(completion, HumanInputCompleted):
            status: Final = "expired" if self._request.status == "expired" else "cancelled"
            return [ResumedFlow(request_id=request_id, flow_id=flow_id, status=status)]
        with claim(store, flow_id, request_id) as claimed:
            if claimed is None or not claimed.is_open:
                return []
            try:
                return [await self._continue_with(store, completion)]
            finally:
                claimed.close()

    def _was_used(self, stores: Stores) -> bool:
        """Return whether the answer was used before the flow's database was moved here."""
        permitted = stores.permitted(self._class)
        return any(was_used(store, self._request.request_id) for store in permitted)

    async def _has_ended(self) -> bool:
        """Return whether another process, with access to the flow's store, has resumed it."""
        found = self._asker.bridge.call(lambda client: has_ended(client, self._request))
        return await asyncio.wrap_future(found)

    async def _continue_with(
        self, store: FlowPersistence, answer: HumanInputCompleted
    ) -> ResumedFlow:
        flow: Flow[Any] | None = None
        try:
            flow = self._class.from_pending(self._pause.flow_id, store)
            context = flow.pending_feedback
            if context is None:
                raise LookupError(f"flow {self._pause.flow_id} has no pending feedback")
            feedback = feedback_for(answer, context.emit, context.default_outcome)
            emit_received(flow, context.method_name, feedback, self._request.request_id)
            report_resumed(self._asker, self._request, flow)
            result = await flow.resume_async(feedback)
        except Exception as error:  # noqa: BLE001 - one flow's failure must not stop the next
            if waits_for(store, self._pause.flow_id, self._request.request_id):
                report_still_stored(self._asker, self._request, error)
            else:
                report_ended(self._asker, self._request, error)
            return self._failed(error, flow)
        report_ended(self._asker, self._request, result)
        paused = isinstance(result, HumanFeedbackPending)
        return ResumedFlow(
            request_id=self._request.request_id,
            flow_id=self._pause.flow_id,
            status="paused" if paused else "finished",
            flow=flow,
            result=result,
        )

    def _failed(self, error: Exception, flow: Flow[Any] | None) -> ResumedFlow:
        _log.warning(
            "flow %s could not be resumed with the answer to request %s: %s",
            self._pause.flow_id,
            self._request.request_id,
            type(error).__name__,
        )
        return ResumedFlow(
            request_id=self._request.request_id,
            flow_id=self._pause.flow_id,
            status="failed",
            flow=flow,
            error=error,
        )
