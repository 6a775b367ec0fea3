"""``GET openapi.json`` and ``GET asyncapi.json``: what is served here, for programs.

The documents are imported when they are first asked for: they read the table of routes,
where these handlers stand, and most servers are never asked.
"""

from crewai_hitl_nb.server.base import HitlHandler, needs


class OpenApiHandler(HitlHandler):
    """What HTTP does."""

    @needs("read")
    async def get(self) -> None:
        """Return the document of this server."""
        from crewai_hitl_nb.server import openapi

        self.reply(openapi.document(self.services.prefix))


class AsyncApiHandler(HitlHandler):
    """What travels on the streams."""

    @needs("read")
    async def get(self) -> None:
        """Return the document of this server, at the address that the caller used."""
        from crewai_hitl_nb.server import asyncapi

        request = self.request
        secure = request.protocol == "https"
        self.reply(asyncapi.document(request.host, self.services.prefix, secure=secure))
