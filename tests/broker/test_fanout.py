"""Rounds: the same bytes for all, cut into slices, each event once (``fanout.py``)."""

import asyncio
from collections.abc import Callable, Sequence

import pytest

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.delivery.audience import Encoder, Sink
from crewai_hitl_nb.broker.delivery.fanout import Fanout
from crewai_hitl_nb.broker.delivery.subscription import CaughtUp, Closed, Start
from crewai_hitl_nb.protocol.frames import Gap, Heartbeat
from crewai_hitl_nb.protocol.ids import new_event_id
from crewai_hitl_nb.store.base import EVERYTHING, Match, Record
from crewai_hitl_nb.store.memory import MemoryStore
from tests.events import NOON, other

pytestmark = pytest.mark.asyncio


class Offsets(Encoder):
    """Writes offsets, so that a test reads them; a heartbeat is a dot."""

    def __init__(self) -> None:
        self.written = 0

    def events(self, records: Sequence[Record]) -> bytes:
        self.written += 1
        return b"".join(b"%d " % record.offset for record in records)

    def frame(self, frame: Heartbeat | Gap) -> bytes:
        return b". "


class Kept(Sink):
    """Keeps what it was given."""

    def __init__(self, on_take: Callable[[], None] = lambda: None) -> None:
        super().__init__()
        self.given = b""
        self.ended: Exception | None = None
        self._on_take = on_take

    def take(self, data: bytes, events: int) -> None:
        self.given += data
        self._on_take()

    def end(self, reason: Exception) -> None:
        self.ended = reason
        self.leave(reason)

    @property
    def offsets(self) -> list[int]:
        return [int(word) for word in self.given.split() if word != b"."]


def record(offset: int, execution_id: str | None = None) -> Record:
    return Record(offset, new_event_id(), "note", execution_id, None, b"{}")


def fanout(**options: float) -> Fanout:
    return Fanout(lambda: Heartbeat(NOON, "epoch", 0), **options)  # type: ignore[arg-type]


async def turns(number: int) -> None:
    """Let the loop have so many turns."""
    for _ in range(number):
        await asyncio.sleep(0)


async def test_an_event_is_written_once_for_all_who_want_the_same() -> None:
    form, sinks, fan = Offsets(), [Kept() for _ in range(50)], fanout()
    for sink in sinks:
        fan.join(sink, EVERYTHING, form, 0)
    fan.offer([record(1), record(2)])
    assert form.written == 1
    assert all(sink.offsets == [1, 2] for sink in sinks)


async def test_other_work_of_the_loop_has_its_turn_between_two_slices() -> None:
    sinks, fan = [Kept() for _ in range(10)], fanout(slice_sends=4)
    for sink in sinks:
        fan.join(sink, EVERYTHING, Offsets(), 0)
    form = Offsets()
    for sink in (same := [Kept() for _ in range(10)]):
        fan.join(sink, EVERYTHING, form, 0)
    fan.offer([record(1)])
    reached = [sum(bool(sink.given) for sink in (*sinks, *same))]
    for _ in range(5):
        await asyncio.sleep(0)
        reached.append(sum(bool(sink.given) for sink in (*sinks, *same)))
    assert reached == [4, 8, 12, 16, 20, 20]


async def test_a_slice_is_bounded_in_bytes_as_well() -> None:
    form, sinks, fan = Offsets(), [Kept() for _ in range(3)], fanout(slice_bytes=1)
    for sink in sinks:
        fan.join(sink, EVERYTHING, form, 0)
    fan.offer([record(1)])
    assert [bool(sink.given) for sink in sinks] == [True, False, False]
    await turns(3)
    assert all(sink.given for sink in sinks)


async def test_what_is_committed_during_a_round_joins_the_next_one() -> None:
    form, sinks, fan = Offsets(), [Kept() for _ in range(6)], fanout(slice_sends=2)
    for sink in sinks:
        fan.join(sink, EVERYTHING, form, 0)
    for offset in range(1, 5):
        fan.offer([record(offset)])
    await turns(20)
    assert form.written == 2  # the first alone, the others together
    assert all(sink.offsets == [1, 2, 3, 4] for sink in sinks)


async def test_who_joins_during_a_round_is_given_only_what_comes_after() -> None:
    form, sinks, fan = Offsets(), [Kept() for _ in range(4)], fanout(slice_sends=1)
    for sink in sinks:
        fan.join(sink, EVERYTHING, form, 0)
    fan.offer([record(1)])
    fan.offer([record(2)])
    late = Kept()
    fan.join(late, EVERYTHING, form, 2)
    fan.offer([record(3)])
    await turns(20)
    assert late.offsets == [3]
    assert all(sink.offsets == [1, 2, 3] for sink in sinks)


