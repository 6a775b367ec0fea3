"""What a server knows that starts, or begins again, while others write."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.delivery.subscription import Closed, Start, Subscription
from crewai_hitl_nb.protocol.errors import TooMany
from crewai_hitl_nb.store.base import EVERYTHING, Record
from crewai_hitl_nb.store.postgres.connections import parse
from crewai_hitl_nb.store.postgres.store import PostgresStore
from tests.events import completed, other, required
from tests.server.door import until

pytestmark = pytest.mark.asyncio


class ReadSlowly(PostgresStore):
    """Holds back what it has read until it may return it."""

    def __init__(self, url: str) -> None:
        super().__init__(parse(url))
        self.has_read, self.may_return = asyncio.Event(), asyncio.Event()

    async def read(self, *args: Any, **kwargs: Any) -> list[Record]:
        records = await super().read(*args, **kwargs)
        self.has_read.set()
        await self.may_return.wait()
        return records


async def test_what_is_asked_and_answered_while_a_server_reads_the_open_questions_counts(
    log_url: str,
) -> None:
    writes = Broker(PostgresStore(parse(log_url)))
    await writes.start()
    await writes.publish([required("before"), required("answered meanwhile")])
    store = ReadSlowly(log_url)
    starts = Broker(store)
    starting = asyncio.ensure_future(starts.start())
    await store.has_read.wait()
    await writes.publish([completed("answered meanwhile")])
    await writes.publish([required("asked meanwhile")])
    (last,) = await writes.publish([other()])
    await store.reached(last.record.offset)
    store.may_return.set()
    await starting
    assert {one.request_id for one in starts._lifecycle.open} == {"before", "asked meanwhile"}
    await starts.close()
    await writes.close()


async def test_streams_end_with_the_resumable_code_when_the_database_went_back_in_time(
    log_url: str,
) -> None:
    store = PostgresStore(parse(log_url))
    broker = Broker(store)
    await broker.start()
    await broker.publish([required("stays"), required("is lost")])
    reader = broker.subscribe(EVERYTHING, Start(replay="none"))
    epoch = broker.epoch
    await asyncio.to_thread(_go_back, log_url)
    (placed,) = await broker.publish([other()])
    assert placed.record.offset == 2
    assert broker.epoch != epoch
    with pytest.raises(Closed):
        await _read_on(reader)

    async def are_open() -> set[str]:
        return {one.request_id for one in broker._lifecycle.open}

    await until(are_open, lambda names: names == {"stays"})
    await broker.close()


async def test_a_question_that_is_answered_between_two_resets_does_not_stay_open(
    log_url: str,
) -> None:
    store = ReadSlowly(log_url)
    store.may_return.set()
    broker = Broker(store)
    await broker.start()
    await broker.publish([required("answered"), required("is lost")])
    store.may_return.clear()
    for _ in range(2):
        store.has_read.clear()
        await asyncio.to_thread(_go_back, log_url)
        await broker.publish([other()])
        await store.has_read.wait()
    await broker.publish([completed("answered")])
    store.may_return.set()
    (placed,) = await broker.publish([required("asked afterwards")])
    await store.reached(placed.record.offset)

    async def are_open() -> set[str]:
        return {one.request_id for one in broker._lifecycle.open}

    await until(are_open, lambda names: "asked afterwards" in names)
    reading = broker._lifecycle._reading
    assert reading is not None
    await reading
    assert await are_open() == {"asked afterwards"}
    await broker.close()


async def test_a_question_that_is_asked_just_before_the_open_ones_are_read_counts_once(
    log_url: str,
) -> None:
    class MetadataSlowly(PostgresStore):
        asked = asyncio.Event()

        async def get_metadata(self, prefix: str) -> dict[str, bytes]:
            found = await super().get_metadata(prefix)
            await self.asked.wait()
            return found

    writes = Broker(PostgresStore(parse(log_url)))
    await writes.start()
    store = MetadataSlowly(parse(log_url))
    starts = Broker(store)
    starting = asyncio.ensure_future(starts.start())
    await until(_is_open(store), bool)
    (asked,) = await writes.publish([required("q1")])
    await store.reached(asked.record.offset)
    store.asked.set()
    await starting
    assert starts._lifecycle.open.size == len(asked.record.body)
    await starts.close()
    await writes.close()


async def test_while_the_open_questions_are_read_again_they_count_against_the_cap(
    log_url: str,
) -> None:
    store = ReadSlowly(log_url)
    store.may_return.set()
    broker = Broker(store, max_pending=1)
    await broker.start()
    await broker.publish([required("stays")])
    await broker.publish([other()])
    store.may_return.clear()
    store.has_read.clear()
    await asyncio.to_thread(_go_back, log_url)
    await broker.publish([other()])
    await store.has_read.wait()
    with pytest.raises(TooMany):
        await broker.publish([required("one too many")])
    assert broker.is_pending("stays")  # for the cap of its caller
    store.may_return.set()
    reading = broker._lifecycle._reading
    assert reading is not None
    await reading
    with pytest.raises(TooMany):
        await broker.publish([required("one too many")])
    await broker.close()


def _is_open(store: PostgresStore) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        return store._writer.is_open

    return look


async def _read_on(reader: Subscription) -> None:
    while True:
        await reader.next()


def _go_back(log_url: str) -> None:
    """Take the database back to the time after the first event."""
    log = parse(log_url).connect()
    for statement in (
        "DELETE FROM log.requests WHERE asked_at > 1",
        'DELETE FROM log.events WHERE "offset" > 1',
        'UPDATE log.state SET top = 1, seal = (SELECT seal FROM log.events WHERE "offset" = 1)',
    ):
        log.execute(statement)
    log.close()
