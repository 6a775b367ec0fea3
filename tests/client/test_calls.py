"""The calls: typed results, and the server's own errors."""

import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

from crewai_hitl_nb.client import AsyncClient, Client, NoServer, ServerAway
from crewai_hitl_nb.protocol.errors import (
    AlreadyAnswered,
    Forbidden,
    InvalidAnswer,
    NotFound,
    RequestCancelled,
    UnknownRequest,
)
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.events import required
from tests.jupyter_process import free_port

KEY = "the-api-key"


@pytest.fixture
def server(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[HumanInputServer]:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    with HumanInputServer(port=0, api_key=KEY) as running:
        yield running


@pytest.fixture
def client(server: HumanInputServer) -> Iterator[Client]:
    with Client(server.url, KEY) as client:
        yield client


def test_a_published_event_has_a_place_and_comes_back_as_a_duplicate(client: Client) -> None:
    question = required("r")
    (first,) = client.publish(question)
    (again,) = client.publish(question)

    assert (first.request_id, first.duplicate) == ("r", False)
    assert (again.offset, again.duplicate) == (first.offset, True)


def test_pending_requests_are_typed(client: Client) -> None:
    client.publish(required("r", prompt="Good?", source={"crew_name": "Notes"}))
    (request,) = client.pending()

    assert (request.request_id, request.status, request.prompt) == ("r", "pending", "Good?")
    assert request.source.crew_name == "Notes"
    assert request.completion is None


def test_an_answered_request_names_who_answered_what(client: Client) -> None:
    client.publish(required("r"))
    won = client.answer("r", "Shorter", via="cli")
    request = client.request("r")

    assert request.status == "answered"
    assert request.completion == won
    assert (won.decision, won.human_feedback) == ("respond", "Shorter")
    assert won.answered_by is not None
    assert won.answered_by.via == "cli"


def test_of_racing_answers_one_wins_and_the_others_learn_who(client: Client) -> None:
    client.publish(required("r"))
    won: list[str] = []
    lost: list[AlreadyAnswered] = []

    def race(text: str) -> None:
        try:
            won.append(client.answer("r", text).human_feedback)
        except AlreadyAnswered as error:
            lost.append(error)

    racers = [threading.Thread(target=race, args=(f"answer {n}",)) for n in range(8)]
    for racer in racers:
        racer.start()
    for racer in racers:
        racer.join()

    assert len(won) == 1
    assert len(lost) == 7
    assert {error.details["event"]["human_feedback"] for error in lost} == set(won)
    assert all(error.details["winner"]["via"] == "api" for error in lost)


def test_the_same_key_again_gets_the_same_answer(client: Client) -> None:
    client.publish(required("r"))

    first = client.answer("r", "Shorter", idempotency_key="mine")
    again = client.answer("r", "Shorter", idempotency_key="mine")

    assert again == first


def test_refusals_arrive_as_what_they_are(client: Client) -> None:
    client.publish(required("open"), required("gone"))
    client.cancel("gone")

    with pytest.raises(UnknownRequest):
        client.request("never-asked")
    with pytest.raises(RequestCancelled):
        client.answer("gone")
    with pytest.raises(InvalidAnswer) as refused:
        client.answer("open", decision="reject")
    assert refused.value.errors[0].field == "decision"
    assert client.request("open").status == "pending"


def test_a_claim_shows(client: Client) -> None:
    client.publish(required("r"))
    client.claim("r")

    claimed_by = client.request("r").claimed_by
    assert claimed_by is not None


def test_requests_are_filtered_and_read_over_all_pages(client: Client) -> None:
    client.publish(*(required(f"r{n}", execution_id="many") for n in range(120)))
    client.publish(required("other", execution_id="one"))

    client.answer("r117", "A word of its own")

    found = client.requests(execution_id="many")

    assert [request.request_id for request in found] == [f"r{n}" for n in range(120)]
    (answered,) = client.requests(search="own WORD")
    assert answered.request_id == "r117"


def test_health_says_how_the_server_is(client: Client) -> None:
    health = client.health()

    assert health.status == "healthy"
    assert health.epoch is not None


def test_a_wrong_key_is_forbidden_and_says_what_to_do(server: HumanInputServer) -> None:
    with Client(server.url, "wrong") as client, pytest.raises(Forbidden):
        client.pending()


def test_a_url_where_nothing_of_ours_is_says_so(server: HumanInputServer) -> None:
    with Client(f"{server.url}elsewhere/", KEY) as client, pytest.raises(NotFound):
        client.pending()


def test_a_server_that_is_away_is_told_from_one_that_refuses() -> None:
    client = Client(f"http://127.0.0.1:{free_port()}/", KEY)
    with client, pytest.raises(ServerAway) as away:
        client.pending()
    assert away.value.retry


def test_no_server_says_how_to_name_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path))
    for name in ("CREWAI_HITL_URL", "CREWAI_HITL_KERNEL_URL"):
        monkeypatch.delenv(name, raising=False)

    with pytest.raises(NoServer, match="CREWAI_HITL_URL"):
        Client()


@pytest.mark.asyncio
async def test_the_asynchronous_client_answers_too(server: HumanInputServer) -> None:
    async with AsyncClient(server.url, KEY) as client:
        await client.publish(required("r"))
        won = await client.answer("r")

        assert won.decision == "approve"
        assert await client.pending() == []
