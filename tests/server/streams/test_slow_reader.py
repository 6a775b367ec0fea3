"""A slow reader is closed when its bounded buffer is full; it can resume, others go on."""

import httpx
import psutil
import pytest
import websockets

from tests.server.door import Door, both_ways, configured, ids, note, socket, until
from tests.server.readers import Reader, Socket, reading

LARGE = "x" * 200_000
MANY = 120
"""So many large events are far more than the sockets between two processes hold."""


async def flood(door: Door) -> list[str]:
    """Publish more than a reader that does not read can be sent; return all ids."""
    names = [f"large-{i}" for i in range(MANY)]
    for name in names:
        await door.publish(note(name, text=LARGE))
    return names


async def flood_until_closed(door: Door) -> None:
    """Publish large events until the only reader, which does not read, is given up."""
    for i in range(MANY):
        await door.publish(note(f"large-{i}", text=LARGE))
        if (await door.health())["subscriptions"] == 0:
            return
    await door.until_subscriptions(0)


async def to_the_end(reader: Reader) -> list[str]:
    """Return the ids of the events that still come before the connection ends."""
    seen: list[str] = []
    try:
        while True:
            seen.append(str((await reader.event())["event_id"]))
    except (websockets.ConnectionClosed, httpx.RemoteProtocolError, StopAsyncIteration):
        return seen


@both_ways
@configured(buffer_events=10)
@pytest.mark.parametrize("transport", ["ws", "sse"])
async def test_a_slow_reader_resumes_with_nothing_lost_and_others_are_not_slowed(
    door: Door, transport: str
) -> None:
    async with reading(transport, door) as slow, reading("ws", door) as quick:
        await slow.replayed()
        await quick.replayed()
        names = [f"large-{i}" for i in range(MANY)]
        for name in names:
            await door.publish(note(name, text=LARGE))
            assert (await quick.event())["event_id"] == name
        await door.until_subscriptions(1)
        before = await to_the_end(slow)
    assert before == names[: len(before)]
    assert len(before) < MANY
    async with reading(transport, door, last_event_id=before[-1]) as resumed:
        assert ids(await resumed.until(names[-1])) == names[len(before) :]


@both_ways
@configured(buffer_events=10)
async def test_a_slow_socket_is_closed_with_4408(door: Door) -> None:
    async with socket(door) as slow:
        await slow.recv()
        await flood_until_closed(door)
        await to_the_end(Reader(Socket(slow)))  # in time for the code: a close waits five seconds
        assert slow.close_code == 4408


@both_ways
@configured(buffer_events=10)
async def test_a_reader_that_never_reads_again_holds_no_connection(door: Door) -> None:
    port = httpx.URL(door.url).port

    async def served() -> int:
        connections = psutil.Process().net_connections("tcp")
        return sum(c.laddr.port == port and c.status == "ESTABLISHED" for c in connections)

    await door.health()  # the publisher's connection is the one that stays
    async with reading("sse", door) as stuck:
        await stuck.replayed()
        assert await served() == 2
        await flood(door)
        await until(served, lambda now: now == 1)


@both_ways
@configured(buffer_events=10)
@pytest.mark.parametrize("transport", ["ws", "sse"])
async def test_one_commit_larger_than_the_buffer_makes_nobody_slow(
    door: Door, transport: str
) -> None:
    names = [f"n{i}" for i in range(600)]
    async with reading(transport, door) as reader:
        await reader.replayed()
        await door.publish(*map(note, names))
        assert ids(await reader.until(names[-1])) == names
