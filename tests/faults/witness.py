"""What an observer without a proxy sees: the server's heartbeats and its readers."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

import httpx
import websockets

from tests.jupyter_process import JupyterProcess
from tests.server.door import until


class Witness:
    """Counts heartbeats from when it looks."""

    def __init__(self) -> None:
        self.heartbeats = 0

    async def until_heard(self, more: int) -> None:
        """Wait for so many heartbeats from now on."""
        wanted = self.heartbeats + more

        async def heard() -> int:
            return self.heartbeats

        await until(heard, lambda count: count >= wanted)


@asynccontextmanager
async def witness(server: JupyterProcess) -> AsyncIterator[Witness]:
    """Read a stream of the server directly for the length of a block."""
    seen = Witness()
    async with socket(server.port, server.token) as connection:

        async def count() -> None:
            with suppress(websockets.ConnectionClosed):
                async for frame in connection:
                    seen.heartbeats += json.loads(frame)["type"] == "heartbeat"

        counting = asyncio.ensure_future(count())
        try:
            yield seen
        finally:
            counting.cancel()


@asynccontextmanager
async def socket(
    port: int, token: str, parameters: str = ""
) -> AsyncIterator[websockets.ClientConnection]:
    """Open a WebSocket at a port of this machine: the server's, or a proxy's."""
    async with websockets.connect(
        f"ws://127.0.0.1:{port}/crewai-hitl/ws/human-input?replay=none{parameters}",
        additional_headers={"Authorization": f"token {token}"},
        close_timeout=1,
    ) as connection:
        yield connection


async def subscriptions(server: JupyterProcess) -> int:
    """Return how many readers the server has."""
    async with httpx.AsyncClient(headers=server.headers) as http:
        health = (await http.get(server.prefix + "health")).json()
    return int(health["subscriptions"])


async def until_subscriptions(server: JupyterProcess, number: int) -> None:
    """Wait until the server has so many readers."""
    await until(lambda: subscriptions(server), lambda found: found == number)
