"""One WebSocket reader at the price of a socket: thousands of them fit into one process.

Just enough of RFC 6455 for what this server sends: unmasked frames, none in parts. The reader
decides how fast.
"""

import asyncio
import base64
import os
import struct
from collections.abc import Iterator

CLOSE = 0x8
TEXT = 0x1


class Reader(asyncio.Protocol):
    """A connection that keeps what has come until it is taken.

    Attributes:
        closed_with: The code of the server's close frame, or None; set once it is over.
    """

    def __init__(self, address: str, token: str, path: str) -> None:
        self._address = address
        self._token = token
        self._path = path
        self._bytes = bytearray()
        self._upgraded = False
        self._news = asyncio.Event()
        self._transport: asyncio.Transport | None = None
        self.opened: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self.over = False
        self.closed_with: int | None = None

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport)
        self._transport = transport
        key = base64.b64encode(os.urandom(16)).decode()
        head = (
            f"GET {self._path} HTTP/1.1",
            f"Host: {self._address}",
            f"Authorization: token {self._token}",
            "Upgrade: websocket",
            "Connection: Upgrade",
            f"Sec-WebSocket-Key: {key}",
            "Sec-WebSocket-Version: 13",
        )
        transport.write("\r\n".join((*head, "", "")).encode())

    def data_received(self, data: bytes) -> None:
        self._bytes += data
        if not self._upgraded:
            head, found, rest = self._bytes.partition(b"\r\n\r\n")
            if not found:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.opened.set_exception(ConnectionError(head[:200].decode()))
                return
            self._upgraded, self._bytes = True, rest
            self.opened.set_result(None)
        self._news.set()

    def connection_lost(self, error: Exception | None) -> None:
        self.over = True
        if not self.opened.done():
            self.opened.set_exception(error or ConnectionError("closed before it was open"))
        self._news.set()

    def idle(self) -> None:
        """Forget what came, unread."""
        self._bytes.clear()
        self._news.clear()

    def pause(self) -> None:
        """Take nothing more from the network."""
        if self._transport is not None and not self.over:
            self._transport.pause_reading()

    def resume(self) -> None:
        """Take from the network again."""
        if self._transport is not None and not self.over:
            self._transport.resume_reading()

    def close(self) -> None:
        """Leave without a word."""
        if self._transport is not None:
            self._transport.abort()

    async def messages(self) -> list[bytes]:
        """Return the next messages; none when the connection is over."""
        while True:
            self._news.clear()
            if found := list(self._take()):
                return found
            if self.over or self.closed_with is not None:
                return []
            await self._news.wait()

    def _take(self) -> Iterator[bytes]:
        place, data = 0, self._bytes
        while len(data) - place >= 2:
            length, begin = data[place + 1], place + 2
            if length == 126 and len(data) >= begin + 2:
                (length,), begin = struct.unpack_from(">H", data, begin), begin + 2
            elif length == 127 and len(data) >= begin + 8:
                (length,), begin = struct.unpack_from(">Q", data, begin), begin + 8
            elif length >= 126:
                break
            if len(data) < begin + length:
                break
            opcode, place = data[place] & 0xF, begin + length
            if opcode == CLOSE:
                (self.closed_with,) = struct.unpack_from(">H", data, begin) if length else (1005,)
            elif opcode == TEXT:
                yield bytes(data[begin:place])
        del data[:place]


async def opened(port: int, token: str, query: str) -> Reader:
    """Open a stream on a server on this machine."""
    path = f"/crewai-hitl/ws/human-input/{query}"
    _, reader = await asyncio.get_running_loop().create_connection(
        lambda: Reader(f"127.0.0.1:{port}", token, path), "127.0.0.1", port
    )
    await reader.opened
    return reader
