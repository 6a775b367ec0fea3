"""A client behind a network, and what reaches it, with every wait bounded."""

from collections.abc import AsyncIterator
from contextlib import aclosing, asynccontextmanager

import anyio

from crewai_hitl_nb.client import AsyncClient
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
    """One stream, and everything that came of it so far."""

    def __init__(self, turns: AsyncIterator[Turn]) -> None:
        self._turns = turns
        self.seen: list[str] = []
        self.gaps = 0
        self.losses = 0
        self.live: Live | None = None

    async def until_live(self) -> Live:
        """Read until a connection stands whose replay is over."""
        self.live = None
        with anyio.fail_after(PATIENCE_SECONDS):
            while self.live is None:
                await self._step()
        return self.live

    async def until_lost(self) -> None:
        """Read until the connection is given up."""
        losses = self.losses
        with anyio.fail_after(PATIENCE_SECONDS):
            while self.losses == losses:
                await self._step()

    async def until(self, event_id: str) -> None:
        """Read until this event has come."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while event_id not in self.seen:
                await self._step()

    async def _step(self) -> None:
        turn = await anext(self._turns)
        if isinstance(turn, Live):
            self.live = turn
        elif isinstance(turn, Lost):
            self.losses += 1
        elif isinstance(turn, Gap):
            self.gaps += 1
        else:
            self.seen.append(turn.event_id)


@asynccontextmanager
async def following(client: AsyncClient, execution: str) -> AsyncIterator[Follower]:
    """Follow one execution from its beginning."""
    stream = client.stream(Subscription(execution, replay="all"), heartbeat=BEAT_SECONDS)
    async with aclosing(stream.turns()) as turns:
        yield Follower(turns)
