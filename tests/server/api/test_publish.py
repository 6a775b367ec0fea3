"""Publishing: ``POST events``, all of a call or none of it, idempotent on the event id."""

import json
from typing import Any

import pytest

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.wire import RESERVED_TYPES
from tests.server.door import Door, Json, configured, ids, note, question
from tests.server.readers import TRANSPORTS, reading


async def test_one_event_is_placed_in_the_log(door: Door) -> None:
    reply = await door.http.post("events", json=note("n1"))
    assert reply.status_code == 200
    assert reply.json() == {
        "events": [{"event_id": "n1", "request_id": None, "offset": 1, "duplicate": False}]
    }


async def test_a_list_is_placed_in_its_order(door: Door) -> None:
    placed = await door.publish(note("n1"), question("q1"), note("n3"))
    assert [p["offset"] for p in placed] == [1, 2, 3]
    assert [p["request_id"] for p in placed] == [None, "q1", None]


async def test_the_same_event_again_is_the_same_place(door: Door) -> None:
    await door.publish(note("n1"))
    placed = await door.publish(note("n1"), note("n2"), note("n2"))
    assert [(p["offset"], p["duplicate"]) for p in placed] == [(1, True), (2, False), (2, True)]


async def test_another_event_under_a_taken_id_is_refused_with_all_that_came_with_it(
    door: Door,
) -> None:
    await door.publish(note("n1"))
    sent = [note("n2"), note("n1", text="other words")]
    reply = await door.http.post("events", json=sent)
    assert (reply.status_code, reply.json()["error"]) == (409, "event_exists")
    assert reply.json()["event_id"] == "n1"
    assert len(await door.kept()) == 1


async def test_a_question_without_a_request_id_takes_its_event_id(door: Door) -> None:
    (placed,) = await door.publish(question(event_id="e1"))
    assert placed["request_id"] == "e1"
    (made,) = await door.publish(question())
    assert made["request_id"] == made["event_id"]


async def test_a_second_question_under_the_same_request_id_is_refused(door: Door) -> None:
    await door.publish(question("q1"))
    reply = await door.http.post("events", json=question("q1", prompt="Another?"))
    assert (reply.status_code, reply.json()["error"]) == (409, "request_exists")


@pytest.mark.parametrize(
    ("last", "status"),
    [
        (question("old"), 409),
        ({"type": "human_input_cancelled", "request_id": "nobody", "reason": "withdrawn"}, 404),
        ({"type": "human_input_required", "request_id": "no-prompt"}, 422),
        (note(context="x" * limits.MAX_EVENT_BYTES), 413),
    ],
)
async def test_one_bad_event_keeps_the_whole_list_out(door: Door, last: Json, status: int) -> None:
    await door.publish(question("old", event_id="asked"))
    reply = await door.http.post("events", json=[note("good"), question("new"), last])
    assert reply.status_code == status, reply.text
    assert ids(await door.kept()) == ["asked"]
    (placed,) = await door.publish(note("next"))
    assert placed["offset"] == 2


@pytest.mark.parametrize(
    ("event", "field"),
    [
        ({"type": "human_input_required"}, "prompt"),
        ({"prompt": "Good?"}, "type"),
        ({"type": ""}, "type"),
        ({"type": "x" * 101}, "type"),
        (note("x" * 201), "event_id"),
        ({"type": "note", "event_id": ""}, "event_id"),
        (note(timestamp="yesterday"), "timestamp"),
        (note(timestamp="2026-11-22T01:00:00"), "timestamp"),
        (note(timestamp="0001-01-01T00:00:00+14:00"), "timestamp"),
        (note(execution_id=7), "execution_id"),
        (question(kind="riddle"), "kind"),
        (question(round=0), "round"),
        (question(expires_at="9999-12-31T23:59:59-12:00"), "expires_at"),
        (question(response={"decisions": []}), "response.decisions"),
        (question(response={"decisions": ["maybe"]}), "response.decisions[0]"),
        (question(response={"options": []}), "response.options"),
        (question(response={"on_expiry": "default"}), "response.default"),
        (question(response={"on_expiry": "approve"}), "response.on_expiry"),
        (question(response={"schema": {"type": "array"}}), "response.schema.type"),
        (question(source={"id": ""}), "source.id"),
        ({"type": "human_input_cancelled", "request_id": "q"}, "reason"),
    ],
)
async def test_a_wrong_field_is_named(door: Door, event: Json, field: str) -> None:
    reply = await door.http.post("events", json=event)
    assert reply.status_code == 422, reply.text
    body = reply.json()
    assert (body["error"], body["field"]) == ("invalid_event", field)
    assert body["errors"][0]["field"] == field
    assert body["message"]


async def test_a_wrong_field_in_a_list_is_named_with_its_place(door: Door) -> None:
    reply = await door.http.post("events", json=[note(), {"type": "human_input_required"}])
    assert reply.json()["field"] == "1.prompt"


