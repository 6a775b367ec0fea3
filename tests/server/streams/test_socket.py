"""Frames up: what a WebSocket can ask for, and that a bad frame costs no connection."""

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

import pytest

from crewai_hitl_nb.protocol import limits
from tests.server.door import Door, ids, note, question, socket
from tests.server.upstream import Upstream


@asynccontextmanager
async def upstream(door: Door) -> AsyncIterator[Upstream]:
    async with socket(door) as connection:
        yield Upstream(connection)


async def test_publish_is_acknowledged_with_what_the_post_would_answer(door: Door) -> None:
    async with upstream(door) as up:
        one = await up.ask({"type": "publish", "events": note("n1")})
        many = await up.ask({"type": "publish", "events": [question("q1"), note("n1")]})
    assert one["body"] == {
        "events": [{"event_id": "n1", "request_id": None, "offset": 1, "duplicate": False}]
    }
    assert [e["duplicate"] for e in many["body"]["events"]] == [False, True]


async def test_a_published_event_comes_down_the_same_socket(door: Door) -> None:
    async with upstream(door) as up:
        await up.ask({"type": "publish", "events": note("n1")})
        await up.ask({"type": "publish", "events": note("n2")})
        await up.ask({"type": "claim", "request_id": "nobody"})
    assert "n1" in ids([event for event in up.events if "event_id" in event])


async def test_answer_claim_and_cancel_are_acknowledged(door: Door) -> None:
    await door.publish(question("q1"), question("q2"))
    async with upstream(door) as up:
        claim = await up.ask({"type": "claim", "request_id": "q1", "via": "cli"})
        answer = await up.ask(
            {"type": "answer", "request_id": "q1", "human_feedback": "Yes", "via": "cli"}
        )
        cancel = await up.ask({"type": "cancel", "request_id": "q2", "reason": "interrupted"})
    assert [r["body"]["status"] for r in (claim, answer, cancel)] == [
        "pending",
        "answered",
        "cancelled",
    ]
    assert (await door.request("q1"))["completion"] == answer["body"]["event"]
    assert (await door.request("q1"))["claimed_by"]["via"] == "cli"


async def test_an_answer_with_nulls_is_one_with_nothing(door: Door) -> None:
    await door.ask("q1")
    nothing = dict.fromkeys(("decision", "options", "values", "idempotency_key"))
    async with upstream(door) as up:
        reply = await up.ask({"type": "answer", "request_id": "q1", **nothing})
    assert reply["body"]["event"]["decision"] == "approve"


async def test_a_key_sent_by_socket_and_by_post_is_one_key(door: Door) -> None:
    await door.ask("q1")
    async with upstream(door) as up:
        frame = {"type": "answer", "request_id": "q1", "idempotency_key": "k1"}
        first, second = await up.ask(frame), await up.ask(frame)
    reply = await door.http.post("requests/q1/answer", json={}, headers={"Idempotency-Key": "k1"})
    assert first["body"] == second["body"] == reply.json()


async def test_a_refusal_carries_what_the_post_would_answer(door: Door) -> None:
    await door.ask("q1")
    async with upstream(door) as up:
        bad = await up.ask({"type": "answer", "request_id": "q1", "decision": "reject"})
        await door.answer("q1", via="cli")
        late = await up.ask({"type": "answer", "request_id": "q1"})
        lost = await up.ask({"type": "cancel", "request_id": "nobody"})
        wrong = await up.ask({"type": "publish", "events": [note(), {"type": "heartbeat"}]})
    assert (bad["status"], bad["error"], bad["field"]) == (422, "invalid_answer", "decision")
    assert (late["status"], late["error"], late["winner"]["via"]) == (
        409,
        "already_answered",
        "cli",
    )
    assert (lost["status"], lost["error"]) == (404, "unknown_request")
    assert (wrong["status"], wrong["error"], wrong["field"]) == (422, "invalid_event", "1.type")


