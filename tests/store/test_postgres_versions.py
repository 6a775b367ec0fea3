"""Logs in PostgreSQL of older versions, and what a migration may do."""

import asyncio
import re
from collections.abc import Awaitable, Callable, Iterator
from contextlib import closing

import pytest

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.base import EVERYTHING
from crewai_hitl_nb.store.open import locate, looking_at
from crewai_hitl_nb.store.postgres import reading, replicas, schema
from crewai_hitl_nb.store.postgres.connections import Session, parse
from crewai_hitl_nb.store.postgres.store import PostgresStore
from tests.chaos.store_run import read_log
from tests.events import completed, other
from tests.jupyter_process import REPOSITORY
from tests.postgres import PASSWORD
from tests.server.door import until

FIXTURES = REPOSITORY / "tests" / "fixtures"
FROZEN = sorted(int(path.stem.removeprefix("postgres_v")) for path in FIXTURES.glob("postgres_v*"))
EPOCH = "46ece313-0b6a-4608-aacd-708e7c05e9c1"

each_version = pytest.mark.parametrize("version", FROZEN)


@pytest.fixture
def log(log_url: str) -> Iterator[Session]:
    session = parse(log_url).connect()
    yield session
    session.close()


def load(log: Session, version: int) -> None:
    """Make a log as an older version left it."""
    script = (FIXTURES / f"postgres_v{version}.sql").read_text()
    name = log.schema
    log.run_script(
        f"CREATE SCHEMA {name}; COMMENT ON SCHEMA {name} IS 'crewai-hitl log {version}'; {script}"
    )


_TABLES = """
    SELECT format('%%s.%%s %%s %%s %%s %%s', relname, attname, atttypid::regtype, attnotnull,
        attcollation, pg_get_expr(adbin, adrelid))
    FROM pg_class AS c JOIN pg_attribute ON attrelid = c.oid
    LEFT JOIN pg_attrdef ON adrelid = c.oid AND adnum = attnum
    WHERE relnamespace = %(schema)s::text::regnamespace AND relkind = 'r' AND attnum > 0
    UNION ALL SELECT indexdef FROM pg_indexes WHERE schemaname = %(schema)s::text
    UNION ALL SELECT format('%%s %%s %%s', conrelid::regclass, conname, pg_get_constraintdef(oid))
    FROM pg_constraint WHERE connamespace = %(schema)s::text::regnamespace
"""


def tables(log: Session) -> list[str]:
    """Return the columns, indexes and constraints of a log."""
    rows = log.execute(_TABLES, {"schema": log.schema}).fetchall()
    return sorted(text.replace(f"{log.schema}.", "") for (text,) in rows)


def test_every_version_has_a_log_to_try() -> None:
    assert list(range(1, schema.VERSION + 1)) == FROZEN


@each_version
def test_a_script_that_was_released_makes_the_tables_that_it_has_always_made(
    log: Session, version: int
) -> None:
    load(log, version)
    frozen = tables(log)
    log.run_script(f"DROP SCHEMA {log.schema} CASCADE; CREATE SCHEMA {log.schema}")
    for script in schema.MIGRATIONS[:version]:
        log.run_script(script)
    assert tables(log) == frozen


_BREAKS = re.compile(
    r"\b(?:DROP|RENAME|DELETE|TRUNCATE|ALTER\s+COLUMN|SET\s+NOT\s+NULL)\b"
    r"|ADD\s+COLUMN(?![^,;]*\bDEFAULT\b)[^,;]*\bNOT\s+NULL\b"
)
"""What would break older servers: they need the old columns, and do not fill new ones."""


def breaks(script: str) -> bool:
    """Return whether a migration does more than add."""
    return _BREAKS.search(re.sub(r"--.*", "", script)) is not None


def test_migrations_only_add_so_that_older_servers_keep_working() -> None:
    assert [breaks(script) for script in schema.MIGRATIONS[1:]] == [False] * (schema.VERSION - 1)
    assert not breaks("ALTER TABLE log.notes ADD COLUMN at bigint; CREATE TABLE log.more (a text)")
    assert not breaks("ALTER TABLE log.notes ADD COLUMN at bigint NOT NULL DEFAULT 0")
    assert breaks("ALTER TABLE log.notes ADD COLUMN at bigint NOT NULL")
    assert breaks("ALTER TABLE log.notes ALTER COLUMN body DROP NOT NULL")
    assert breaks("ALTER TABLE log.notes RENAME body TO text")


