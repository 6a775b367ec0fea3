"""A server is stopped by the call that the idle culler makes, and started again by its owner."""

import uuid
from collections.abc import Callable
from typing import Any

import pytest

from crewai_hitl_nb import Client
from crewai_hitl_nb.client.errors import ServerAway
from crewai_hitl_nb.protocol.events import HumanInputRequired
from tests.hub.hub_process import HubProcess
from tests.server.door import client, question, until
from tests.server.readers import TRANSPORTS, reading

pytestmark = pytest.mark.asyncio


class Culled:
    """What stood in the log of a server before it was stopped, and the server started again."""

    def __init__(self, hub: HubProcess) -> None:
        self.place = hub.start_server("linus")
        waits_for_nobody, waited_for, later = (str(uuid.uuid4()) for _ in range(3))
        with Client(self.place.url, self.place.token) as before:
            self.epoch = before.health().epoch
            kept = before.publish(question(waits_for_nobody))
            lost = before.publish(question(waited_for, source={"id": "kernel-of-a-crew"}))
            after = before.publish(question(later))
        self.durable, self.waited_for = waits_for_nobody, waited_for
        self.first = kept[0].event_id
        self.rest = [lost[0].event_id, after[0].event_id]
        hub.stop_server("linus")
        with Client(self.place.url, self.place.token) as meanwhile:
            self.refusals = [
                refusal_of(meanwhile.pending),
                refusal_of(lambda: meanwhile.answer(waits_for_nobody)),
            ]
        hub.start_server("linus")


def refusal_of(call: Callable[[], Any]) -> Exception | None:
    """Return what a call ends with."""
    try:
        call()
    except Exception as error:  # noqa: BLE001 - the test looks which one it is
        return error
    return None


@pytest.fixture(scope="module")
def culled(hub: HubProcess) -> Culled:
    return Culled(hub)


async def test_a_caller_is_told_that_the_server_is_stopped(culled: Culled) -> None:
    for refusal in culled.refusals:
        assert isinstance(refusal, ServerAway)
        assert "JupyterHub" in refusal.message


async def test_the_log_goes_on_in_the_same_epoch(culled: Culled) -> None:
    async with client(culled.place) as http:
        assert (await http.get("health")).json()["epoch"] == culled.epoch


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
    hub: HubProcess, culled: Culled
) -> None:
    place, run = culled.place, str(uuid.uuid4())
    with Client(place.url, place.token) as reader, Client(place.url, place.token) as asker:
        events = (e for e in reader.events(run) if isinstance(e, HumanInputRequired))

        def ask_and_read() -> bool:
            (receipt,) = asker.publish(question(execution_id=run))
            return next(events).event_id == receipt.event_id

        assert ask_and_read()
        hub.stop_server("linus")
        hub.start_server("linus")
        assert ask_and_read()
        assert ask_and_read()