async def test_who_leaves_during_a_round_is_given_nothing_more() -> None:
    form, fan = Offsets(), fanout()
    last = Kept()
    first = Kept(on_take=lambda: last.leave(Closed()))
    fan.join(first, EVERYTHING, form, 0)
    fan.join(last, EVERYTHING, form, 0)
    fan.offer([record(1)])
    assert (first.offsets, last.offsets) == ([1], [])
    assert fan.sinks == 1


async def test_an_event_of_one_execution_is_shown_to_no_reader_of_another() -> None:
    fan = fanout()
    forms = {name: Offsets() for name in ("a", "b", "c")}
    sinks = {name: Kept() for name in forms}
    for name, form in forms.items():
        fan.join(sinks[name], Match(execution_id=name), form, 0)
    fan.offer([record(1, "a"), record(2, "b"), record(3, "a"), record(4, None)])
    assert {name: sink.offsets for name, sink in sinks.items()} == {"a": [1, 3], "b": [2], "c": []}
    assert forms["c"].written == 0


async def test_silence_ends_with_a_heartbeat() -> None:
    fan, beat = fanout(heartbeat_seconds=0.01), asyncio.Event()
    sink = Kept(on_take=beat.set)
    fan.join(sink, EVERYTHING, Offsets(), 0)
    await asyncio.wait_for(beat.wait(), 5)
    assert sink.given == b". "
    fan.end(Closed())
    assert isinstance(sink.ended, Closed)


async def test_one_audience_that_cannot_be_written_to_is_ended_and_the_others_go_on() -> None:
    class Broken(Offsets):
        def events(self, records: Sequence[Record]) -> bytes:
            raise ValueError("no words for this")

    fan, broken, whole = fanout(), Kept(), Kept()
    fan.join(broken, EVERYTHING, Broken(), 0)
    fan.join(whole, EVERYTHING, Offsets(), 0)
    fan.offer([record(1)])
    assert isinstance(broken.ended, ValueError)
    fan.offer([record(2)])
    assert whole.offsets == [1, 2]


async def test_one_audience_that_breaks_in_the_middle_of_its_round_is_ended_alone() -> None:
    def break_down() -> None:
        raise ValueError("no way to send this")

    fan, form = fanout(slice_sends=1), Offsets()
    broken = [Kept(), Kept(on_take=break_down), Kept()]
    whole = Kept()
    for sink in broken:
        fan.join(sink, EVERYTHING, form, 0)
    fan.join(whole, EVERYTHING, Offsets(), 0)
    fan.offer([record(1)])
    await turns(5)
    assert all(isinstance(sink.ended, ValueError) for sink in broken)
    fan.offer([record(2)])
    await turns(5)
    assert (whole.offsets, fan.sinks) == ([1, 2], 1)


async def test_publishers_wait_while_rounds_are_far_behind() -> None:
    form, fan = Offsets(), fanout(slice_sends=1, ahead_events=2)
    for _ in range(50):
        fan.join(Kept(), EVERYTHING, form, 0)
    fan.offer([record(1)])
    await asyncio.wait_for(fan.room(), 5)
    fan.offer([record(2), record(3), record(4)])
    waiting = asyncio.ensure_future(fan.room())
    await asyncio.sleep(0)
    assert not waiting.done()
    await asyncio.wait_for(waiting, 5)


async def test_handing_over_loses_and_doubles_nothing_however_commits_fall() -> None:
    broker = Broker(MemoryStore())
    await broker.start()
    await broker.publish([other(), other()])
    sinks = []
    for _ in range(5):
        subscription = broker.subscribe(EVERYTHING, Start(replay="all"))
        while not isinstance(await subscription.next(5), CaughtUp):
            await broker.publish([other()])
        first = broker.top + 1
        await broker.publish([other()])  # queues for the reader that is about to be handed over
        sinks.append((first, Kept()))
        subscription.hand_over(sinks[-1][1], Offsets())
        await broker.publish([other()])
    assert (broker.subscription_count, broker.audience_count) == (5, 5)
    for first, sink in sinks:
        assert sink.offsets[-1] == broker.top
        assert sink.offsets == list(range(sink.offsets[0], broker.top + 1))
        assert sink.offsets[0] <= first
    await broker.close()
    assert all(isinstance(sink.ended, Closed) for _, sink in sinks)
    assert broker.subscription_count == 0
