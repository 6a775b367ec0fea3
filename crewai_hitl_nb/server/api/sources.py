"""``GET sources/{source_id}``: whether the process that asks, or runs something, is connected.

A killed kernel cannot report that its runs are over; its closed connection shows it. Its questions
are cancelled anyway, so no client needs this endpoint for a request.
"""

from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import needs


class SourceHandler(HitlHandler):
    """Serves the presence of one waiter, by its ``source.id``."""

    _track_activity = False  # a page that looks now and then must not keep a culled server alive

    @needs("read")
    async def get(self, source_id: str) -> None:
        """Return whether it is connected, or was until a moment ago."""
        self.services.limiter.take("read", self.caller)
        present = await self.broker.is_present(source_id)
        self.reply({"source_id": source_id, "present": present})
