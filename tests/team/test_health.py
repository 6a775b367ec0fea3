"""What a load balancer learns of a server: whether it lives, accepts work, or is about to leave."""

import json
import signal
import time
from collections.abc import Callable

import httpx
import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection, connect

from tests.postgres import Cluster
from tests.team.conftest import Serve, Server
from tests.team.servers import KEY

SOON = 60.0
LONG = "3000"
"""Seconds that no test waits."""

QUESTION = {"type": "human_input_required", "prompt": "Good?", "execution_id": "run"}


def until(call: Callable[[], httpx.Response], status: str) -> httpx.Response:
    """Return the first reply with this status of health."""
    deadline = time.monotonic() + SOON
    while True:
        reply = call()
        if reply.json()["status"] == status:
            return reply
        assert time.monotonic() < deadline, reply.text


def health(server: Server) -> httpx.Response:
    return server.http.get("health")


def test_without_its_database_a_server_stays_ready_and_says_that_it_is_degraded(
    serve: Serve, own: Cluster
) -> None:
    server = serve(url=own.url())
    assert health(server).json()["status"] == "healthy"
    own.stop("immediate")
    degraded = until(lambda: health(server), "degraded")
    assert degraded.status_code == 200
    assert "start the database" in degraded.json()["message"]
    assert server.http.get("health/live").status_code == 200
    refused = server.http.post("events", json=QUESTION)
    assert (refused.status_code, refused.json()["error"]) == (503, "store_unavailable")
    own.start()
    assert until(lambda: health(server), "healthy").status_code == 200
    assert server.http.post("events", json=QUESTION).status_code == 200


def test_a_database_that_hangs_does_not_hang_health(serve: Serve, own: Cluster) -> None:
    server = serve(url=own.url())
    with own.stopped():
        degraded = until(lambda: health(server), "degraded")
        assert degraded.status_code == 200
        assert "continues by itself" in degraded.json()["message"]
    healthy = until(lambda: health(server), "healthy")
    assert healthy.status_code == 200
    assert "message" not in healthy.json()


def stream(server: Server, last_event_id: str | None = None) -> ClientConnection:
    last = f"&last_event_id={last_event_id}" if last_event_id else ""
    url = f"{server.url.replace('http', 'ws')}ws/human-input/run?token={KEY}{last}"
    return connect(url, open_timeout=SOON)


def next_event(reader: ClientConnection) -> dict[str, str]:
    while True:
        frame: dict[str, str] = json.loads(reader.recv(SOON))
        if "event_id" in frame:
            return frame


def test_a_server_that_is_told_to_leave_stops_being_ready_first_and_then_hands_its_readers_over(
    serve: Serve,
) -> None:
    leaving, staying = serve("--drain-seconds", LONG), serve()
    with stream(leaving) as reader:
        leaving.process.process.send_signal(signal.SIGTERM)
        assert until(lambda: health(leaving), "unhealthy").status_code == 503
        assert leaving.http.get("health/live").status_code == 200
        (asked,) = leaving.http.post("events", json=QUESTION).json()["events"]
        assert next_event(reader)["event_id"] == asked["event_id"]
        assert leaving.process.end(signal.SIGTERM) == 0
        with pytest.raises(ConnectionClosed) as closed:
            next_event(reader)
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.code == 1001
    (later,) = staying.http.post("events", json=QUESTION).json()["events"]
    with stream(staying, asked["event_id"]) as reader:
        assert next_event(reader)["event_id"] == later["event_id"]


def test_the_time_to_leave_ends_by_itself(serve: Serve) -> None:
    server = serve("--drain-seconds", "0.2")
    assert server.process.end(signal.SIGTERM) == 0


def test_live_and_ready_need_no_key_and_tell_strangers_nothing_more(serve: Serve) -> None:
    server = serve()
    for path in ("health", "health/live"):
        reply = httpx.get(server.url + path)
        assert reply.status_code == 200
        assert set(reply.json()) == {"status", "timestamp"}
