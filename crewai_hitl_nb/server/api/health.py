"""``GET health`` and ``GET health/live``: the only public endpoints, for load balancers.

``health`` says whether the server accepts work: not before its log is open, not once it was told
to stop, and not when it may no longer write the log, which then needs a newer server or was moved.
While nothing can be written to its log (a database is away, a disk is full) it is ``degraded``, and
accepts calls all the same: streams stay open, what is written gets 503, and without any server
nobody would be told why.
``health/live`` says that the process serves; restarting it would help only where that fails.
Without credentials both show status and time only.
"""

from typing import Any

from jupyter_server.auth.decorator import allow_unauthenticated

from crewai_hitl_nb import __version__
from crewai_hitl_nb.broker.broker import utc_now
from crewai_hitl_nb.server.base import HitlHandler


class LiveHandler(HitlHandler):
    """Reports that the process serves."""

    _track_activity = False

    @allow_unauthenticated
    async def get(self) -> None:
        """Reply 200."""
        self.reply({"status": "live", "timestamp": utc_now()})


class HealthHandler(HitlHandler):
    """Reports whether the server accepts work."""

    _track_activity = False

    @allow_unauthenticated
    async def get(self) -> None:
        """Reply 200 and ``healthy`` or ``degraded``, or 503 and ``unhealthy``.

        Callers who may read get more.
        """
        broker = self.services.broker
        trouble = self.services.trouble if broker is None else broker.refusal
        if broker is None or trouble or self.services.is_stopping:
            self.set_status(503)
            status = "unhealthy"
        else:
            trouble = broker.outage
            status = "degraded" if trouble else "healthy"
        body: dict[str, Any] = {"status": status, "timestamp": utc_now()}
        if self.current_user and await self.may("read"):
            body["version"] = __version__
            if trouble:
                body["message"] = trouble
            if broker is not None and getattr(self.current_user, "key_scope", None) is None:
                # A limited key does not learn even how many requests of others there are.
                body["epoch"] = broker.epoch
                body["offset"] = broker.top
                body["pending"] = broker.pending_count
                body["subscriptions"] = broker.subscription_count
        self.reply(body)
