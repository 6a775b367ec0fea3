"""A script with a token of the hub, through its proxy: every transport, and who answered."""

import json
import uuid

import pytest

from tests.hub.hub_process import Place
from tests.server.door import client, question, socket
from tests.server.readers import TRANSPORTS, reading

pytestmark = pytest.mark.asyncio
EACH_TRANSPORT = pytest.mark.parametrize("transport", TRANSPORTS)


@EACH_TRANSPORT
async def test_a_script_reads_and_answers_through_the_proxy(ada: Place, transport: str) -> None:
    run = str(uuid.uuid4())
    async with client(ada) as http, reading(transport, ada, f"/{run}") as reader:
        assert await reader.replayed() == []
        asked = await http.post("events", json=question(execution_id=run))
        (placed,) = asked.json()["events"]
        assert (await reader.event())["event_id"] == placed["event_id"]
        path = f"requests/{placed['request_id']}/answer"
        answered = await http.post(path, json={"human_feedback": "Shorter"})
        assert answered.status_code == 200
        completed = await reader.event()
    assert completed["human_feedback"] == "Shorter"
    assert completed["answered_by"]["name"] == "ada"


@EACH_TRANSPORT
async def test_a_reader_comes_back_through_the_proxy_where_it_was(
    ada: Place, transport: str
) -> None:
    run = str(uuid.uuid4())
    async with client(ada) as http:
        asked = [question(execution_id=run) for _ in range(3)]
        placed = (await http.post("events", json=asked)).json()["events"]
    first, *rest = [place["event_id"] for place in placed]
    async with reading(transport, ada, f"/{run}", last_event_id=first) as reader:
        assert [event["event_id"] for event in await reader.replayed()] == rest


async def test_an_answer_goes_up_the_socket_through_the_proxy(ada: Place) -> None:
    async with client(ada) as http:
        asked = await http.post("events", json=question())
    (placed,) = asked.json()["events"]
    answer = {"type": "answer", "ref": "1", "request_id": placed["request_id"]}
    async with socket(ada, replay="none") as connection:
        await connection.send(json.dumps(answer | {"human_feedback": "Shorter"}))
        async for message in connection:
            frame = json.loads(message)
            if frame["type"] in ("ack", "error"):
                break
    assert frame["type"] == "ack"
    assert frame["body"]["event"]["answered_by"]["name"] == "ada"


@pytest.mark.parametrize("transport", ["ws", "sse"])
async def test_heartbeats_come_through_the_proxy_one_by_one(ada: Place, transport: str) -> None:
    async with reading(transport, ada, replay="none") as reader:
        await reader.replayed()
        beats = [await reader.frame() for _ in range(5)]
    assert {beat["type"] for beat in beats} == {"heartbeat"}
    times = [beat["timestamp"] for beat in beats]
    assert times == sorted(set(times))
