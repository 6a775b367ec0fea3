"""Deadlines: what becomes of a question that nobody answers, as the question itself says."""

from datetime import datetime, timedelta, timezone
from typing import Any

from tests.server.door import Door, question, until


def soon(seconds: float = 0.2) -> str:
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()


async def ask(door: Door, request_id: str, seconds: float = 0.2, **response: Any) -> None:
    await door.publish(question(request_id, expires_at=soon(seconds), response=response))


async def reminders(door: Door) -> list[str]:
    return [e["request_id"] for e in await door.kept() if e["type"] == "human_input_reminded"]


async def test_a_question_without_a_policy_expires_unanswered(door: Door) -> None:
    await ask(door, "q1")
    request = await door.until_status("q1", "expired")
    assert request["completion"]["type"] == "human_input_expired"
    reply = await door.answer("q1", human_feedback="Too late")
    assert (reply.status_code, reply.json()["error"]) == (410, "expired")
    assert reply.json()["event"] == request["completion"]


async def test_an_explicit_default_answers_when_the_question_says_so(door: Door) -> None:
    await ask(door, "q1", options=["yes", "no"], default={"option": "no"}, on_expiry="default")
    request = await door.until_status("q1", "answered")
    assert request["completion"]["options"] == ["no"]
    assert request["completion"]["answered_by"] == {"name": "default", "via": "default"}


async def test_a_default_that_does_not_fit_expires_and_never_approves(door: Door) -> None:
    await ask(door, "q1", options=["yes", "no"], default={"option": "maybe"}, on_expiry="default")
    await ask(door, "q2", default={}, decisions=["respond"], on_expiry="default")
    await ask(door, "q3", default=7, on_expiry="default")
    for request_id in ("q1", "q2", "q3"):
        assert (await door.until_status(request_id, "expired"))["completion"]["type"] == (
            "human_input_expired"
        )


async def test_a_default_alone_is_no_policy(door: Door) -> None:
    await ask(door, "q1", default={"decision": "approve"})
    await door.until_status("q1", "expired")


async def test_a_question_that_may_wait_outlives_its_deadline(door: Door) -> None:
    await ask(door, "waits", on_expiry="wait")
    await ask(door, "marker")
    await door.until_status("marker", "expired")
    assert (await door.request("waits"))["status"] == "pending"
    assert (await door.answer("waits")).status_code == 200


async def test_those_who_look_are_reminded_once_and_the_request_stays_open(door: Door) -> None:
    await door.publish(question("q1", remind_at=soon()))
    await until(lambda: reminders(door), lambda seen: seen == ["q1"])
    assert (await door.request("q1"))["status"] == "pending"


async def test_a_restart_reminds_nobody_again(door: Door) -> None:
    await door.publish(question("q1", remind_at=soon()))
    await until(lambda: reminders(door), lambda seen: seen == ["q1"])
    await door.restart()
    await ask(door, "marker")
    await door.until_status("marker", "expired")
    assert await reminders(door) == ["q1"]


async def test_an_answered_question_reminds_nobody(door: Door) -> None:
    await door.publish(question("q1", remind_at=soon()))
    assert (await door.answer("q1", human_feedback="In time")).status_code == 200
    await ask(door, "marker")
    await door.until_status("marker", "expired")
    assert await reminders(door) == []


async def test_an_answer_before_the_deadline_stands(door: Door) -> None:
    await ask(door, "q1")
    assert (await door.answer("q1", human_feedback="In time")).status_code == 200
    await ask(door, "marker")
    await door.until_status("marker", "expired")
    assert (await door.request("q1"))["status"] == "answered"


async def test_a_deadline_that_passed_before_it_was_asked_expires_at_once(door: Door) -> None:
    await ask(door, "q1", seconds=-5)
    await door.until_status("q1", "expired")


async def test_a_deadline_that_passes_while_the_server_is_away_holds(door: Door) -> None:
    await ask(door, "q1", seconds=0.3)
    await door.close()
    marker = datetime.now(timezone.utc)
    await door.open()
    request = await door.until_status("q1", "expired")
    assert request["completion"]["timestamp"] > marker.isoformat()[:19]
