"""The store in PostgreSQL where it differs from the others: its server, its schema, its history."""

import asyncio
import threading
import time
from collections.abc import Awaitable, Callable

import pytest

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.base import EVERYTHING
from crewai_hitl_nb.store.group_writer import Job
from crewai_hitl_nb.store.postgres import appending, readers, reading, schema, tail, watchdog
from crewai_hitl_nb.store.postgres import store as postgres_store
from crewai_hitl_nb.store.postgres.connections import Session, parse
from crewai_hitl_nb.store.postgres.history import Seen
from crewai_hitl_nb.store.postgres.store import PostgresStore
from tests.events import completed, other, required
from tests.postgres import PASSWORD, Cluster
from tests.server.door import until

pytestmark = pytest.mark.asyncio

SOON = 60.0


async def _opened(url: str) -> PostgresStore:
    store = PostgresStore(parse(url))
    await store.start(_ignore)
    return store


def _ignore(commits: object) -> None:
    """Nobody listens."""


def _run(url: str, statement: str) -> None:
    target = parse(url)
    log = target.connect()
    try:
        log.run_script(statement)
    finally:
        log.close()


# ---- URLs


@pytest.mark.parametrize(
    ("url", "shown"),
    [
        ("postgresql://ada:secret@db/hitl", "postgresql://ada@db/hitl"),
        ("postgres://db:5433/hitl?schema=team", "postgresql://db:5433/hitl?schema=team"),
        ("postgresql:///hitl?host=/run/postgresql", "postgresql:///run/postgresql/hitl"),
        ("postgresql://ada:s%40cret@one,two/hitl", "postgresql://ada@one,two/hitl"),
    ],
)
async def test_a_url_is_shown_without_its_password(url: str, shown: str) -> None:
    target = parse(url)
    assert str(target) == shown
    assert "cret" not in repr(target)


@pytest.mark.parametrize(
    ("url", "says"),
    [
        ("postgresql://db/hitl?schema=Team", "lower-case"),
        ("postgresql://db/hitl?schema=pg_catalog", "lower-case"),
        ('postgresql://db/hitl?schema="; DROP', "lower-case"),
        ("postgresql://ada:secret@db/hitl?no_such=1", "no_such"),
        ("postgresql://ada:secret@db:port/hitl", "a port from 1 to 65535"),
        ("postgresql://ada:secret@db:70000/hitl", "a port from 1 to 65535"),
        ("postgresql://ada:my/secret@db/hitl", "`/` is `%2F`"),
        ("postgresql://ada:my@secret@db/hitl", "`@` is `%40`"),
        ("postgresql://ada:%secret@db/hitl", "`%` is `%25`"),
        ("postgresql://db/hitl?password=%secret", "%XX"),
    ],
)
async def test_a_wrong_url_is_refused_with_its_reason_and_without_its_password(
    url: str, says: str
) -> None:
    with pytest.raises(ValueError, match=says) as refused:
        parse(url)
    assert "secret" not in str(refused.value)


# ---- a database that cannot be used


async def test_a_database_that_is_away_is_one_line_with_what_to_do(database: Cluster) -> None:
    away = database.url().replace(f":{database.port}/", ":1/")
    with pytest.raises(StoreUnavailable, match="start the database") as refused:
        await _opened(away)
    assert PASSWORD not in str(refused.value)
    assert "\n" not in str(refused.value)


async def test_a_wrong_password_is_said_and_not_shown(database: Cluster) -> None:
    with pytest.raises(StoreUnavailable, match="check user and password") as refused:
        await _opened(database.url().replace(PASSWORD, "wrong-secret"))
    assert "wrong-secret" not in str(refused.value)


async def test_a_database_that_does_not_exist_is_said(database: Cluster) -> None:
    with pytest.raises(StoreUnavailable, match="createdb"):
        await _opened(database.url("none_such"))


async def test_a_schema_of_another_application_is_left_untouched(log_url: str) -> None:
    name = parse(log_url).schema
    _run(log_url, f"CREATE SCHEMA {name}; CREATE TABLE log.state (theirs text)")
    with pytest.raises(StoreUnavailable, match="another application"):
        await _opened(log_url)
    _run(log_url, "SELECT theirs FROM log.state")


async def test_a_user_without_the_right_to_create_is_told(log_url: str) -> None:
    name = parse(log_url).schema
    _run(log_url, f"CREATE ROLE {name}_guest LOGIN PASSWORD '{PASSWORD}'")
    with pytest.raises(StoreUnavailable, match="grant"):
        await _opened(log_url.replace("hitl:", f"{name}_guest:"))


