"""Live: every reader sees every event once and in order, from before it connected on."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack, asynccontextmanager

import httpx
import pytest
import websockets

from tests.server.door import Door, both_ways, configured, ids, note, socket
from tests.server.readers import TRANSPORTS, reading


@asynccontextmanager
async def a_busy_publisher(door: Door) -> AsyncIterator[None]:
    """Publish one event after the other, as fast as it goes, until left."""
    leave = asyncio.Event()

    async def publish() -> None:
        while not leave.is_set():
            await door.publish(note(), note())

    publishing = asyncio.create_task(publish())
    try:
        yield
    finally:
        leave.set()
        await publishing


@both_ways
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_connecting_while_others_publish_misses_nothing_and_repeats_nothing(
    door: Door, transport: str
) -> None:
    await door.publish(note("first"))
    async with a_busy_publisher(door), reading(transport, door, replay="all") as reader:
        seen = [await reader.event() for _ in range(100)]
        await door.publish(note("last"))
        seen += await reader.until("last")
    assert [event["offset"] for event in seen] == list(range(1, len(seen) + 1))


@both_ways
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_events_of_one_call_and_of_racing_calls_come_in_offset_order(
    door: Door, transport: str
) -> None:
    async with reading(transport, door, replay="all") as reader:
        await reader.replayed()
        await asyncio.gather(*(door.publish(note(), note(), note()) for _ in range(20)))
        await door.publish(note("last"))
        seen = await reader.until("last")
    assert [event["offset"] for event in seen] == list(range(1, 62))


@both_ways
async def test_readers_of_every_transport_see_the_same_events(door: Door) -> None:
    async with AsyncExitStack() as stack:
        readers = [
            await stack.enter_async_context(reading(transport, door, replay="all"))
            for transport in TRANSPORTS * 2
        ]
        await door.publish(note("n1"), note("n2", text="größer", deep={"list": [1, 2.5, None]}))
        await door.publish(note("n3"))
        seen = [await reader.until("n3") for reader in readers]
    assert ids(seen[0]) == ["n1", "n2", "n3"]
    assert all(events == seen[0] for events in seen)


@both_ways
@configured(heartbeat_seconds=0.05)
@pytest.mark.parametrize("transport", ["ws", "sse"])
async def test_a_quiet_stream_says_with_heartbeats_that_it_lives(
    door: Door, transport: str
) -> None:
    await door.publish(note(), note())
    async with reading(transport, door, replay="all") as reader:
        assert len(await reader.replayed()) == 2
        await reader.frame()
        await door.publish(note("third"))
        await reader.until("third")
        await reader.frame()
    epoch = (await door.health())["epoch"]
    assert [beat["offset"] for beat in reader.heartbeats][:2] == [2, 2]
    assert reader.heartbeats[-1]["offset"] == 3
    assert all(beat["epoch"] == epoch for beat in reader.heartbeats)


@both_ways
async def test_a_held_poll_returns_as_soon_as_something_comes(door: Door) -> None:
    # Longer than this caller waits for a reply: one at the end of the time would come too late.
    held = asyncio.create_task(door.http.get("poll/human-input", params={"timeout": "60"}))
    await door.until_subscriptions(1)
    await door.publish(note("woke"))
    reply = await held
    assert ids(reply.json()["events"]) == ["woke"]


@both_ways
async def test_a_held_poll_sleeps_through_what_its_filter_leaves_out(door: Door) -> None:
    path, params = "poll/human-input/mine", {"timeout": "14", "replay": "none"}
    held = asyncio.create_task(door.http.get(path, params=params))
    await door.until_subscriptions(1)
    await door.publish(note("theirs", execution_id="theirs"))
    await door.publish(note("mine", execution_id="mine"))
    assert ids((await held).json()["events"]) == ["mine"]


@both_ways
async def test_a_held_poll_ends_empty_when_its_time_is_over(door: Door) -> None:
    await door.publish(note("old"))
    params = {"timeout": "0.05", "last_event_id": "old"}
    reply = await door.http.get("poll/human-input", params=params)
    assert reply.json()["events"] == []
    assert reply.json()["last_event_id"] == "old"


@both_ways
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_reader_that_leaves_leaves_nothing_behind(door: Door, transport: str) -> None:
    async with AsyncExitStack() as stack:
        for _ in range(3):
            reader = await stack.enter_async_context(reading(transport, door))
            await reader.replayed()
        if transport != "poll":  # which is there only while it asks
            await door.until_subscriptions(3)
    await door.until_subscriptions(0)


@both_ways
async def test_a_poller_that_hangs_up_leaves_nothing_behind(door: Door) -> None:
    held = asyncio.create_task(door.http.get("poll/human-input", params={"timeout": "60"}))
    await door.until_subscriptions(1)
    held.cancel()
    await door.until_subscriptions(0)


@pytest.mark.parametrize(
    ("query", "names"),
    [
        ({"replay": "some"}, "replay"),
        ({"limit": "0"}, "limit"),
        ({"limit": "many"}, "limit"),
        ({"timeout": "-1"}, "timeout"),
        ({"timeout": "nan"}, "timeout"),
        ({"crew_id": ""}, "crew_id"),
        ({"last_event_id": "x" * 201}, "last_event_id"),
    ],
)
async def test_a_bad_parameter_is_refused_by_name(
    door: Door, query: dict[str, str], names: str
) -> None:
    reply = await door.http.get("poll/human-input", params=query)
    assert reply.status_code == 400
    assert reply.json()["error"] == "bad_request"
    assert f"`{names}`" in reply.json()["message"]


async def test_a_bad_parameter_of_a_stream_is_refused_before_it_begins(door: Door) -> None:
    reply = await door.http.get("events/human-input", params={"replay": "some"})
    assert (reply.status_code, reply.json()["error"]) == (400, "bad_request")
    with pytest.raises(websockets.InvalidStatus) as refused:
        async with socket(door, replay="some"):
            pass
    assert refused.value.response.status_code == 400
    assert b"`replay`" in refused.value.response.body
    await door.until_subscriptions(0)


@both_ways
async def test_a_socket_is_closed_as_going_away_when_the_server_stops(door: Door) -> None:
    async with socket(door) as connection:
        await connection.recv()
        await door.close()
        with pytest.raises(websockets.ConnectionClosed):
            await connection.recv()
        assert connection.close_code == 1001


@both_ways
async def test_an_event_stream_ends_when_the_server_stops(door: Door) -> None:
    async with reading("sse", door) as reader:
        await reader.replayed()
        await door.close()
        with pytest.raises((StopAsyncIteration, httpx.RemoteProtocolError)):
            await reader.frame()


@both_ways
async def test_a_held_poll_is_told_to_come_again_when_the_server_stops(door: Door) -> None:
    held = asyncio.create_task(door.http.get("poll/human-input", params={"timeout": "60"}))
    await door.until_subscriptions(1)
    await door.close()
    reply = await held
    assert (reply.status_code, reply.json()["error"]) == (503, "store_unavailable")
