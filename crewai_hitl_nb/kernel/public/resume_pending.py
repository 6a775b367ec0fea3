"""``resume_pending()``: goes on with the flows whose questions were answered meanwhile.

The log says which paused flows have their answer, crewAI's store still has their state,
``flows/stored_flow.py`` proves that a question is the flow's own, and ``flows/resume_claim.py``
lets one process at a time use an answer, once. Above it are the package's public names; below it
is the bridge.
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
from crewai_hitl_nb.kernel.flows.events import tell_received
from crewai_hitl_nb.kernel.flows.outcome import feedback_for
from crewai_hitl_nb.kernel.flows.resume_claim import claim, was_used
from crewai_hitl_nb.kernel.flows.run_events import (
    has_ended,
    tell_ended,
    tell_kept,
    tell_resumed,
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

_log = logger(__name__)

FlowClass: TypeAlias = type[Flow[Any]]
FlowClasses: TypeAlias = FlowClass | Iterable[FlowClass]


@dataclass(frozen=True)
class ResumedFlow:
    """A paused flow, and what became of it in this call.

    Attributes:
        request_id: Its question.
        flow_id: Its own id.
        status: ``finished``, ``paused`` (it asked again), ``failed``, or, where there is no
            answer to go on with, ``expired`` or ``cancelled``.
        flow: The flow, as far as it was restored.
        result: What it returned.
        error: Why it failed.
    """

    request_id: str
    flow_id: str
    status: Literal["finished", "paused", "failed", "expired", "cancelled"]
    flow: Flow[Any] | None = field(default=None, repr=False)
    result: Any = None
    error: Exception | None = None


def resume_pending(
    flows: FlowClasses, *, persistence: FlowPersistence | None = None
) -> list[ResumedFlow]:
    """Go on with the paused flows of these classes whose questions were answered.

    Works in a cell as ``kickoff()`` does. Flows whose questions are still open are left
    alone; expired and cancelled ones are reported and not resumed. An answer is used once,
    however many processes call this at a time.

    Args:
        flows: A flow's class, or several.
        persistence: Where they are stored; by default where their class says, or crewAI's
            default. No other database is opened, whatever a question says of its own.

    Returns:
        What was done, in the order of the questions; failures are in it.

    Raises:
        WrongArgument: Something else than classes of flows, or no persistence.
        NoServer: When no server is found.
        HitlError: When the server cannot be asked.
    """
    classes = _checked(flows, persistence)
    session, asker = _session()
    return session.runs.block(lambda: asyncio.run(_resume(asker, classes, persistence)))


async def resume_pending_async(
    flows: FlowClasses, *, persistence: FlowPersistence | None = None
) -> list[ResumedFlow]:
    """Do the same as :func:`resume_pending` on the running loop."""
    classes = _checked(flows, persistence)
    session, asker = _session()
    return await session.runs.await_(lambda: _resume(asker, classes, persistence))


def _session() -> tuple[Session, Asker]:
    from crewai_hitl_nb.kernel import session  # which knows the switch of this process

    current = session()
    asker = current.asker()
    if asker is None:
        raise NoServer(f"no crewai-hitl server was found. {HOW_TO_NAME_ONE}")
    return current, asker


def _checked(flows: object, persistence: object) -> dict[str, FlowClass]:
    if persistence is not None and not isinstance(persistence, FlowPersistence):
        wanted = "a FlowPersistence of crewAI, such as SQLiteFlowPersistence(path)"
        raise WrongArgument("persistence", wanted, persistence)
    return _by_name(flow_classes("flows", flows))


def _by_name(flows: Iterable[FlowClass]) -> dict[str, FlowClass]:
    """Return the classes by the names that a pause may have for them.

    A module that is run as a program is called ``__main__``, and by its name elsewhere.
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
    """One flow and the question that it waits for, which was closed."""

    def __init__(self, asker: Asker, request: Request, pause: Pause, flow_class: FlowClass) -> None:
        self._asker = asker
        self._request = request
        self._pause = pause
        self._class = flow_class

    async def resume(self, stores: Stores) -> list[ResumedFlow]:
        """Return what was done; nothing where nothing was left to do, or somebody else does it."""
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
                return [await self._go_on(store, completion)]
            finally:
                claimed.close()

    def _was_used(self, stores: Stores) -> bool:
        """Return whether the answer was used before the flow's database was moved here."""
        permitted = stores.permitted(self._class)
        return any(was_used(store, self._request.request_id) for store in permitted)

    async def _has_ended(self) -> bool:
        """Return whether another process, which knows the flow's store, has resumed it."""
        found = self._asker.bridge.call(lambda client: has_ended(client, self._request))
        return await asyncio.wrap_future(found)

    async def _go_on(self, store: FlowPersistence, answer: HumanInputCompleted) -> ResumedFlow:
        flow: Flow[Any] | None = None
        try:
            flow = self._class.from_pending(self._pause.flow_id, store)
            context = flow.pending_feedback
            if context is None:
                raise LookupError(f"flow {self._pause.flow_id} has no pending feedback")
            feedback = feedback_for(answer, context.emit, context.default_outcome)
            tell_received(flow, context.method_name, feedback, self._request.request_id)
            tell_resumed(self._asker, self._request, flow)
            result = await flow.resume_async(feedback)
        except Exception as error:  # noqa: BLE001 - one flow's failure must not stop the next
            if waits_for(store, self._pause.flow_id, self._request.request_id):
                tell_kept(self._asker, self._request, error)
            else:
                tell_ended(self._asker, self._request, error)
            return self._failed(error, flow)
        tell_ended(self._asker, self._request, result)
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
