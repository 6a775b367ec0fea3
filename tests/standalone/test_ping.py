"""A socket that answers pings stays open for as long as its reader likes."""

import json

import pytest
from websockets.sync.client import connect

from crewai_hitl_nb.server import standalone
from crewai_hitl_nb.server.standalone import HumanInputServer

PING_SECONDS = 0.1


def test_an_idle_socket_outlives_many_pings(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(standalone, "_PING_MILLISECONDS", int(1000 * PING_SECONDS))
    with (
        HumanInputServer(port=0, heartbeat=PING_SECONDS) as server,
        connect(server.url.replace("http", "ws", 1) + "ws/human-input") as socket,
    ):
        for _ in range(10):
            assert json.loads(socket.recv(timeout=10))["type"] == "heartbeat"
    assert "ping" not in caplog.text
