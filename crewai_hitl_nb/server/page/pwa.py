"""Serves the manifest and the service worker, so that a phone can install the inbox page.

Both are below the prefix, because a service worker controls only pages below the folder that
it is served from. They are the same bytes for everybody and, like the page, only for callers who
may read. The worker caches nothing: it only shows a message if the server cannot be reached.
"""

from typing import Any, Final

import msgspec
from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.extension.handler import ExtensionHandlerMixin
from tornado import web

from crewai_hitl_nb.protocol.errors import BadRequest
from crewai_hitl_nb.server.caller import CallerMixin, needs
from crewai_hitl_nb.server.error_replies import JsonErrorsMixin
from crewai_hitl_nb.server.page import STATIC

WORKER: Final = STATIC / "service-worker.js"
_COLOUR: Final = "#1565c0"


class _PartOfThePage(JsonErrorsMixin, CallerMixin, ExtensionHandlerMixin, JupyterHandler):
    """A file that the browser fetches by itself, with the cookie only."""

    _track_activity = False

    def check_xsrf_cookie(self) -> None:
        """Require no XSRF token: JupyterHub would, but a browser sends none with these two.

        There is nothing to forge: both are only read and the same for everybody.
        """


class ManifestHandler(_PartOfThePage):
    """Serves the web application manifest."""

    @needs("read")
    async def get(self) -> None:
        """Return it; addresses in it are relative to its own address."""
        self.set_header("Content-Type", "application/manifest+json")
        self.finish(msgspec.json.encode(manifest(self.services.prefix, self.static_url_prefix)))


class WorkerHandler(_PartOfThePage):
    """Serves the service worker's script."""

    @needs("read")
    async def get(self) -> None:
        """Return it, or 404 if the front end is not built."""
        self._require_a_registration()
        if not WORKER.exists():
            raise web.HTTPError(404, "the front end is not built; run `npm run build` in js/")
        self.set_header("Content-Type", "text/javascript; charset=utf-8")
        self.set_header("Cache-Control", "no-cache")
        self.set_header("Cross-Origin-Resource-Policy", "same-origin")
        self.finish(WORKER.read_bytes())

    def _require_a_registration(self) -> None:
        """Refuse a call that does not register the script as a service worker, or has a query.

        A browser says what a script is for (W3C, "Fetch Metadata"); a query would make it another
        script.

        Raises:
            BadRequest: The call is not a registration, or has a query.
        """
        purpose = self.request.headers.get("Sec-Fetch-Dest", "serviceworker")
        if purpose != "serviceworker" or self.request.query:
            raise BadRequest("this script is for a browser to register, without a query")


def manifest(prefix: str, static: str) -> dict[str, Any]:
    """Return the manifest (W3C, "Web Application Manifest")."""
    return {
        "id": prefix,
        "name": "Crews waiting for you",
        "short_name": "Crews",
        "description": "Questions of your crewAI crews, and your answers.",
        "start_url": prefix,
        "scope": prefix,
        "display": "standalone",
        "background_color": "#ffffff",
        "theme_color": _COLOUR,
        "icons": [
            {"src": f"{static}icon-{size}.png", "sizes": f"{size}x{size}", "type": "image/png"}
            for size in (192, 512)
        ]
        + [
            {
                "src": f"{static}icon-maskable-512.png",
                "sizes": "512x512",
                "type": "image/png",
                "purpose": "maskable",
            }
        ],
    }
