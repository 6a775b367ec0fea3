"""A log that is pruned while somebody reads it: what is missing is a gap (``subscription.py``)."""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import TypeAlias

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.delivery.subscription import CaughtUp, Start, Subscription
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.frames import Gap
from crewai_hitl_nb.store.base import EVERYTHING, Match, Replayed, Scope
from crewai_hitl_nb.store.memory import MemoryStore
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.events import completed, other, required

PAGE = limits.REPLAY_EVENTS
LOG = 3 * PAGE
ALL = Start(replay="all")

Between: TypeAlias = Callable[[], Awaitable[object]]


@pytest.fixture(params=["memory", "sqlite"])
def store(request: pytest.FixtureRequest, tmp_path: Path) -> MemoryStore | SqliteStore:
    return MemoryStore() if request.param == "memory" else SqliteStore(tmp_path / "log.db")


async def read(subscription: Subscription, between: Sequence[Between] = ()) -> list[int | Gap]:
    """Return the offsets and gaps of a replay; something happens behind each of its steps."""
    happens = iter(between)
    seen: list[int | Gap] = []
    while not isinstance(step := await subscription.next(5), CaughtUp):
        assert step is not None
        seen += [step] if isinstance(step, Gap) else [record.offset for record in step]
        if (then := next(happens, None)) is not None:
            await then()
    return seen


@pytest.mark.asyncio
async def test_a_replay_whose_next_events_are_pruned_says_so_and_gives_what_is_kept(
    store: MemoryStore | SqliteStore,
) -> None:
    broker = Broker(store)
    await broker.start()
    await broker.publish([required("open"), *(other() for _ in range(LOG - 1))])
    last = (await store.read(EVERYTHING, after=PAGE - 1, upto=PAGE, limit=1))[0].event_id
    seen = await read(broker.subscribe(EVERYTHING, ALL), [lambda: broker.prune(keep=5, days=9)])
    before, (gap, *kept) = seen[:PAGE], seen[PAGE:]
    assert before == list(range(1, PAGE + 1))
    assert isinstance(gap, Gap)
    assert (gap.reason, gap.last_event_id) == ("pruned", last)
    assert kept == [1, *range(LOG - 4, LOG + 1)]
    await broker.close()


@pytest.mark.asyncio
async def test_what_was_read_before_it_was_pruned_is_no_gap(
    store: MemoryStore | SqliteStore,
) -> None:
    broker = Broker(store)
    await broker.start()
    await broker.publish([other() for _ in range(LOG)])
    prunings = [lambda: broker.prune(keep=2 * PAGE, days=9)]
    seen = await read(broker.subscribe(EVERYTHING, ALL), prunings)
    assert seen == list(range(1, LOG + 1))
    await broker.close()


@pytest.mark.asyncio
async def test_events_pruned_between_the_look_for_an_id_and_the_first_page_are_a_gap(
    store: MemoryStore | SqliteStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    broker = Broker(store)
    await broker.start()
    placed = await broker.publish([other() for _ in range(10)])
    found = store.offset_of

    async def then_pruned(event_id: str) -> int | None:
        offset = await found(event_id)
        await broker.prune(keep=3, days=9)
        return offset

    monkeypatch.setattr(store, "offset_of", then_pruned)
    start = Start(last_event_id=placed[1].record.event_id)
    gap, *kept = await read(broker.subscribe(EVERYTHING, start))
    assert isinstance(gap, Gap)
    assert kept == [8, 9, 10]
    await broker.close()


@pytest.mark.asyncio
async def test_a_reader_of_what_comes_now_is_told_when_its_overflow_was_pruned(
    store: MemoryStore | SqliteStore,
) -> None:
    broker = Broker(store, buffer_events=10)
    await broker.start()
    subscription = broker.subscribe(EVERYTHING, Start(replay="none"))
    for _ in range(30):
        await broker.publish([other()])  # more than its buffer holds before it begins
    await broker.prune(keep=5, days=9)
    gap, *kept = await read(subscription)
    assert isinstance(gap, Gap)
    first = kept[0]
    assert isinstance(first, int)
    assert kept == list(range(first, 31))  # what still waited in its buffer as well
    await broker.close()


@pytest.mark.asyncio
async def test_open_questions_come_without_a_gap_whatever_is_pruned_meanwhile(
    store: MemoryStore | SqliteStore,
) -> None:
    broker = Broker(store)
    await broker.start()
    await broker.publish([required(f"q{n}") for n in range(LOG)])
    subscription = broker.subscribe(EVERYTHING, Start(replay="pending"))

    async def one_ends() -> None:
        await broker.publish([completed(f"q{LOG - 1}")])
        await broker.prune(keep=0, days=9)

    seen = await read(subscription, [one_ends])
    assert seen == [*range(1, LOG), LOG + 1]
    await broker.close()


class _PrunedStore(MemoryStore):
    """Small pages, and a pruning in front of each."""

    def __init__(self, keeps: list[int]) -> None:
        super().__init__()
        self._keeps = keeps

    async def replay(
        self, match: Match, *, after: int, upto: int, limit: int, scope: Scope = "all"
    ) -> Replayed:
        if self._keeps:
            await self.append([other()])
            await self.prune(keep=self._keeps.pop(), before=0)
        return await super().replay(match, after=after, upto=upto, limit=limit, scope=scope)


@settings(deadline=None, max_examples=60)
@given(
    before=st.integers(1, 30),
    keeps=st.lists(st.integers(0, 12), max_size=6),
    start=st.integers(0, 30),
)
def test_however_pruning_interleaves_no_event_is_missing_without_a_gap(
    before: int, keeps: list[int], start: int
) -> None:
    async def run() -> None:
        store = _PrunedStore(list(keeps))
        broker = Broker(store)
        await broker.start()
        placed = await broker.publish([other(text="x" * 300_000) for _ in range(before)])
        place = min(start, before)
        last = placed[place - 1].record.event_id if place else None
        seen = await read(broker.subscribe(EVERYTHING, Start(last_event_id=last, replay="all")))
        at: int | None = place or None  # from the beginning: what is kept
        for one in seen:
            if isinstance(one, Gap):
                at = None
                continue
            assert at is None or one == at + 1, seen
            at = one
        assert at is None or at == store.top
        await broker.close()

    asyncio.run(run())
