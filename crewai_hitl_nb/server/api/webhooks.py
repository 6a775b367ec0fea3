"""``GET webhooks``: how the deliveries stand; and how a host begins and ends them.

A wrong URL or secret is one line in the host's log and in this listing, and the server
still runs: nothing is sent until it is mended, and nothing is lost, because the cursors
stay where they are.
"""

import logging
from typing import Any, TypeAlias

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.webhooks.config import BadWebhook, WebhookSettings
from crewai_hitl_nb.broker.webhooks.worker import Webhooks
from crewai_hitl_nb.protocol.errors import Forbidden, StoreUnavailable
from crewai_hitl_nb.server.base import HitlHandler, Services, needs
from crewai_hitl_nb.store.metadata import NotedStore

Log: TypeAlias = "logging.Logger | logging.LoggerAdapter[Any]"


async def begin(
    services: Services, store: NotedStore, broker: Broker, settings: WebhookSettings, log: Log
) -> None:
    """Begin to deliver, or say in one line why not."""
    services.webhooks_trouble = ""
    try:
        webhooks = Webhooks(store, broker, settings)
        await webhooks.start()
    except (BadWebhook, StoreUnavailable) as error:
        services.webhooks_trouble = str(error)
        log.error("crewai-hitl: no webhook is delivered: %s", error)
    else:
        services.webhooks = webhooks


async def end(services: Services) -> None:
    """Stop delivering; call it before the broker is closed."""
    webhooks, services.webhooks = services.webhooks, None
    if webhooks is not None:
        await webhooks.close()


class WebhooksHandler(HitlHandler):
    """The listing."""

    @needs("read")
    async def get(self) -> None:
        """Return every endpoint with its latest deliveries."""
        self.services.limiter.take("read", self.caller)
        if getattr(self.current_user, "reach", None) is not None:
            raise Forbidden("a limited key does not see deliveries: they are of every execution")
        webhooks = self.services.webhooks
        self.reply(
            {
                "webhooks": webhooks.report() if webhooks else [],
                "trouble": self.services.webhooks_trouble or None,
            }
        )
