"""The prefix itself: the inbox page, without a kernel."""

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.extension.handler import ExtensionHandlerJinjaMixin, ExtensionHandlerMixin

from crewai_hitl_nb.server.base import CallerMixin, needs


class InboxHandler(CallerMixin, ExtensionHandlerJinjaMixin, ExtensionHandlerMixin, JupyterHandler):
    """Serves the page; its script finds everything else through the endpoints."""

    @needs("read")
    async def get(self) -> None:
        """Return the page, and see to it that the browser has its XSRF cookie."""
        _ = self.xsrf_token
        page = self.render_template(
            "inbox.html",
            prefix=self.services.prefix,
            static_prefix=self.static_url_prefix,
        )
        self.write(page)
