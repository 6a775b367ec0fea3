"""Events for human input on crewAI's own event bus.

crewAI has no such events yet. These two have the fields of crewAI's guide to human input event
streaming. The bridge emits them, so that listeners see every question and answer, and it also
publishes those that other code emits.

The bridge's own questions reach the server by a direct call and not through the bus. The bus
drops events while it shuts down and inside ``scoped_handlers()``, and a crew whose question is
dropped would wait for ever. The bridge marks its own events, so that they are published only once.
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
    """The fields that both events share, besides crewAI's own."""

    request_id: str | None = None
    execution_id: str | None = None
    crew_id: str | None = None
    _is_carried: bool = PrivateAttr(default=False)


class HumanInputRequiredEvent(_HumanInputEvent):
    """Emitted when a crew asks a person and waits."""

    type: Literal["human_input_required"] = "human_input_required"
    prompt: str
    context: str = ""
    reason_flags: dict[str, bool] = Field(default_factory=dict)
    kind: str = "task_feedback"
    response: dict[str, Any] = Field(default_factory=dict)
    source: dict[str, Any] = Field(default_factory=dict)
    round: int = 1


class HumanInputCompletedEvent(_HumanInputEvent):
    """Emitted when a person has answered and the crew continues."""

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
    """Emit a question of the bridge to crewAI's listeners."""
    _emit(emitter, HumanInputRequiredEvent(**msgspec.to_builtins(event)))


def emit_completed(emitter: Any, event: HumanInputCompleted) -> None:
    """Emit an answer that the bridge received to crewAI's listeners."""
    _emit(emitter, HumanInputCompletedEvent(**msgspec.to_builtins(event)))


def feed(publish: Callable[[Event], None]) -> Callable[[], None]:
    """Publish the human input events that other code emits.

    Args:
        publish: Must return at once, because handlers of the bus must not block.

    Returns:
        A function that stops it.
    """

    # Async on purpose: the bus runs async handlers in order, sync handlers in a thread pool.
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
    """Make crewAI's bus start new threads, because a forked process has none of its parent's.

    Otherwise, if the parent has run a crew, a crew in the forked process hangs at its first event,
    and waits half a minute again and again for handlers that only the parent's threads could
    finish.
    """
    bus: Any = crewai_event_bus
    if hasattr(bus, "_executor_initialized"):
        bus._executor_initialized = False
    if hasattr(bus, "_pending_futures"):
        bus._pending_futures = set()
        bus._futures_lock = threading.Lock()  # a thread that held it does not exist here


def _emit(emitter: Any, event: _HumanInputEvent) -> None:
    event._is_carried = True
    crewai_event_bus.emit(emitter, event)


def _to_wire(event: _HumanInputEvent) -> Event:
    raw = portable(event.model_dump(include=_WIRE_FIELDS, exclude_none=True))
    return event_from_wire(raw, event_id=event.event_id, now=datetime.now(timezone.utc))
