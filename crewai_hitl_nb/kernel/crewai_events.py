"""Human input on crewAI's own event bus.

crewAI has no event for it yet; these two carry the stream documents' fields. The bridge
emits them, so that listeners see every question and answer, and it is fed by them: an
event that somebody else emits is published as well.

The bridge's own questions reach the server by a direct call and not through the bus: the
bus drops events while it shuts down and inside ``scoped_handlers()``, and a dropped
question would be a crew that waits for ever. They carry a mark, so they go out once.
"""

import threading
from collections.abc import Callable
from datetime import datetime, timezone
from typing import Any, Final, Literal

import msgspec
from crewai.events.base_events import BaseEvent
from crewai.events.event_bus import crewai_event_bus
from pydantic import Field, PrivateAttr

from crewai_hitl_nb.protocol.errors import InvalidEvent
from crewai_hitl_nb.protocol.events import Event, HumanInputCompleted, HumanInputRequired
from crewai_hitl_nb.protocol.json_safe import portable
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.protocol.wire import event_from_wire

_log = logger(__name__)


class _HumanInputEvent(BaseEvent):
    """What both have in common, beside crewAI's own fields."""

    request_id: str | None = None
    execution_id: str | None = None
    crew_id: str | None = None
    _is_carried: bool = PrivateAttr(default=False)


class HumanInputRequiredEvent(_HumanInputEvent):
    """A crew asks a person and waits."""

    type: Literal["human_input_required"] = "human_input_required"
    prompt: str
    context: str = ""
    reason_flags: dict[str, bool] = Field(default_factory=dict)
    kind: str = "task_feedback"
    response: dict[str, Any] = Field(default_factory=dict)
    source: dict[str, Any] = Field(default_factory=dict)
    round: int = 1


class HumanInputCompletedEvent(_HumanInputEvent):
    """The answer that a crew goes on with."""

    type: Literal["human_input_completed"] = "human_input_completed"
    human_feedback: str = ""
    decision: str | None = None
    options: list[str] | None = None
    values: dict[str, Any] | None = None
    answered_by: dict[str, Any] | None = None


_WIRE_FIELDS: Final = {
    "type",
    "event_id",
    "timestamp",
    "task_id",
    "agent_id",
    *_HumanInputEvent.__annotations__,
    *HumanInputRequiredEvent.__annotations__,
    *HumanInputCompletedEvent.__annotations__,
}


def emit_required(emitter: Any, event: HumanInputRequired) -> None:
    """Show a question that the bridge carries to crewAI's listeners."""
    _emit(emitter, HumanInputRequiredEvent(**msgspec.to_builtins(event)))


def emit_completed(emitter: Any, event: HumanInputCompleted) -> None:
    """Show an answer that the bridge brought to crewAI's listeners."""
    _emit(emitter, HumanInputCompletedEvent(**msgspec.to_builtins(event)))


def feed(publish: Callable[[Event], None]) -> Callable[[], None]:
    """Publish human input events that others emit; returns how to stop that.

    Args:
        publish: Must return at once: handlers of the bus must never wait.
    """

    # Async on purpose: sync handlers run in a pool, in any order; these run in order.
    async def on_event(source: Any, event: _HumanInputEvent) -> None:
        if event._is_carried:
            return
        try:
            publish(_to_wire(event))
        except InvalidEvent as error:
            _log.warning("event %s was not published: %s", event.event_id, error)

    kinds = (HumanInputRequiredEvent, HumanInputCompletedEvent)
    for kind in kinds:
        crewai_event_bus.on(kind)(on_event)

    def stop() -> None:
        for kind in kinds:
            crewai_event_bus.off(kind, on_event)

    return stop


def after_fork() -> None:
    """Let crewAI's bus start its threads again: a forked process has none of its parent's.

    Without this a crew in it hangs at the first event after its parent has run one, and waits half
    a minute again and again for handlers that only its parent's threads could end.
    """
    bus: Any = crewai_event_bus
    if hasattr(bus, "_executor_initialized"):
        bus._executor_initialized = False
    if hasattr(bus, "_pending_futures"):
        bus._pending_futures = set()
        bus._futures_lock = threading.Lock()  # another thread may have held it, and is not here


def _emit(emitter: Any, event: _HumanInputEvent) -> None:
    event._is_carried = True
    crewai_event_bus.emit(emitter, event)


def _to_wire(event: _HumanInputEvent) -> Event:
    raw = portable(event.model_dump(include=_WIRE_FIELDS, exclude_none=True))
    return event_from_wire(raw, event_id=event.event_id, now=datetime.now(timezone.utc))
