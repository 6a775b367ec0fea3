"""``GET openapi.json`` and ``GET asyncapi.json``: what is served here, for programs.

The documents are imported when they are first asked for, because most servers are never asked.
They describe the table of routes that the host serves.
"""

from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import needs


class OpenApiHandler(HitlHandler):
    """What HTTP does."""

    @needs("read")
    async def get(self) -> None:
        """Return the document of this server."""
        from crewai_hitl_nb.server.describe import openapi

        self.reply(openapi.document(self.services.prefix, self.services.routes))


class AsyncApiHandler(HitlHandler):
    """What travels on the streams."""

    @needs("read")
    async def get(self) -> None:
        """Return the document of this server, at the address that the caller used."""
        from crewai_hitl_nb.server.describe import asyncapi

        host, secure = self.request.host, self.request.protocol == "https"
        prefix, routes = self.services.prefix, self.services.routes
        self.reply(asyncapi.document(host, prefix, routes, secure=secure))
