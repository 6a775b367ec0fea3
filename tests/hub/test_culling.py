"""A server is stopped by the call that the idle culler makes, and started again by its owner."""

from typing import Any

import pytest

from crewai_hitl_nb.client.errors import ServerAway
from tests.hub.culled import Culled
from tests.hub.doors import ask, opened
from tests.server.door import client, until
from tests.server.readers import TRANSPORTS, reading

pytestmark = pytest.mark.asyncio


async def test_a_caller_is_told_that_the_server_is_stopped(culled: Culled) -> None:
    for refusal in culled.refusals:
        assert isinstance(refusal, ServerAway)
        assert "JupyterHub" in refusal.message


async def test_a_question_that_nobody_waits_for_is_still_pending(culled: Culled) -> None:
    async with client(culled.place) as http:
        path = f"requests/{culled.durable}"
        assert (await http.get(path)).json()["status"] == "pending"
        answer = await http.post(f"{path}/answer", json={"human_feedback": "Go on"})
        assert answer.json()["event"]["answered_by"]["name"] == "linus"


async def test_a_question_of_a_crew_that_ended_with_it_is_cancelled(culled: Culled) -> None:
    async with client(culled.place) as http:

        async def look() -> Any:
            return (await http.get(f"requests/{culled.waited_for}")).json()

        closed = await until(look, lambda request: request["status"] != "pending")
    assert closed["status"] == "cancelled"
    assert closed["completion"]["reason"] == "source_lost"


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_reader_resumes_with_the_last_event_it_saw(culled: Culled, transport: str) -> None:
    async with reading(transport, culled.place, last_event_id=culled.first) as reader:
        seen = [event["event_id"] for event in await reader.replayed()]
        assert reader.gaps == []
    assert seen[:2] == culled.rest


async def test_a_stream_that_is_open_waits_for_the_server_and_misses_nothing(
    culled: Culled,
) -> None:
    assert [sent for sent, _ in culled.read] == [read for _, read in culled.read]


async def test_named_servers_find_their_logs_again_whichever_starts_first(culled: Culled) -> None:
    before, after = culled.epochs
    assert before == after
    logs = culled.place.home / "crewai-hitl"
    assert {path.name for path in logs.glob("*.db")} == {"human_input.db", "human_input.gpu.db"}


async def test_the_token_of_one_named_server_opens_no_other_of_the_same_user(
    culled: Culled,
) -> None:
    for place, other in ((culled.place, culled.gpu), (culled.gpu, culled.place)):
        assert await opened(other, {"Authorization": f"token {place.token}"}) == set()


async def test_a_question_of_one_named_server_is_in_no_other(culled: Culled) -> None:
    request_id = await ask(culled.gpu)
    async with client(culled.place) as http:
        assert (await http.get(f"requests/{request_id}")).status_code == 404
        assert request_id not in (await http.get("poll/human-input")).text
