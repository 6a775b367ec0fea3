"""What one caller may do: the refusal says when to come back, and costs nobody else anything.

A rate of a hundredth a second lets one act through and then none for as long as a test runs.
"""

import asyncio
import json
from collections.abc import Iterator
from contextlib import AsyncExitStack, aclosing, contextmanager
from datetime import datetime, timezone
from pathlib import Path
from typing import Any

import httpx
import pytest
import websockets.sync.client
from websockets.exceptions import InvalidStatus

from crewai_hitl_nb.client import AsyncClient, Client
from crewai_hitl_nb.client.resume import Transport
from crewai_hitl_nb.client.stream import Connected, Subscription
from crewai_hitl_nb.protocol.errors import TooMany
from crewai_hitl_nb.server.auth.keyring import Keyring
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.standalone.conftest import KEY

ONE = 0.01
SECONDS = 15.0


@contextmanager
def serving(keys_file: Path | None = None, **limits: float) -> Iterator[HumanInputServer]:
    with HumanInputServer(port=0, api_key=KEY, keys_file=keys_file, limits=limits) as running:
        yield running


def caller(server: HumanInputServer, key: str = KEY) -> httpx.Client:
    headers = {"Authorization": f"Bearer {key}"}
    return httpx.Client(base_url=server.url, headers=headers, timeout=SECONDS)


@contextmanager
def socket(server: HumanInputServer) -> Iterator[websockets.sync.client.ClientConnection]:
    url = server.url.replace("http", "ws", 1) + "ws/human-input"
    headers = {"Authorization": f"Bearer {KEY}"}
    with websockets.sync.client.connect(url, additional_headers=headers) as connection:
        yield connection


def question(request_id: str) -> dict[str, Any]:
    return {
        "type": "human_input_required",
        "event_id": f"asks-{request_id}",
        "request_id": request_id,
        "prompt": "Good?",
        "timestamp": "2026-01-01T00:00:00Z",
    }


def assert_told_when_to_come_back(reply: httpx.Response) -> None:
    assert reply.status_code == 429, reply.text
    said = reply.json()
    assert said["error"] == "too_many"
    assert reply.headers["Retry-After"] == str(said["retry_after"])
    assert 1 <= said["retry_after"] <= 60
    assert f"try again in {said['retry_after']} s" in said["message"]


def test_who_publishes_too_much_is_told_when_to_come_back() -> None:
    with serving(publish_per_second=ONE) as server, caller(server) as http:
        assert http.post("events", json={"type": "note"}).status_code == 200
        assert_told_when_to_come_back(http.post("events", json={"type": "note"}))
        assert http.get("requests").status_code == 200


@pytest.mark.parametrize("act", ["answer", "claim", "cancel"])
def test_who_answers_too_much_is_told_and_the_request_stays_open(act: str) -> None:
    with serving(answers_per_second=ONE) as server, caller(server) as http:
        http.post("events", json=[question("q1"), question("q2")])
        assert http.post("requests/q1/claim", json={}).status_code == 200
        assert_told_when_to_come_back(http.post(f"requests/q2/{act}", json={}))
        assert http.get("requests/q2").json()["status"] == "pending"


@pytest.mark.parametrize("path", ["events", "poll", "ws"])
def test_who_opens_too_many_streams_is_told_before_they_begin(path: str) -> None:
    with serving(streams_per_second=ONE) as server, caller(server) as http:
        assert http.get("poll/human-input").status_code == 200
        if path == "ws":
            with pytest.raises(InvalidStatus) as refused, socket(server):
                pass
            reply = refused.value.response
            assert reply.status_code == 429
            assert int(reply.headers["Retry-After"]) >= 1
        else:
            assert_told_when_to_come_back(http.get(f"{path}/human-input"))


@pytest.mark.parametrize("path", ["requests", "requests/q1", "audit", "webhooks"])
def test_who_asks_too_often_is_told_and_may_go_on_publishing(path: str) -> None:
    with serving(reads_per_second=ONE) as server, caller(server) as http:
        assert http.post("events", json=question("q1")).status_code == 200
        assert http.get("requests?status=pending").status_code == 200
        assert_told_when_to_come_back(http.get(path))
        assert http.post("events", json={"type": "note"}).status_code == 200


def test_a_frame_that_is_refused_costs_no_connection() -> None:
    with serving(publish_per_second=ONE) as server, socket(server) as connection:
        replies: list[dict[str, Any]] = []
        for ref in ("1", "2"):
            events = {"type": "note", "event_id": ref}
            connection.send(json.dumps({"type": "publish", "ref": ref, "events": events}))
        while len(replies) < 2:
            frame = json.loads(connection.recv(timeout=SECONDS))
            if "ref" in frame:
                replies.append(frame)
        connection.send(json.dumps({"type": "claim", "ref": "3", "request_id": "nobody"}))
        while (frame := json.loads(connection.recv(timeout=SECONDS))).get("ref") != "3":
            pass
    ack, refusal = replies
    assert ack["type"] == "ack"
    assert (refusal["type"], refusal["status"], refusal["error"]) == ("error", 429, "too_many")
    assert refusal["retry_after"] >= 1
    assert frame["error"] == "unknown_request"


def test_a_caller_has_so_many_streams_and_one_that_closed_counts_no_more() -> None:
    with serving(max_streams_per_caller=1) as server, caller(server) as http:
        with socket(server) as connection:
            connection.recv(timeout=SECONDS)
            refused = http.get("poll/human-input")
            assert refused.status_code == 429
            assert "close some" in refused.json()["message"]
            assert http.get("health").json()["subscriptions"] == 1
        while http.get("health").json()["subscriptions"]:
            pass
        assert http.get("poll/human-input").status_code == 200


