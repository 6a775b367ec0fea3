"""Fills a log that no server holds: ``fill.py FILE EVENTS EXECUTIONS``.

Through the product's own store, so that the file is what so many publishes would have left; over
the network ten million of them would take an hour.
"""

import asyncio
import json
import sys
from datetime import datetime, timezone
from pathlib import Path

from benchmarks.targets import base
from crewai_hitl_nb.protocol.ids import new_event_id
from crewai_hitl_nb.protocol.wire import event_from_wire
from crewai_hitl_nb.store.sqlite.store import SqliteStore

_AT_ONCE = 1000


async def fill(path: Path, events: int, executions: int) -> None:
    """Append so many events, of so many executions in turn."""
    store = SqliteStore(path)
    await store.start(lambda commits: None)
    now = datetime.now(timezone.utc)
    bodies = [
        json.loads(base.event(base.mark(0, 0), f"run-{number}", "step"))
        for number in range(executions)
    ]
    for first in range(0, events, _AT_ONCE):
        numbers = range(first, min(first + _AT_ONCE, events))
        await store.append(
            [
                event_from_wire(bodies[n % executions], event_id=new_event_id(), now=now)
                for n in numbers
            ]
        )
    await store.close()


if __name__ == "__main__":
    asyncio.run(fill(Path(sys.argv[1]), int(sys.argv[2]), int(sys.argv[3])))
