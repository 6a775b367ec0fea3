"""``GET webhooks``: lists every webhook with its latest deliveries.

A wrong URL or secret is one line in the host's log and in this listing, and the server still runs:
nothing is sent until it is fixed, and nothing is lost, because the cursors stay where they are.
"""

from crewai_hitl_nb.protocol.errors import Forbidden
from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import needs


class WebhooksHandler(HitlHandler):
    """Lists webhooks."""

    @needs("read")
    async def get(self) -> None:
        """Return every webhook with its latest deliveries."""
        self.services.limiter.take("read", self.caller)
        if getattr(self.current_user, "key_scope", None) is not None:
            raise Forbidden(
                "deliveries cover every execution, so a limited key cannot read them; use a key"
                " without limits"
            )
        webhooks = self.services.webhooks
        self.reply(
            {
                "webhooks": await webhooks.report() if webhooks else [],
                "trouble": self.services.webhooks_trouble or None,
            }
        )