async def test_a_log_that_only_newer_servers_may_write_is_refused(log_url: str) -> None:
    store = await _opened(log_url)
    _run(log_url, f"UPDATE log.state SET oldest_writer = {schema.VERSION + 1}")
    with pytest.raises(StoreUnavailable, match="upgrade crewai-hitl-nb"):
        await store.append([other()])
    await store.close()
    mark = f"crewai-hitl log {schema.VERSION + 1}"
    _run(log_url, f"COMMENT ON SCHEMA {parse(log_url).schema} IS '{mark}'")
    with pytest.raises(StoreUnavailable, match="upgrade crewai-hitl-nb"):
        await _opened(log_url)


async def test_a_newer_log_that_this_version_may_write_is_used(log_url: str) -> None:
    await (await _opened(log_url)).close()
    mark = f"crewai-hitl log {schema.VERSION + 1}"
    _run(log_url, f"COMMENT ON SCHEMA {parse(log_url).schema} IS '{mark}'")
    store = await _opened(log_url)
    await store.append([other()])
    await store.close()


async def test_a_user_who_owns_the_schema_needs_no_right_to_create_one(log_url: str) -> None:
    name = parse(log_url).schema
    _run(
        log_url,
        f"CREATE ROLE {name}_guest LOGIN PASSWORD '{PASSWORD}';"
        f" CREATE SCHEMA {name} AUTHORIZATION {name}_guest",
    )
    store = await _opened(log_url.replace("hitl:", f"{name}_guest:"))
    await store.append([other()])
    await store.close()


async def test_a_store_that_could_not_be_opened_is_closed_and_leaves_no_thread(
    database: Cluster,
) -> None:
    before = set(threading.enumerate())
    store = PostgresStore(parse(database.url("none_such")))
    with pytest.raises(StoreUnavailable):
        await store.start(_ignore)
    await asyncio.wait_for(store.close(), 30)
    left = {thread.name for thread in set(threading.enumerate()) - before}
    assert {name for name in left if "hitl" in name or "pool" in name} == set()


# ---- a database that comes and goes


async def test_a_restart_of_the_database_loses_nothing_and_needs_no_restart_of_the_server(
    own: Cluster,
) -> None:
    store = await _opened(own.url())
    await store.append([required("r1")])
    own.stop("immediate")
    with pytest.raises(StoreUnavailable):
        await store.append([completed("r1")])
    with pytest.raises(StoreUnavailable):
        await store.request("r1")
    own.start()
    (placed,) = await store.append([completed("r1")])
    assert placed.record.offset == 2
    request = await store.request("r1")
    assert request is not None
    assert request.status == "answered"
    await store.close()


async def test_what_other_servers_write_is_announced_after_a_restart_of_the_database(
    own: Cluster,
) -> None:
    heard: list[int] = []
    news = asyncio.Event()
    reader = PostgresStore(parse(own.url()))

    def hear(commits: object) -> None:
        heard.extend(commit.record.offset for commit in commits)  # type: ignore[attr-defined]
        news.set()

    await reader.start(hear)
    own.stop("immediate")
    own.start()
    writer = await _opened(own.url())
    await writer.append([other(), other()])
    await asyncio.wait_for(news.wait(), 30)
    assert heard == [1, 2]
    await asyncio.gather(reader.close(), writer.close())


