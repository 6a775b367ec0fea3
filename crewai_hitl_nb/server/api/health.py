"""``GET health``: the only public endpoint; without credentials it shows status and time only."""

from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated

from crewai_hitl_nb import __version__
from crewai_hitl_nb.broker.broker import utc_now
from crewai_hitl_nb.server.base import HitlHandler


class HealthHandler(HitlHandler):
    """Reports whether the log is open."""

    _track_activity = False

    @allow_unauthenticated
    async def get(self) -> None:
        """Reply 200 and ``healthy``, or 503 and ``unhealthy``; more to callers who may read."""
        broker = self.services.broker
        if broker is None:
            self.set_status(503)
        body: dict[str, Any] = {
            "status": "healthy" if broker else "unhealthy",
            "timestamp": utc_now(),
        }
        if self.current_user and await self.may("read"):
            body["version"] = __version__
            if broker is None:
                body["message"] = self.services.trouble
            elif getattr(self.current_user, "key_scope", None) is None:
                # A limited key does not learn even how many requests of others there are.
                body["epoch"] = broker.epoch
                body["offset"] = broker.top
                body["pending"] = broker.pending_count
                body["subscriptions"] = broker.subscription_count
        self.reply(body)
