"""``POST events``: publish one event or a list, idempotent on ``event_id``."""

from collections.abc import Sequence
from typing import Any, Final, Protocol

import msgspec
from tornado.httputil import HTTPServerRequest

from crewai_hitl_nb.broker.broker import Broker, utc_now
from crewai_hitl_nb.broker.scoped_broker import ScopedBroker
from crewai_hitl_nb.protocol import frames, ids
from crewai_hitl_nb.protocol.events import (
    KNOWN_TYPES,
    AnsweredBy,
    Event,
    HumanInputClaimed,
    HumanInputCompleted,
)
from crewai_hitl_nb.protocol.wire import events_from_wire
from crewai_hitl_nb.server.api import surfaces
from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import needs
from crewai_hitl_nb.server.services import Services
from crewai_hitl_nb.store.base import Appended


class Publisher(Protocol):
    """The publisher: a handler (``base.CallerMixin``), or a call of a kernel."""

    @property
    def services(self) -> Services:
        """The objects that the application made."""

    @property
    def broker(self) -> Broker | ScopedBroker:
        """The broker, limited to the caller's scope."""

    @property
    def caller(self) -> str:
        """The identity whose limits count."""

    @property
    def person(self) -> str:
        """The caller's name, for people."""

    @property
    def by_kernel(self) -> bool:
        """Whether the caller has the kernel key."""

    @property
    def request(self) -> HTTPServerRequest:
        """The call that carries the events."""

    async def require(self, action: str) -> None:
        """Raise ``Forbidden`` unless the caller has this permission."""


async def publish(caller: Publisher, raw: object) -> dict[str, Any]:
    """Publish a caller's events, over any transport, and return the reply's body.

    An answer or a claim that is published speaks for a person: it needs permission to
    *execute*, and only a kernel may name a person other than the caller.
    """
    events = events_from_wire(raw, new_id=ids.new_event_id, now=utc_now())
    if any(_speaks_for_a_person(event) for event in events):
        await caller.require("execute")
        if not caller.by_kernel:
            events = [_signed(event, caller.person) for event in events]
    for event in events:
        surfaces.check_event(caller, event)
    caller.services.limiter.publish(caller.caller, events, caller.broker.is_pending)
    return _reply(await caller.broker.publish(events, caller.caller))


def order_kind(frame: frames.UpFrame) -> object:
    """Return the kind of a frame: only frames of equal kind are processed at the same time.

    A published answer or claim has a kind of its own: it may refer to a question that was
    published right before it, and must find that in the log.
    """
    if isinstance(frame, frames.PublishFrame):
        events = frame.events if isinstance(frame.events, list) else [frame.events]
        if any(isinstance(event, dict) and event.get("type") in _LATER for event in events):
            return object()
    return type(frame)


_LATER: Final = frozenset(KNOWN_TYPES) - {"human_input_required"}


def _speaks_for_a_person(event: Event) -> bool:
    return isinstance(event, HumanInputCompleted | HumanInputClaimed)


def _signed(event: Event, name: str) -> Event:
    if isinstance(event, HumanInputCompleted):
        via = event.answered_by.via if event.answered_by else "api"
        return msgspec.structs.replace(event, answered_by=AnsweredBy(name=name, via=via))
    if isinstance(event, HumanInputClaimed):
        via = event.claimed_by.via
        return msgspec.structs.replace(event, claimed_by=AnsweredBy(name=name, via=via))
    return event


def _reply(results: Sequence[Appended]) -> dict[str, Any]:
    return {
        "events": [
            {
                "event_id": result.record.event_id,
                "request_id": result.request_id,
                "offset": result.record.offset,
                "duplicate": result.duplicate,
            }
            for result in results
        ]
    }


class EventsHandler(HitlHandler):
    """Publishes events."""

    @needs("write")
    async def post(self) -> None:
        """Append the events and return their places in the log."""
        self.reply(await publish(self, self.json_body()))
