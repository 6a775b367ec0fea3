"""The requests and frames that the product's servers take, in Jupyter as without it."""

import json
from typing import Literal

from benchmarks.targets import wire
from benchmarks.targets.base import Transport

_PATHS: dict[Transport, str] = {"ws": "ws", "sse": "events", "poll": "poll"}


class Endpoints:
    """One server's endpoints.

    Attributes:
        headers: A subscriber's credentials.
        publisher_headers: A publisher's.
        publisher: How events are published.
    """

    def __init__(
        self, prefix: str, headers: dict[str, str], publisher: Literal["ws", "http"] = "ws"
    ) -> None:
        """Name them.

        Args:
            prefix: The path below which they are.
            headers: Everybody's credentials.
            publisher: How events are published.
        """
        self._prefix = prefix
        self.headers = headers
        self.publisher_headers = headers
        self.publisher: Literal["ws", "http", "raw"] = publisher

    def path(self, transport: Transport, execution: str, query: str = "replay=none") -> str:
        """Return the path of a stream; without an execution it is the one of all of them."""
        stream = f"{self._prefix}/{_PATHS[transport]}/human-input"
        return f"{stream}/{execution}?{query}" if execution else f"{stream}?{query}"

    def subscribe(self, transport: Transport, execution: str, query: str = "replay=none") -> bytes:
        """Return the request of one subscriber."""
        path = self.path(transport, execution, query)
        if transport == "ws":
            return wire.upgrade(path, self.headers)
        if transport == "poll":
            return wire.get(f"{path}&timeout=60", self.headers)
        return wire.get(path, {"Accept": "text/event-stream", **self.headers})

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
            return wire.post(f"{self._prefix}/events", joined, self.publisher_headers)
        ref = json.dumps(mark).encode()
        return wire.frame(b'{"type":"publish","ref":' + ref + b',"events":' + joined + b"}")
