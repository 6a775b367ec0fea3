"""A log with webhooks that a test can stop and start, a receiver, and a clock to turn."""

import asyncio
from collections.abc import AsyncIterator, Callable
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from crewai_hitl_nb.broker.broker import Broker, utc_now
from crewai_hitl_nb.broker.webhooks.call import SignedPost
from crewai_hitl_nb.broker.webhooks.config import WebhookSettings
from crewai_hitl_nb.broker.webhooks.retries import Retries
from crewai_hitl_nb.broker.webhooks.worker import Webhooks
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.store.base import Appended
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.broker.webhooks.receiver import SECRET, Receiver
from tests.server.door import until

AT_ONCE = (0.0,) * 6
"""Pauses for tests that are not about them."""


class Clock:
    """The wall clock, ahead by as much as a test turned it; sleepers wake when it is turned."""

    def __init__(self) -> None:
        self.ahead = timedelta()
        self._turned = asyncio.Event()

    def __call__(self) -> datetime:
        return utc_now() + self.ahead

    def turn(self, seconds: float) -> None:
        self.ahead += timedelta(seconds=seconds)
        turned, self._turned = self._turned, asyncio.Event()
        turned.set()

    async def sleep(self, seconds: float) -> None:
        """Sleep until the clock is turned; who sleeps looks at the time again."""
        if seconds > 0:
            await self._turned.wait()


class Rig:
    """A log with webhooks; it can be stopped and started like a server."""

    def __init__(self, path: Path, clock: Clock) -> None:
        self.clock = clock
        self._path = path
        self.store: SqliteStore
        self.broker: Broker
        self.webhooks: Webhooks

    async def start(
        self,
        *urls: str,
        secrets: tuple[str, ...] = (SECRET,),
        types: tuple[str, ...] = (),
        pauses: tuple[float, ...] = AT_ONCE,
        post: SignedPost | None = None,
    ) -> None:
        self.store = SqliteStore(self._path)
        self.broker = Broker(self.store)
        await self.broker.start()
        settings = WebhookSettings(urls=urls, secrets=secrets, types=types, allow_private=True)
        self.webhooks = Webhooks(
            self.store,
            self.broker,
            settings,
            retries=Retries(pauses, draw=lambda: 0.5),
            post=post,
            clock=self.clock,
            sleep=self.clock.sleep,
        )
        await self.webhooks.start()

    async def stop(self) -> None:
        await self.webhooks.close()
        await self.broker.close()

    async def publish(self, *events: Event) -> list[Appended]:
        return await self.broker.publish(events)

    async def until(self, good: Callable[[list[Any]], bool]) -> list[Any]:
        """Wait until the listing is good, and return it."""

        async def look() -> list[Any]:
            return list(await self.webhooks.report())

        return await until(look, good)

    async def until_delivered(self, cursor: int) -> None:
        """Wait until every endpoint is done with the log up to there."""
        await self.until(lambda listing: all(one["cursor"] >= cursor for one in listing))


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


@pytest_asyncio.fixture
async def rig(tmp_path: Path, clock: Clock) -> AsyncIterator[Rig]:
    rig = Rig(tmp_path / "log.db", clock)
    yield rig
    await rig.stop()
