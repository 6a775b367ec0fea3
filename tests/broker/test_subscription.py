"""Replay, then live, with no hole and no double (``broker/delivery/subscription.py``)."""

import asyncio
from collections.abc import Sequence

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.delivery.buffers import Buffers
from crewai_hitl_nb.broker.delivery.subscription import CaughtUp, SlowReader, Start, Subscription
from crewai_hitl_nb.broker.reader_counts import Reader
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.frames import Gap
from crewai_hitl_nb.store.base import EVERYTHING, Match, Record, Replayed, Scope
from crewai_hitl_nb.store.memory import MemoryStore
from tests.events import completed, other, required

ALL = Start(replay="all")


async def read_until(subscription: Subscription, top: int) -> list[int]:
    """Return the offsets that came until `top` did."""
    seen: list[int] = []
    while not seen or seen[-1] < top:
        step = await subscription.next(5)
        assert step is not None, f"nothing came after {seen}"
        if not isinstance(step, Gap | CaughtUp):
            seen += [record.offset for record in step]
    return seen


@pytest.mark.asyncio
async def test_what_was_published_before_is_replayed_and_what_comes_after_is_live() -> None:
    broker = Broker(MemoryStore())
    await broker.start()
    await broker.publish([other(), other()])
    subscription = broker.subscribe(EVERYTHING, ALL)
    await broker.publish([other()])  # queues, and is flushed before the replay is over
    steps = [await subscription.next(1), await subscription.next(1), await subscription.next(1)]
    await broker.publish([other()])
    steps.append(await subscription.next(1))
    kinds = [type(step).__name__ for step in steps]
    assert kinds == ["list", "list", "CaughtUp", "list"]
    await broker.close()


@pytest.mark.asyncio
@pytest.mark.parametrize(
    ("start", "expected"),
    [(Start(replay="all"), [1, 2, 3, 4]), (Start(), [2, 4]), (Start(replay="none"), [4])],
    ids=["all", "pending", "none"],
)
async def test_the_replay_mode_says_what_a_new_reader_sees(
    start: Start, expected: list[int]
) -> None:
    broker = Broker(MemoryStore())
    await broker.start()
    await broker.publish([required("r1"), required("r2"), completed("r1")])
    subscription = broker.subscribe(EVERYTHING, start)
    await broker.publish([other()])
    assert await read_until(subscription, 4) == expected
    await broker.close()


@pytest.mark.asyncio
async def test_an_unknown_id_gets_a_gap_and_then_everything() -> None:
    broker = Broker(MemoryStore())
    await broker.start()
    await broker.publish([required("r1"), other()])
    subscription = broker.subscribe(EVERYTHING, Start(last_event_id="nobody"))
    gap = await subscription.next(1)
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.last_event_id) == ("unknown_event_id", "nobody")
    assert await read_until(subscription, 2) == [1, 2]
    await broker.close()


@pytest.mark.asyncio
async def test_an_id_that_is_kept_while_later_events_were_pruned_gets_a_gap() -> None:
    broker = Broker(MemoryStore())
    await broker.start()
    (first, *_) = await broker.publish([required("open"), other(), other()])
    await broker.prune(keep=1, days=10_000)
    subscription = broker.subscribe(EVERYTHING, Start(last_event_id=first.record.event_id))
    gap = await subscription.next(1)
    assert isinstance(gap, Gap)
    assert gap.reason == "pruned"
    assert await read_until(subscription, 3) == [1, 3]
    await broker.close()


@pytest.mark.asyncio
async def test_a_slow_live_reader_is_ended_and_the_others_go_on() -> None:
    broker = Broker(MemoryStore(), buffer_events=10)
    await broker.start()
    slow, fast = broker.subscribe(EVERYTHING, ALL), broker.subscribe(EVERYTHING, ALL)
    assert isinstance(await slow.next(1), CaughtUp)
    assert isinstance(await fast.next(1), CaughtUp)
    for number in range(1, 12):
        await broker.publish([other()])
        assert await read_until(fast, number) == [number]
    with pytest.raises(SlowReader):
        await slow.next(1)
    assert broker.subscription_count == 1
    await broker.close()


@pytest.mark.asyncio
async def test_an_overflow_during_the_replay_loses_nothing() -> None:
    broker = Broker(MemoryStore(), buffer_events=10)
    await broker.start()
    await broker.publish([other() for _ in range(limits.REPLAY_EVENTS + 5)])
    subscription = broker.subscribe(EVERYTHING, ALL)
    first = await subscription.next(1)
    assert isinstance(first, list)
    assert len(first) == limits.REPLAY_EVENTS
    for _ in range(25):
        await broker.publish([other()])
    top = limits.REPLAY_EVENTS + 30
    rest = await read_until(subscription, top)
    assert rest == list(range(limits.REPLAY_EVENTS + 1, top + 1))
    await broker.close()


