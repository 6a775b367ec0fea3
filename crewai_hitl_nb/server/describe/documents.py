"""``GET openapi.json`` and ``GET asyncapi.json``: descriptions of this API, for programs.

The modules that make them are imported at the first call, because most servers get none.
They describe the table of routes that the host serves.
"""

from crewai_hitl_nb.server.base import HitlHandler
from crewai_hitl_nb.server.caller import needs


class OpenApiHandler(HitlHandler):
    """Serves the OpenAPI document."""

    @needs("read")
    async def get(self) -> None:
        """Return the document of this server."""
        from crewai_hitl_nb.server.describe import openapi

        self.reply(openapi.document(self.services.prefix, self.services.routes))


class AsyncApiHandler(HitlHandler):
    """Serves the AsyncAPI document."""

    @needs("read")
    async def get(self) -> None:
        """Return the document of this server, at the address that the caller used."""
        from crewai_hitl_nb.server.describe import asyncapi

        host, secure = self.request.host, self.request.protocol == "https"
        prefix, routes = self.services.prefix, self.services.routes
        self.reply(asyncapi.document(host, prefix, routes, secure=secure))
