"""Durable before visible: what was acknowledged survives ``kill -9``."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from crewai_hitl_nb.store.metadata import MetadataStore
from crewai_hitl_nb.store.postgres.connections import parse
from crewai_hitl_nb.store.postgres.store import PostgresStore
from crewai_hitl_nb.store.sqlite.store import SqliteStore

_PUBLISHER = """
import asyncio, sys
from tests.events import other
from tests.store.test_crash import store_at

async def main():
    store = store_at(sys.argv[1])
    await store.start(lambda commits: None)
    while True:
        for result in await store.append([other() for _ in range(3)]):
            print(result.record.event_id, flush=True)

asyncio.run(main())
"""


def store_at(where: str) -> MetadataStore:
    if where.startswith("postgresql:"):
        return PostgresStore(parse(where))
    return SqliteStore(Path(where))


@pytest.mark.parametrize("kind", ["sqlite", "postgres"])
def test_every_event_that_was_acknowledged_survives_kill_9(
    kind: str, tmp_path: Path, request: pytest.FixtureRequest
) -> None:
    where = str(tmp_path / "log.db" if kind == "sqlite" else request.getfixturevalue("log_url"))
    process = subprocess.Popen(
        [sys.executable, "-c", _PUBLISHER, where],
        stdout=subprocess.PIPE,
        text=True,
        cwd=Path(__file__).parents[2],
        env={**os.environ, "PYTHONPATH": "."},
    )
    assert process.stdout is not None
    acknowledged = [process.stdout.readline().strip() for _ in range(300)]
    process.send_signal(signal.SIGKILL)
    acknowledged += [line.strip() for line in process.stdout if line.endswith("\n")]
    process.wait()

    assert asyncio.run(_places(where, acknowledged)) == list(range(1, len(acknowledged) + 1))


async def _places(where: str, event_ids: list[str]) -> list[int | None]:
    store = store_at(where)
    await store.start(lambda commits: None)
    try:
        return [await store.offset_of(event_id) for event_id in event_ids]
    finally:
        await store.close()
