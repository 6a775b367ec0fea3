"""The feature request's handshake: its path, its header, its words, by each transport."""

import json
from typing import Any

import httpx
import pytest
from websockets.exceptions import InvalidStatus
from websockets.sync.client import connect

from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.standalone.conftest import KEY

PATH = "v1/crews/crew-1/human-input-stream"
BEARER = {"Authorization": f"Bearer {KEY}"}
ASK = {
    "type": "human_input_required",
    "crew_id": "crew-1",
    "execution_id": "x",
    "task_id": "t",
    "request_id": "r1",
    "prompt": "Need more details about current traffic volume",
    "context": "The draft",
    "reason_flags": {"ambiguity": True, "missing_field": True, "late": False},
}


def by_websocket(server: HumanInputServer, **params: str) -> list[dict[str, Any]]:
    """Return what comes until the replay is over."""
    url = httpx.URL(server.url.replace("http", "ws") + PATH, params=params)
    frames: list[dict[str, Any]] = []
    with connect(str(url), additional_headers=BEARER) as socket:
        while (frame := json.loads(socket.recv(timeout=10)))["event"] != "heartbeat":
            frames.append(frame)
    return frames


def by_sse(server: HumanInputServer, **params: str) -> list[dict[str, Any]]:
    """Return what comes until the replay is over."""
    headers = {**BEARER, "Accept": "text/event-stream"}
    frames: list[dict[str, Any]] = []
    with httpx.stream("GET", server.url + PATH, headers=headers, params=params) as reply:
        assert reply.headers["Content-Type"].startswith("text/event-stream")
        for line in reply.iter_lines():
            if line.startswith("data: "):
                frame = json.loads(line[6:])
                if frame["event"] == "heartbeat":
                    return frames
                frames.append(frame)
    raise AssertionError("the stream ended")


def by_poll(server: HumanInputServer, **params: str) -> list[dict[str, Any]]:
    """Return one poll's events, after its gap if there is one."""
    body = httpx.get(server.url + PATH, headers=BEARER, params=params).json()
    return [*([body["gap"]] if "gap" in body else []), *body["events"]]


every_transport = pytest.mark.parametrize("read", [by_websocket, by_sse, by_poll])


@every_transport
def test_the_question_comes_in_the_feature_requests_words(
    server: HumanInputServer, http: httpx.Client, read: Any
) -> None:
    http.post("events", json=ASK)
    http.post("events", json={**ASK, "crew_id": "crew-2", "request_id": "r2"})
    (frame,) = read(server)
    assert frame["event"] == "pending_human_input"
    assert "type" not in frame
    assert (frame["execution_id"], frame["task_id"]) == ("x", "t")
    assert frame["prompt"] == ASK["prompt"]
    assert frame["context"]["text"] == "The draft"
    assert frame["reason_flags"] == ["ambiguity", "missing_field"]
    assert frame["event_id"]
    assert frame["timestamp"].endswith("Z")


@every_transport
def test_a_client_recovers_what_it_missed_by_its_last_event_id(
    server: HumanInputServer, http: httpx.Client, read: Any
) -> None:
    (placed,) = http.post("events", json=ASK).json()["events"]
    http.post("requests/r1/answer", json={"human_feedback": "Low"})
    (frame,) = read(server, last_event_id=placed["event_id"])
    assert (frame["event"], frame["human_feedback"]) == ("human_input_completed", "Low")
    gap, *rest = read(server, last_event_id="nobody")
    assert (gap["event"], gap["reason"]) == ("gap", "unknown_event_id")
    assert [frame["event"] for frame in rest] == ["pending_human_input", "human_input_completed"]


def test_without_the_key_there_is_no_handshake(server: HumanInputServer) -> None:
    assert httpx.get(server.url + PATH).status_code == 401
    with pytest.raises(InvalidStatus) as refused:
        connect(server.url.replace("http", "ws") + PATH)
    assert refused.value.response.status_code == 401


def test_an_answer_goes_up_the_same_socket(server: HumanInputServer, http: httpx.Client) -> None:
    http.post("events", json=ASK)
    url = server.url.replace("http", "ws") + PATH
    with connect(url, additional_headers=BEARER) as socket:
        frame = {"type": "answer", "ref": "1", "request_id": "r1", "human_feedback": "Low"}
        socket.send(json.dumps(frame))
        while (reply := json.loads(socket.recv(timeout=10))).get("ref") != "1":
            pass
    assert reply["body"]["status"] == "answered"
    assert http.get("requests/r1").json()["status"] == "answered"
