"""Durable before visible: what was acknowledged survives ``kill -9``."""

import asyncio
import os
import signal
import subprocess
import sys
from pathlib import Path

from crewai_hitl_nb.store.sqlite.store import SqliteStore

_PUBLISHER = """
import asyncio, sys
from pathlib import Path
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.events import other

async def main():
    store = SqliteStore(Path(sys.argv[1]))
    await store.start(lambda commits: None)
    while True:
        for result in await store.append([other() for _ in range(3)]):
            print(result.record.event_id, flush=True)

asyncio.run(main())
"""


def test_every_event_that_was_acknowledged_survives_kill_9(tmp_path: Path) -> None:
    process = subprocess.Popen(
        [sys.executable, "-c", _PUBLISHER, str(tmp_path / "log.db")],
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

    assert asyncio.run(_places(tmp_path / "log.db", acknowledged)) == list(
        range(1, len(acknowledged) + 1)
    )


async def _places(path: Path, event_ids: list[str]) -> list[int | None]:
    store = SqliteStore(path)
    await store.start(lambda commits: None)
    try:
        return [await store.offset_of(event_id) for event_id in event_ids]
    finally:
        await store.close()
