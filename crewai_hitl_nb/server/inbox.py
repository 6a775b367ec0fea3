"""The prefix itself: the inbox page, without a kernel.

Its script finds everything else through the endpoints. What only the server knows goes into
the page: where notebooks are opened on this host, and which folder their paths begin with.
"""

from typing import Any, Final

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.extension.handler import ExtensionHandlerJinjaMixin, ExtensionHandlerMixin
from jupyter_server.utils import url_path_join

from crewai_hitl_nb.server.base import CallerMixin, needs

_FRONT_ENDS: Final = (("jupyterlab", "lab/tree/"), ("notebook", "notebooks/"))
"""Extensions that open notebooks, the preferred first, and where they do it."""


class InboxHandler(CallerMixin, ExtensionHandlerJinjaMixin, ExtensionHandlerMixin, JupyterHandler):
    """Serves the page."""

    @needs("read")
    async def get(self) -> None:
        """Return the page, and see to it that the browser has its XSRF cookie."""
        _ = self.xsrf_token
        host = self.settings.get("serverapp")
        page = self.render_template(
            "inbox.html",
            prefix=self.services.prefix,
            static_prefix=self.static_url_prefix,
            notebooks=notebooks_url(host, self.base_url),
            root=getattr(host, "root_dir", ""),
        )
        # What is drawn belongs to whoever is logged in now.
        self.set_header("Cache-Control", "no-store")
        self.write(page)


def notebooks_url(host: Any, base_url: str) -> str:
    """Return the URL that a notebook's path is put behind; empty where nothing opens one."""
    extensions = getattr(getattr(host, "extension_manager", None), "extensions", {})
    for name, path in _FRONT_ENDS:
        if name in extensions and extensions[name].enabled:
            return str(url_path_join(base_url, path))
    return ""
