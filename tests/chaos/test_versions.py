"""Logs of other versions: an older one is taken over whole, a newer one is left untouched."""

import asyncio
import random
import re
import sqlite3
from contextlib import closing
from pathlib import Path

import pytest

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.sqlite.schema import MIGRATIONS
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.chaos.ledger import Ledger, violations
from tests.chaos.logs import fill
from tests.chaos.store_run import read_back
from tests.chaos.victim import Say, Victim
from tests.events import completed, other
from tests.jupyter_process import REPOSITORY

FIXTURES = REPOSITORY / "tests" / "fixtures"
OLDER = sorted(int(path.stem[-1]) for path in FIXTURES.glob("log_v*.sql"))
EPOCH = "11111111-2222-4333-8444-555555555555"
LINES = 120
"""About as many lines of ours as it takes to open an older log."""


@pytest.fixture
def old(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """A log as an older version wrote it."""
    path = tmp_path / "log.db"
    with closing(sqlite3.connect(path)) as connection:
        connection.executescript((FIXTURES / f"log_v{request.param}.sql").read_text())
    return path


each_version = pytest.mark.parametrize("old", OLDER, indirect=True)


def test_every_older_version_has_a_log_to_try() -> None:
    assert list(range(1, len(MIGRATIONS))) == OLDER


def schema(path: Path) -> list[tuple[str, str]]:
    """Return what the file's tables are, whatever the spaces between the words."""
    with closing(sqlite3.connect(path)) as connection:
        rows = connection.execute(
            "SELECT name, sql FROM sqlite_schema WHERE sql NOTNULL"
        ).fetchall()
    return sorted((name, re.sub(r"--.*|\s+", "", sql)) for name, sql in rows)


@each_version
def test_an_older_log_keeps_its_life_its_events_and_its_requests(old: Path) -> None:
    log = asyncio.run(read_back(old))
    assert (log.epoch, log.pruned_through) == (EPOCH, 2)
    assert [event["event_id"] for event in log.events] == [
        *("note-3", "asked-4", "asked-5", "done-6", "note-7"),
    ]
    assert log.events[3]["human_feedback"] == "Größer"
    assert log.statuses == {"open": "pending", "done": "answered"}
    assert violations(Ledger(epochs={EPOCH}), log) == []


@each_version
def test_an_older_log_goes_on_where_it_ended(old: Path) -> None:
    async def go_on() -> list[int]:
        store = SqliteStore(old)
        await store.start(lambda commits: None)
        try:
            placed = await store.append([other(), completed("open", "yes")])
            await store.put_metadata("webhooks/1", b"{}")
            return [result.record.offset for result in placed]
        finally:
            await store.close()

    assert asyncio.run(go_on()) == [8, 9]
    assert asyncio.run(read_back(old)).statuses["open"] == "answered"


@each_version
def test_an_older_log_ends_up_with_the_tables_of_a_new_one(old: Path, tmp_path: Path) -> None:
    asyncio.run(read_back(old))
    asyncio.run(fill(tmp_path / "new.db"))
    assert schema(old) == schema(tmp_path / "new.db")


def take_over(say: Say, path: Path) -> None:
    """Open an older log in a process of its own."""
    asyncio.run(read_back(path))


@each_version
@pytest.mark.parametrize("seed", range(6))
def test_a_take_over_that_was_cut_short_is_done_at_the_next_start(old: Path, seed: int) -> None:
    dice = random.Random(seed)
    for _ in range(2):
        Victim(take_over, old, doomed_at=dice.randint(1, LINES)).join()
    log = asyncio.run(read_back(old))
    assert (log.epoch, len(log.events)) == (EPOCH, 5)
    assert log.statuses == {"open": "pending", "done": "answered"}


def test_a_newer_log_is_left_as_it_is_with_a_word_on_what_to_do(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    asyncio.run(fill(path))
    newer = len(MIGRATIONS) + 1
    with closing(sqlite3.connect(path)) as connection:
        connection.execute(f"PRAGMA user_version = {newer}")
    before = {file.name: file.read_bytes() for file in tmp_path.iterdir()}
    with pytest.raises(StoreUnavailable, match=rf"schema {newer}, .*; upgrade crewai-hitl-nb"):
        asyncio.run(read_back(path))
    assert {file.name: file.read_bytes() for file in tmp_path.iterdir()} == before
