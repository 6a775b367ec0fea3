"""Knows what a JupyterHub says in place of a server that it has stopped.

A stopped server has no route in the hub's proxy, so the hub itself is called: it sends a GET on
to its own page about that server, which answers 424, and refuses a POST with a page that seems
to speak of rights. None of this is about the caller's token, and all of it passes when
somebody starts the server again. Pure; below it is httpx's reply, above are the calls.
"""

from collections.abc import Mapping
from typing import Final
from urllib.parse import urlsplit

import httpx

STOPPED: Final = (
    "JupyterHub says that this server is not running (its log is kept); start it on the hub's page"
)

_VERSION: Final = "X-JupyterHub-Version"


def says_stopped(reply: httpx.Response) -> bool:
    """Whether the reply comes from the hub because the server behind it does not run."""
    if reply.is_redirect:
        return "/hub/user/" in urlsplit(reply.headers.get("Location", "")).path
    # Our own refusals are JSON, on a hub as elsewhere.
    is_page = reply.headers.get("Content-Type", "").startswith("text/html")
    return is_hub_page(reply.status_code, reply.headers) or (
        reply.status_code == 403 and is_page and _VERSION in reply.headers
    )


def is_hub_page(status: int, headers: Mapping[str, str]) -> bool:
    """Whether a reply, all redirects followed, is the hub's page about a server.

    That is 424 for a server that is stopped (since JupyterHub 2.0; before it, 503, which is a
    server away for everybody), and 200 for one that is starting.
    """
    return status == 424 or (status == 200 and _VERSION in headers)
