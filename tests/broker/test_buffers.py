"""What waits for all readers together: who goes when it is too much, and who waits."""

import asyncio

import pytest

from crewai_hitl_nb.broker.delivery.buffers import Buffers, Hold

pytestmark = pytest.mark.asyncio


class Reader:
    """One who takes note of what is done to it, and may leave when it is ended."""

    def __init__(self, buffers: Buffers, *, leaves: bool = False) -> None:
        self.done: list[str] = []
        self._leaves = leaves
        self.hold: Hold = buffers.hold(self._on_end, lambda: self.done.append("cut"))

    def _on_end(self) -> None:
        self.done.append("ended")
        if self._leaves:
            self.hold.release()


async def test_bytes_that_many_wait_for_count_once() -> None:
    buffers, data = Buffers(most=100), bytes(60)
    readers = [Reader(buffers) for _ in range(5)]
    for reader in readers:
        reader.hold.keep(data)
    assert buffers.size == 60
    for reader in readers:
        reader.hold.release()
    assert buffers.size == 0
    assert not any(reader.done for reader in readers)


async def test_above_the_bound_whoever_holds_most_is_ended() -> None:
    buffers = Buffers(most=100)
    small, last = Reader(buffers), Reader(buffers)
    large = Reader(buffers, leaves=True)
    small.hold.keep(bytes(10))
    large.hold.keep(bytes(80))
    last.hold.keep(bytes(20))
    assert large.done == ["ended"]
    assert (small.done, last.done) == ([], [])


async def test_whoever_was_ended_and_still_holds_too_much_is_cut() -> None:
    buffers = Buffers(most=100)
    reader, other = Reader(buffers), Reader(buffers)
    reader.hold.keep(bytes(90))
    other.hold.keep(bytes(20))
    assert reader.done == ["ended", "cut"]  # nothing of it was released in between


async def test_a_page_waits_for_room_in_the_order_of_asking() -> None:
    buffers = Buffers(most=100)
    first, second, third = (Reader(buffers) for _ in range(3))
    await first.hold.room(80)
    waiting = [asyncio.ensure_future(reader.hold.room(60)) for reader in (second, third)]
    await asyncio.sleep(0)
    assert not any(one.done() for one in waiting)
    first.hold.release()
    await waiting[0]
    assert not waiting[1].done()
    second.hold.release()
    await waiting[1]
    assert buffers.size == 60


async def test_whoever_gives_up_waiting_holds_nothing() -> None:
    buffers = Buffers(most=100)
    first, second = Reader(buffers), Reader(buffers)
    await first.hold.room(80)
    waiting = asyncio.ensure_future(second.hold.room(60))
    await asyncio.sleep(0)
    waiting.cancel()
    await asyncio.wait([waiting])
    first.hold.release()
    assert buffers.size == 0
    await first.hold.room(100)


async def test_a_reader_that_keeps_its_page_is_ended_for_one_who_waits() -> None:
    buffers = Buffers(most=100, stuck_seconds=0.01)
    stuck = Reader(buffers, leaves=True)
    await stuck.hold.room(80)
    reader = Reader(buffers)
    await reader.hold.room(60)
    assert stuck.done == ["ended"]
    assert buffers.size == 60


async def test_a_page_waits_no_longer_than_live_readers_that_hold_everything_are_let() -> None:
    buffers = Buffers(most=100, stuck_seconds=0.01)
    live = Reader(buffers, leaves=True)
    live.hold.keep(bytes(90))
    reader = Reader(buffers)
    await reader.hold.room(60)
    assert live.done == ["ended"]
