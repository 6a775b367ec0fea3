"""Answering: of any number of answers one wins, and each of the others hears why it lost."""

import asyncio
from collections import Counter
from datetime import datetime

import pytest

from tests.server.door import Door, Json, note, question, socket
from tests.server.readers import TRANSPORTS, reading
from tests.server.upstream import Upstream

FORM = {
    "type": "object",
    "properties": {"rows": {"type": "integer", "minimum": 1}, "table": {"type": "string"}},
    "required": ["table"],
}


@pytest.mark.parametrize(
    ("body", "decision"),
    [
        ({}, "approve"),
        ({"human_feedback": " \n"}, "approve"),
        ({"human_feedback": "Shorter"}, "respond"),
        ({"decision": "approve", "human_feedback": "Fine"}, "approve"),
        ({"decision": "respond", "human_feedback": "Shorter"}, "respond"),
        ({"decision": None, "options": None, "values": None}, "approve"),
    ],
)
async def test_without_a_decision_blank_means_approve_and_text_means_respond(
    door: Door, body: Json, decision: str
) -> None:
    await door.ask("q1")
    reply = await door.answer("q1", **body)
    assert reply.status_code == 200, reply.text
    assert reply.json()["status"] == "answered"
    assert reply.json()["event"]["decision"] == decision
    assert reply.json()["event"]["human_feedback"] == body.get("human_feedback", "")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_answer_reaches_every_stream_as_the_completed_event(
    door: Door, transport: str
) -> None:
    await door.ask("q1", execution_id="run-1", crew_id="c", task_id="t", agent_id="a")
    async with reading(transport, door, "/run-1") as reader:
        assert len(await reader.replayed()) == 1
        reply = await door.answer("q1", human_feedback="Größer", via="cli")
        seen = await reader.event()
    assert seen == reply.json()["event"]
    assert seen["type"] == "human_input_completed"
    assert seen["answered_by"]["via"] == "cli"
    names = ("request_id", "execution_id", "crew_id", "task_id", "agent_id")
    assert [seen[name] for name in names] == ["q1", "run-1", "c", "t", "a"]


@pytest.mark.parametrize(
    ("response", "body", "field"),
    [
        ({}, {"decision": "reject"}, "decision"),
        ({}, {"decision": "maybe"}, "decision"),
        ({}, {"decision": "respond"}, "human_feedback"),
        ({}, {"human_feedback": 7}, "human_feedback"),
        ({}, {"human_feedback": "x" * 200_001}, "human_feedback"),
        ({}, {"values": {"rows": 1}}, "values"),
        ({}, {"option": "yes"}, "options"),
        ({"decisions": ["respond"]}, {"human_feedback": " "}, "human_feedback"),
        ({"options": ["yes", "no"]}, {"option": "perhaps"}, "options.0"),
        ({"options": ["yes", "no"]}, {"options": ["yes", "no"]}, "options"),
        ({"options": ["yes"]}, {"option": "yes", "options": ["yes"]}, "option"),
        ({"options": ["yes", "no"], "decisions": ["respond"]}, {}, "human_feedback"),
        ({"schema": FORM}, {"human_feedback": "fine"}, "values"),
        ({"schema": FORM}, {"values": {"rows": 0, "table": "t"}}, "values.rows"),
        ({"schema": FORM}, {"values": {"rows": 1}}, "values.table"),
    ],
)
async def test_an_answer_that_does_not_fit_names_the_field_and_leaves_the_request_open(
    door: Door, response: Json, body: Json, field: str
) -> None:
    await door.ask("q1", response=response)
    reply = await door.answer("q1", **body)
    assert reply.status_code == 422, reply.text
    assert (reply.json()["error"], reply.json()["field"]) == ("invalid_answer", field)
    assert (await door.request("q1"))["status"] == "pending"


@pytest.mark.parametrize("content", ["[]", '"approve"', "7", "null"])
async def test_an_answer_that_is_no_object_is_refused(door: Door, content: str) -> None:
    await door.ask("q1")
    reply = await door.http.post("requests/q1/answer", content=content)
    assert (reply.status_code, reply.json()["error"]) == (422, "invalid_answer")
    assert (await door.request("q1"))["status"] == "pending"


async def test_a_form_is_filled_by_its_values(door: Door) -> None:
    await door.ask("q1", response={"schema": FORM})
    reply = await door.answer("q1", values={"rows": 3, "table": "t"})
    assert reply.status_code == 200
    assert (await door.request("q1"))["completion"]["values"] == {"rows": 3, "table": "t"}


async def test_an_option_may_be_named_by_text_as_the_documents_clients_do(door: Door) -> None:
    await door.ask("q1", response={"options": ["yes", "no"]})
    assert (await door.answer("q1", human_feedback="no")).json()["event"]["options"] == ["no"]


async def test_a_second_answer_is_refused_with_the_winner_and_when(door: Door) -> None:
    await door.ask("q1")
    won = (await door.answer("q1", human_feedback="First", via="cli")).json()["event"]
    reply = await door.answer("q1", human_feedback="Second")
    body = reply.json()
    assert (reply.status_code, body["error"]) == (409, "already_answered")
    assert body["winner"] == won["answered_by"]
    assert body["winner"]["via"] == "cli"
    assert body["answered_at"] == won["timestamp"]
    assert datetime.fromisoformat(body["answered_at"].replace("Z", "+00:00")).tzinfo is not None
    assert body["event"] == won


async def test_a_wrong_answer_that_comes_too_late_hears_that_it_is_too_late(door: Door) -> None:
    await door.ask("q1")
    await door.answer("q1")
    assert (await door.answer("q1", decision="reject")).status_code == 409


