"""A log in PostgreSQL while the database is away, and when it is back."""

import anyio
import psycopg_pool.base
import pytest

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.postgres.connections import parse
from crewai_hitl_nb.store.postgres.store import PostgresStore
from tests.events import other
from tests.postgres import Cluster
from tests.relay import Relay


@pytest.mark.asyncio
async def test_reading_resumes_soon_however_long_the_database_was_away(
    database: Cluster, log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    with Relay(database.port) as relay:
        store = PostgresStore(parse(log_url.replace(f":{database.port}/", f":{relay.port}/")))
        await store.start(lambda commits: None)
        await store.newest()  # the pool connects in the background
        # The pause that the pool would have come to in an outage of an hour.
        monkeypatch.setattr(psycopg_pool.base.AttemptWithBackoff, "INITIAL_DELAY", 3600.0)
        monkeypatch.setattr(store._readers._pool, "timeout", 0.1)
        relay.cut()
        with pytest.raises(StoreUnavailable):
            await store.get_metadata("")
        relay.restore()
        with anyio.fail_after(60):
            while not await _reads(store):
                pass
        await store.close()


async def _reads(store: PostgresStore) -> bool:
    try:
        await store.get_metadata("")
    except StoreUnavailable:
        return False
    return True


@pytest.mark.asyncio
async def test_an_append_is_not_refused_because_the_last_one_left_its_connection_busy(
    log_url: str,
) -> None:
    store = PostgresStore(parse(log_url))
    await store.start(lambda commits: None)
    await store.append([other()])
    # So does a connection that breaks at a certain moment inside of a pipeline.
    await store._writer.run(lambda log: log.connection.pgconn.send_query(b"SELECT pg_sleep(600)"))
    (placed,) = await store.append([other()])
    assert placed.record.offset == 2
    await store.close()
