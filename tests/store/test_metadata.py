"""What every store promises of notes (``crewai_hitl_nb/store/metadata.py``)."""

import sqlite3
from pathlib import Path

import pytest

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.metadata import MetadataStore
from crewai_hitl_nb.store.sqlite.schema import APPLICATION_ID, MIGRATIONS
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.events import other
from tests.store.conftest import MakeStore, Opened

pytestmark = pytest.mark.asyncio


@pytest.fixture
def noted(opened: Opened) -> MetadataStore:
    return opened.store


def _ignore(commits: object) -> None:
    """Nobody listens."""


async def test_a_note_is_replaced_as_a_whole(noted: MetadataStore) -> None:
    await noted.put_metadata("reader/a", b'{"cursor":1}')
    await noted.put_metadata("reader/a", b'{"cursor":2}')
    assert await noted.get_metadata("reader/") == {"reader/a": b'{"cursor":2}'}


async def test_notes_are_found_by_the_beginning_of_their_name(noted: MetadataStore) -> None:
    for name in ("reader/b", "reader/a", "reader_c", "%/a"):
        await noted.put_metadata(name, name.encode())
    assert sorted(await noted.get_metadata("reader/")) == ["reader/a", "reader/b"]
    assert sorted(await noted.get_metadata("%")) == ["%/a"]
    assert len(await noted.get_metadata("")) == 4


async def test_a_dropped_note_is_gone_and_dropping_it_again_is_no_error(
    noted: MetadataStore,
) -> None:
    await noted.put_metadata("a", b"1")
    await noted.delete_metadata("a")
    await noted.delete_metadata("a")
    assert await noted.get_metadata("") == {}


async def test_a_note_moves_no_offset_and_is_announced_to_nobody(opened: Opened) -> None:
    await opened.store.put_metadata("a", b"1")
    assert (opened.store.top, opened.seen) == (0, [])
    (result,) = await opened.store.append([other()])
    assert result.record.offset == 1


async def test_notes_are_there_after_the_log_was_closed_and_opened(make_durable: MakeStore) -> None:
    store = make_durable()
    await store.start(_ignore)
    await store.put_metadata("a", b"1")
    await store.close()
    with pytest.raises(StoreUnavailable):
        await store.put_metadata("a", b"2")

    store = make_durable()
    await store.start(_ignore)
    try:
        assert await store.get_metadata("") == {"a": b"1"}
    finally:
        await store.close()


async def test_a_file_of_the_first_schema_gets_notes_and_keeps_its_log(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    with sqlite3.connect(path, isolation_level=None) as old:
        old.executescript(
            f"BEGIN; {MIGRATIONS[0]} PRAGMA application_id = {APPLICATION_ID};"
            "PRAGMA user_version = 1;"
            "INSERT INTO meta VALUES ('epoch', 'the-old-epoch');"
            "INSERT INTO events (event_id, type, stored_at, body)"
            """ VALUES ('e1', 'note', 0, '{"type":"note","event_id":"e1"}'); COMMIT;"""
        )
    old.close()

    store = SqliteStore(path)
    await store.start(_ignore)
    try:
        assert (store.epoch, store.top) == ("the-old-epoch", 1)
        assert await store.offset_of("e1") == 1
        await store.put_metadata("a", b"1")
        assert await store.get_metadata("a") == {"a": b"1"}
    finally:
        await store.close()
    with sqlite3.connect(path) as connection:
        assert connection.execute("PRAGMA user_version").fetchone() == (len(MIGRATIONS),)
    connection.close()
