"""The prefix itself: the inbox page, without a kernel.

Its script finds everything else through the endpoints. What only the server knows goes into
the page: where notebooks are opened on this host, and which folder their paths begin with.

What a crew writes is made harmless before it is drawn (``js/src/view/text/safe-tree.ts``). The
page's policy is the second wall: if that fails, nothing in it runs, loads or sends anything.
"""

from typing import Any, Final
from urllib.parse import parse_qsl, urlencode

from jupyter_server.base.handlers import JupyterHandler
from jupyter_server.extension.handler import ExtensionHandlerJinjaMixin, ExtensionHandlerMixin
from jupyter_server.utils import url_path_join

from crewai_hitl_nb.server.caller import CallerMixin, needs

_FRONT_ENDS: Final = (("jupyterlab", "lab/tree/"), ("notebook", "notebooks/"))
"""Extensions that open notebooks, the preferred first, and where they do it."""


_POLICY: Final = "; ".join(
    [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        # What draws formulas parses styles, and drops them before anything is shown.
        "style-src-attr 'unsafe-inline'",
        "img-src 'self' data:",  # the icon with the number on it
        "connect-src 'self'",
        "manifest-src 'self'",
        "worker-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
    ]
)
"""Content Security Policy, level 3; who may frame the page is the host's rule before it."""


class InboxHandler(CallerMixin, ExtensionHandlerJinjaMixin, ExtensionHandlerMixin, JupyterHandler):
    """Serves the page."""

    @property
    def content_security_policy(self) -> str:
        """The host's, and what this page needs."""
        return f"{super().content_security_policy}; {_POLICY}"

    @needs("read")
    async def get(self) -> None:
        """Return the page, and see to it that the browser has its XSRF cookie."""
        if self._is_link_with_a_token():
            self.redirect(without_token(self.request.uri or ""))
            return
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
        self.set_header("Referrer-Policy", "same-origin")
        self.write(page)

    def _is_link_with_a_token(self) -> bool:
        """Whether a person opened it with a token, which the cookie now stands for.

        In the address bar it would be bookmarked, synchronised and photographed. The kernels'
        key makes no cookie, and programs ask for no HTML.
        """
        wants_a_page = "text/html" in self.request.headers.get("Accept", "")
        return wants_a_page and "token" in self.request.query_arguments and not self.by_kernel


def without_token(address: str) -> str:
    """Return an address on this server with every other part of its query."""
    path, _, query = address.partition("?")
    kept = urlencode([one for one in parse_qsl(query, keep_blank_values=True) if one[0] != "token"])
    # One slash to begin with: with two it would be the address of another host.
    return "/" + path.lstrip("/") + (f"?{kept}" if kept else "")


def notebooks_url(host: Any, base_url: str) -> str:
    """Return the URL that a notebook's path is put behind; empty where nothing opens one."""
    extensions = getattr(getattr(host, "extension_manager", None), "extensions", {})
    for name, path in _FRONT_ENDS:
        if name in extensions and extensions[name].enabled:
            return str(url_path_join(base_url, path))
    return ""
