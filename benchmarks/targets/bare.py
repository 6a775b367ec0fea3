"""The limit: a bare Python epoll loop that sends prepared bytes to every socket."""

import sys
from pathlib import Path
from typing import Literal

from benchmarks.processes import SERVER_CORE, Listening
from benchmarks.targets import wire
from benchmarks.targets.base import Transport
from tests.jupyter_process import free_port


class BareLoop(Listening):
    """``servers/bare_loop.py`` in a process of its own."""

    publisher: Literal["ws", "http", "raw"] = "raw"

    def __init__(self, scratch: Path, *, joined: bool = False, name: str = "bare loop") -> None:
        """Start it; `joined`: what waits goes out in one send per connection."""
        self.name = name
        port = free_port()
        command = [sys.executable, "-m", "benchmarks.servers.bare_loop", str(port)]
        command += ["--joined"] if joined else []
        super().__init__(command, port, scratch / "log", SERVER_CORE)

    def subscribe(self, transport: Transport, execution: str) -> bytes:
        """Return the request of one subscriber; there is one stream only."""
        path = f"/{transport}/{execution}"
        return wire.upgrade(path) if transport == "ws" else wire.get(path)

    def greeting(self) -> bytes:
        """A publisher says what it is, and nothing is said back."""
        return b"PUBLISH\r\n\r\n"

    def publish(self, mark: str, events: list[bytes]) -> bytes:
        """Publish lines."""
        return b"".join(event + b"\n" for event in events)
