"""What only a file can promise: it survives, belongs to one, and says what is in the way."""

import asyncio
import sqlite3
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.base import EVERYTHING, Commit, StoreInUse
from crewai_hitl_nb.store.sqlite.schema import APPLICATION_ID, MIGRATIONS
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.events import completed, other, required

pytestmark = pytest.mark.asyncio


def _ignore(commits: object) -> None:
    """Nobody listens."""


async def _opened(path: Path) -> SqliteStore:
    store = SqliteStore(path)
    await store.start(_ignore)
    return store


async def test_a_log_opened_again_has_its_epoch_events_and_requests(tmp_path: Path) -> None:
    store = await _opened(tmp_path / "log.db")
    await store.append([required("r1"), required("r2"), completed("r1")])
    epoch = store.epoch
    await store.close()

    store = await _opened(tmp_path / "log.db")
    try:
        assert (store.epoch, store.top) == (epoch, 3)
        page = await store.read(EVERYTHING, after=0, upto=3, limit=10, scope="pending")
        assert [record.offset for record in page] == [2]
        (result,) = await store.append([other()])
        assert result.record.offset == 4
    finally:
        await store.close()


async def test_offsets_are_not_used_again_after_everything_was_pruned(tmp_path: Path) -> None:
    store = await _opened(tmp_path / "log.db")
    await store.append([other(), other()])
    await store.prune(keep=0, before=0)
    await store.close()

    store = await _opened(tmp_path / "log.db")
    try:
        assert (store.top, store.pruned_through) == (2, 2)
        (result,) = await store.append([other()])
        assert result.record.offset == 3
    finally:
        await store.close()


async def test_what_was_appended_when_it_closes_is_stored(tmp_path: Path) -> None:
    store = await _opened(tmp_path / "log.db")
    appends = [asyncio.ensure_future(store.append([other()])) for _ in range(100)]
    await asyncio.sleep(0)
    await store.close()
    results = await asyncio.gather(*appends)
    assert sorted(r.record.offset for (r,) in results) == list(range(1, 101))


async def test_only_its_user_can_read_the_file(tmp_path: Path) -> None:
    store = await _opened(tmp_path / "folder" / "log.db")
    await store.append([other()])
    for path in (tmp_path / "folder").glob("log.db*"):
        if path.suffix != ".lock":
            assert path.stat().st_mode & 0o077 == 0, path
    await store.close()


async def test_a_second_owner_is_refused_until_the_first_closes(tmp_path: Path) -> None:
    first = await _opened(tmp_path / "log.db")
    second = SqliteStore(tmp_path / "log.db")
    with pytest.raises(StoreInUse, match="another running server"):
        await second.start(_ignore)
    await first.close()
    third = await _opened(tmp_path / "log.db")
    await third.close()


async def test_a_newer_schema_is_left_alone_with_a_word_on_what_to_do(tmp_path: Path) -> None:
    store = await _opened(tmp_path / "log.db")
    await store.close()
    with sqlite3.connect(tmp_path / "log.db") as connection:
        connection.execute(f"PRAGMA user_version = {len(MIGRATIONS) + 1}")
    with pytest.raises(StoreUnavailable, match="newer version"):
        await SqliteStore(tmp_path / "log.db").start(_ignore)


async def test_another_programs_database_is_not_touched(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with sqlite3.connect(path) as connection:
        connection.execute("CREATE TABLE theirs (x)")
    with pytest.raises(StoreUnavailable, match="another program"):
        await SqliteStore(path).start(_ignore)
    with sqlite3.connect(path) as connection:
        tables = connection.execute("SELECT name FROM sqlite_schema").fetchall()
        (application,) = connection.execute("PRAGMA application_id").fetchone()
    assert tables == [("theirs",)]
    assert application != APPLICATION_ID


async def test_a_file_that_is_no_database_is_named(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.write_bytes(b"not a database at all, but long enough to look like one" * 100)
    with pytest.raises(StoreUnavailable, match=r"log\.db"):
        await SqliteStore(path).start(_ignore)
    assert path.read_bytes().startswith(b"not a database")


async def test_a_folder_that_cannot_be_made_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    with pytest.raises(StoreUnavailable, match="file"):
        await SqliteStore(tmp_path / "file" / "log.db").start(_ignore)


async def test_a_closed_store_says_so(tmp_path: Path) -> None:
    store = await _opened(tmp_path / "log.db")
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.append([other()])
    with pytest.raises(StoreUnavailable):
        await store.offset_of("x")


async def test_a_write_that_fails_leaves_nothing_and_the_next_one_works(tmp_path: Path) -> None:
    seen: list[Commit] = []
    store = SqliteStore(tmp_path / "log.db")
    await store.start(seen.extend)
    try:
        with sqlite3.connect(tmp_path / "log.db", isolation_level=None) as vandal:
            vandal.execute("ALTER TABLE events RENAME TO gone")
            with pytest.raises(StoreUnavailable, match="nothing was stored"):
                await store.append([other()])
            vandal.execute("ALTER TABLE gone RENAME TO events")
        (result,) = await store.append([other()])
        assert result.record.offset == 1
        assert len(seen) == 1
    finally:
        await store.close()


async def test_a_caller_on_another_event_loop_gets_the_result_of_its_write(tmp_path: Path) -> None:
    store = await _opened(tmp_path / "log.db")
    pruned: Future[int] = Future()

    def prune() -> None:
        pruned.set_result(asyncio.run(store.prune(keep=1, before=0)))

    try:
        await store.append([other(), other(), other()])
        threading.Thread(target=prune, daemon=True).start()  # where it hangs, it is left behind
        assert await asyncio.wait_for(asyncio.wrap_future(pruned), 10) == 2
    finally:
        await store.close()


async def test_a_write_is_refused_when_the_loop_of_the_store_has_ended(tmp_path: Path) -> None:
    store = await asyncio.to_thread(asyncio.run, _opened(tmp_path / "log.db"))
    with pytest.raises(StoreUnavailable, match="event loop ended"):
        await store.append([other()])
    await store.close()
