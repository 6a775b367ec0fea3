"""asyncapi.json: valid, about exactly the streams that are served, and true of what they send."""

import json
from collections.abc import Iterator
from typing import Any

import httpx
import jsonschema
import pytest
from websockets.sync.client import ClientConnection, connect

from crewai_hitl_nb.server.describe import asyncapi as generated
from crewai_hitl_nb.server.describe import openapi
from crewai_hitl_nb.server.describe.operations import OPERATIONS
from crewai_hitl_nb.server.routes import ROUTES
from crewai_hitl_nb.server.standalone import HumanInputServer
from crewai_hitl_nb.server.streams.negotiated import CrewEventStream, CrewSocket
from crewai_hitl_nb.server.streams.sse import EventStreamHandler
from crewai_hitl_nb.server.streams.websocket import StreamSocket
from tests.jupyter_process import REPOSITORY
from tests.standalone.describe.conftest import KEY, Json

SPECIFICATION = REPOSITORY / "js/node_modules/@asyncapi/specs/schemas/3.0.0.json"
QUESTION = {
    "type": "human_input_required",
    "request_id": "r1",
    "crew_id": "c1",
    "execution_id": "e1",
    "prompt": "Good?",
    "reason_flags": {"ambiguity": True, "missing_field": False},
}


@pytest.fixture
def socket(server: HumanInputServer, http: httpx.Client) -> Iterator[ClientConnection]:
    with connected(server, "ws/human-input?replay=none") as connection:
        yield connection


def connected(server: HumanInputServer, path: str) -> ClientConnection:
    url = server.url.replace("http", "ws", 1) + path
    return connect(url, additional_headers={"Authorization": f"Bearer {KEY}"})


def check(document: Json, message: str, frame: Any) -> None:
    """Hold a frame against the payload of a message."""
    schema = {
        "$ref": document["components"]["messages"][message]["payload"]["$ref"],
        "components": document["components"],
    }
    jsonschema.Draft7Validator(schema).validate(frame)


def test_the_official_schema_accepts_it(asyncapi: Json) -> None:
    specification = json.loads(SPECIFICATION.read_text())
    jsonschema.Draft7Validator(specification).validate(asyncapi)


def test_every_stream_is_a_channel_and_every_channel_a_stream(asyncapi: Json) -> None:
    streams = [
        path for path, handler in ROUTES if issubclass(handler, (StreamSocket, EventStreamHandler))
    ]
    paths = [spelled for p in streams for spelled in openapi.spelled_out(openapi.template(p))]
    crew = "/v1/crews/{crew_id}/human-input-stream"
    assert ("get", crew) in OPERATIONS
    assert issubclass(CrewSocket, StreamSocket)
    assert issubclass(CrewEventStream, EventStreamHandler)
    said = [channel["address"] for channel in asyncapi["channels"].values()]
    assert sorted(said) == sorted(path.removeprefix("/") for path in [*paths, crew])


def test_its_server_is_where_it_was_asked(asyncapi: Json, server: HumanInputServer) -> None:
    hosts = {found["host"] for found in asyncapi["servers"].values()}
    assert hosts == {f"127.0.0.1:{server.port}"}
    prefix = "/user/ada/crewai-hitl/"
    secure = generated.document("hub.example", prefix, ROUTES, secure=True)["servers"]
    assert {found["protocol"] for found in secure.values()} == {"wss", "https"}
    assert {found["pathname"] for found in secure.values()} == {prefix}


def test_what_a_socket_says_is_as_documented(asyncapi: Json, socket: ClientConnection) -> None:
    def received(*kinds: str) -> Json:
        """Take frames until one of each kind came, whatever their order."""
        seen: Json = {}
        while not seen.keys() >= set(kinds):
            frame = json.loads(socket.recv(timeout=10))
            seen[frame["type"]] = frame
        return seen

    def say(message: str, **frame: Any) -> None:
        check(asyncapi, message, frame)
        socket.send(json.dumps(frame))

    check(asyncapi, "Heartbeat", received("heartbeat")["heartbeat"])
    for message, frame, event in (
        ("PublishFrame", {"type": "publish", "events": [QUESTION]}, "HumanInputRequired"),
        ("ClaimFrame", {"type": "claim", "request_id": "r1"}, "HumanInputClaimed"),
        ("AnswerFrame", {"type": "answer", "request_id": "r1"}, "HumanInputCompleted"),
    ):
        say(message, ref=event, **frame)
        kind = asyncapi["components"]["schemas"][event]["properties"]["type"]["enum"][0]
        seen = received("ack", kind)
        check(asyncapi, "Ack", seen["ack"])
        check(asyncapi, event, seen[kind])
    say("CancelFrame", type="cancel", ref="4", request_id="r1")
    refused = received("error")["error"]
    assert refused["error"] == "already_answered"
    check(asyncapi, "ErrorFrame", refused)


def test_a_crews_stream_speaks_the_documented_dialect(
    asyncapi: Json, server: HumanInputServer, http: httpx.Client
) -> None:
    ask = {**QUESTION, "crew_id": "c2", "request_id": "r2"}
    http.post("events", json=[ask, {"type": "task_started", "crew_id": "c2"}])
    path = "v1/crews/c2/human-input-stream?last_event_id=unknown"
    with connected(server, path) as crew:
        for message in ("CrewGap", "CrewHumanInputRequired", "CrewOtherEvent", "CrewHeartbeat"):
            check(asyncapi, message, json.loads(crew.recv(timeout=10)))


def test_what_an_event_stream_says_is_as_documented(asyncapi: Json, http: httpx.Client) -> None:
    http.post("events", json={**QUESTION, "execution_id": "e3", "request_id": "r3"})
    seen = []
    with http.stream("GET", "events/human-input/e3?last_event_id=unknown") as stream:
        for line in stream.iter_lines():
            if line.startswith("data: "):
                seen.append(json.loads(line.removeprefix("data: ")))
            if seen and seen[-1]["type"] == "heartbeat":
                break
    for message, frame in zip(("Gap", "HumanInputRequired", "Heartbeat"), seen, strict=True):
        check(asyncapi, message, frame)
