"""Who knocks: callers with every kind of credential, and the rights that a host can take."""

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
from jupyter_server.auth import Authorizer, User
from traitlets import Unicode

from tests.server.door import PATIENCE_SECONDS, Door

FOREIGN = "http://elsewhere.example"


class OneRightLess(Authorizer):
    """An authorizer that takes one right on our resource away."""

    taken = Unicode(config=True)

    def is_authorized(self, handler: Any, user: User, action: str, resource: str) -> bool:
        """Allow everything else."""
        return not (resource == "crewai_hitl" and action == self.taken)


def kernel_key() -> str:
    """Return the key as a kernel of the server in this process finds it."""
    return os.environ["CREWAI_HITL_KERNEL_KEY"]


@asynccontextmanager
async def caller(door: Door, kind: str) -> AsyncIterator[httpx.AsyncClient]:
    """Return a client that carries the credentials of this kind, and no other."""
    async with httpx.AsyncClient(base_url=door.url, timeout=PATIENCE_SECONDS) as http:
        tokens = {"token": lambda: door.token, "wrong token": lambda: "w", "kernel key": kernel_key}
        if kind in tokens:
            http.headers["Authorization"] = f"Bearer {tokens[kind]()}"
        elif kind == "token as jupyter says it":
            http.headers["Authorization"] = f"token {door.token}"
        elif kind == "token in the address":
            http.params = httpx.QueryParams(token=door.token)
        elif kind != "nobody":
            await _log_in(http, door, kind)
        yield http


async def _log_in(http: httpx.AsyncClient, door: Door, kind: str) -> None:
    """Open the page with the token, as the link in the server's log does, and keep the cookie."""
    page = await http.get("", params={"token": door.token})
    assert page.status_code == 200
    if "xsrf" in kind:
        http.headers["X-XSRFToken"] = http.cookies["_xsrf"]
    if "foreign origin" in kind:
        http.headers["Origin"] = FOREIGN


def cookie_header(http: httpx.AsyncClient) -> str:
    """Return the cookies as a WebSocket handshake carries them."""
    return "; ".join(f"{cookie.name}={cookie.value}" for cookie in http.cookies.jar)
