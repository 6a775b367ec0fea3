"""A log that is pruned in the middle of a replay, read over each transport."""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.server.standalone import HumanInputServer
from crewai_hitl_nb.store.base import Replayed
from crewai_hitl_nb.store.open import MEMORY
from tests.events import other
from tests.server.door import Json
from tests.server.readers import TRANSPORTS, reading

pytestmark = pytest.mark.asyncio

KEPT = 5
LOG = 2 * limits.REPLAY_EVENTS


@dataclass(frozen=True)
class Here:
    """Where the server is, for the readers of ``tests/server``."""

    url: str
    token: str = "none is needed"


def prune_behind_the_first_page(server: HumanInputServer, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let retention have its turn between two pages of the next replay."""
    broker = server._runtime.services.broker
    assert broker is not None
    replay, pages = broker._store.replay, list[Replayed]()

    async def and_prune(*args: Any, **kwargs: Any) -> Replayed:
        pages.append(await replay(*args, **kwargs))
        if len(pages) == 1:
            await broker.prune(keep=KEPT, days=9)
        return pages[-1]

    monkeypatch.setattr(broker._store, "replay", and_prune)


@pytest.mark.parametrize("path", ["", "/run-1"])
@pytest.mark.parametrize("transport", TRANSPORTS)
@pytest.mark.parametrize("kind", ["memory", "sqlite"])
async def test_events_pruned_in_the_middle_of_a_replay_are_a_gap_on_every_transport(
    kind: str, transport: str, path: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    store = MEMORY if kind == "memory" else tmp_path / "log.db"
    async with HumanInputServer(port=0, store=store) as server:
        assert server._runtime.services.broker is not None
        assert server._loop is not None
        publishing = server._runtime.services.broker.publish(
            [other(event_id=f"n{n}", execution_id="run-1") for n in range(1, LOG + 1)]
        )
        await asyncio.wrap_future(asyncio.run_coroutine_threadsafe(publishing, server._loop))
        prune_behind_the_first_page(server, monkeypatch)
        frames = list[Json]()
        async with reading(transport, Here(server.url), path, replay="all") as reader:
            while (frame := await reader.frame())["type"] != "heartbeat":
                frames.append(frame)
    (gap,) = reader.gaps
    assert gap["reason"] == "pruned"
    assert [frame["offset"] for frame in frames[frames.index(gap) + 1 :]] == list(
        range(LOG - KEPT + 1, LOG + 1)
    )