@pytest.mark.asyncio
@each_version
async def test_an_older_log_keeps_its_epoch_its_events_and_its_requests(
    log: Session, log_url: str, version: int
) -> None:
    load(log, version)
    found = await read_log(PostgresStore(parse(log_url)))
    assert (found.epoch, found.pruned_through) == (EPOCH, 2)
    assert [event["event_id"] for event in found.events] == [
        *("note-3", "asked-4", "asked-5", "done-6", "note-7"),
    ]
    assert found.events[3]["human_feedback"] == "Größer"
    assert found.statuses == {"open": "pending", "done": "answered"}


@pytest.mark.asyncio
@each_version
async def test_an_older_log_continues_where_it_ended(
    log: Session, log_url: str, version: int
) -> None:
    load(log, version)
    store = PostgresStore(parse(log_url))
    await store.start(lambda commits: None)
    try:
        placed = await store.append([other(), completed("open", "yes")])
        assert [result.record.offset for result in placed] == [8, 9]
        assert store.epoch == EPOCH
        records = await store.read(EVERYTHING, after=0, upto=9, limit=99)
        assert [record.offset for record in records] == list(range(3, 10))
        assert await store.askers() == {}
        assert await store.get_metadata("webhook/") == {"webhook/1": b'{"cursor":5}'}
        assert await store.coordination.is_near(("ada", "kernel-1"), 1e9)
    finally:
        await store.close()


@pytest.mark.asyncio
@each_version
async def test_an_older_log_ends_up_with_the_tables_of_a_new_one(
    log: Session, log_url: str, version: int
) -> None:
    load(log, version)
    schema.upgrade(log)
    upgraded = tables(log)
    log.run_script(f"DROP SCHEMA {log.schema} CASCADE")
    schema.upgrade(log)
    assert tables(log) == upgraded
    assert schema.version_of(log) == schema.VERSION


def test_the_trail_of_a_newer_log_can_be_read(log: Session, log_url: str) -> None:
    load(log, schema.VERSION)
    newer = schema.VERSION + 1
    log.run_script(
        "ALTER TABLE log.events ADD COLUMN more text;"
        f" COMMENT ON SCHEMA {log.schema} IS 'crewai-hitl log {newer}'"
    )
    with looking_at(locate(log_url)) as stored:
        epoch, page = stored.page(0, 99)
    assert epoch == EPOCH
    assert page.entries[-1].offset == 7


@pytest.mark.asyncio
async def test_a_user_who_may_write_a_log_but_not_upgrade_it_is_told_who_may(
    log: Session, log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(log, schema.VERSION)
    guest = f"{log.schema}_guest"
    log.run_script(
        f"CREATE ROLE {guest} LOGIN PASSWORD '{PASSWORD}'; GRANT USAGE ON SCHEMA {log.schema}"
        f" TO {guest}; GRANT ALL ON ALL TABLES IN SCHEMA {log.schema} TO {guest}"
    )
    more = "ALTER TABLE log.notes ADD COLUMN more text"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, more))
    monkeypatch.setattr(schema, "VERSION", schema.VERSION + 1)
    store = PostgresStore(parse(log_url.replace("//hitl:", f"//{guest}:")))
    with pytest.raises(StoreUnavailable, match="start one server of this version as the owner"):
        await store.start(lambda commits: None)
    await store.close()


@pytest.mark.asyncio
async def test_an_upgrade_that_waits_for_a_long_read_keeps_nobody_from_writing_meanwhile(
    log: Session, log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(log, schema.VERSION)
    writes = PostgresStore(parse(log_url))
    await writes.start(lambda commits: None)
    more = "ALTER TABLE log.notes ADD COLUMN more text; ALTER TABLE log.events ADD COLUMN more text"
    with closing(parse(log_url).connect()) as reader, closing(parse(log_url).connect()) as upgrades:
        reader.connection.execute("BEGIN")
        reader.execute("SELECT FROM log.events")
        with monkeypatch.context() as newer:
            newer.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, more))
            newer.setattr(schema, "VERSION", schema.VERSION + 1)
            upgrading = asyncio.ensure_future(asyncio.to_thread(schema.upgrade, upgrades))
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %(pid)s"
            pid = upgrades.connection.info.backend_pid
            for offset in range(8, 11):
                await until(_one(log, waits, {"pid": pid}), bool)
                (placed,) = await writes.append([other()])
                assert placed.record.offset == offset
            assert not upgrading.done()
            reader.connection.execute("ROLLBACK")
            await upgrading
            assert schema.version_of(log) == schema.VERSION
    await writes.append([other()])
    await writes.close()


