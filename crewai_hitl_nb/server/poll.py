"""``GET poll/human-input[/{execution_id}]``: events since the last one, as one JSON reply.

With ``timeout`` the call is held open until something comes (long-poll). The reply's
``last_event_id`` is where the next call goes on; it stays what the caller sent when
nothing came, and is null when that is of no use any more (a gap, and nothing is kept).
"""

import asyncio
from typing import Any

import msgspec

from crewai_hitl_nb.broker.subscription import Closed, Live, Subscription
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.dialects import CANONICAL
from crewai_hitl_nb.protocol.frames import Gap, encode_frame
from crewai_hitl_nb.server import parameters
from crewai_hitl_nb.server.base import HitlHandler, needs
from crewai_hitl_nb.server.presence import waiting
from crewai_hitl_nb.store.base import Record


class PollHandler(HitlHandler):
    """One poll."""

    _track_activity = False  # a waiting script must not keep a culled server alive
    dialect = CANONICAL
    _subscription: Subscription | None = None

    @needs("read")
    async def get(self, execution_id: str | None = None, crew_id: str | None = None) -> None:
        """Return what there is, or wait for it as long as the caller says."""
        start = parameters.start(self, default="all")
        limit = parameters.count(
            self, "limit", default=limits.PAGE_EVENTS, most=limits.MAX_POLL_EVENTS
        )
        timeout = parameters.number(self, "timeout", default=0.0, most=limits.MAX_POLL_SECONDS)
        match = parameters.match(self, execution_id, crew_id)
        await self.waiter()
        self._subscription = self.subscribe(match, start, "poll")
        try:
            with waiting(self, self.broker):
                gap, records = await _collect(self._subscription, limit, timeout)
        finally:
            self._subscription.close()
        last = records[-1].event_id if records else None
        if gap is None:
            last = last or start.last_event_id
        body: dict[str, Any] = {
            "events": [msgspec.Raw(self.dialect.say(record.body)) for record in records],
            "last_event_id": last,
            "epoch": self.broker.epoch,
        }
        if gap is not None:
            body["gap"] = msgspec.Raw(self.dialect.say(encode_frame(gap)))
        self.reply(body)

    def on_connection_close(self) -> None:
        """The caller went away: stop waiting for it."""
        if self._subscription is not None:
            self._subscription.close()
        super().on_connection_close()


async def _collect(
    subscription: Subscription, limit: int, timeout: float
) -> tuple[Gap | None, list[Record]]:
    """Gather up to ``limit`` records, fewer when they are large; wait only while there is none."""
    gap: Gap | None = None
    records: list[Record] = []
    deadline = asyncio.get_running_loop().time() + timeout
    live, size = False, 0
    while len(records) < limit and size < limits.MAX_BODY_BYTES and not (live and (records or gap)):
        left = max(0.0, deadline - asyncio.get_running_loop().time())
        if live and left <= 0:
            break
        try:
            step = await subscription.next(left)
        except Closed:
            break
        if step is None:
            break
        if isinstance(step, Live):
            live = True
        elif isinstance(step, Gap):
            gap = step
        else:
            records.extend(step)
            size += sum(len(record.body) for record in step)
    return gap, records[:limit]
