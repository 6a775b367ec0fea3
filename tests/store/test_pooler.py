"""A log behind a pooler that gives each transaction another session."""

import asyncio
from collections.abc import Iterator, Sequence

import pytest

from crewai_hitl_nb.protocol.errors import AlreadyAnswered, StoreUnavailable
from crewai_hitl_nb.store.base import EVERYTHING, Commit, RequestQuery
from crewai_hitl_nb.store.open import locate, open_store
from crewai_hitl_nb.store.postgres import tail, watchdog
from crewai_hitl_nb.store.postgres.connections import is_pooled, parse
from crewai_hitl_nb.store.postgres.store import PostgresStore
from tests.events import completed, other, required
from tests.pgbouncer import Pooler, pooler
from tests.postgres import Cluster

pytestmark = pytest.mark.asyncio

SOON = 30.0
OFTEN = 12
"""More often than psycopg runs a statement before it prepares it."""


@pytest.fixture(scope="module")
def pgbouncer(database: Cluster) -> Iterator[Pooler]:
    with pooler(database) as running:
        yield running


@pytest.fixture
def pooled_url(pgbouncer: Pooler, log_url: str) -> str:
    """The URL of a log through the pooler."""
    return pgbouncer.url(schema=parse(log_url).schema)


def _ignore(commits: object) -> None:
    """Nobody listens."""


async def test_a_pooler_is_recognized(pooled_url: str, log_url: str) -> None:
    for url, pooled in ((pooled_url, True), (log_url, False)):
        session = parse(url).connect()
        assert is_pooled(session.connection) is pooled
        session.close()


async def test_a_log_behind_a_pooler_is_written_and_read_like_any_other(pooled_url: str) -> None:
    stores = [open_store(locate(pooled_url)) for _ in range(3)]
    await asyncio.gather(*(store.start(_ignore) for store in stores))
    for number in range(OFTEN):
        asked = f"r{number}"
        await stores[0].append([required(asked), other()])
        closed = await asyncio.gather(
            *(store.append([completed(asked)]) for store in stores), return_exceptions=True
        )
        assert sum(isinstance(one, AlreadyAnswered) for one in closed) == len(stores) - 1
        for store in stores:
            request = await store.request(asked)
            assert request is not None
            assert request.status == "answered"
            page = await store.read(EVERYTHING, after=0, upto=99, limit=99)
            assert [record.offset for record in page] == list(range(1, 3 * number + 4))
            await store.requests(RequestQuery())
            await store.put_metadata("note", asked.encode())
            assert (await store.get_metadata("note"))["note"] == asked.encode()
    assert await stores[0].prune(keep=0, before=0) == 3 * OFTEN
    await asyncio.gather(*(store.close() for store in stores))


async def test_a_pooled_session_keeps_the_settings_that_others_find_in_it(pooled_url: str) -> None:
    store = open_store(locate(pooled_url))
    await store.start(_ignore)
    await store.append([other()])
    session = parse(pooled_url).connect()
    for name in ("lock_timeout", "idle_in_transaction_session_timeout"):
        assert session.execute(f"SHOW {name}").fetchone() == ("0",)
    session.close()
    await store.close()


async def test_a_start_fails_when_the_database_behind_the_pooler_stands_still(
    own: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "ANSWER_SECONDS", 1.0)
    with pooler(own) as between:
        store = open_store(locate(between.url()))
        await store.start(_ignore)  # and the pooler keeps its session
        await store.close()
        store = open_store(locate(between.url()))
        with own.stopped():
            with pytest.raises(StoreUnavailable):
                await asyncio.wait_for(store.start(_ignore), SOON)
            await asyncio.wait_for(store.close(), SOON)


async def test_notifications_come_past_the_pooler(
    pooled_url: str, database: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "_LOOK_SECONDS", 600.0)  # without a notification it is never seen
    store = open_store(locate(f"{pooled_url}&listen=127.0.0.1:{database.port}"))
    assert isinstance(store, PostgresStore)
    heard = asyncio.Event()

    def hear(commits: Sequence[Commit]) -> None:
        heard.set()

    await store.start(hear)
    writer = open_store(locate(pooled_url))
    await writer.start(_ignore)
    await writer.append([other()])
    await asyncio.wait_for(heard.wait(), SOON)
    await asyncio.gather(store.close(), writer.close())


@pytest.mark.parametrize(
    ("listen", "conninfo"),
    [
        ("db:6000", "host=db port=6000"),
        ("db", "host=db port=5432"),
        ("one:6000,two", "host=one,two port=6000,5432"),
        ("[::1]:6000", "host=::1 port=6000"),
        ("[::1]", "host=::1 port=5432"),
        ("%2Frun%2Fpostgresql", "host=/run/postgresql port=5432"),
    ],
)
async def test_the_listening_address_is_as_people_write_addresses(
    listen: str, conninfo: str
) -> None:
    target = parse(f"postgresql://ada@pooler:7/hitl?listen={listen}&schema=team")
    assert target.listener is not None
    assert set(conninfo.split()) <= set(target.listener.conninfo.split())
    assert target.listener.schema == target.schema == "team"


@pytest.mark.parametrize("listen", ["", "db:", "db:port", "db:0", "ada:secret@db:5432"])
async def test_a_wrong_listening_address_is_refused(listen: str) -> None:
    with pytest.raises(ValueError, match="listen=host:port") as refused:
        parse(f"postgresql://ada@pooler:7/hitl?listen={listen}")
    assert "secret" not in str(refused.value)
