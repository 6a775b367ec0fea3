"""A clock that jumps, ahead and back: nothing fires early or much too late, nothing is dropped.

The clock is the one double here; time itself passes as it does.
"""

import asyncio
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone

import anyio
import pytest
import pytest_asyncio

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.clocks import CautiousClock
from crewai_hitl_nb.broker.delivery.subscription import CaughtUp, Start
from crewai_hitl_nb.broker.requests.deadlines import Deadlines
from crewai_hitl_nb.protocol.answer import Answer
from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.store.base import EVERYTHING, Record
from crewai_hitl_nb.store.memory import MemoryStore
from tests.events import other, required

pytestmark = pytest.mark.asyncio

DAY = timedelta(days=1)
PATIENCE_SECONDS = 15.0
LOOK_SECONDS = 0.02


class Clock:
    """The real time, and a jump."""

    def __init__(self) -> None:
        self.jump = timedelta()

    def __call__(self) -> datetime:
        return datetime.now(timezone.utc) + self.jump


class Watch:
    """Deadlines that note which requests they called for."""

    def __init__(self, clock: Clock) -> None:
        self.due: list[str] = []
        self._turned = asyncio.Event()
        self.deadlines = Deadlines(self._note, self._note, clock, look_seconds=LOOK_SECONDS)

    def _note(self, required: HumanInputRequired) -> None:
        self.due.append(required.request_id)
        self._turned.set()

    async def until(self, *names: str) -> None:
        """Wait until exactly these were due, in this order."""
        with anyio.fail_after(PATIENCE_SECONDS):
            while len(self.due) < len(names):
                self._turned.clear()
                await self._turned.wait()
        assert self.due == list(names)


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest_asyncio.fixture
async def watch(clock: Clock) -> AsyncIterator[Watch]:
    watch = Watch(clock)
    yield watch
    watch.deadlines.clear()


def due(clock: Clock, name: str, after: timedelta) -> HumanInputRequired:
    return required(name, expires_at=(clock() + after).isoformat())


async def test_a_deadline_that_the_clock_jumps_over_is_noticed_at_the_next_look(
    clock: Clock, watch: Watch
) -> None:
    watch.deadlines.opened(due(clock, "tomorrow", DAY))
    watch.deadlines.opened(due(clock, "next week", 7 * DAY))
    clock.jump = 2 * DAY
    await watch.until("tomorrow")
    clock.jump = 8 * DAY
    await watch.until("tomorrow", "next week")


async def test_a_reminder_that_the_clock_jumps_over_is_sent_at_the_next_look(
    clock: Clock, watch: Watch
) -> None:
    watch.deadlines.opened(required("q1", remind_at=(clock() + DAY).isoformat()))
    clock.jump = 2 * DAY
    await watch.until("q1")


async def test_a_clock_that_goes_back_lets_nothing_fire_early(clock: Clock, watch: Watch) -> None:
    watch.deadlines.opened(due(clock, "soon", timedelta(seconds=0.1)))
    clock.jump = -DAY
    watch.deadlines.opened(due(clock, "marker", timedelta(seconds=0.3)))
    await watch.until("marker")  # later than "soon" would have been by the steady clock
    clock.jump = timedelta()
    await watch.until("marker", "soon")


async def test_a_request_that_ended_is_not_called_for_after_a_jump(
    clock: Clock, watch: Watch
) -> None:
    watch.deadlines.opened(due(clock, "ended", DAY))
    watch.deadlines.opened(due(clock, "open", DAY))
    watch.deadlines.closed("ended")
    clock.jump = 2 * DAY
    await watch.until("open")


@pytest_asyncio.fixture
async def broker(clock: Clock) -> AsyncIterator[Broker]:
    store = MemoryStore(lambda: clock().timestamp())
    broker = Broker(store, clock=clock, presence_grace=PATIENCE_SECONDS)
    await broker.start()
    yield broker
    await broker.close()


async def replay(broker: Broker, last: str | None = None) -> list[str]:
    subscription = broker.subscribe(EVERYTHING, Start(last_event_id=last, replay="all"))
    seen: list[str] = []
    while not isinstance(step := await subscription.next(), CaughtUp):
        assert isinstance(step, list)
        seen += [record.event_id for record in step if isinstance(record, Record)]
    subscription.close()
    return seen


@pytest.mark.parametrize("jump", [400 * DAY, -400 * DAY])
async def test_a_clock_that_jumps_while_the_server_runs_ages_nothing(
    clock: Clock, broker: Broker, jump: timedelta
) -> None:
    await broker.publish([other(event_id="before")])
    clock.jump = jump
    await broker.publish([other(event_id="after")])
    assert await broker.prune(keep=1000, days=90) == 0
    clock.jump = timedelta()
    assert await broker.prune(keep=1000, days=90) == 0
    assert await replay(broker) == ["before", "after"]


async def test_what_is_old_by_the_steady_clock_is_dropped() -> None:
    steady, now = 0.0, datetime(2026, 1, 1, tzinfo=timezone.utc)
    cautious = CautiousClock(lambda: now, lambda: steady)
    now += 400 * DAY
    assert cautious() == datetime(2026, 1, 1, tzinfo=timezone.utc)
    steady += 91 * 86_400
    assert cautious() == datetime(2026, 1, 1, tzinfo=timezone.utc) + 91 * DAY
    now -= 500 * DAY
    assert cautious() == now


async def test_order_and_resumption_are_the_offsets_and_not_the_clocks(
    clock: Clock, broker: Broker
) -> None:
    for number, jump in enumerate([0, 30, -30, 365, -365]):
        clock.jump = jump * DAY
        await broker.publish([other(event_id=f"e{number}"), required(f"q{number}")])
        await broker.answer(f"q{number}", Answer(human_feedback="yes"), "ada")
    seen = await replay(broker)
    assert [name for name in seen if name.startswith("e")] == ["e0", "e1", "e2", "e3", "e4"]
    assert await replay(broker, last=seen[5]) == seen[6:]


async def test_a_waiter_is_not_lost_because_the_clock_jumped(clock: Clock, broker: Broker) -> None:
    broker.waiter_arrived("kernel-1")
    await broker.publish([required("q1", source={"id": "kernel-1"})])
    broker.waiter_left("kernel-1")
    clock.jump = DAY
    await broker.publish([other()])
    assert await broker.is_present("kernel-1")
    assert (await broker.request("q1")).status == "pending"
