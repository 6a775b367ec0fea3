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
from benchmarks.targets.endpoints import Endpoints
from tests.jupyter_process import REPOSITORY, JupyterProcess

_WITH_LAG = '--ServerApp.jpserver_extensions={"benchmarks.servers.lag": True}'


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


class Product(Endpoints):
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
        self.server = JupyterProcess(
            scratch,
            options=(*options, *([_WITH_LAG] if sampled else [])),
            env={"PYTHONPATH": str(REPOSITORY)},
        )
        self.port = self.server.port
        super().__init__("/crewai-hitl", self.server.headers, publisher)
        with pinned(SERVER_CORE):
            self.server.start()

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