@pytest.mark.parametrize(
    ("message", "ref"),
    [
        ("", None),
        ("{", None),
        ("[]", None),
        ("7", None),
        ("null", None),
        (b"\xff\x00", None),
        ("[" * 100_000, None),
        ('{"type":"answer"}', None),
        ('{"type":"answer","ref":7}', None),
        ('{"type":"dance","ref":"r"}', "r"),
        ('{"ref":"r"}', "r"),
        ('{"type":"answer","ref":"r"}', "r"),
        ('{"type":"answer","ref":"r","request_id":""}', "r"),
        ('{"type":"publish","ref":"r"}', "r"),
        ('{"type":"cancel","ref":"r","request_id":"q","reason":"boredom"}', "r"),
        ('{"type":"claim","ref":"r","request_id":"q","via":""}', "r"),
        ('{"type":"heartbeat","ref":"r"}', "r"),
    ],
)
async def test_a_bad_frame_gets_an_error_and_the_socket_stays_open(
    door: Door, message: str | bytes, ref: str | None
) -> None:
    async with socket(door) as connection:
        up = Upstream(connection)
        await connection.send(message)
        reply = await up.reply()
        assert reply["type"] == "error"
        assert reply["ref"] == ref
        assert reply["status"] in (400, 404)
        assert reply["message"]
        assert (await up.ask({"type": "publish", "events": note()}))["type"] == "ack"


async def test_malformed_json_is_refused_with_its_place(door: Door) -> None:
    async with socket(door) as connection:
        await connection.send('{"type":\n  oops}')
        reply = await Upstream(connection).reply()
    assert (reply["error"], reply["line"], reply["column"]) == ("bad_json", 2, 3)


async def test_an_oversized_frame_is_refused_with_the_limit_and_the_socket_stays_open(
    door: Door,
) -> None:
    async with socket(door) as connection:
        up = Upstream(connection)
        await connection.send(json.dumps("x" * limits.MAX_BODY_BYTES))
        reply = await up.reply()
        assert (reply["status"], reply["error"]) == (413, "too_large")
        assert reply["limit"] == limits.MAX_BODY_BYTES
        assert (await up.ask({"type": "publish", "events": note()}))["type"] == "ack"


async def test_frames_need_not_wait_for_the_replies_to_those_before_them(door: Door) -> None:
    many = 3 * limits.FRAMES_UNDER_WAY
    async with upstream(door) as up:
        for number in range(many):
            await up.send({"type": "publish", "events": note(f"n{number}")})
        replies = [await up.reply() for _ in range(many)]
    offsets = [(reply["ref"], reply["body"]["events"][0]["offset"]) for reply in replies]
    assert offsets == [(str(number), number) for number in range(1, many + 1)]


async def test_an_answer_sent_right_behind_its_question_finds_it(door: Door) -> None:
    async with upstream(door) as up:
        await up.send({"type": "publish", "events": question("q1")})
        await up.send({"type": "answer", "request_id": "q1", "human_feedback": "Yes"})
        await up.send({"type": "cancel", "request_id": "q1"})
        asked, answered, late = [await up.reply() for _ in range(3)]
    assert asked["body"]["events"][0]["request_id"] == "q1"
    assert answered["body"]["status"] == "answered"
    assert late["error"] == "already_answered"


async def test_an_answer_published_right_behind_its_question_finds_it(door: Door) -> None:
    answer = {"type": "human_input_completed", "request_id": "q1", "human_feedback": "Yes"}
    async with upstream(door) as up:
        await up.send({"type": "publish", "events": [question("q1")]})
        await up.send({"type": "publish", "events": [answer]})
        await up.send({"type": "publish", "events": answer})
        asked, answered, late = [await up.reply() for _ in range(3)]
    assert asked["body"]["events"][0]["offset"] == 1
    assert answered["body"]["events"][0]["offset"] == 2
    assert late["error"] == "already_answered"
