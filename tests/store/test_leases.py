"""Leases of servers, by the clock of the database and by one that the test sets."""

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest
import pytest_asyncio

from crewai_hitl_nb.store.postgres import replicas
from crewai_hitl_nb.store.postgres.connections import Session, parse
from crewai_hitl_nb.store.postgres.replicas import LEASE_SECONDS, Replicas
from crewai_hitl_nb.store.postgres.store import PostgresStore
from tests.events import required

pytestmark = pytest.mark.asyncio

PROCESS = ("ada", "kernel-1")


class Clock:
    """The machine's monotonic clock."""

    now = 1000.0

    def monotonic(self) -> float:
        return self.now


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    clock = Clock()
    monkeypatch.setattr(replicas, "time", clock)
    return clock


@pytest_asyncio.fixture
async def log(log_url: str) -> AsyncIterator[Session]:
    """A log with a question whose process is PROCESS; no server has it open."""
    store = PostgresStore(parse(log_url))
    await store.start(lambda commits: None)
    await store.append([required("q1", source={"id": PROCESS[1]})], by=PROCESS[0])
    await store.close()
    session = parse(log_url).connect()
    session.execute("DELETE FROM log.replicas")
    session.execute("DELETE FROM log.duties")
    yield session
    session.close()


def replica(log: Session) -> Replicas:
    async def read(look: Callable[[Session], Any]) -> Any:
        return look(log)

    reading: Callable[[Callable[[Session], Any]], Awaitable[Any]] = read
    return Replicas(lambda: None, reading)


def end_all_leases(log: Session) -> None:
    """Let as much time pass at the database as an outage takes."""
    for table in ("replicas", "duties"):
        log.execute(f"UPDATE log.{table} SET expires = expires - interval '1 hour'")


async def test_after_an_outage_nothing_is_lost_until_every_server_had_time_to_come_back(
    log: Session, clock: Clock
) -> None:
    looks, has = replica(log), replica(log)
    for one in (looks, has):
        one.renew(log)
    has.arrived(PROCESS)
    has.flush(log)
    clock.now += LEASE_SECONDS + 1.0
    assert await looks.lost(0.0, 9) == []
    end_all_leases(log)
    looks.renew(log)
    clock.now += 1.0
    assert await looks.lost(0.0, 9) == []  # the other one is not back yet
    has.renew(log)
    clock.now += LEASE_SECONDS / 2
    looks.renew(log)
    clock.now += LEASE_SECONDS / 2
    looks.renew(log)
    assert await looks.lost(0.0, 9) == []
    has.left(PROCESS)
    has.flush(log)
    assert await looks.lost(0.0, 9) == ["q1"]


async def test_a_jump_of_the_databases_clock_cancels_nothing(log: Session, clock: Clock) -> None:
    looks, has = replica(log), replica(log)
    for one in (looks, has):
        one.renew(log)
    has.arrived(PROCESS)
    has.flush(log)
    for _ in range(6):
        clock.now += LEASE_SECONDS / 5
        for one in (looks, has):
            one.renew(log)
    end_all_leases(log)  # also what a laptop finds that slept with the database on it
    assert await looks.lost(0.0, 9) == []
    clock.now += LEASE_SECONDS / 5
    looks.renew(log)
    assert await looks.lost(0.0, 9) == []  # the other one renews its lease a moment later
    has.renew(log)
    for _ in range(6):
        clock.now += LEASE_SECONDS / 5
        for one in (looks, has):
            one.renew(log)
    has.left(PROCESS)
    has.flush(log)
    assert await looks.lost(0.0, 9) == ["q1"]


async def test_a_server_that_does_not_come_back_loses_its_processes(
    log: Session, clock: Clock
) -> None:
    looks, gone = replica(log), replica(log)
    for one in (looks, gone):
        one.renew(log)
    gone.arrived(PROCESS)
    gone.flush(log)
    end_all_leases(log)
    for _ in range(3):
        clock.now += LEASE_SECONDS / 2
        looks.renew(log)
    assert await looks.lost(0.0, 9) == ["q1"]
    assert await looks.lost(2 * 3600.0, 9) == []


async def test_only_one_server_has_a_duty_and_only_while_it_renews_it(
    log: Session, clock: Clock
) -> None:
    one, other = replica(log), replica(log)
    one.renew(log)
    other.renew(log)
    first = one.tenure("deadlines")
    assert first is not None
    assert other.tenure("deadlines") is None
    clock.now += LEASE_SECONDS  # it slept, and does not know yet who has the duty
    assert one.tenure("deadlines") is None
    end_all_leases(log)
    other.renew(log)
    second = other.tenure("deadlines")
    assert second is not None
    assert second.number > first.number
    one.renew(log)
    assert one.tenure("deadlines") is None


async def test_a_server_that_slept_writes_its_processes_down_again(
    log: Session, clock: Clock
) -> None:
    one = replica(log)
    one.renew(log)
    one.arrived(PROCESS)
    one.flush(log)
    end_all_leases(log)
    replicas.forget(log)  # an hour later another server deletes what is known of it
    assert not await one.is_near(PROCESS, 1.0)
    clock.now += 3600.0
    one.renew(log)
    assert await one.is_near(PROCESS, 1.0)


async def test_after_a_failover_that_lost_rows_the_connected_processes_are_known(
    log: Session, clock: Clock, log_url: str
) -> None:
    gone = ("ada", "kernel-2")
    one = replica(log)
    one.renew(log)
    one.arrived(PROCESS)
    one.arrived(gone)
    one.flush(log)
    one.left(gone)
    one.flush(log)
    log.execute("UPDATE log.holders SET left_at = NULL")  # what a standby may have missed
    log.execute("DELETE FROM log.holders WHERE source_id = %(id)s", {"id": PROCESS[1]})
    promoted = parse(log_url).connect()
    clock.now += LEASE_SECONDS / 4
    one.renew(promoted)
    promoted.close()
    assert await one.is_near(PROCESS, 0.0)
    assert not await one.is_near(gone, 0.0)


async def test_a_server_that_is_too_old_to_write_leaves_its_duties_to_others(
    log: Session, clock: Clock
) -> None:
    one = replica(log)
    one.renew(log)
    assert one.tenure("deadlines") is not None
    log.execute("UPDATE log.state SET oldest_writer = 99")
    clock.now += LEASE_SECONDS / 4
    one.renew(log)
    assert one.tenure("deadlines") is None


async def test_after_an_outage_older_servers_have_time_to_come_back_before_the_log_is_newer(
    log: Session, clock: Clock
) -> None:
    one = replica(log)
    one.renew(log)
    assert not one.has_settled
    for _ in range(3):
        clock.now += LEASE_SECONDS / 2
        one.renew(log)
    assert one.has_settled
    clock.now += LEASE_SECONDS
    end_all_leases(log)
    one.renew(log)
    assert not one.has_settled
