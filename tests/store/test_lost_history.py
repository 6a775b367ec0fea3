"""What a server says about appends that its database forgot, and how the log is named after it."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import contextmanager

import psycopg
import pytest
import pytest_asyncio

from crewai_hitl_nb.protocol.errors import OutcomeUnknown
from crewai_hitl_nb.store.base import EVERYTHING
from crewai_hitl_nb.store.group_writer import Job
from crewai_hitl_nb.store.postgres import store as postgres_store
from crewai_hitl_nb.store.postgres import tail
from crewai_hitl_nb.store.postgres.connections import parse
from crewai_hitl_nb.store.postgres.store import PostgresStore
from crewai_hitl_nb.store.rows import Written
from tests.events import other
from tests.server.door import until

pytestmark = pytest.mark.asyncio

SOON = 60.0

LOSE = (
    'DELETE FROM log.events WHERE "offset" > {kept}; UPDATE log.state SET top = {kept},'
    ' seal = (SELECT seal FROM log.events WHERE "offset" = {kept})'
)
"""What remains in a database that lost its last commits."""


@pytest_asyncio.fixture
async def one(log_url: str) -> AsyncIterator[PostgresStore]:
    """A server."""
    store = await _started(log_url)
    yield store
    await store.close()


@pytest_asyncio.fixture
async def another(log_url: str) -> AsyncIterator[PostgresStore]:
    """Another server of the same log."""
    store = await _started(log_url)
    yield store
    await store.close()


async def _started(url: str) -> PostgresStore:
    store = PostgresStore(parse(url))
    await store.start(lambda commits: None)
    return store


def run(url: str, statements: str) -> None:
    """Change the database past the servers."""
    log = parse(url).connect()
    try:
        log.run_script(statements)
    finally:
        log.close()


@contextmanager
def nothing_read(url: str) -> Iterator[None]:
    """Let no server read what others write, although notes can be written.

    The reads that wait are ended when done, as a crash of the database would.
    """
    target = parse(url)
    requests = f"{target.schema}.requests"
    with psycopg.connect(target.conninfo) as holder:
        holder.execute(f"LOCK TABLE {requests} IN ACCESS EXCLUSIVE MODE")
        yield
        holder.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_locks"
            " WHERE NOT granted AND relation = %s::regclass",
            (requests,),
        )


def top_of(url: str) -> int:
    """Return the last offset in the database."""
    target = parse(url)
    with psycopg.connect(target.conninfo) as log:
        row = log.execute(f"SELECT top FROM {target.schema}.state").fetchone()
    assert row is not None
    return int(row[0])


@pytest.mark.parametrize("is_replaced", [False, True])
async def test_an_append_that_was_lost_before_its_reply_is_not_called_stored(
    is_replaced: bool,
    log_url: str,
    one: PostgresStore,
    another: PostgresStore,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(postgres_store, "_ANNOUNCED_SECONDS", 5.0)
    event = other()
    with nothing_read(log_url):
        await another.append([other()])
        waiting = asyncio.ensure_future(one.append([event]))

        async def top() -> int:
            return top_of(log_url)

        await until(top, lambda offset: offset == 2)
        run(log_url, LOSE.format(kept=1))
        if is_replaced:
            await another.append([other()])
    with pytest.raises(OutcomeUnknown, match="same event ids"):
        await asyncio.wait_for(waiting, SOON)
    (placed,) = await one.append([event])
    assert (placed.record.offset, placed.duplicate) == (3 if is_replaced else 2, False)


async def test_an_append_is_in_doubt_if_the_log_was_not_looked_at_while_its_reply_waited(
    log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tail, "_LOOK_SECONDS", 3600.0)
    one, another = await _started(log_url), await _started(log_url)

    async def announced() -> int:
        return one.top

    await another.append([other()])
    await until(announced, lambda offset: offset == 1)  # it has looked for the first time
    event = other()
    with nothing_read(log_url):
        await another.append([other()])
        with monkeypatch.context() as hurried:
            hurried.setattr(postgres_store, "_ANNOUNCED_SECONDS", 0.01)
            with pytest.raises(OutcomeUnknown, match="same event ids"):
                await one.append([event])
    (placed,) = await one.append([event])
    assert (placed.record.offset, placed.duplicate) == (3, True)
    await asyncio.gather(one.close(), another.close())


async def test_an_append_whose_loss_was_noticed_before_its_commit_was_handed_over_is_in_doubt(
    one: PostgresStore,
) -> None:
    placed = await one.append([other()])
    job = Job(asyncio.get_running_loop().create_future())
    job.result = Written(placed, [], "the epoch before")
    one._resolve([job])
    with pytest.raises(OutcomeUnknown):
        await job.done


async def test_a_log_that_has_lost_its_epoch_as_well_does_not_get_an_earlier_one_again(
    log_url: str, one: PostgresStore
) -> None:
    await one.append([other(), other(), other()])
    epochs = [one.epoch]
    run(log_url, LOSE.format(kept=2))
    await one.append([other()])
    epochs.append(one.epoch)
    run(log_url, LOSE.format(kept=1) + f", epoch = '{epochs[0]}'")
    await one.append([other()])
    epochs.append(one.epoch)
    assert len(set(epochs)) == 3
    assert [r.offset for r in await one.read(EVERYTHING, after=0, upto=9, limit=9)] == [1, 2]
