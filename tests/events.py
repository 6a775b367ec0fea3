"""Events for tests, with only what a test is about spelled out."""

from datetime import datetime, timezone
from typing import Any

from crewai_hitl_nb.protocol import ids
from crewai_hitl_nb.protocol.events import (
    AnsweredBy,
    Event,
    HumanInputCompleted,
    HumanInputRequired,
)
from crewai_hitl_nb.protocol.wire import event_from_wire

NOON = datetime(2026, 11, 22, 12, tzinfo=timezone.utc)


def required(request_id: str, **fields: Any) -> HumanInputRequired:
    """Return a question."""
    raw = {"type": "human_input_required", "request_id": request_id, "prompt": "Good?", **fields}
    event = event_from_wire(raw, event_id=ids.new_event_id(), now=NOON)
    assert isinstance(event, HumanInputRequired)
    return event


def completed(request_id: str | None, text: str = "", **fields: Any) -> HumanInputCompleted:
    """Return an answer by ada."""
    return HumanInputCompleted(
        event_id=fields.pop("event_id", ids.new_event_id()),
        timestamp=NOON,
        request_id=request_id,
        human_feedback=text,
        decision="respond" if text else "approve",
        answered_by=AnsweredBy(name="ada"),
        **fields,
    )


def other(type_: str = "weather_changed", **fields: Any) -> Event:
    """Return an event of a type that nobody here knows."""
    return event_from_wire({"type": type_, **fields}, event_id=ids.new_event_id(), now=NOON)
