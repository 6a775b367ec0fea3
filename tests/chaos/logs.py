"""Logs to be damaged: a file with some of everything, and what it held."""

import asyncio
import shutil
from dataclasses import dataclass
from pathlib import Path

from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.store.base import EVERYTHING
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.chaos.ledger import Log
from tests.chaos.store_run import read_back
from tests.events import completed, other, required

ROUNDS = 12


def written() -> list[Event]:
    """Return notes, long and short, and questions, answered and open."""
    events: list[Event] = []
    for n in range(ROUNDS):
        events += [
            other(event_id=f"short-{n}", text=f"short {n}"),
            other(event_id=f"long-{n}", text=f"{n} is long " * 1500),
            required(f"open-{n}", event_id=f"open-{n}"),
            required(f"done-{n}", event_id=f"asked-{n}"),
            completed(f"done-{n}", f"the answer to {n}", event_id=f"done-{n}"),
        ]
    return events


@dataclass(frozen=True)
class Sample:
    """A log's file, closed, and what it held."""

    path: Path
    log: Log
    bodies: dict[int, bytes]

    @property
    def content(self) -> bytes:
        return self.path.read_bytes()

    def overwrite(self, at: int, what: bytes) -> None:
        """Put other bytes into the file."""
        with self.path.open("r+b") as file:
            file.seek(at)
            file.write(what)

    def replace(self, old: bytes, new: bytes) -> None:
        """Change every occurrence of some bytes, as a damaged disk or a vandal may."""
        assert len(old) == len(new)
        assert old in self.content
        self.path.write_bytes(self.content.replace(old, new))


async def bodies(path: Path) -> dict[int, bytes]:
    """Return the events of a log byte for byte, by offset."""
    store = SqliteStore(path)
    await store.start(lambda commits: None)
    try:
        records = await store.read(EVERYTHING, after=0, upto=store.top, limit=1_000_000)
        return {record.offset: bytes(record.body) for record in records}
    finally:
        await store.close()


async def fill(path: Path, *, crash: bool = False) -> None:
    """Write a log; ``crash`` leaves most of it in the write-ahead log, as a killed server does."""
    writing = path.with_name("writing.db") if crash else path
    store = SqliteStore(writing)
    await store.start(lambda commits: None)
    for event in written():
        await store.append([event])
    await store.put_metadata("webhooks/1", b'{"offset":7}')
    if crash:
        for end in ("", "-wal"):
            shutil.copyfile(f"{writing}{end}", f"{path}{end}")
    await store.close()


def sample(path: Path) -> Sample:
    """Write a log and return what it holds."""
    asyncio.run(fill(path))
    return Sample(path, asyncio.run(read_back(path)), asyncio.run(bodies(path)))
