"""Recognizes the replies of a JupyterHub for a server that it has stopped.

A stopped server has no route in the hub's proxy, so the hub itself replies: it redirects a GET to
its own page about that server, which has status 424, and refuses a POST with a page that seems to
be about permissions. Neither concerns the caller's token, and both end when somebody starts the
server again. Pure; the calls are above it.
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
    """Return whether the hub sent this reply because the user's server does not run."""
    if reply.is_redirect:
        return "/hub/user/" in urlsplit(reply.headers.get("Location", "")).path
    # Our own refusals are JSON, also on a hub.
    is_page = reply.headers.get("Content-Type", "").startswith("text/html")
    return is_hub_page(reply.status_code, reply.headers) or (
        reply.status_code == 403 and is_page and _VERSION in reply.headers
    )


def is_hub_page(status: int, headers: Mapping[str, str]) -> bool:
    """Return whether a reply, after all redirects, is the hub's page about a server.

    The status is 424 for a stopped server (503 before JupyterHub 2.0, which counts as away
    anyway) and 200 for one that is starting.
    """
    return status == 424 or (status == 200 and _VERSION in headers)
