"""Clients that know only the event-streaming guide's two types, as its samples are written.

The samples themselves run against the standalone server (``tests/standalone``), whose
address they name. Here stands what they do, step by step and with the libraries' own
defaults, against a Jupyter server: another address, the host's token.
"""

import json

import httpx
import websockets

from tests.server.door import Door, Json, note, question

ASKED: Json = question(
    "q1", event_id="asked", execution_id="run-1", prompt="Good?", context="# Draft"
)
TALK: Json = note("talk", execution_id="run-1")


async def test_the_websocket_client_hears_the_question_and_the_answer(door: Door) -> None:
    await door.publish(ASKED, TALK)
    uri = f"{door.url.replace('http', 'ws', 1)}ws/human-input/run-1?token={door.token}"
    said: list[str] = []
    async with websockets.connect(uri) as websocket:
        async for message in websocket:
            event = json.loads(message)
            if event["type"] == "human_input_required":
                said += [event["prompt"], event["context"]]
                await door.answer("q1", human_feedback="Shorter")
            elif event["type"] == "human_input_completed":
                said.append(event["human_feedback"])
                break
    assert said == ["Good?", "# Draft", "Shorter"]


async def test_the_sse_client_stays_connected_longer_than_its_read_timeout(door: Door) -> None:
    await door.publish(ASKED)
    seen: list[Json] = []
    beats = 0
    async with httpx.AsyncClient() as client:  # gives up after five silent seconds
        url = f"{door.url}events/human-input/run-1"
        headers = {"Authorization": f"Bearer {door.token}"}
        async with client.stream("GET", url, headers=headers) as response:
            async for line in response.aiter_lines():
                if not line.startswith("data: "):
                    continue
                event = json.loads(line[6:])
                if event.get("type") != "heartbeat":
                    seen.append(event)
                    if event["type"] == "human_input_completed":
                        break
                    continue
                beats += 1
                if beats == 3:  # the end of the replay, then two silences: over six seconds
                    await door.answer("q1", human_feedback="Shorter")
    assert [event["type"] for event in seen] == ["human_input_required", "human_input_completed"]
    assert seen[1]["human_feedback"] == "Shorter"


async def test_the_polling_client_sees_everything_once(door: Door) -> None:
    await door.publish(ASKED, TALK)
    url = f"{door.url}poll/human-input/run-1"
    headers = {"Authorization": f"Bearer {door.token}"}
    last_event_id: str | None = None
    seen: list[Json] = []
    async with httpx.AsyncClient() as client:
        for _ in range(3):
            params = {"last_event_id": last_event_id} if last_event_id else {}
            data = (await client.get(url, headers=headers, params=params)).json()
            for event in data.get("events", []):
                seen.append(event)
                last_event_id = event.get("event_id")
            await door.answer("q1")
    kinds = [event["type"] for event in seen]
    assert kinds == ["human_input_required", "note", "human_input_completed"]
