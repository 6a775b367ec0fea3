"""Whatever is sent, the answer is a clear one: never a 5xx, never a hang."""

import asyncio
import json
from typing import Any

import httpx
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.server.door import Door, Json, question, socket
from tests.server.upstream import Upstream

POSTS = ("events", "requests/q1/answer", "requests/q1/claim", "requests/q1/cancel")
GETS = ("poll/human-input", "poll/human-input/run-1", "requests", "requests/q1")

NAMES = st.sampled_from(
    [
        *("type", "ref", "events", "event_id", "request_id", "timestamp", "execution_id", "round"),
        *("prompt", "response", "decisions", "options", "schema", "default", "on_expiry", "source"),
        *("human_feedback", "decision", "option", "values", "via", "idempotency_key", "reason"),
        *("expires_at", "claimed_by", "answered_by", "offset", "properties", "id", "kind"),
    ]
)
WORDS = st.sampled_from(
    [
        *("human_input_required", "human_input_completed", "human_input_claimed", "note"),
        *("human_input_cancelled", "human_input_expired", "publish", "answer", "claim", "cancel"),
        *("q1", "approve", "respond", "withdrawn", "default", "object", "string", "array", "r1"),
        *("2026-11-22T01:00:00Z", "0001-01-01T00:00:00+14:00", "", "\x00", "\u2028", "😀"),
    ]
)
PLAIN = st.one_of(
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(allow_nan=False, allow_infinity=False),
    WORDS,
    st.text(max_size=20),
)
VALUES = st.recursive(
    PLAIN,
    lambda inner: st.one_of(
        st.lists(inner, max_size=4), st.dictionaries(NAMES | st.text(max_size=5), inner, max_size=6)
    ),
    max_leaves=12,
)
TEXTS = st.one_of(VALUES.map(json.dumps), st.text(max_size=40)).map(
    lambda text: text.encode("utf-8", "replace")
)
BODIES = TEXTS | st.binary(max_size=40)

unhurried = settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)


def run(loop: asyncio.AbstractEventLoop, work: Any) -> Any:
    return loop.run_until_complete(asyncio.wait_for(work, 30))


def test_any_body_gets_a_clear_answer(
    door: Door, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> None:
    run(jp_asyncio_loop, door.ask("q1"))

    @unhurried
    @given(path=st.sampled_from(POSTS), body=BODIES)
    def knock(path: str, body: bytes) -> None:
        reply: httpx.Response = run(jp_asyncio_loop, door.http.post(path, content=body))
        assert reply.status_code < 500, reply.text
        if not reply.is_success:
            assert reply.json()["error"]
            assert reply.json()["message"]

    knock()
    assert run(jp_asyncio_loop, door.health())["status"] == "healthy"


def test_any_parameter_gets_a_clear_answer(
    door: Door, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> None:
    ids, numbers = ["last_event_id", "crew_id", "kind"], ["limit", "cursor"]
    names = st.sampled_from([*ids, *numbers, "replay", "type", "status", "order", "q"])
    encoded = st.text(max_size=20) | st.integers().map(str) | st.sampled_from(["nan", "inf", "1e9"])

    @unhurried
    @given(path=st.sampled_from(GETS), params=st.dictionaries(names, encoded, max_size=4))
    def knock(path: str, params: dict[str, str]) -> None:
        reply: httpx.Response = run(jp_asyncio_loop, door.http.get(path, params=params))
        assert reply.status_code < 500, reply.text

    knock()


def test_bytes_that_are_no_text_get_a_clear_answer(
    door: Door, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> None:
    for tail in (
        "poll/human-input?type=%ff",
        "poll/human-input/%ff",
        "requests/%ff",
        "requests?token=%ff",
    ):
        reply: httpx.Response = run(jp_asyncio_loop, door.http.get(tail))
        assert reply.status_code == 400, tail
        assert reply.json()["error"] == "bad_request"
        assert "%s" not in reply.json()["message"]


def test_any_frame_gets_one_reply_and_the_socket_stays_open(
    door: Door, jp_asyncio_loop: asyncio.AbstractEventLoop
) -> None:
    frames = st.dictionaries(NAMES, VALUES, max_size=6) | VALUES
    kinds = st.sampled_from(["publish", "answer", "claim", "cancel"])
    shaped = st.builds(
        lambda kind, rest: {**rest, "type": kind}, kinds, st.dictionaries(NAMES, VALUES)
    )

    async def speak(said: list[Any]) -> None:
        async with socket(door) as connection:
            up = Upstream(connection)
            for frame in said:
                await connection.send(json.dumps(frame))
                reply = await up.reply()
                assert reply["type"] == "ack" or reply["status"] < 500, reply
            last: Json = await up.ask({"type": "publish", "events": question()})
            assert last["type"] == "ack"

    @unhurried
    @given(said=st.lists(shaped | frames, min_size=1, max_size=6))
    def knock(said: list[Any]) -> None:
        run(jp_asyncio_loop, speak(said))

    knock()
    run(jp_asyncio_loop, door.until_subscriptions(0))