async def test_a_commit_whose_confirmation_was_lost_is_looked_up(
    log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The database commits, and the connection breaks before it can say so."""
    store = await _opened(log_url)
    real = appending.write

    def write(*args: object) -> appending.Group:
        group = real(*args)  # type: ignore[arg-type]
        raise appending.CommitInDoubt(group)

    monkeypatch.setattr(appending, "write", write)
    (placed,) = await store.append([other()])
    assert (placed.record.offset, placed.duplicate) == (1, False)
    await store.close()


async def test_a_server_that_stands_still_while_it_holds_the_lock_does_not_stop_the_others(
    log_url: str,
) -> None:
    holds_lock, wakes_up = threading.Event(), threading.Event()

    def clock() -> float:
        holds_lock.set()
        wakes_up.wait()
        return 0.0

    paused = PostgresStore(parse(log_url), clock=clock)
    await paused.start(_ignore)
    await paused._writer.run(
        lambda log: log.run_script("SET idle_in_transaction_session_timeout = '100ms'")
    )
    waiting = asyncio.ensure_future(paused.append([other()]))
    await asyncio.to_thread(holds_lock.wait)
    store = await _opened(log_url)
    (placed,) = await store.append([other()])
    assert placed.record.offset == 1
    wakes_up.set()
    (placed,) = await waiting
    assert placed.record.offset == 2
    await asyncio.gather(paused.close(), store.close())


async def test_a_database_that_went_back_in_time_gets_another_epoch(log_url: str) -> None:
    store = await _opened(log_url)
    epoch = store.epoch
    await store.append([other(), other(), other()])
    _run(
        log_url,
        'DELETE FROM log.events WHERE "offset" > 1; UPDATE log.state SET top = 1,'
        ' seal = (SELECT seal FROM log.events WHERE "offset" = 1)',
    )
    (placed,) = await store.append([other()])
    assert placed.record.offset == 2
    assert store.epoch != epoch
    records = await store.read(EVERYTHING, after=0, upto=9, limit=9)
    assert [record.offset for record in records] == [1, 2]
    await store.close()


async def test_a_row_that_the_database_refuses_is_said_and_the_next_append_is_stored(
    log_url: str,
) -> None:
    store = await _opened(log_url)
    _run(log_url, "ALTER TABLE log.events ADD CONSTRAINT mine CHECK (event_id <> 'wrong')")
    with pytest.raises(StoreUnavailable, match="mine"):
        await store.append([other(event_id="wrong")])
    (placed,) = await store.append([other()])
    assert placed.record.offset == 1
    await store.close()


async def test_a_connection_that_is_ended_between_two_appends_costs_none(
    log_url: str,
) -> None:
    store = await _opened(log_url)
    for offset in range(1, 6):
        _run(
            log_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE query LIKE '%{parse(log_url).schema}%' AND pid <> pg_backend_pid()",
        )
        (placed,) = await store.append([other(event_id=f"e{offset}")])
        assert placed.record.offset == offset
    await store.close()


async def test_a_server_that_is_ended_while_it_commits_says_what_is_stored(own: Cluster) -> None:
    """The commit waits for a while, and its connection is ended by the database meanwhile."""
    _run(own.url(), "ALTER SYSTEM SET commit_delay = 100000")
    _run(own.url(), "ALTER SYSTEM SET commit_siblings = 0")
    own.stop()
    own.start()
    store = await _opened(own.url())
    end = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
        " WHERE state = 'active' AND pid <> pg_backend_pid() AND query LIKE 'COMMIT%'"
    )
    for number in range(6):
        call = asyncio.ensure_future(store.append([other(event_id=f"e{number}")]))
        while not call.done():
            await asyncio.to_thread(_run, own.url(), end)
        (placed,) = await call
        assert not placed.duplicate
        assert await store.offset_of(f"e{number}") == placed.record.offset == number + 1
    await store.close()


async def test_pruning_everything_is_no_lost_history(log_url: str) -> None:
    one, another = await _opened(log_url), await _opened(log_url)
    await one.append([other() for _ in range(20)])
    await another.append([other()])
    await one.prune(keep=0, before=0)
    for store in (one, another):
        await store.append([other()])
    assert one.epoch == another.epoch
    await asyncio.gather(one.close(), another.close())


async def test_a_database_that_stands_still_is_said_and_waited_for(
    own: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its kernel still acknowledges packets, so neither libpq nor TCP ends the wait."""
    monkeypatch.setattr(watchdog, "ANSWER_SECONDS", 1.0)
    store = await _opened(own.url(connect_timeout="2"))
    await store.append([other(event_id="before")])
    with own.stopped():
        with pytest.raises(StoreUnavailable):
            await store.append([other(event_id="meanwhile")])
        with pytest.raises(StoreUnavailable):
            await store.offset_of("before")
    (placed,) = await store.append([other(event_id="after")])
    assert await store.offset_of("after") == placed.record.offset
    await store.close()


async def test_a_page_of_the_trail_costs_the_same_in_a_long_log(log_url: str) -> None:
    store = await _opened(log_url)
    for _ in range(20):
        await store.append([other() for _ in range(1000)])
    await store.close()
    log = parse(log_url).connect()

    def rows_read() -> int:
        log.run_script("SELECT pg_stat_force_next_flush()")
        found = log.execute(
            "SELECT seq_tup_read + idx_tup_fetch FROM pg_stat_user_tables"
            " WHERE schemaname = %(schema)s AND relname = 'events'",
            {"schema": log.schema},
        )
        return int(reading.only(found)[0])

    try:
        log.run_script("ANALYZE log.events")
        before = rows_read()
        assert len(reading.trail(log, after=10_000, limit=100).entries) == 100
        assert rows_read() - before < 200
    finally:
        log.close()


async def test_a_server_stops_although_the_database_stands_still_while_it_is_pruned(
    own: Cluster, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(watchdog, "ANSWER_SECONDS", 1.0)
    store = await _opened(own.url(connect_timeout="2"))
    await store.newest()
    with own.stopped():
        pruning = asyncio.ensure_future(store.prune(keep=0, before=0))
        await until(_prunes(store), bool)
        await asyncio.wait_for(store.close(), SOON)
        with pytest.raises(StoreUnavailable):
            await pruning


def _prunes(store: PostgresStore) -> Callable[[], Awaitable[bool]]:
    async def look() -> bool:
        now = time.monotonic()
        return any(ends > now + SOON for _, _, ends in store._watchdog._watched.values())

    return look


async def test_appends_that_wait_for_others_to_be_announced_set_no_more_timers(
    log_url: str,
) -> None:
    store = await _opened(log_url)
    loop = asyncio.get_running_loop()
    job = Job(loop.create_future())
    store._resolve_at(7, job)
    before = len(loop._scheduled)  # type: ignore[attr-defined]
    for offset in range(1, 6):
        store._announce((), offset)
    assert not job.done.done()
    assert len(loop._scheduled) <= before  # type: ignore[attr-defined]
    job.resolve()  # its time is over
    store._announce((), 6)
    assert not store._early
    await store.close()


async def test_a_server_that_loses_its_connection_follows_the_log_again_at_once(
    log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "_LOOK_SECONDS", 3600.0)  # a pause would be as long
    reads, writes = await _opened(log_url), await _opened(log_url)
    for offset in range(1, 4):
        _run(
            log_url,
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            f" WHERE query LIKE 'LISTEN%' OR query LIKE '%{parse(log_url).schema}%'"
            " AND pid <> pg_backend_pid()",
        )
        await writes.append([other()])
        await until(_top_of(reads), offset.__eq__)
    await asyncio.gather(reads.close(), writes.close())


def _top_of(store: PostgresStore) -> Callable[[], Awaitable[int]]:
    async def look() -> int:
        return store.top

    return look


async def test_a_reader_that_waited_in_vain_is_forgotten(
    log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(postgres_store, "_ANNOUNCED_SECONDS", 0.01)
    store = await _opened(log_url)
    with pytest.raises(StoreUnavailable, match="behind the log"):
        await store.reached(99)
    assert not store._awaited
    await store.close()


async def test_an_outage_is_logged_once_and_not_by_the_pool_of_connections(
    own: Cluster, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(readers, "_READ_SECONDS", 1.0)
    store = await _opened(own.url())
    await store.newest()
    own.stop("immediate")
    for _ in range(3):
        with pytest.raises(StoreUnavailable):
            await store.newest()
    own.start()

    async def lines() -> list[str]:
        return [one.getMessage().split()[0] for one in caplog.records if one.levelname != "DEBUG"]

    await until(lines, lambda said: "log_followed" in said)
    await store.close()
    assert await lines() == ["log_not_followed", "log_followed"]


async def test_a_reader_gets_nothing_of_a_database_without_what_its_server_has_announced(
    log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "_LOOK_SECONDS", 3600.0)  # before the server notices by itself
    store = await _opened(log_url)

    async def has_looked() -> bool:
        return store._tail._works

    await until(has_looked, bool)
    await store.append([other()])
    _run(log_url, "UPDATE log.state SET epoch = 'of a backup'")
    with pytest.raises(StoreUnavailable, match="went back in time"):
        await store.newest()
    await store.append([other()])
    assert await store.newest() is not None
    following = store._following
    following._seen = Seen("of the new primary", following.seen.head)
    with pytest.raises(StoreUnavailable, match="went back in time"):
        await store.newest()  # over the connection that was right until then
    await store.close()


async def test_a_read_succeeds_although_every_connection_for_reading_was_ended(
    log_url: str,
) -> None:
    store = await _opened(log_url)
    together = threading.Barrier(readers.READERS)

    def use(log: Session) -> None:
        log.execute("SELECT 'reads'")
        together.wait()

    await asyncio.gather(*(store._read(use) for _ in range(together.parties)))
    ended = (
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE query = 'SELECT ''reads'''"
    )
    _run(log_url, ended)
    assert await store.newest() is None
    await store.close()


async def test_a_user_who_may_not_ask_which_database_it_is_can_use_the_log(own: Cluster) -> None:
    _run(
        own.url(),
        "REVOKE EXECUTE ON FUNCTION pg_control_system() FROM PUBLIC;"
        f" CREATE ROLE tenant LOGIN PASSWORD '{PASSWORD}';"
        " CREATE SCHEMA tenant AUTHORIZATION tenant",
    )
    store = await _opened(own.url(schema="tenant").replace("//hitl:", "//tenant:"))
    await store.append([other()])
    assert await store.newest() is not None
    await store.close()
