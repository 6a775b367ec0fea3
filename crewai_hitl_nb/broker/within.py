"""The broker as a caller sees it whose key is limited to some executions or crews.

What is out of reach does not exist for them: it is in no stream (replay included) and no
list, and a request out of reach is unknown. They publish within their reach only. Every
method means what it means in :class:`crewai_hitl_nb.broker.broker.Broker`.
"""

from collections.abc import Sequence

import msgspec

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.subscription import Start, Subscription
from crewai_hitl_nb.protocol import state
from crewai_hitl_nb.protocol.answer import Answer
from crewai_hitl_nb.protocol.errors import Forbidden
from crewai_hitl_nb.protocol.events import (
    CancelReason,
    Event,
    HumanInputRequired,
    request_id_of,
)
from crewai_hitl_nb.protocol.frames import Heartbeat
from crewai_hitl_nb.protocol.state import Request
from crewai_hitl_nb.store.base import Appended, Match, Reach, RequestPage, RequestQuery


class BrokerWithin:
    """A broker seen through a reach."""

    def __init__(self, broker: Broker, reach: Reach) -> None:
        """Look at the broker through the reach."""
        self._broker = broker
        self._reach = reach

    @property
    def epoch(self) -> str:
        """Name of the log's life."""
        return self._broker.epoch

    def heartbeat(self, offset: int | None = None) -> Heartbeat:
        """Return a reader's sign of life."""
        return self._broker.heartbeat(offset)

    def subscribe(self, match: Match, start: Start) -> Subscription:
        """Begin to read what is in reach."""
        return self._broker.subscribe(msgspec.structs.replace(match, within=self._reach), start)

    async def request(self, request_id: str) -> Request:
        """Return a request in reach."""
        request = await self._broker.request(request_id)
        if not self._reach.covers(request.required):
            raise state.unknown_request(request_id)
        return request

    async def requests(self, query: RequestQuery) -> RequestPage:
        """Return one page of those in reach."""
        return await self._broker.requests(msgspec.structs.replace(query, within=self._reach))

    async def publish(self, events: Sequence[Event]) -> list[Appended]:
        """Append events that are in reach.

        Raises:
            Forbidden: One is not.
        """
        asked = set()
        for event in events:
            request_id = request_id_of(event)
            if not self._reach.covers(event):
                raise Forbidden(
                    "this key publishes only for "
                    f"{self._reach.describe()}; name one of them in every event"
                )
            if isinstance(event, HumanInputRequired):
                asked.add(request_id)
            elif request_id is not None and request_id not in asked:
                await self.request(request_id)
        return await self._broker.publish(events)

    async def answer(self, request_id: str, answer: Answer, name: str) -> Appended:
        """Answer a request in reach."""
        await self.request(request_id)
        return await self._broker.answer(request_id, answer, name)

    async def claim(self, request_id: str, name: str, via: str) -> Appended:
        """Claim a request in reach."""
        await self.request(request_id)
        return await self._broker.claim(request_id, name, via)

    async def cancel(self, request_id: str, reason: CancelReason, message: str = "") -> Appended:
        """Cancel a request in reach."""
        await self.request(request_id)
        return await self._broker.cancel(request_id, reason, message)

    def waiter_arrived(self, source_id: str) -> None:
        """A connection names this waiter."""
        self._broker.waiter_arrived(source_id)

    def waiter_left(self, source_id: str) -> None:
        """That connection closed."""
        self._broker.waiter_left(source_id)

    def waiter_is_near(self, source_id: str) -> bool:
        """Whether this waiter is connected, or has not been away for long."""
        return self._broker.waiter_is_near(source_id)
