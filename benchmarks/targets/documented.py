"""A peer: FastAPI and uvicorn in the shape that the event-streaming guide describes."""

import importlib.util
import sys
from pathlib import Path
from typing import Literal

from benchmarks.processes import SERVER_CORE, Listening
from benchmarks.targets import wire
from benchmarks.targets.base import Transport
from tests.jupyter_process import free_port

API_KEY = "a-key-for-the-benchmark"
_HEADERS = {"Authorization": f"Bearer {API_KEY}"}
MISSING = "FastAPI is not installed: `make bench` does it (dependency group `bench`)"


def installed() -> bool:
    """Say whether it can run here."""
    return all(importlib.util.find_spec(name) for name in ("fastapi", "uvicorn"))


class Documented(Listening):
    """``servers/documented.py`` in a process of its own; it keeps nothing on disk."""

    name = "FastAPI"
    publisher: Literal["ws", "http", "raw"] = "http"

    def __init__(self, scratch: Path) -> None:
        """Start it."""
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.servers.documented", str(port)]
        super().__init__(command, port, scratch / "log", SERVER_CORE)

    def subscribe(self, transport: Transport, execution: str) -> bytes:
        """Return the request of one subscriber."""
        if transport == "ws":
            return wire.upgrade(f"/ws/human-input/{execution}?token={API_KEY}")
        if transport == "poll":
            return wire.get(f"/poll/human-input/{execution}?timeout=60", _HEADERS)
        return wire.get(f"/events/human-input/{execution}", _HEADERS)

    def replay(self, execution: str) -> bytes:
        """Return the request of a subscriber that wants all there is."""
        return wire.get(f"/events/human-input/{execution}?replay=true", _HEADERS)

    def greeting(self) -> bytes:
        """HTTP needs none."""
        return b""

    def publish(self, mark: str, events: list[bytes]) -> bytes:
        """Publish; a batch is requests in a row."""
        return b"".join(wire.post("/events", event, _HEADERS) for event in events)
