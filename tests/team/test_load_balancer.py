"""Clients reach a team's servers through a load balancer without sticky sessions."""

import asyncio
from contextlib import aclosing
from itertools import cycle

import httpx
import pytest

from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.client.resume import Transport
from crewai_hitl_nb.client.stream import Connected, Disconnected, Subscription
from crewai_hitl_nb.protocol.events import UnknownEvent
from examples.team.balancer import load_balancer
from tests.server.door import note
from tests.standalone.test_samples import ASK, running
from tests.team.servers import KEY, Start

EVENTS = 60


@pytest.mark.parametrize("sample", ["websocket_client", "sse_client", "polling_client"])
def test_the_guide_s_samples_work_through_the_balancer(start: Start, sample: str) -> None:
    """The question is asked and answered at any server, and read at another one."""
    replicas = [start() for _ in range(3)]
    with (
        load_balancer([one.url for one in replicas], check_seconds=0.2) as url,
        httpx.Client(base_url=url, headers={"Authorization": f"Bearer {KEY}"}) as http,
        running(sample, httpx.URL(url).port or 0, KEY) as program,
    ):
        assert http.post("events", json=ASK).status_code == 200
        program.until("Which volume?")
        reply = http.post("requests/r1/answer", json={"human_feedback": "Low"})
        assert reply.status_code == 200, reply.text
        program.until("Low")


@pytest.mark.asyncio
@pytest.mark.parametrize("transport", ["websocket", "sse", "poll"])
async def test_a_client_that_is_moved_from_server_to_server_sees_each_event_once(
    start: Start, transport: Transport
) -> None:
    """Each server is stopped and replaced while others publish through the balancer."""
    replicas = [start() for _ in range(3)]
    publishers = cycle(replicas)
    with load_balancer([one.url for one in replicas], check_seconds=0.2) as url:
        async with AsyncClient(url, KEY) as reader:
            stream = reader.stream(Subscription(replay="all"), transports=(transport,))
            seen: list[str] = []
            moved = 0
            async with aclosing(stream.items()) as items:
                async for item in items:
                    if isinstance(item, Disconnected):
                        moved += 1
                    elif isinstance(item, UnknownEvent):
                        seen.append(item.event_id)
                        if len(seen) == EVENTS:
                            break
                        if len(seen) in (20, 40):
                            await asyncio.to_thread(replicas[len(seen) // 20 - 1].stop)
                    elif not isinstance(item, Connected):
                        raise AssertionError(item)
                    if isinstance(item, Connected | UnknownEvent):
                        at = next(one for one in publishers if one.process.poll() is None)
                        await at.publish(note(f"n{len(seen)}"))
    assert seen == [f"n{number}" for number in range(EVENTS)]
    assert moved or transport == "poll"
