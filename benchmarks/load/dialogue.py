"""The two ends of a dialogue on bare sockets: questions go in, answers follow them.

Nothing is decoded here, so that one process keeps a hundred questions open and still waits for the
server. Above it are the programs that ask; it knows WebSocket frames and HTTP replies, not events.
"""

import re
import selectors
import socket
import struct
from collections.abc import Iterator

from benchmarks.processes import BenchError
from benchmarks.targets import wire

_SECONDS = 20.0
_LENGTH = re.compile(rb"content-length: (\d+)", re.IGNORECASE)


class Line:
    """One connection: bytes out, and whole messages back."""

    def __init__(self, port: int) -> None:
        """Connect."""
        self._socket = socket.create_connection(("127.0.0.1", port), _SECONDS)
        self._socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._rest = b""

    def fileno(self) -> int:
        """For a selector."""
        return self._socket.fileno()

    def send(self, data: bytes) -> None:
        """Send bytes."""
        self._socket.sendall(data)

    def receive(self) -> list[bytes]:
        """Wait for bytes; return the messages that they end.

        Raises:
            BenchError: The server closed, or was silent for too long.
        """
        try:
            got = self._socket.recv(1 << 18)
        except TimeoutError:
            raise BenchError(f"nothing came for {_SECONDS:g} s") from None
        if not got:
            raise BenchError("the server closed a connection")
        data, at, messages = self._rest + got, 0, []
        while (found := self.split(data, at)) is not None:
            message, at = found
            messages.append(message)
        self._rest = data[at:]
        return messages

    def split(self, data: bytes, at: int) -> tuple[bytes, int] | None:
        """Return the message that begins there and where the next one does; None for a part."""
        raise NotImplementedError

    def stop(self) -> None:
        """Close it."""
        self._socket.close()


class WebSocketLine(Line):
    """A WebSocket: each message is a frame's payload."""

    def __init__(self, port: int, path: str, headers: dict[str, str]) -> None:
        """Connect, and return when the replay is over."""
        super().__init__(port)
        self.send(wire.upgrade(path, headers))
        head = b""
        while b"\r\n\r\n" not in head:
            head += self._socket.recv(1)
        if b" 101 " not in head.partition(b"\r\n")[0]:
            raise BenchError(f"no WebSocket: {head[:200]!r}")
        while not self.receive():
            pass

    def split(self, data: bytes, at: int) -> tuple[bytes, int] | None:
        """Split frames, which a server sends unmasked (RFC 6455, 5.2)."""
        if len(data) < at + 2:
            return None
        size, begin = data[at + 1], at + 2
        if size >= 126:
            wide = 2 if size == 126 else 8
            begin += wide
            if len(data) < begin:
                return None
            (size,) = struct.unpack_from("!H" if wide == 2 else "!Q", data, begin - wide)
        end = begin + size
        return (data[begin:end], end) if len(data) >= end else None


class HttpLine(Line):
    """A kept connection: each message is a reply's body, which must be a good one."""

    def split(self, data: bytes, at: int) -> tuple[bytes, int] | None:
        """Split replies, all of which say how long they are."""
        head = data.find(b"\r\n\r\n", at)
        if head < 0:
            return None
        begin = head + 4
        found = _LENGTH.search(data, at, begin)
        if not data.startswith(b"HTTP/1.1 200", at) or found is None:
            raise BenchError(f"the server refused: {data[at : at + 500]!r}")
        end = begin + int(found.group(1))
        return (data[begin:end], end) if len(data) >= end else None


class Crowd:
    """Many lines that are waited for at once."""

    def __init__(self, *lines: Line) -> None:
        """Wait for these."""
        self._selector = selectors.EpollSelector()
        for line in lines:
            self._selector.register(line, selectors.EVENT_READ)

    def receive(self) -> Iterator[tuple[Line, bytes]]:
        """Wait once; yield each message with the line that it came on."""
        ready = self._selector.select(_SECONDS)
        if not ready:
            raise BenchError(f"nothing came for {_SECONDS:g} s")
        for key, _ in ready:
            line = key.fileobj
            assert isinstance(line, Line)
            for message in line.receive():
                yield line, message

    def stop(self) -> None:
        """Let go of the lines."""
        self._selector.close()
