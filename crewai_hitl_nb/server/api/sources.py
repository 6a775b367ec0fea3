"""``GET sources/{source_id}``: whether the process that asks, or runs something, is there.

A killed kernel cannot say that its runs are over; its connection tells. What it asked is
cancelled without this, so no client needs it for a request.
"""

from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import needs


class SourceHandler(HitlHandler):
    """One waiter, by its ``source.id``."""

    _track_activity = False  # a page that looks now and then must not keep a culled server alive

    @needs("read")
    async def get(self, source_id: str) -> None:
        """Say whether it is connected, or was until a moment ago."""
        self.services.limiter.take("read", self.caller)
        present = await self.broker.is_present(source_id)
        self.reply({"source_id": source_id, "present": present})