def test_a_caller_has_so_many_open_requests_and_one_that_closed_counts_no_more() -> None:
    with serving(max_pending_per_caller=2) as server, caller(server) as http:
        assert http.post("events", json=[question("q1"), question("q2")]).status_code == 200
        refused = http.post("events", json=question("q3"))
        assert refused.status_code == 429
        assert "2 of your requests are open" in refused.json()["message"]
        again = http.post("events", json=[question("q1"), question("q2")])
        assert [event["duplicate"] for event in again.json()["events"]] == [True, True]
        http.post("requests/q1/answer", json={})
        assert http.post("events", json=question("q3")).status_code == 200


def test_open_requests_from_before_a_restart_count_for_who_asked_them(tmp_path: Path) -> None:
    ring = Keyring(tmp_path / "keys.json")
    now = datetime.now(timezone.utc)
    (_, ada), (_, bob) = (ring.add(name, ["publish", "answer"], now) for name in ("ada", "bob"))

    def asks(server: HumanInputServer, key: str, *names: str) -> int:
        with caller(server, key) as http:
            return http.post("events", json=[question(name) for name in names]).status_code

    def serving_again() -> HumanInputServer:
        return HumanInputServer(
            port=0,
            keys_file=tmp_path / "keys.json",
            store=tmp_path / "log.db",
            limits={"max_pending_per_caller": 2},
        )

    with serving_again() as server:
        assert asks(server, ada, "q1", "q2") == 200
        assert asks(server, bob, "q3") == 200
    with serving_again() as server:
        assert asks(server, ada, "q4") == 429
        assert asks(server, bob, "q4") == 200
        with caller(server, ada) as http:
            assert http.post("requests/q1/answer", json={}).status_code == 200
        assert asks(server, ada, "q5") == 200


def test_one_callers_limit_is_nobody_elses(tmp_path: Path) -> None:
    now = datetime.now(timezone.utc)
    ring = Keyring(tmp_path / "keys.json")
    (_, ada), (_, bob) = (ring.add(name, ["publish"], now) for name in ("ada", "bob"))
    with serving(tmp_path / "keys.json", publish_per_second=ONE) as server:
        for key in (ada, bob, KEY, server.kernel_key):
            with caller(server, key) as http:
                assert http.post("events", json={"type": "note"}).status_code == 200
                assert http.post("events", json={"type": "note"}).status_code == 429


def test_an_address_that_guesses_is_heard_no_more_but_for_keys_that_cannot_be_guessed(
    tmp_path: Path,
) -> None:
    ring = Keyring(tmp_path / "keys.json")
    _, key = ring.add("ada", ["read"], datetime.now(timezone.utc))
    with serving(tmp_path / "keys.json", failures_per_second=0.05) as server:
        for wrong in ("one", "two", "three"):
            with caller(server, wrong) as http:
                assert http.get("requests").status_code == 401
        with caller(server, "four") as http:
            assert_told_when_to_come_back(http.get("requests"))
        with caller(server) as http:  # else the right guess would be heard, too
            assert_told_when_to_come_back(http.get("requests"))
        for right in (key, server.kernel_key):
            with caller(server, right) as http:
                assert http.get("requests").status_code == 200


def test_a_program_that_knocks_with_an_old_key_for_ever_takes_nothing_from_others() -> None:
    with serving(failures_per_second=0.05) as server:
        with caller(server, "revoked") as http:
            assert {http.get("requests").status_code for _ in range(20)} == {401}
        assert {httpx.get(server.url + "requests").status_code for _ in range(20)} == {401}
        with caller(server) as http:
            assert http.get("requests").status_code == 200


@pytest.mark.parametrize(
    ("limits", "wrong"),
    [
        ({"publish_per_secnod": 5}, "publish_per_secnod"),
        ({"max_streams_per_caller": -1}, "0 sets no limit"),
    ],
)
def test_a_limit_that_there_is_not_is_named(limits: dict[str, float], wrong: str) -> None:
    with pytest.raises(ValueError, match=wrong):
        HumanInputServer(port=0, limits=limits)


def test_the_client_comes_back_when_it_was_told_to() -> None:
    with serving(answers_per_second=1) as server, Client(server.url, KEY) as client:
        client.publish(*(question(f"q{number}") for number in range(3)))
        for number in range(3):
            client.answer(f"q{number}", "Yes")
        assert client.pending() == []
        assert server.refusals == {"answer": 1}  # once, not ten times a second


def test_the_client_does_not_wait_longer_than_its_caller_would() -> None:
    with serving(answers_per_second=ONE) as server, Client(server.url, KEY, seconds=5) as client:
        client.publish(question("q1"), question("q2"))
        client.answer("q1", "Yes")
        with pytest.raises(TooMany, match="try again in"):
            client.answer("q2", "Yes")


@pytest.mark.parametrize("transport", ["websocket", "sse"])
def test_a_stream_comes_back_when_it_was_told_to(transport: Transport) -> None:
    async def reads(client: AsyncClient, opened: int) -> None:
        streams = [client.stream(Subscription(), transports=(transport,)) for _ in range(opened)]
        async with AsyncExitStack() as stack:
            items = [await stack.enter_async_context(aclosing(s.items())) for s in streams]
            for stream in items:
                async for item in stream:
                    if isinstance(item, Connected):
                        break

    async def run(server: HumanInputServer) -> None:
        async with AsyncClient(server.url, KEY) as client:
            await asyncio.wait_for(reads(client, 3), SECONDS)

    with serving(streams_per_second=1) as server:
        asyncio.run(run(server))
        assert server.refusals == {"open": 1}
