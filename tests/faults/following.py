"""A client behind a network, and what reaches it, with every wait bounded."""

import asyncio
from collections.abc import AsyncIterator, Callable
from contextlib import aclosing, asynccontextmanager

import anyio

from crewai_hitl_nb.client import AsyncClient
from crewai_hitl_nb.client.resume import TRANSPORTS, Transport
from crewai_hitl_nb.client.stream import Live, Lost, Subscription, Turn
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
        self.lives: list[Live] = []

    async def read(self, turns: AsyncIterator[Turn]) -> None:
        """Take note of every turn, for ever."""
        async for turn in turns:
            async with self._turned:
                self._note(turn)
                self._turned.notify_all()

    def _note(self, turn: Turn) -> None:
        if isinstance(turn, Live):
            self.lives.append(turn)
        elif isinstance(turn, Lost):
            self.losses += 1
        elif isinstance(turn, Gap):
            self.gaps += 1
        else:
            self.seen.append(turn.event_id)

    async def until(self, condition: Callable[[], bool]) -> None:
        """Wait until the condition holds; it is looked at with every turn."""
        with anyio.fail_after(PATIENCE_SECONDS):
            async with self._turned:
                await self._turned.wait_for(condition)

    async def until_live(self, times: int = 1) -> Live:
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
    async with aclosing(stream.turns()) as turns:
        reading = asyncio.ensure_future(follower.read(turns))
        try:
            yield follower
        finally:
            reading.cancel()
            await asyncio.wait((reading,))