async def test_of_fifty_racing_answers_exactly_one_wins(door: Door) -> None:
    await door.ask("q1")
    async with socket(door) as first, socket(door) as second:
        upstreams = [Upstream(first), Upstream(second)]

        async def post(number: int) -> int:
            return (await door.answer("q1", human_feedback=f"by http {number}")).status_code

        async def send(number: int) -> int:
            frame = {"type": "answer", "request_id": "q1", "human_feedback": f"by ws {number}"}
            reply = await upstreams[number % 2].ask(frame)
            return 200 if reply["type"] == "ack" else int(reply["status"])

        racing = [post(n) if n % 2 else send(n // 2) for n in range(50)]
        outcomes = Counter(await asyncio.gather(*racing))
    assert outcomes == {200: 1, 409: 49}
    completed = [e for e in await door.kept() if e["type"] == "human_input_completed"]
    assert len(completed) == 1


async def test_the_same_idempotency_key_again_gets_the_same_200(door: Door) -> None:
    await door.ask("q1")
    key = {"Idempotency-Key": "k1"}
    body = {"human_feedback": "Yes"}
    replies = await asyncio.gather(
        *(door.http.post("requests/q1/answer", json=body, headers=key) for _ in range(5))
    )
    assert [reply.status_code for reply in replies] == [200] * 5
    assert len({reply.text for reply in replies}) == 1
    other = await door.http.post("requests/q1/answer", json={"human_feedback": "No"}, headers=key)
    assert other.status_code == 409


async def test_a_key_of_one_request_says_nothing_about_another(door: Door) -> None:
    await door.publish(question("q1"), question("q2"))
    key = {"Idempotency-Key": "k1"}
    for request_id in ("q1", "q2"):
        reply = await door.http.post(f"requests/{request_id}/answer", json={}, headers=key)
        assert reply.json()["request_id"] == request_id
        assert (await door.request(request_id))["status"] == "answered"


@pytest.mark.parametrize("action", ["answer", "claim", "cancel"])
async def test_an_unknown_request_is_not_found(door: Door, action: str) -> None:
    reply = await door.http.post(f"requests/nobody/{action}", json={})
    assert (reply.status_code, reply.json()["error"]) == (404, "unknown_request")


async def test_a_request_id_may_hold_any_character(door: Door) -> None:
    await door.ask("a/b ü?")
    reply = await door.http.post("requests/a%2Fb%20%C3%BC%3F/answer", json={})
    assert reply.json()["request_id"] == "a/b ü?"


@pytest.mark.parametrize("action", ["answer", "claim", "cancel"])
async def test_nothing_can_be_done_to_a_cancelled_request(door: Door, action: str) -> None:
    await door.ask("q1")
    cancelled = await door.http.post("requests/q1/cancel", json={"reason": "interrupted"})
    assert cancelled.json()["status"] == "cancelled"
    reply = await door.http.post(f"requests/q1/{action}", json={})
    assert (reply.status_code, reply.json()["error"]) == (410, "cancelled")
    assert reply.json()["event"]["reason"] == "interrupted"


async def test_an_answered_request_cannot_be_cancelled(door: Door) -> None:
    await door.ask("q1")
    await door.answer("q1")
    reply = await door.http.post("requests/q1/cancel", json={})
    assert (reply.status_code, reply.json()["error"]) == (409, "already_answered")


async def test_a_cancellation_needs_a_known_reason(door: Door) -> None:
    await door.ask("q1")
    reply = await door.http.post("requests/q1/cancel", json={"reason": "boredom"})
    assert (reply.status_code, reply.json()["error"]) == (400, "bad_request")
    assert (await door.request("q1"))["status"] == "pending"


async def test_a_claim_shows_and_locks_nobody_out(door: Door) -> None:
    await door.ask("q1")
    assert (await door.request("q1"))["claimed_by"] is None
    reply = await door.http.post("requests/q1/claim", json={"via": "cli"})
    assert reply.json()["status"] == "pending"
    assert (await door.request("q1"))["claimed_by"]["via"] == "cli"
    assert (await door.answer("q1")).status_code == 200


async def test_a_published_answer_is_held_to_the_same_rule(door: Door) -> None:
    await door.ask("q1", response={"decisions": ["respond"]})
    blank = {"type": "human_input_completed", "request_id": "q1"}
    reply = await door.http.post("events", json=[note(), blank])
    assert (reply.status_code, reply.json()["error"]) == (422, "invalid_answer")
    assert (await door.request("q1"))["status"] == "pending"
    await door.publish({**blank, "human_feedback": "Yes"})
    assert (await door.request("q1"))["completion"]["decision"] == "respond"


async def test_a_published_answer_cannot_loosen_its_question_by_asking_it_again(
    door: Door,
) -> None:
    await door.ask("q1", event_id="asked", response={"decisions": ["respond"]})
    again = question("q1", event_id="asked", response={"decisions": ["approve"]})
    blank = {"type": "human_input_completed", "request_id": "q1"}
    reply = await door.http.post("events", json=[again, blank])
    assert reply.status_code == 422, reply.text
    assert (await door.request("q1"))["status"] == "pending"


async def test_a_published_answer_races_its_question_and_is_held_to_the_rule(door: Door) -> None:
    blank = {"type": "human_input_completed", "request_id": "q1"}
    asked = question("q1", response={"decisions": ["respond"]})
    _, answered = await asyncio.gather(
        door.http.post("events", json=asked), door.http.post("events", json=blank)
    )
    assert answered.status_code in (404, 422)
    assert (await door.request("q1"))["status"] == "pending"


async def test_a_published_answer_without_a_request_closes_nothing(door: Door) -> None:
    await door.ask("q1", execution_id="run-1")
    answer = {"type": "human_input_completed", "execution_id": "run-1", "human_feedback": "Yes"}
    await door.publish(answer)
    assert (await door.request("q1"))["status"] == "pending"
