"""Presence: a request lives as long as somebody waits for its answer.

That something is *not* cancelled is shown by a marker: a request of a waiter who never came,
asked later under the same grace, is cancelled first.
"""

import asyncio

import pytest

from tests.server.callers import kernel_key
from tests.server.door import Door, client, question, socket, until
from tests.server.readers import TRANSPORTS, reading

pytestmark = pytest.mark.parametrize("traits", [{"presence_grace_seconds": 0.3}], ids=[""])


async def grace_passes(door: Door) -> None:
    """Wait until a whole grace, begun now, is over."""
    marker = await door.ask(source={"id": "a waiter that never comes"})
    await door.until_status(marker, "cancelled")


async def test_a_request_whose_waiter_leaves_is_cancelled_as_source_lost(door: Door) -> None:
    async with socket(door, source="kernel-1"):
        request_id = await door.ask(source={"id": "kernel-1"})
    request = await door.until_status(request_id, "cancelled")
    assert request["completion"]["reason"] == "source_lost"


async def test_a_request_stays_open_while_its_waiter_is_connected(door: Door) -> None:
    async with socket(door, source="kernel-1") as waiter:
        await waiter.recv()
        request_id = await door.ask(source={"id": "kernel-1"})
        await grace_passes(door)
        assert (await door.request(request_id))["status"] == "pending"


async def test_a_waiter_that_reconnects_within_the_grace_keeps_its_requests(door: Door) -> None:
    async with socket(door, source="kernel-1") as waiter:
        await waiter.recv()
        request_id = await door.ask(source={"id": "kernel-1"})
    async with socket(door, source="kernel-1") as waiter:
        await waiter.recv()
        await grace_passes(door)
        assert (await door.request(request_id))["status"] == "pending"


async def test_a_waiter_with_two_connections_is_there_until_the_last_one_closes(
    door: Door,
) -> None:
    async with socket(door, source="kernel-1") as last:
        await last.recv()
        request_id = await door.ask(source={"id": "kernel-1"})
        async with socket(door, source="kernel-1") as first:
            await first.recv()
        await grace_passes(door)
        assert (await door.request(request_id))["status"] == "pending"
    await door.until_status(request_id, "cancelled")


async def test_a_request_without_a_source_id_needs_no_waiter(door: Door) -> None:
    request_id = await door.ask(source={"notebook": "a.ipynb"})
    await grace_passes(door)
    assert (await door.request(request_id))["status"] == "pending"


async def test_a_lost_waiter_takes_only_its_own_requests_with_it(door: Door) -> None:
    async with socket(door, source="stays") as stays:
        await stays.recv()
        kept = await door.ask(source={"id": "stays"})
        async with socket(door, source="leaves"):
            lost = await door.ask(source={"id": "leaves"})
        await door.until_status(lost, "cancelled")
        assert (await door.request(kept))["status"] == "pending"


async def test_a_waiter_is_said_to_be_present_while_it_is_connected(door: Door) -> None:
    async def presence() -> bool:
        reply = await door.http.get("sources/kernel-1")
        return bool(reply.raise_for_status().json()["present"])

    assert not await presence()
    async with socket(door, source="kernel-1") as waiter:
        await waiter.recv()
        await grace_passes(door)
        assert await presence()
    await until(presence, lambda present: not present)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_connection_of_another_caller_keeps_no_question_open(
    door: Door, transport: str
) -> None:
    async with client(door, Authorization=f"Bearer {kernel_key()}") as kernel:
        asked = question("asked-by-the-kernel", source={"id": "kernel-1"})
        async with reading(transport, door, source="kernel-1") as stranger:
            await stranger.replayed()
            assert (await kernel.post("events", json=asked)).status_code == 200
            await door.until_status("asked-by-the-kernel", "cancelled")
            reply = await door.http.get("sources/kernel-1")
            assert reply.json()["present"] is False


async def test_a_stream_of_server_sent_events_may_be_the_waiter(door: Door) -> None:
    async with reading("sse", door, source="kernel-1") as waiter:
        await waiter.replayed()
        request_id = await door.ask(source={"id": "kernel-1"})
        await grace_passes(door)
        assert (await door.request(request_id))["status"] == "pending"
    await door.until_status(request_id, "cancelled")


async def test_a_poll_is_the_waiter_while_it_is_held(door: Door) -> None:
    held = {"source": "kernel-1", "timeout": "60", "type": "none"}
    polling = asyncio.ensure_future(door.http.get("poll/human-input", params=held))
    await door.until_subscriptions(1)
    request_id = await door.ask(source={"id": "kernel-1"})
    await grace_passes(door)
    assert (await door.request(request_id))["status"] == "pending"
    polling.cancel()
    await door.until_status(request_id, "cancelled")
