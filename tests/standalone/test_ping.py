"""A waiter's socket that answers pings stays open for as long as its process likes."""

import json

import pytest
from websockets.sync.client import connect

from crewai_hitl_nb.server.standalone import HumanInputServer

PING_SECONDS = 0.3


def test_an_idle_socket_outlives_many_pings(
    caplog: pytest.LogCaptureFixture,
) -> None:
    with (
        HumanInputServer(port=0, heartbeat=PING_SECONDS) as server,
        connect(server.url.replace("http", "ws", 1) + "ws/human-input?source=k") as socket,
    ):
        for _ in range(10):
            assert json.loads(socket.recv(timeout=10))["type"] == "heartbeat"
    assert "ping" not in caplog.text
