"""The product as users run it: in a real Jupyter server, its authentication on, SQLite FULL.

A publisher is a WebSocket that stays open and sends `publish` frames, as a kernel's bridge does, or
HTTP requests.
"""

import json
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

import httpx

from benchmarks.processes import SERVER_CORE, pinned
from benchmarks.results import PRODUCT
from benchmarks.targets import wire
from benchmarks.targets.base import Transport
from tests.jupyter_process import REPOSITORY, JupyterProcess

_WITH_LAG = '--ServerApp.jpserver_extensions={"benchmarks.servers.lag": True}'
_PATHS: dict[Transport, str] = {"ws": "ws", "sse": "events", "poll": "poll"}


@dataclass(frozen=True)
class Lag:
    """How late the loop of the Jupyter server was.

    Attributes:
        late: How often, by whole milliseconds.
        computing: The most milliseconds late because the loop's own thread was at work; beyond
            it the thread waited, for the processor or the interpreter.
    """

    late: dict[int, int] = field(default_factory=dict)
    computing: int = 0


class Product:
    """One Jupyter server with the extension."""

    def __init__(
        self,
        scratch: Path,
        *,
        name: str = PRODUCT,
        publisher: Literal["ws", "http"] = "ws",
        options: tuple[str, ...] = (),
        sampled: bool = False,
    ) -> None:
        """Start it, and return when it answers.

        Args:
            scratch: Where all of its files are.
            name: In the results; other than the usual one where two are measured.
            publisher: How events are published.
            options: Of its command line.
            sampled: Whether the lag of its loop is sampled meanwhile (``servers/lag.py``).
        """
        self.name = name
        self.publisher: Literal["ws", "http", "raw"] = publisher
        self.server = JupyterProcess(
            scratch,
            options=(*options, *([_WITH_LAG] if sampled else [])),
            env={"PYTHONPATH": str(REPOSITORY)},
        )
        self.port = self.server.port
        with pinned(SERVER_CORE):
            self.server.start()
        self.publisher_headers = self.server.headers

    @property
    def pid(self) -> int:
        """The Jupyter server's process."""
        return self.server.pid

    def stop(self) -> None:
        """End it."""
        self.server.stop()

    def publish_as_kernel(self) -> None:
        """Let publishers carry the key that the server hands to its kernels."""
        runtime = Path(self.server.env["JUPYTER_RUNTIME_DIR"])
        handed = json.loads((runtime / f"crewai-hitl-{self.pid}.json").read_text())
        self.publisher_headers = {"Authorization": f"Bearer {handed['key']}"}

    def lag(self, *, reset: bool = False) -> Lag:
        """Return how late its loop was since the last reset."""
        url = f"{self.server.url}bench/lag{'?reset=1' if reset else ''}"
        reply = httpx.get(url, headers=self.server.headers, timeout=60).raise_for_status().json()
        late, computing = (
            {int(ms): count for ms, count in reply[name].items()} for name in ("late", "computing")
        )
        return Lag(late, max(computing, default=0) + 1)

    def path(self, transport: Transport, execution: str, query: str = "replay=none") -> str:
        """Return the path of a stream; without an execution it is the one of all of them."""
        stream = f"/crewai-hitl/{_PATHS[transport]}/human-input"
        return f"{stream}/{execution}?{query}" if execution else f"{stream}?{query}"

    def subscribe(self, transport: Transport, execution: str, query: str = "replay=none") -> bytes:
        """Return the request of one subscriber."""
        path = self.path(transport, execution, query)
        if transport == "ws":
            return wire.upgrade(path, self.server.headers)
        if transport == "poll":
            return wire.get(f"{path}&timeout=60", self.server.headers)
        return wire.get(path, {"Accept": "text/event-stream", **self.server.headers})

    def greeting(self) -> bytes:
        """Open a publisher's connection; it reads nothing but its acknowledgements."""
        if self.publisher == "http":
            return b""
        return wire.upgrade(
            self.path("ws", "publisher", "replay=none&type=none"), self.publisher_headers
        )

    def publish(self, mark: str, events: list[bytes]) -> bytes:
        """Publish events in one frame or request."""
        joined = b"[" + b",".join(events) + b"]"
        if self.publisher == "http":
            return wire.post("/crewai-hitl/events", joined, self.publisher_headers)
        ref = json.dumps(mark).encode()
        return wire.frame(b'{"type":"publish","ref":' + ref + b',"events":' + joined + b"}")