@pytest.mark.parametrize("body", [[], 7, "text", [7], None, [[note()]]])
async def test_what_is_no_event_is_refused(door: Door, body: Any) -> None:
    reply = await door.http.post("events", content=json.dumps(body))
    assert (reply.status_code, reply.json()["error"]) == (422, "invalid_event")


@pytest.mark.parametrize("name", sorted(RESERVED_TYPES))
async def test_an_event_cannot_pass_for_a_frame(door: Door, name: str) -> None:
    reply = await door.http.post("events", json={"type": name})
    assert (reply.status_code, reply.json()["field"]) == (422, "type")


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_unknown_type_comes_through_as_it_was_sent(door: Door, transport: str) -> None:
    sent = note(
        "weather",
        timestamp="2026-11-22T01:00:00Z",
        execution_id="run-1",
        offset="mine",
        request_id=7,
        text="größer \u2028 \x00 😀",
        number=1.5,
        large=2**63,
        nothing=None,
        deep={"a": [True, {"b": []}]},
    )
    async with reading(transport, door, "/run-1") as reader:
        await door.publish(sent)
        (seen,) = await reader.until("weather")
    assert seen == {**sent, "offset": 1}


async def test_unknown_fields_of_a_known_type_are_ignored(door: Door) -> None:
    await door.publish(question("q1", mood="good", source={"id": None, "colour": "red"}))
    request = await door.request("q1")
    assert "mood" not in request
    assert "colour" not in request["source"]


async def test_a_timestamp_is_kept_as_utc(door: Door) -> None:
    await door.publish(note("n1", timestamp="2026-11-22T03:00:00+02:00"))
    assert (await door.kept())[0]["timestamp"] == "2026-11-22T01:00:00Z"


@pytest.mark.parametrize(
    ("text", "line", "columns"),
    [
        ("{", 1, {2}),
        ('{"type":\n  oops}', 2, {3}),
        ("[1,]", 1, {3, 4}),  # Python 3.13 names the trailing comma, earlier ones what follows it
    ],
)
async def test_malformed_json_is_refused_with_its_place(
    door: Door, text: str, line: int, columns: set[int]
) -> None:
    reply = await door.http.post("events", content=text)
    body = reply.json()
    assert (reply.status_code, body["error"]) == (400, "bad_json")
    assert body["line"] == line
    assert body["column"] in columns


@pytest.mark.parametrize(
    "content",
    [
        b"\xff{}",
        b'{"type":"note","text":"\\ud800"}',
        b'{"type":"note","deep":' + b"[" * 5000 + b"]" * 5000 + b"}",
        b'{"type":"note","number":NaN}',
        b'{"type":"note","number":1e999}',
    ],
)
async def test_json_that_nobody_can_read_is_refused(door: Door, content: bytes) -> None:
    reply = await door.http.post("events", content=content)
    assert (reply.status_code, reply.json()["error"]) == (400, "bad_json")


@pytest.mark.parametrize("depth", range(880, 1000, 20))
async def test_json_nested_as_deep_as_can_be_read_can_be_kept(door: Door, depth: int) -> None:
    deep = '{"type":"note","event_id":"deep","deep":' + "[" * depth + "]" * depth + "}"
    reply = await door.http.post("events", content=deep)
    assert reply.status_code in (200, 400), reply.text
    kept = await door.http.get("poll/human-input")
    assert kept.text.count("[" * depth) == (reply.status_code == 200)


async def test_a_whole_number_of_any_size_is_kept_as_it_is(door: Door) -> None:
    reply = await door.http.post("events", content=b'{"type":"note","number":' + b"9" * 30 + b"}")
    assert reply.status_code == 200
    assert b'"number":' + b"9" * 30 in (await door.http.get("poll/human-input")).content


async def test_an_oversized_body_is_refused_with_the_limit(door: Door) -> None:
    reply = await door.http.post("events", content=b" " * (limits.MAX_BODY_BYTES + 1))
    assert (reply.status_code, reply.json()["error"]) == (413, "too_large")
    assert reply.json()["limit"] == limits.MAX_BODY_BYTES


async def test_an_oversized_event_is_refused_with_the_limit(door: Door) -> None:
    reply = await door.http.post("events", json=question(context="x" * limits.MAX_EVENT_BYTES))
    assert (reply.status_code, reply.json()["error"]) == (413, "too_large")
    assert reply.json()["limit"] == limits.MAX_EVENT_BYTES


async def test_too_many_events_at_a_time_are_refused(door: Door) -> None:
    many = [note() for _ in range(limits.MAX_BATCH_EVENTS + 1)]
    reply = await door.http.post("events", json=many)
    assert reply.status_code == 422


@configured(max_pending=2)
async def test_too_many_open_questions_are_refused_until_one_is_answered(door: Door) -> None:
    await door.ask("q1")
    await door.ask("q2")
    reply = await door.http.post("events", json=question("q3"))
    assert (reply.status_code, reply.json()["error"]) == (429, "too_many")
    assert int(reply.headers["Retry-After"]) > 0
    await door.answer("q1")
    await door.ask("q3")
