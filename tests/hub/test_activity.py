"""What keeps a server from being culled: people and waiting crews do, open streams do not."""

import httpx
import pytest

from tests.hub.hub_process import HubProcess, Place
from tests.server.door import client, question
from tests.server.readers import TRANSPORTS, reading

pytestmark = pytest.mark.asyncio
BEATS = 10
"""Far more than one ping's interval, so that a pong would have passed the proxy."""


def told_to_the_hub(place: Place) -> str:
    """Return when the server was last active, as it tells the hub."""
    status = httpx.get(f"{place.server_url}api/status", headers=place.headers)
    return str(status.raise_for_status().json()["last_activity"])


@pytest.mark.parametrize("transport", ["ws", "sse"])
async def test_an_open_stream_does_not_look_like_use(
    hub: HubProcess, ada: Place, transport: str
) -> None:
    async with reading(transport, ada, replay="none") as reader:
        await reader.replayed()
        told = told_to_the_hub(ada)
        before = hub.proxy_activity("/user/ada")
        for _ in range(BEATS):
            await reader.frame()
        assert hub.proxy_activity("/user/ada") == before
        assert told_to_the_hub(ada) == told


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_reading_is_not_use_for_the_server(ada: Place, transport: str) -> None:
    told = told_to_the_hub(ada)
    async with reading(transport, ada) as reader:
        await reader.replayed()
    assert told_to_the_hub(ada) == told


async def test_asking_and_answering_are_use(ada: Place) -> None:
    async with client(ada) as http:
        before = told_to_the_hub(ada)
        asked = await http.post("events", json=question())
        (placed,) = asked.json()["events"]
        between = told_to_the_hub(ada)
        await http.post(f"requests/{placed['request_id']}/answer", json={"human_feedback": "Yes"})
        assert before < between < told_to_the_hub(ada)
