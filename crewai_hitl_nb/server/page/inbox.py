"""Serves the inbox page, at the prefix itself, and *Insights* beside it; they need no kernel.

Their scripts get everything else from the endpoints. A page contains what only the server knows:
where this host opens notebooks, the folder that their paths begin with, and where a Jupyter server
says who the caller is.

A crew's text is sanitized before it is drawn (``js/src/view/text/safe-tree.ts``). The page's
Content Security Policy is the second defence: if sanitizing fails, the text still cannot run, load
or send anything.
"""

from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.extension.handler import ExtensionHandlerJinjaMixin, ExtensionHandlerMixin
from jupyter_server.utils import url_path_join

from crewai_hitl_nb.server.caller import CallerMixin, needs

_FRONT_ENDS: Final = (("jupyterlab", "lab/tree/"), ("notebook", "notebooks/"))
"""Extensions that open notebooks, the preferred one first, and their paths."""


_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # The formula renderer parses styles, and drops them before anything is shown.
        "style-src-attr 'unsafe-inline'",
        "img-src 'self' data:",  # the icon with the number on it
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
)
"""Content Security Policy, level 3; the host's policy before it decides who may frame the page."""


class InboxHandler(CallerMixin, ExtensionHandlerJinjaMixin, ExtensionHandlerMixin, JupyterHandler):
    """Serves the page."""

    template = "inbox.html"

    @property
    def content_security_policy(self) -> str:
        """The host's policy and this page's."""
        return f"{super().content_security_policy}; {_POLICY}"

    @needs("read")
    async def get(self) -> None:
        """Return the page, and set the browser's XSRF cookie."""
        if self._is_link_with_a_token():
            self.redirect(without_token(self.request.uri or ""))
            return
        _ = self.xsrf_token
        host = self.settings.get("serverapp")
        page = self.render_template(
            self.template,
            prefix=self.services.prefix,
            static_prefix=self.static_url_prefix,
            notebooks=notebooks_url(host, self.base_url),
            root=getattr(host, "root_dir", ""),
            identity="" if host is None else url_path_join(self.base_url, "api/me"),
        )
        # The page belongs to the person who is logged in now.
        self.set_header("Cache-Control", "no-store")
        self.set_header("Referrer-Policy", "same-origin")
        self.write(page)

    def _is_link_with_a_token(self) -> bool:
        """Whether a person opened it with a token, which the cookie now replaces.

        In the address bar it would be bookmarked, synchronised and photographed. The kernel key
        sets no cookie, and programs do not ask for HTML.
        """
        wants_a_page = "text/html" in self.request.headers.get("Accept", "")
        return wants_a_page and "token" in self.request.query_arguments and not self.by_kernel


class InsightsHandler(InboxHandler):
    """Serves the page *Insights*, which lists what the listing of requests shows its reader."""

    template = "insights.html"


def without_token(address: str) -> str:
    """Return an address on this server without the token in its query."""
    path, _, query = address.partition("?")
    kept = urlencode([one for one in parse_qsl(query, keep_blank_values=True) if one[0] != "token"])
    # Exactly one leading slash: two would make it the address of another host.
    return "/" + path.lstrip("/") + (f"?{kept}" if kept else "")


def notebooks_url(host: Any, base_url: str) -> str:
    """Return the URL to which a notebook's path is appended; empty if no extension opens one."""
    extensions = getattr(getattr(host, "extension_manager", None), "extensions", {})
    for name, path in _FRONT_ENDS:
        if name in extensions and extensions[name].enabled:
            return str(url_path_join(base_url, path))
    return ""
