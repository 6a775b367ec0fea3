"""An event about a request takes its ids from the request, whoever publishes it."""

import pytest

from tests.server.callers import caller
from tests.server.door import Door, Json, note, question, socket
from tests.server.readers import TRANSPORTS, reading
from tests.server.upstream import Upstream

IDS = {"execution_id": "run-1", "crew_id": "crew-1", "task_id": "task-1", "agent_id": "agent-1"}
BY = {"name": "ada", "via": "api"}
ABOUT: dict[str, Json] = {
    "human_input_claimed": {"claimed_by": BY},
    "human_input_reminded": {},
    "human_input_completed": {"human_feedback": "Yes"},
    "human_input_cancelled": {"reason": "withdrawn"},
    "human_input_expired": {},
}
each = pytest.mark.parametrize("name", ABOUT)


@each
@pytest.mark.parametrize("who", ["token", "kernel key"])
async def test_it_is_told_to_the_readers_of_the_requests_own_execution(
    door: Door, name: str, who: str
) -> None:
    await door.ask("q1", **IDS)
    async with caller(door, who) as http:
        said = {"type": name, "request_id": "q1", **ABOUT[name]}
        (await http.post("events", json=said)).raise_for_status()
    told = (await door.http.get("poll/human-input/run-1")).json()["events"][-1]
    assert told["type"] == name
    assert {field: told[field] for field in IDS} == IDS


@each
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_by_a_frame_it_reaches_them_as_well(door: Door, name: str, transport: str) -> None:
    await door.ask("q1", **IDS)
    async with reading(transport, door, "/run-1") as reader, socket(door) as connection:
        await reader.replayed()
        said = {"type": name, "request_id": "q1", **ABOUT[name], "crew_id": None}
        await Upstream(connection).ask({"type": "publish", "events": [said]})
        seen = await reader.event()
    assert (seen["type"], seen["crew_id"]) == (name, "crew-1")


@each
@pytest.mark.parametrize("field", IDS)
@pytest.mark.parametrize("own", [True, False], ids=["another's", "one where none was named"])
async def test_what_contradicts_its_request_is_refused_and_nothing_is_stored(
    door: Door, name: str, field: str, own: bool
) -> None:
    await door.ask("q1", **(IDS if own else {}))
    said = {"type": name, "request_id": "q1", **ABOUT[name], field: "of another"}
    reply = await door.http.post("events", json=[note(), said])
    assert (reply.status_code, reply.json()["field"]) == (422, field)
    assert "q1" in reply.json()["message"]
    assert len(await door.kept()) == 1
    assert (await door.request("q1"))["status"] == "pending"


@each
async def test_about_a_request_that_nobody_asked_nothing_is_stored(door: Door, name: str) -> None:
    said = {"type": name, "request_id": "nobody's", **ABOUT[name], **IDS}
    reply = await door.http.post("events", json=[note(), said])
    assert (reply.status_code, reply.json()["error"]) == (404, "unknown_request")
    assert await door.kept() == []


@each
async def test_a_question_and_what_follows_may_be_published_together(door: Door, name: str) -> None:
    said = {"type": name, "event_id": "then", "request_id": "q1", **ABOUT[name]}
    asked = question("q1", event_id="first", **IDS)
    await door.publish(asked, said)
    assert (await door.kept())[-1]["execution_id"] == "run-1"
    again = await door.publish(asked, said)
    assert [placed["duplicate"] for placed in again] == [True, True]
