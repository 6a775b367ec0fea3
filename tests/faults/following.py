"""A client behind a network, and what reaches it, with every wait bounded."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import anyio

from crewai_hitl_nb.client import AsyncClient
from crewai_hitl_nb.client.resume import TRANSPORTS, Transport
from crewai_hitl_nb.client.stream import Connected, Disconnected, StreamItem, Subscription
from crewai_hitl_nb.protocol.frames import Gap
from tests.faults.conftest import BEAT_SECONDS
from tests.faults.proxy import Proxy
from tests.jupyter_process import TOKEN

PATIENCE_SECONDS = 30.0
OPENING_SECONDS = 1.0
"""How long the clients here wait for a connection that may never be answered."""


def behind(proxy: Proxy) -> AsyncClient:
    """Return a client that knows of nothing but the proxy."""
    url = f"http://127.0.0.1:{proxy.port}/crewai-hitl/"
    return AsyncClient(url, TOKEN, seconds=OPENING_SECONDS)


class Follower:
    """One stream, read all the time, and everything that came of it so far."""

    def __init__(self) -> None:
        self._turned = asyncio.Condition()
        self.seen: list[str] = []
        self.gaps = 0
        self.losses = 0
        self.lives: list[Connected] = []

    async def read(self, items: AsyncIterator[StreamItem]) -> None:
        """Take note of every item, for ever."""
        async for item in items:
            async with self._turned:
                self._note(item)
                self._turned.notify_all()

    def _note(self, item: StreamItem) -> None:
        if isinstance(item, Connected):
            self.lives.append(item)
        elif isinstance(item, Disconnected):
            self.losses += 1
        elif isinstance(item, Gap):
            self.gaps += 1
        else:
            self.seen.append(item.event_id)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is looked at with every item."""
        with anyio.fail_after(PATIENCE_SECONDS):
            async with self._turned:
                await self._turned.wait_for(condition)

    async def until_live(self, times: int = 1) -> Connected:
        """Wait until so many connections have stood whose replay was over; return the last."""
        await self.until(lambda: len(self.lives) >= times)
        return self.lives[-1]

    async def until_lost(self, times: int = 1) -> None:
        """Wait until so many connections have been given up."""
        await self.until(lambda: self.losses >= times)

    async def until_seen(self, event_id: str) -> None:
        """Wait until this event has come."""
        await self.until(lambda: event_id in self.seen)


@asynccontextmanager
async def following(
    client: AsyncClient, execution: str, best: Transport = "websocket"
) -> AsyncIterator[Follower]:
    """Follow one execution from its beginning, by this transport or a lesser one."""
    stream = client.stream(
        Subscription(execution, replay="all"),
        transports=TRANSPORTS[TRANSPORTS.index(best) :],
        heartbeat=BEAT_SECONDS,
    )
    follower = Follower()
    async with aclosing(stream.items()) as items:
        reading = asyncio.ensure_future(follower.read(items))
        try:
            yield follower
        finally:
            reading.cancel()
            await asyncio.wait((reading,))