@pytest.mark.asyncio
async def test_an_append_and_an_upgrade_at_the_same_time_never_wait_for_each_other(
    log: Session, log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    load(log, schema.VERSION)
    writes = PostgresStore(parse(log_url))
    await writes.start(lambda commits: None)
    more = "ALTER TABLE log.events ADD COLUMN more text; ALTER TABLE log.state ADD COLUMN more text"
    with (
        closing(parse(log_url).connect()) as other_server,
        closing(parse(log_url).connect()) as upgrades,
    ):

        async def wait(pid: int | None) -> None:
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %(pid)s"
            await until(_one(log, waits, {"pid": pid or 0}), bool)

        other_server.connection.execute("BEGIN")
        other_server.execute(f"{reading.STATE} FOR UPDATE")
        appending = asyncio.ensure_future(writes.append([other()]))
        await wait(writes._writing.process_id)
        with monkeypatch.context() as newer:
            newer.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, more))
            newer.setattr(schema, "VERSION", schema.VERSION + 1)
            newer.setattr(schema, "_LOCK_SECONDS", 60.0)
            newer.setattr(schema, "_UPGRADE_SECONDS", 0.0)  # an attempt that fails is the last
            upgrading = asyncio.ensure_future(asyncio.to_thread(schema.upgrade, upgrades))
            await wait(upgrades.connection.info.backend_pid)
            other_server.connection.execute("COMMIT")
            (placed,) = await appending
            await upgrading
            assert placed.record.offset == 8
            assert schema.version_of(log) == schema.VERSION
    await writes.close()


@pytest.mark.asyncio
async def test_an_older_server_that_starts_together_with_a_newer_one_leaves_its_log_as_it_is(
    log: Session, log_url: str
) -> None:
    newer = schema.VERSION + 1
    with closing(parse(log_url).connect()) as first, closing(parse(log_url).connect()) as second:
        with first.connection.transaction():
            schema.upgrade(first)
            first.run_script(f"COMMENT ON SCHEMA {log.schema} IS 'crewai-hitl log {newer}'")
            upgrading = asyncio.ensure_future(asyncio.to_thread(schema.upgrade, second))
            waits = "SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %(pid)s"
            await until(_one(log, waits, {"pid": second.connection.info.backend_pid}), bool)
        await upgrading
        assert schema.version_of(log) == newer


def _one(log: Session, statement: str, values: dict[str, int]) -> Callable[[], Awaitable[int]]:
    async def look() -> int:
        return int(reading.only(log.execute(statement, values))[0])

    return look


@pytest.mark.asyncio
async def test_an_older_server_that_comes_back_after_an_outage_may_still_write(
    log: Session, log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After an outage no lease is live, and the newer server may be the first one to renew its."""
    load(log, schema.VERSION)
    older = schema.VERSION
    log.execute(
        "INSERT INTO log.replicas VALUES (gen_random_uuid(), %(older)s, now() - interval '1 s')",
        {"older": older},
    )
    more = "ALTER TABLE log.notes ADD COLUMN more text"
    monkeypatch.setattr(schema, "MIGRATIONS", (*schema.MIGRATIONS, more))
    for name in ("VERSION", "OLDEST_WRITER"):
        monkeypatch.setattr(schema, name, older + 1)
    monkeypatch.setattr(replicas, "VERSION", older + 1)
    monkeypatch.setattr(replicas, "LEASE_SECONDS", 3600.0)
    looked = asyncio.Event()

    class Newer(PostgresStore):
        def _look_after(self, log: Session) -> None:
            super()._look_after(log)
            self._call(looked.set)

    newer = Newer(parse(log_url))
    await newer.start(lambda commits: None)
    await looked.wait()
    assert reading.state(log).oldest_writer == older
    await newer.close()


def test_the_oldest_version_that_may_write_rises_when_no_older_server_holds_a_lease(
    log: Session, monkeypatch: pytest.MonkeyPatch
) -> None:
    def oldest() -> int:
        return int(reading.state(log).oldest_writer)

    schema.upgrade(log)
    schema.raise_oldest_writer(log)
    older = schema.VERSION
    monkeypatch.setattr(schema, "OLDEST_WRITER", older + 1)
    for version in (older, older + 1):
        log.execute(
            "INSERT INTO log.replicas VALUES (gen_random_uuid(), %(version)s, 'infinity')",
            {"version": version},
        )
    schema.raise_oldest_writer(log)
    assert oldest() == older
    log.execute(
        "UPDATE log.replicas SET expires = now() WHERE version = %(version)s", {"version": older}
    )
    schema.raise_oldest_writer(log)
    assert oldest() == older + 1
    monkeypatch.setattr(schema, "OLDEST_WRITER", older)
    schema.raise_oldest_writer(log)
    assert oldest() == older + 1  # it never sinks
