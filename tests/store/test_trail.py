"""The trail: what is kept stays bound to the head, whatever was pruned."""

import random
import sqlite3
from pathlib import Path

import pytest

from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.errors import UnknownRequest
from crewai_hitl_nb.store.sqlite import schema
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from crewai_hitl_nb.store.trail import Entry, TrailedStore, TrailPage
from tests.events import completed, other, required
from tests.store.conftest import MakeStore, Opened

pytestmark = pytest.mark.asyncio


async def whole(store: TrailedStore) -> TrailPage:
    return await store.trail(after=0, limit=1_000_000)


async def assert_unbroken(store: TrailedStore, offsets: list[int]) -> None:
    """Every entry's seal follows from the one before it, up to the head."""
    page = await whole(store)
    place = page.start
    for entry in page.entries:
        assert entry.offset > place.offset
        assert entry.body is None or chain.digest(entry.body) == entry.digest
        place = chain.Head(entry.offset, chain.seal(place.seal, entry.digest))
        assert entry.seal == place.seal
    assert place == page.head
    assert [entry.offset for entry in page.entries if entry.body is not None] == offsets


async def test_every_record_is_sealed_from_the_first_on(opened: Opened) -> None:
    store = opened.store
    await store.append([required("r1"), required("r2")])
    await store.append([completed("r1")])
    await assert_unbroken(store, [1, 2, 3])
    page = await whole(store)
    assert page.start == chain.start(store.epoch)
    assert [entry.body for entry in page.entries] == [c.record.body for c in opened.seen]


async def test_an_empty_log_has_the_head_that_its_epoch_says(opened: Opened) -> None:
    page = await whole(opened.store)
    assert page.head == page.start == chain.start(opened.store.epoch)
    assert not page.entries


async def test_a_refused_batch_leaves_no_seal(opened: Opened) -> None:
    await opened.store.append([required("r1")])
    head = (await whole(opened.store)).head
    with pytest.raises(UnknownRequest):
        await opened.store.append([required("r2"), completed("unknown")])
    assert (await whole(opened.store)).head == head
    await opened.store.append([other()])
    await assert_unbroken(opened.store, [1, 2])


async def test_pages_go_on_where_the_one_before_ended(opened: Opened) -> None:
    await opened.store.append([other() for _ in range(7)])
    after, seen = 0, list[Entry]()
    while True:
        page = await opened.store.trail(after=after, limit=3)
        if not page.entries:
            break
        assert not seen or page.start == chain.Head(seen[-1].offset, seen[-1].seal)
        seen += page.entries
        after = seen[-1].offset
    assert [entry.offset for entry in seen] == list(range(1, 8))


async def test_what_is_kept_stays_bound_to_the_head_after_pruning(opened: Opened) -> None:
    store = opened.store
    await store.append([other(), required("open"), other(), other(), required("r"), completed("r")])
    head = (await whole(store)).head
    await store.prune(keep=1, before=0)
    await assert_unbroken(store, [2, 5, 6])
    page = await whole(store)
    assert page.start.offset == 1
    assert [entry.offset for entry in page.entries] == [2, 3, 4, 5, 6]
    assert page.head == head
    await store.append([completed("open"), other()])
    await store.prune(keep=1, before=0)
    await assert_unbroken(store, [8])
    assert (await whole(store)).start.offset == 7


async def test_a_log_pruned_to_nothing_keeps_its_head(opened: Opened) -> None:
    await opened.store.append([other(), other()])
    head = (await whole(opened.store)).head
    await opened.store.prune(keep=0, before=0)
    page = await whole(opened.store)
    assert (page.start, page.head, list(page.entries)) == (head, head, [])
    await opened.store.append([other()])
    await assert_unbroken(opened.store, [3])


@pytest.mark.parametrize("seed", range(5))
async def test_any_course_of_appends_and_prunings_leaves_it_unbroken(
    opened: Opened, seed: int
) -> None:
    dice, pending, asked = random.Random(seed), list[str](), 0
    for _ in range(60):
        move = dice.random()
        if move < 0.4:
            asked += 1
            pending.append(f"r{asked}")
            await opened.store.append([required(pending[-1]), other()])
        elif move < 0.7 and pending:
            await opened.store.append([completed(pending.pop(dice.randrange(len(pending))))])
        elif move < 0.8:
            await opened.store.prune(keep=dice.randrange(10), before=0)
        else:
            await opened.store.append([other()])
        page = await whole(opened.store)
        kept = [entry.offset for entry in page.entries if entry.body is not None]
        await assert_unbroken(opened.store, kept)


async def test_an_older_log_is_sealed_when_it_is_opened(tmp_path: Path) -> None:
    path = tmp_path / "old.db"
    with sqlite3.connect(path, isolation_level=None) as connection:
        for script in schema.MIGRATIONS[:2]:
            connection.executescript(script)
        connection.execute(f"PRAGMA application_id = {schema.APPLICATION_ID}")
        connection.execute("PRAGMA user_version = 2")
        connection.execute("INSERT INTO meta VALUES ('epoch', 'old')")
        for offset in (1, 2, 5):
            body = b'{"type":"other","event_id":"e%d","offset":%d}' % (offset, offset)
            connection.execute(
                "INSERT INTO events (offset, event_id, type, stored_at, body)"
                " VALUES (?, ?, 'other', 0, ?)",
                (offset, f"e{offset}", body),
            )
    connection.close()
    store = SqliteStore(path)
    await store.start(lambda commits: None)
    try:
        await assert_unbroken(store, [1, 2, 5])
        await store.append([other()])
        await assert_unbroken(store, [1, 2, 5, 6])
        assert (await whole(store)).start == chain.start("old")
    finally:
        await store.close()


async def test_a_log_opened_again_goes_on_with_its_chain(make_durable: MakeStore) -> None:
    for _ in range(3):
        store = make_durable()
        await store.start(lambda commits: None)
        await store.append([other()])
        page = await whole(store)
        await store.close()
    assert page.head.offset == 3
    store = make_durable()
    await store.start(lambda commits: None)
    try:
        await assert_unbroken(store, [1, 2, 3])
    finally:
        await store.close()
