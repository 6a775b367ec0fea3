"""Bytes on a socket, for what no client library would send."""

import base64
import os
import socket
import struct
from collections.abc import Iterator
from contextlib import contextmanager, suppress

from tests.hostile.conftest import PATIENCE_SECONDS
from tests.jupyter_process import JupyterProcess

CONTINUATION, TEXT, BINARY, CLOSE, PING, PONG = 0x0, 0x1, 0x2, 0x8, 0x9, 0xA
_KEY = bytes([0x37, 0xFA, 0x21, 0x3D])


class Raw:
    """One connection."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection

    def send(self, data: bytes) -> None:
        """Send all of it, as far as the other side still takes it."""
        with suppress(BrokenPipeError, ConnectionResetError):  # it has closed: an answer, too
            self._connection.sendall(data)

    def read(self, upto: bytes) -> bytes:
        """Return what comes up to and with these bytes, or to the end of the connection.

        Raises:
            TimeoutError: Neither came: the server hangs.
        """
        found = bytearray()
        while upto not in found:
            try:
                data = self._connection.recv(65536)
            except ConnectionResetError:
                break
            if not data:
                break
            found += data
        return bytes(found)


@contextmanager
def connected(server: JupyterProcess) -> Iterator[Raw]:
    """Open a connection to the server and close it when done."""
    with socket.create_connection(("127.0.0.1", server.port), PATIENCE_SECONDS) as connection:
        yield Raw(connection)


def request(
    server: JupyterProcess,
    line: bytes = b"GET /crewai-hitl/health HTTP/1.1",
    *headers: bytes,
    body: bytes = b"",
) -> bytes:
    """Return a request with the token and these lines, whatever they say."""
    own = (b"Host: 127.0.0.1:%d" % server.port, b"Authorization: token " + server.token.encode())
    return b"\r\n".join((line, *own, *headers)) + b"\r\n\r\n" + body


def upgrade(server: JupyterProcess, *headers: bytes, path: bytes = b"ws/human-input") -> bytes:
    """Return the request for a WebSocket."""
    return request(
        server,
        b"GET /crewai-hitl/" + path + b" HTTP/1.1",
        b"Upgrade: websocket",
        b"Connection: Upgrade",
        b"Sec-WebSocket-Version: 13",
        b"Sec-WebSocket-Key: " + base64.b64encode(os.urandom(16)),
        *headers,
    )


def frame(
    opcode: int,
    payload: bytes = b"",
    *,
    fin: bool = True,
    reserved: int = 0,
    masked: bool = True,
    length: int | None = None,
) -> bytes:
    """Return a frame (RFC 6455, 5.2), or what only looks like one.

    Args:
        opcode: What it says it is.
        payload: Its content.
        fin: Whether it is the last of its message.
        reserved: The three reserved bits.
        masked: As a client's has to be.
        length: What it says of its length, if not the truth.
    """
    said = len(payload) if length is None else length
    head = bytes([fin << 7 | reserved << 4 | opcode])
    mask = 0x80 if masked else 0
    if said < 126:
        head += bytes([mask | said])
    elif said < 1 << 16:
        head += bytes([mask | 126]) + struct.pack(">H", said)
    else:
        head += bytes([mask | 127]) + struct.pack(">Q", said)
    if not masked:
        return head + payload
    stream = (_KEY * (len(payload) // 4 + 1))[: len(payload)]
    mixed = int.from_bytes(payload, "big") ^ int.from_bytes(stream, "big")
    return head + _KEY + mixed.to_bytes(len(payload), "big")
