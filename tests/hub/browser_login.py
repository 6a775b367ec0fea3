"""A person at the hub's login page, without a browser: the cookies that a browser would hold."""

from collections.abc import Iterator
from contextlib import contextmanager

import httpx

from tests.hub.hub_process import HubProcess

WAIT_SECONDS = 30.0


@contextmanager
def logged_in(hub: HubProcess, name: str, page: str) -> Iterator[httpx.Client]:
    """Log in, open a page of a server as a browser would, and keep all cookies.

    Args:
        hub: The hub.
        name: Who logs in.
        page: What to open, below the hub's address; calls are made relative to it.
    """
    with httpx.Client(base_url=f"{hub.url}{page}", timeout=WAIT_SECONDS) as http:
        navigates = {"Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
        http.get(f"{hub.url}hub/login", headers=navigates).raise_for_status()
        form = {"username": name, "password": "", "_xsrf": http.cookies["_xsrf"]}
        http.post(f"{hub.url}hub/login", data=form, headers=navigates)
        http.get("", headers=navigates, follow_redirects=True)
        yield http


def xsrf(http: httpx.Client) -> dict[str, str]:
    """Return the header by which a page proves that it is the server's own."""
    found = [c.value for c in http.cookies.jar if c.name == "_xsrf" and c.path == _base(http)]
    return {"X-XSRFToken": str(found[0])}


def cookies_for(http: httpx.Client) -> str:
    """Return the cookies as the handshake of the page's WebSocket carries them."""
    sent = [c for c in http.cookies.jar if c.path in ("/", _base(http))]
    return "; ".join(f"{c.name}={c.value}" for c in sent)


def _base(http: httpx.Client) -> str:
    return http.base_url.path.removesuffix("crewai-hitl/")
