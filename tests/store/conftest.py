"""Every store, started, and closed when done."""

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest
import pytest_asyncio

from crewai_hitl_nb.store.base import Commit
from crewai_hitl_nb.store.memory import MemoryStore
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from crewai_hitl_nb.store.trail import TrailedStore


class Clock:
    """A wall clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Opened:
    """A started store, what it announced, and a way to open its file again."""

    def __init__(self, store: TrailedStore, seen: list[Commit], clock: Clock) -> None:
        self.store = store
        self.seen = seen
        self.clock = clock


Open = Callable[[], Awaitable[Opened]]


@pytest.fixture(params=["memory", "sqlite"])
def kind(request: pytest.FixtureRequest) -> str:
    """Return which store the test runs on."""
    return str(request.param)


@pytest_asyncio.fixture
async def opened(kind: str, tmp_path: Path) -> AsyncIterator[Opened]:
    """Return a started store of the kind."""
    clock, seen = Clock(), list[Commit]()
    store: TrailedStore = (
        MemoryStore(clock) if kind == "memory" else SqliteStore(tmp_path / "log.db", clock)
    )
    await store.start(seen.extend)
    yield Opened(store, seen, clock)
    await store.close()
