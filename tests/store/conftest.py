"""Every store, started, and closed when done."""

import time
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeAlias

import pytest
import pytest_asyncio

from crewai_hitl_nb.store.base import Commit
from crewai_hitl_nb.store.memory import MemoryStore
from crewai_hitl_nb.store.metadata import MetadataStore
from crewai_hitl_nb.store.postgres.connections import parse
from crewai_hitl_nb.store.postgres.store import PostgresStore
from crewai_hitl_nb.store.sqlite.store import SqliteStore


class Clock:
    """A wall clock that tests turn."""

    def __init__(self) -> None:
        self.now = 1_000_000.0

    def __call__(self) -> float:
        return self.now


class Opened:
    """A started store, and what it announced."""

    def __init__(self, store: MetadataStore, seen: list[Commit], clock: Clock) -> None:
        self.store = store
        self.seen = seen
        self.clock = clock


MakeStore: TypeAlias = Callable[..., MetadataStore]
"""Makes a store; each one that it makes has the same log. It takes a clock that tests turn."""


def _maker(kind: str, folder: Path, request: pytest.FixtureRequest) -> MakeStore:
    def make(clock: Callable[[], float] | None = None) -> MetadataStore:
        if kind == "memory":
            return MemoryStore(clock or time.time)
        if kind == "sqlite":
            return SqliteStore(folder / "log.db", clock or time.time)
        return PostgresStore(parse(request.getfixturevalue("log_url")), clock=clock)

    return make


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def make_store(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Return what makes a store, for each store that there is."""
    return _maker(request.param, tmp_path, request)


@pytest.fixture(params=["sqlite", "postgres"])
def make_durable(request: pytest.FixtureRequest, tmp_path: Path) -> MakeStore:
    """Return what makes a store, for each one that outlives its process."""
    return _maker(request.param, tmp_path, request)


@pytest_asyncio.fixture
async def opened(make_store: MakeStore) -> AsyncIterator[Opened]:
    """Return a started store."""
    clock, seen = Clock(), list[Commit]()
    store = make_store(clock)
    await store.start(seen.extend)
    yield Opened(store, seen, clock)
    await store.close()
