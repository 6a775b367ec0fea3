"""A bare epoll loop: the limit of what Python can deliver. ``bare_loop.py PORT [--joined]``.

It reads lines from publishers, builds a WebSocket frame or SSE block once, and sends these bytes
to every subscriber's socket: no storage, no identity, no second stream, and a reader that is too
slow ends the process. With ``--joined`` all lines that have come are sent as one, which shows how
much the load generator can take.
"""

import base64
import hashlib
import re
import select
import socket
import struct
import sys

_GUID = b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11"
_SSE = b"HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nConnection: close\r\n\r\n"


def _accepted(request: bytes) -> bytes:
    found = re.search(rb"Sec-WebSocket-Key: (\S+)", request)
    key = found.group(1) if found else b""
    token = base64.b64encode(hashlib.sha1(key + _GUID).digest())  # RFC 6455, 4.2.2
    return (
        b"HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
        b"Sec-WebSocket-Accept: " + token + b"\r\n\r\n"
    )


def _frame(line: bytes) -> bytes:
    size = len(line)
    head = struct.pack("!BB", 0x81, size) if size < 126 else struct.pack("!BBH", 0x81, 126, size)
    return head + line


def _block(line: bytes) -> bytes:
    return b"data: " + line + b"\n\n"


class BareLoop:
    """All sockets, by what they are."""

    def __init__(self, port: int, *, joined: bool) -> None:
        self._joined = joined
        self._epoll = select.epoll()
        self._listener = socket.create_server(("127.0.0.1", port), backlog=1024)
        self._new: dict[int, tuple[socket.socket, bytes]] = {}
        self._publishers: dict[int, tuple[socket.socket, bytes]] = {}
        self._ws: dict[int, socket.socket] = {}
        self._sse: dict[int, socket.socket] = {}
        self._epoll.register(self._listener.fileno(), select.EPOLLIN)

    def serve(self) -> None:
        """Serve until the process is ended."""
        while True:
            for fd, _ in self._epoll.poll():
                if fd == self._listener.fileno():
                    self._accept()
                elif fd in self._publishers:
                    self._take(fd)
                elif fd in self._new:
                    self._meet(fd)
                else:
                    self._left(fd)

    def _accept(self) -> None:
        peer, _ = self._listener.accept()
        peer.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self._new[peer.fileno()] = (peer, b"")
        self._epoll.register(peer.fileno(), select.EPOLLIN)

    def _meet(self, fd: int) -> None:
        peer, before = self._new.pop(fd)
        request = before + peer.recv(65536)
        if b"\r\n\r\n" not in request:
            self._new[fd] = (peer, request)
        elif request.startswith(b"PUBLISH"):
            self._publishers[fd] = (peer, request.partition(b"\r\n\r\n")[2])
        elif request.startswith(b"GET /ws/"):
            peer.send(_accepted(request))
            self._ws[fd] = peer
        else:
            peer.send(_SSE)
            self._sse[fd] = peer

    def _take(self, fd: int) -> None:
        peer, before = self._publishers[fd]
        got = peer.recv(1 << 18)
        if not got:
            del self._publishers[fd]
            peer.close()
            return
        *lines, rest = (before + got).split(b"\n")
        self._publishers[fd] = (peer, rest)
        for part in [lines] if self._joined else [[line] for line in lines]:
            self._send(self._ws, b"".join(map(_frame, part)))
            self._send(self._sse, b"".join(map(_block, part)))

    def _send(self, peers: dict[int, socket.socket], data: bytes) -> None:
        for peer in peers.values():
            if peer.send(data) != len(data):
                raise SystemExit("a reader was too slow for the bare loop")

    def _left(self, fd: int) -> None:
        peers = self._ws if fd in self._ws else self._sse
        if not peers[fd].recv(65536):
            peers.pop(fd).close()


if __name__ == "__main__":
    BareLoop(int(sys.argv[1]), joined="--joined" in sys.argv).serve()