@pytest.mark.asyncio
async def test_a_reader_that_the_budget_ends_in_the_middle_of_a_commit_gets_no_part_of_it() -> None:
    broker = Broker(MemoryStore())
    broker.buffers = Buffers(most=200)  # bytes: the second event is too much
    await broker.start()
    subscription = broker.subscribe(EVERYTHING, ALL, Reader("ada", "sse"))
    await broker.publish([other(), other(), other()])
    with pytest.raises(SlowReader):
        await subscription.next(1)
    await broker.close()


@pytest.mark.asyncio
async def test_a_replay_of_large_events_comes_in_pages_that_are_written_at_once() -> None:
    broker = Broker(MemoryStore())
    await broker.start()
    for _ in range(5):
        await broker.publish([other(text="x" * (limits.PAGE_BYTES // 2))])
    subscription = broker.subscribe(EVERYTHING, ALL)
    pages: list[list[int]] = []
    while not isinstance(step := await subscription.next(5), CaughtUp):
        assert isinstance(step, list)
        pages.append([record.offset for record in step])
    assert pages == [[1, 2], [3, 4], [5]]
    await broker.close()


@pytest.mark.asyncio
async def test_nothing_for_a_while_is_none() -> None:
    broker = Broker(MemoryStore())
    await broker.start()
    subscription = broker.subscribe(EVERYTHING, ALL)
    assert isinstance(await subscription.next(1), CaughtUp)
    assert await subscription.next(0.01) is None
    await broker.close()


class _InterruptedStore(MemoryStore):
    """Publishes between the pages of a replay, where a hole or a double would come from."""

    def __init__(self, bursts: list[int]) -> None:
        super().__init__()
        self._bursts = bursts

    async def replay(
        self, match: Match, *, after: int, upto: int, limit: int, scope: Scope = "all"
    ) -> Replayed:
        page = await super().read(match, after=after, upto=upto, limit=min(limit, 3), scope=scope)
        if self._bursts:
            await self.append([other() for _ in range(self._bursts.pop())])
        # A page is full when the limit was reached: keep the caller's idea of "full".
        rest: Sequence[Record] = ()
        while len(page) + len(rest) < limit:
            last = rest[-1].offset if rest else page[-1].offset if page else after
            more = await super().read(match, after=last, upto=upto, limit=3, scope=scope)
            if not more:
                break
            rest = [*rest, *more]
        return Replayed([*page, *rest], self.pruned_through)


@settings(deadline=None, max_examples=60)
@given(
    before=st.integers(0, 20),
    bursts=st.lists(st.integers(0, 15), max_size=6),
    after=st.integers(1, 10),
    resume=st.integers(0, 20),
)
def test_however_publishing_interleaves_each_event_comes_once_in_order(
    before: int, bursts: list[int], after: int, resume: int
) -> None:
    async def run() -> None:
        store = _InterruptedStore(list(bursts))
        broker = Broker(store, buffer_events=10)
        await broker.start()
        results = await broker.publish([other() for _ in range(before)])
        place = min(resume, before)
        last = results[place - 1].record.event_id if place else None
        subscription = broker.subscribe(EVERYTHING, Start(last_event_id=last, replay="all"))
        seen: list[int] = []
        while not isinstance(step := await subscription.next(5), CaughtUp):
            assert isinstance(step, list)
            seen += [record.offset for record in step]
        for _ in range(after):
            await broker.publish([other()])
            if store.top > (seen[-1] if seen else 0):
                seen += await read_until(subscription, store.top)
        assert seen == list(range(place + 1, store.top + 1))
        await broker.close()

    asyncio.run(run())


@pytest.mark.asyncio
async def test_the_sign_that_the_replay_is_over_counts_only_what_was_given() -> None:
    """A reader may take the heartbeat's offset for "seen": it must not cover what queues."""
    broker = Broker(MemoryStore())
    await broker.start()
    await broker.publish([other()])
    subscription = broker.subscribe(EVERYTHING, ALL)
    given: list[int] = []
    while not isinstance(step := await subscription.next(1), CaughtUp):
        assert isinstance(step, list)
        given += [record.offset for record in step]
        await broker.publish([other()])  # as if somebody published while this page was written
    assert step.offset == given[-1] < broker.top
    assert await read_until(subscription, broker.top) == [broker.top]
    await broker.close()
