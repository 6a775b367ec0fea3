"""A real receiver of webhooks: an HTTP server that a test can hold, break, stop and start."""

import asyncio
import base64
import json
import ssl
from collections import deque
from collections.abc import Callable, Mapping
from typing import Any

from standardwebhooks.webhooks import Webhook
from tornado import httpserver, netutil, web

PATIENCE_SECONDS = 15.0
"""How long a test waits for something that must come; far above what anything takes."""


def secret(letter: str) -> str:
    """Return a secret that is easy to tell apart from others."""
    return "whsec_" + base64.b64encode(letter.encode() * 32).decode()


SECRET = secret("s")


class Call:
    """One call that arrived."""

    def __init__(self, path: str, headers: Mapping[str, str], body: bytes) -> None:
        self.path = path
        self.headers = headers
        self.body = body

    @property
    def id(self) -> str:
        return self.headers["webhook-id"]

    @property
    def event(self) -> dict[str, Any]:
        event: dict[str, Any] = json.loads(self.body)
        return event

    def verify(self, with_secret: str = SECRET) -> None:
        """Check the signature as any receiver would."""
        Webhook(with_secret).verify(self.body, dict(self.headers))


class Receiver:
    """Answers 204 unless told otherwise; every answer in `answers` comes first."""

    def __init__(self) -> None:
        self.port = 0
        self.calls: list[Call] = []
        self.answers: deque[tuple[int, dict[str, str]]] = deque()
        self._free = asyncio.Event()
        self._free.set()
        self._changed = asyncio.Condition()
        self._server: httpserver.HTTPServer | None = None

    def url(self, path: str = "hook", *, host: str = "127.0.0.1", scheme: str = "http") -> str:
        return f"{scheme}://{host}:{self.port}/{path}"

    @property
    def ids(self) -> list[str]:
        return [call.id for call in self.calls]

    @property
    def requests(self) -> list[str]:
        """The request ids of what arrived, in order."""
        return [call.event["request_id"] for call in self.calls]

    async def start(self, tls: ssl.SSLContext | None = None) -> None:
        """Listen, at the same port as before if there was one."""
        receiver = self

        class Hook(web.RequestHandler):
            async def post(self) -> None:
                call = Call(self.request.path, self.request.headers, self.request.body)
                status, headers = await receiver.take(call)
                self.set_status(status)
                for name, value in headers.items():
                    self.set_header(name, value)

        self._server = httpserver.HTTPServer(web.Application([(r"/.*", Hook)]), ssl_options=tls)
        sockets = netutil.bind_sockets(self.port, "127.0.0.1", reuse_port=False)
        self.port = sockets[0].getsockname()[1]
        self._server.add_sockets(sockets)

    async def stop(self) -> None:
        """Be down: connections are refused."""
        server, self._server = self._server, None
        self.let_go()
        if server is not None:
            server.stop()
            await server.close_all_connections()

    async def take(self, call: Call) -> tuple[int, dict[str, str]]:
        self.calls.append(call)
        async with self._changed:
            self._changed.notify_all()
        await self._free.wait()
        return self.answers.popleft() if self.answers else (204, {})

    def hold(self) -> None:
        """Take calls and answer none, until `let_go`."""
        self._free.clear()

    def let_go(self) -> None:
        self._free.set()

    def answer(self, *statuses: int, **headers: str) -> None:
        """Answer the next calls so; an underscore in a header's name stands for a hyphen."""
        named = {name.replace("_", "-"): value for name, value in headers.items()}
        self.answers.extend((status, named) for status in statuses)

    async def until(self, calls: int) -> None:
        """Wait until so many calls arrived."""
        await self._until(lambda: len(self.calls) >= calls)

    async def until_events(self, events: int) -> None:
        """Wait until so many different events arrived, however often."""
        await self._until(lambda: len(set(self.ids)) >= events)

    async def _until(self, good: Callable[[], bool]) -> None:
        async with self._changed:
            await asyncio.wait_for(self._changed.wait_for(good), PATIENCE_SECONDS)
