"""The broker for a caller whose key is limited to some executions or crews.

What is outside the key's scope does not exist for that caller: no stream (replay included) and no
list has it, and its requests are unknown. The caller publishes within the scope only, and not into
executions or crews of others (``store/ownership.py``). Every method does the same as in
:class:`crewai_hitl_nb.broker.broker.Broker`.
"""

from collections.abc import Sequence

import msgspec

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.delivery.subscription import Start, Subscription
from crewai_hitl_nb.broker.reader_counts import Reader, Readers
from crewai_hitl_nb.broker.visibility import taken
from crewai_hitl_nb.protocol import state
from crewai_hitl_nb.protocol.answer import Answer
from crewai_hitl_nb.protocol.errors import Forbidden, UnknownRequest
from crewai_hitl_nb.protocol.events import (
    CancelReason,
    Event,
    HumanInputRequired,
    request_id_of,
)
from crewai_hitl_nb.protocol.frames import Heartbeat
from crewai_hitl_nb.protocol.rules import Standing, unknown_rule
from crewai_hitl_nb.protocol.state import Request
from crewai_hitl_nb.store.base import Appended, KeyScope, Match, RequestPage, RequestQuery
from crewai_hitl_nb.store.trail import TrailPage


class ScopedBroker:
    """A broker that shows and changes only what is in the scope of a key."""

    def __init__(self, broker: Broker, scope: KeyScope) -> None:
        """Limit the broker to the scope."""
        self._broker = broker
        self._scope = scope
        self.files = broker.files.within(self.request)

    @property
    def epoch(self) -> str:
        """The name of the log's history; it changes if history is lost."""
        return self._broker.epoch

    def heartbeat(self, offset: int | None = None) -> Heartbeat:
        """Return a heartbeat."""
        return self._broker.heartbeat(offset)

    @property
    def readers(self) -> Readers:
        """The counts of readers."""
        return self._broker.readers

    def is_pending(self, request_id: str) -> bool:
        """Whether this request is open, for the caller's own limit."""
        return self._broker.is_pending(request_id, self._scope)

    def subscribe(self, match: Match, start: Start, reader: Reader) -> Subscription:
        """Subscribe to the events in scope."""
        within = msgspec.structs.replace(match, within=self._scope)
        return self._broker.subscribe(within, start, reader)

    async def request(self, request_id: str) -> Request:
        """Return a request in scope."""
        request = await self._broker.request(request_id)
        if not self._scope.covers(request.required):
            raise state.unknown_request(request_id)
        return request

    async def requests(self, query: RequestQuery) -> RequestPage:
        """Return one page of the requests in scope."""
        return await self._broker.requests(msgspec.structs.replace(query, within=self._scope))

    async def rules(self) -> list[Standing]:
        """Return the rules that stand and were made in scope."""
        every = await self._broker.rules()
        return [one for one in every if self._scope.covers(one.required)]

    async def revoke_rule(self, rule_id: str, name: str, via: str) -> Standing:
        """End a rule that was made in scope."""
        one = await self._broker.rule(rule_id)
        if not self._scope.covers(one.required):
            raise unknown_rule(rule_id)
        return await self._broker.revoke_rule(rule_id, name, via)

    async def trail(self, *, after: int, limit: int) -> TrailPage:
        """Return the next entries of the audit trail in scope; pruned ones are in no scope."""
        page = await self._broker.trail(after=after, limit=limit)
        return msgspec.structs.replace(page, within=self._scope)

    async def publish(self, events: Sequence[Event], by: str | None = None) -> list[Appended]:
        """Append events that are in scope and name nothing that belongs to another caller.

        Raises:
            Forbidden: An event is not in scope, or has the id of one outside of it.
            UnknownRequest: An event is about a request that is not in scope.
        """
        for event in events:
            if not self._scope.covers(event):
                raise Forbidden(
                    "this key publishes only for "
                    f"{self._scope.describe()}; name one of them in every event"
                )
        asked = {e.request_id for e in events if isinstance(e, HumanInputRequired)}
        for event in events:
            # Publishing a stored id again would return the offset and the request of its event.
            if await self._broker.is_taken(self._scope, event.event_id):
                raise taken("event", event.event_id)
        for request_id in {request_id_of(event) for event in events} - {None}:
            await self._check(str(request_id), asked=request_id in asked)
        return await self._broker.publish(events, by, self._scope)

    async def _check(self, request_id: str, *, asked: bool) -> None:
        """Refuse a request that is neither in scope nor new in this batch.

        A batch that asks a request is no proof that it is new: the log skips an event that it has.
        """
        try:
            request = await self._broker.request(request_id)
        except UnknownRequest:
            if not asked:
                raise
            return
        if not self._scope.covers(request.required):
            raise taken("request", request_id) if asked else state.unknown_request(request_id)

    async def answer(
        self, request_id: str, answer: Answer, name: str, caller: str = "", *, on_page: bool = False
    ) -> Appended:
        """Answer a request in scope."""
        await self.request(request_id)
        return await self._broker.answer(request_id, answer, name, caller, on_page=on_page)

    async def claim(self, request_id: str, name: str, via: str) -> Appended:
        """Claim a request in scope."""
        await self.request(request_id)
        return await self._broker.claim(request_id, name, via)

    async def cancel(self, request_id: str, reason: CancelReason, message: str = "") -> Appended:
        """Cancel a request in scope whose execution the caller may write to."""
        await self.request(request_id)
        return await self._broker.cancel(request_id, reason, message, self._scope)

    def waiter_arrived(self, source_id: str, by: str | None = None) -> None:
        """Count a connection of the caller that names a waiting process."""
        self._broker.waiter_arrived(source_id, by)

    def waiter_left(self, source_id: str, by: str | None = None) -> None:
        """Forget a connection that closed."""
        self._broker.waiter_left(source_id, by)

    async def is_present(self, source_id: str) -> bool:
        """Whether a waiting process that an event in scope names is connected."""
        named = await self._broker.is_named(source_id, self._scope)
        return named and await self._broker.is_present(source_id)
