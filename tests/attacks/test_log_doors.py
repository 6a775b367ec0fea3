"""Every kind of event goes through every door at DEBUG, and none of its words is in the log."""

import json
import logging
import sqlite3
from collections.abc import Callable
from pathlib import Path
from typing import Any

import anyio
import httpx
import pytest
import websockets

import crewai_hitl_nb as hitl
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.attacks.conftest import KEY, Serve, caller
from tests.jupyter_process import jupyter_process

SECRET = "a-recognisable-text"
ESC = "\x1b[2J"
TEXT = f"{SECRET} {ESC}"
KINDS = ("task_feedback", "training_feedback", "flow_feedback", "question", "tool_approval")
FOREIGN = ("httpx", "httpcore", "asyncio")
"""Loggers of this test's own clients."""


def question(number: int, kind: str) -> dict[str, Any]:
    return {
        "type": "human_input_required",
        "request_id": f"q-{number}",
        "execution_id": "run",
        "kind": kind,
        **dict.fromkeys(("prompt", "context", "draft"), TEXT),
        "history": [{"draft": TEXT, "feedback": TEXT}],
        "source": {"crew_name": TEXT, "task_name": TEXT, "agent_role": TEXT, "tool_name": TEXT},
        "response": {"decisions": ["respond", "reject"], "default": {"human_feedback": TEXT}},
    }


WRONG: tuple[Any, ...] = (
    {"human_feedback": TEXT, "decision": TEXT},
    {"human_feedback": TEXT, "values": {TEXT: TEXT}},
    {"option": TEXT, "options": [TEXT]},
    [TEXT],
    TEXT,
)


def play(http: httpx.Client) -> None:
    """Call everything that takes words, rightly and wrongly."""
    for number, kind in enumerate(KINDS):
        asked = http.post("events", json=question(number, kind))
        assert asked.status_code == 200, asked.text
        path = f"requests/q-{number}"
        for body in WRONG:
            http.post(f"{path}/answer", json=body)
        http.post(f"{path}/claim", json={"via": TEXT})
        http.post(f"{path}/answer", json={"human_feedback": TEXT, "decision": "respond"})
        http.post(f"{path}/answer", json={"human_feedback": TEXT})
        http.post(f"{path}/cancel", json={"message": TEXT})
    for wrong in (
        {"type": "human_input_required", "prompt": 1, "context": TEXT, "kind": TEXT},
        {"type": "note", "said": TEXT, "timestamp": TEXT},
        {"type": TEXT, "event_id": TEXT},
        {"type": "human_input_expired", "request_id": TEXT},
    ):
        http.post("events", json=[wrong])
    http.post("events", content=json.dumps(TEXT)[:-1])
    http.post("resume", json={"execution_id": "run", "task_id": TEXT, "human_feedback": TEXT})
    http.get("poll/human-input", params={"last_event_id": TEXT, "type": TEXT})
    http.get("requests", params={"status": TEXT})


FRAMES: tuple[dict[str, Any], ...] = (
    {"type": "publish", "event": question(90, "question")},
    {"type": "answer", "request_id": "q-90", "human_feedback": TEXT, "options": TEXT},
    {"type": "answer", "request_id": "q-90", "human_feedback": TEXT},
    {"type": "claim", "request_id": TEXT},
    {"type": TEXT},
)


async def play_socket(url: str, headers: dict[str, str]) -> None:
    """Send every frame up, rightly and wrongly."""
    address = url.replace("http", "ws", 1) + "ws/human-input"
    async with websockets.connect(address, additional_headers=headers) as socket:
        for number, frame in enumerate(FRAMES):
            await socket.send(json.dumps(frame | {"ref": str(number)}))
            while "ref" not in json.loads(await socket.recv()):
                pass
        await socket.send(TEXT)


def lines(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return what was written by us, and by all that the server stands on."""
    format_ = logging.Formatter().format
    quiet = ("websockets.client", *FOREIGN)
    return [format_(r) for r in caplog.records if not r.name.startswith(quiet)]


def test_a_standalone_server_writes_no_word_of_anybody(
    serve: Serve, caplog: pytest.LogCaptureFixture, tmp_path: Path
) -> None:
    with caplog.at_level(logging.DEBUG):
        server = serve(api_key=KEY, store=tmp_path / "log.db")
        with caller(server.url, KEY) as http:
            play(http)
        anyio.run(play_socket, server.url, {"Authorization": f"Bearer {KEY}"})
        _break(tmp_path / "log.db")
        with caller(server.url, KEY) as http:
            http.get("poll/human-input")
            http.get("requests")
    found = lines(caplog)
    assert len(found) > 30
    assert [line for line in found if SECRET in line or "\x1b" in line] == []


def _break(log: Path) -> None:
    """Put what is no UTF-8 into the log's own rows, with words around it."""
    with sqlite3.connect(log, timeout=30) as connection:
        connection.execute("UPDATE events SET body = ?", (f'{{"{SECRET}"\xff'.encode("latin-1"),))


def test_a_client_writes_no_word_of_anybody(serve: Serve, caplog: pytest.LogCaptureFixture) -> None:
    with caplog.at_level(logging.DEBUG):
        server = serve(api_key=KEY)
        with caller(server.url, KEY) as http:
            play(http)
        with hitl.Client(server.url, KEY) as client:
            seen = iter(client.events(replay="all"))
            assert SECRET in next(seen).prompt  # type: ignore[union-attr]
    ours = [r for r in caplog.records if not r.name.startswith(FOREIGN)]
    format_ = logging.Formatter().format
    assert [line for line in map(format_, ours) if SECRET in line or "\x1b" in line] == []


def test_a_jupyter_server_writes_no_word_of_anybody(tmp_path: Path) -> None:
    with jupyter_process(tmp_path, options=("--debug",)) as server:
        with httpx.Client(base_url=server.prefix, headers=server.headers, timeout=30) as http:
            play(http)
            http.get("requests/a%1b%5B31m%0aforged", headers={b"Referer": b"\x9b31mforged"})
        anyio.run(play_socket, server.prefix, server.headers)
    log = server.log.read_text()
    assert "/crewai-hitl/events" in log  # the host writes a line for each call
    assert SECRET not in log
    ours = [line for line in log.splitlines() if "crewai-hitl" in line]
    assert [line for line in ours if "\x9b" in line or "\x1b[2J" in line] == []


def test_a_raw_request_writes_nothing_unescaped(
    serve: Serve, caplog: pytest.LogCaptureFixture
) -> None:
    import socket

    with caplog.at_level(logging.DEBUG):
        server: HumanInputServer = serve(api_key=KEY)
        for path in (b"/requests/\x9b31m\x85forged", b"/no-such\x9b31m", b"/static/\x9b"):
            with socket.create_connection(("127.0.0.1", server.port)) as raw:
                head = b"GET %s HTTP/1.1\r\nHost: localhost\r\nReferer: \x9b31m\r\n" % path
                raw.sendall(head + b"Connection: close\r\n\r\n")
                while raw.recv(65_536):
                    pass
    ours = [r for r in caplog.records if r.name.startswith("crewai_hitl_nb")]
    format_: Callable[[logging.LogRecord], str] = logging.Formatter().format
    assert any("no-such" in line for line in map(format_, ours))
    assert all(format_(record).isascii() for record in ours)
