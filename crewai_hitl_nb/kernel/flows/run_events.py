"""Publishes the run events of a resumed flow: that it continues, and how it ended.

They are the run events of ``protocol/runs.py``, and one more for an attempt that failed and left
the flow stored. ``public/resume_pending.py`` uses it, also to find out whether another process has
resumed a flow.
"""

from contextlib import aclosing
from datetime import datetime, timezone
from typing import Any, Final

from crewai.flow.async_feedback.types import HumanFeedbackPending
from crewai.flow.runtime import Flow

from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.client.results import Request
from crewai_hitl_nb.client.stream import Connected, Subscription
from crewai_hitl_nb.kernel.asking import Asker
from crewai_hitl_nb.kernel.flows.question import name_of
from crewai_hitl_nb.kernel.questions.context import cut
from crewai_hitl_nb.kernel.questions.rendering import as_markdown
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import Source, UnknownEvent
from crewai_hitl_nb.protocol.ids import derived_event_id, new_event_id
from crewai_hitl_nb.protocol.runs import (
    RunEvent,
    RunFailed,
    RunFinished,
    RunPaused,
    RunStarted,
    run_event_to_wire,
)

RESUME_FAILED: Final = "run_resume_failed"
"""The event for a failed attempt to resume; the answer and the stored flow still exist."""

_ENDS: Final = ("run_paused", "run_failed", "run_finished")


def report_resumed(asker: Asker, request: Request, flow: Flow[Any]) -> None:
    """Publish that the flow continues."""
    waiter = asker.waiter
    source = Source(
        id=waiter.source_id,
        kernel_id=waiter.kernel_id,
        notebook=waiter.notebook,
        flow_name=request.source.flow_name,
    )
    _tell(
        asker,
        RunStarted(
            event_id=new_event_id(),
            timestamp=_now(),
            execution_id=_run_of(request),
            name=name_of(flow),
            kind="flow",
            source=source,
        ),
    )


def report_ended(asker: Asker, request: Request, outcome: Any) -> None:
    """Publish how it ended: a result, an error or another pause. Once for each answer."""
    envelope: dict[str, Any] = {"timestamp": _now(), "execution_id": _run_of(request)}
    event: RunEvent
    if isinstance(outcome, HumanFeedbackPending):
        event = RunPaused(event_id=_once(request, "run_paused"), **envelope)
    elif isinstance(outcome, Exception):
        event = RunFailed(
            event_id=_once(request, "run_failed"),
            error=cut(f"{type(outcome).__name__}: {outcome}", limits.MAX_CONTEXT_CHARS),
            **envelope,
        )
    else:
        result = cut(as_markdown(outcome), limits.MAX_CONTEXT_CHARS)
        event = RunFinished(event_id=_once(request, "run_finished"), result=result, **envelope)
    _tell(asker, event)


def report_still_stored(asker: Asker, request: Request, error: Exception) -> None:
    """Publish that an attempt failed and the flow is still stored as before."""
    text = cut(f"{type(error).__name__}: {error}", limits.MAX_CONTEXT_CHARS)
    execution_id = _run_of(request)
    event_id, now = new_event_id(), _now()
    asker.bridge.publish(
        UnknownEvent(
            type=RESUME_FAILED,
            event_id=event_id,
            timestamp=now,
            execution_id=execution_id,
            fields={
                "execution_id": execution_id,
                "request_id": request.request_id,
                "error": text,
            },
        )
    )
    paused = RunPaused(event_id=new_event_id(), timestamp=_now(), execution_id=execution_id)
    _tell(asker, paused)


async def has_ended(client: AsyncClient, request: Request) -> bool:
    """Say whether the log contains how the flow ended after this question's answer.

    Raises:
        HitlError: The server refused the stream.
    """
    ends = {_once(request, what) for what in _ENDS}
    stream = client.stream(Subscription(_run_of(request), _ENDS, "all"))
    async with aclosing(stream.items()) as items:
        async for item in items:
            if isinstance(item, UnknownEvent) and item.event_id in ends:
                return True
            if isinstance(item, Connected):
                return False
    return False


def _tell(asker: Asker, event: RunEvent) -> None:
    asker.bridge.publish(run_event_to_wire(event))


def _run_of(request: Request) -> str:
    return request.execution_id or request.request_id


def _once(request: Request, what: str) -> str:
    return derived_event_id(request.request_id, what)


def _now() -> datetime:
    return datetime.now(timezone.utc)
