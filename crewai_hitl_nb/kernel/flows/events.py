"""Emits crewAI's own events for the feedback of flows, which crewAI leaves to providers.

Both events have the request's id, so that listeners can match answers to questions.
``flows/feedback.py`` and ``public/resume_pending.py`` use it.
"""

from typing import Any

from crewai.events.event_bus import crewai_event_bus
from crewai.events.types.flow_events import (
    HumanFeedbackReceivedEvent,
    HumanFeedbackRequestedEvent,
)
from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.runtime import Flow

from crewai_hitl_nb.kernel.flows.outcome import ChosenOutcome
from crewai_hitl_nb.kernel.flows.question import name_of
from crewai_hitl_nb.protocol.events import HumanInputRequired


def emit_requested(
    flow: Flow[Any], context: PendingFeedbackContext, question: HumanInputRequired
) -> None:
    """Emit crewAI's own event for a question."""
    event = HumanFeedbackRequestedEvent(
        flow_name=name_of(flow),
        method_name=context.method_name,
        output=context.method_output,
        message=context.message,
        emit=context.emit,
        request_id=question.request_id,
    )
    crewai_event_bus.emit(flow, event)


def emit_received(flow: Flow[Any], method_name: str, feedback: str, request_id: str) -> None:
    """Emit crewAI's own event for an answer."""
    chosen = feedback if isinstance(feedback, ChosenOutcome) else None
    event = HumanFeedbackReceivedEvent(
        flow_name=name_of(flow),
        method_name=method_name,
        feedback=feedback if chosen is None else chosen.comment,
        outcome=None if chosen is None else chosen.outcome,
        request_id=request_id,
    )
    crewai_event_bus.emit(flow, event)
