"""A clock that is wrong when the server starts: nothing is dropped, and no question ends by it."""

import asyncio
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import TypeAlias

import pytest

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.delivery.subscription import CaughtUp, Start
from crewai_hitl_nb.broker.trusted_clock import TRIAL_SECONDS, TrustedClock
from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.store.base import Match
from crewai_hitl_nb.store.memory import MemoryStore
from crewai_hitl_nb.store.metadata import MetadataStore
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.events import completed, other, required

pytestmark = pytest.mark.asyncio

NOW = datetime(2026, 11, 1, tzinfo=timezone.utc)
DAY = timedelta(days=1)
WRONG = {
    "2099": datetime(2099, 1, 1, tzinfo=timezone.utc),
    "1970": datetime(1970, 1, 1, tzinfo=timezone.utc),
}


class Clock:
    """A wall clock that is set by hand."""

    def __init__(self) -> None:
        self.now = NOW

    def __call__(self) -> datetime:
        return self.now


Reopen: TypeAlias = Callable[[], MetadataStore]


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture(params=["memory", "sqlite"])
def reopen(request: pytest.FixtureRequest, tmp_path: Path, clock: Clock) -> Reopen:
    """Return what opens the log, also a second time."""
    memory = MemoryStore(lambda: clock().timestamp())
    if request.param == "memory":
        return lambda: memory
    return lambda: SqliteStore(tmp_path / "log.db", lambda: clock().timestamp())


def default_in_an_hour(request_id: str, asked: datetime) -> HumanInputRequired:
    return required(
        request_id,
        timestamp=asked.isoformat(),
        expires_at=(asked + timedelta(hours=1)).isoformat(),
        response={"decisions": ["respond"], "default": "go on", "on_expiry": "default"},
    )


async def life(store: MetadataStore, clock: Clock, *, days: float = 90) -> int:
    """Start a server and stop it; return how many events its retention dropped."""
    broker = Broker(store, clock=clock)
    await broker.start()
    dropped = await broker.prune(keep=1000, days=days)
    await broker.close()
    return dropped


@pytest.mark.parametrize("wrong", WRONG)
async def test_retention_drops_nothing_when_the_clock_is_wrong_at_the_start(
    reopen: Reopen, clock: Clock, wrong: str
) -> None:
    broker = Broker(reopen(), clock=clock)
    await broker.start()
    await broker.publish([required("q1"), completed("q1"), other()])
    await broker.close()
    clock.now = WRONG[wrong]
    assert await life(reopen(), clock) == 0
    assert await life(reopen(), clock) == 0  # a second start proves nothing either
    clock.now = NOW + DAY
    assert await life(reopen(), clock) == 0


async def test_a_log_that_remembers_no_clock_goes_by_its_newest_event(
    reopen: Reopen, clock: Clock
) -> None:
    store = reopen()
    await store.start(lambda commits: None)
    await store.append([other(), other()])
    await store.close()
    clock.now = WRONG["2099"]
    assert await life(reopen(), clock) == 0


async def test_what_is_old_is_dropped_by_a_server_that_is_used_now_and_then(
    reopen: Reopen, clock: Clock
) -> None:
    broker = Broker(reopen(), clock=clock)
    await broker.start()
    await broker.publish([other(), other()])
    await broker.close()
    dropped = 0
    for _ in range(16):
        clock.now += 6 * DAY
        dropped += await life(reopen(), clock)
    assert dropped == 2


@pytest.mark.parametrize("wrong", WRONG)
async def test_no_default_answers_because_the_clock_was_wrong_at_the_start(
    reopen: Reopen, clock: Clock, wrong: str
) -> None:
    broker = Broker(reopen(), clock=clock)
    await broker.start()
    await broker.publish([default_in_an_hour("before", NOW)])
    await broker.close()
    clock.now = WRONG[wrong]
    broker = Broker(reopen(), clock=clock)
    await broker.start()
    await broker.publish([default_in_an_hour("meanwhile", NOW)])
    for _ in range(2):  # an end that had begun would be stored before the second of these
        await broker.publish([other()])
        await asyncio.sleep(0)  # the log in memory lets nobody else have a turn
    assert broker.pending_count == 2
    await broker.close()
    clock.now = NOW
    broker = Broker(reopen(), clock=clock)
    await broker.start()
    for name in ("before", "meanwhile"):
        assert (await broker.request(name)).status == "pending"
    await broker.close()


async def test_a_deadline_that_passed_while_the_server_was_off_is_kept(
    reopen: Reopen, clock: Clock
) -> None:
    broker = Broker(reopen(), clock=clock)
    await broker.start()
    await broker.publish([default_in_an_hour("q1", NOW)])
    await broker.close()
    clock.now = NOW + 3 * DAY
    broker = Broker(reopen(), clock=clock)
    await broker.start()
    reader = broker.subscribe(
        Match(types=frozenset({"human_input_completed"})), Start(replay="all")
    )
    while isinstance(step := await reader.next(30), CaughtUp):
        pass
    assert isinstance(step, list)
    assert (await broker.request("q1")).status == "answered"
    await broker.close()


async def test_a_question_asked_under_a_doubted_clock_expires_after_the_time_it_named(
    clock: Clock,
) -> None:
    store = MemoryStore(lambda: clock().timestamp())
    await store.append([other()])
    clock.now = WRONG["2099"]
    broker = Broker(store, clock=clock)
    await broker.start()
    reader = broker.subscribe(Match(types=frozenset({"human_input_expired"})), Start())
    assert isinstance(await reader.next(), CaughtUp)
    soon = clock.now + timedelta(seconds=0.1)
    clock.now = NOW  # a time server sets it right at once
    asked = required("q1", timestamp=WRONG["2099"].isoformat(), expires_at=soon.isoformat())
    await broker.publish([asked])
    step = await reader.next(30)
    assert isinstance(step, list)
    assert [record.type for record in step] == ["human_input_expired"]
    await broker.close()


async def test_a_doubted_clock_is_trusted_when_the_server_has_run_with_it_for_a_day(
    clock: Clock,
) -> None:
    store, steady = MemoryStore(lambda: clock().timestamp()), [0.0]
    await store.append([other()])
    clock.now += 30 * DAY
    trusted = TrustedClock(clock, lambda: steady[0])
    await trusted.start(store)
    assert not trusted.is_trusted()
    assert trusted() == NOW
    for _ in range(24):
        steady[0] += TRIAL_SECONDS / 24
        clock.now += DAY / 24
        assert trusted() <= clock.now
    assert trusted.is_trusted()
    assert trusted() == clock.now


async def test_the_trial_goes_on_where_a_restart_left_it(clock: Clock) -> None:
    store, steady = MemoryStore(lambda: clock().timestamp()), [0.0]
    await store.append([other()])
    clock.now += 30 * DAY
    for _ in range(4):
        trusted = TrustedClock(clock, lambda: steady[0])
        await trusted.start(store)
        assert not trusted.is_trusted()
        steady[0] += TRIAL_SECONDS / 4
        clock.now += DAY / 4
        await trusted.save(store)
    trusted = TrustedClock(clock, lambda: steady[0])
    await trusted.start(store)
    assert trusted.is_trusted()
    assert trusted() == clock.now
