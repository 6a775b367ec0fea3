"""Bytes of HTTP and WebSocket requests, as a client would send them."""

import struct

_KEY = "c3RyZWFtIG9mIGV2ZW50cw=="


def get(path: str, headers: dict[str, str] | None = None) -> bytes:
    """Return a GET request."""
    return _request("GET", path, headers or {}, b"")


def post(path: str, body: bytes, headers: dict[str, str] | None = None) -> bytes:
    """Return a POST request with JSON."""
    sent = {"Content-Type": "application/json", "Content-Length": str(len(body)), **(headers or {})}
    return _request("POST", path, sent, body)


def upgrade(path: str, headers: dict[str, str] | None = None) -> bytes:
    """Return the request that opens a WebSocket (RFC 6455, 4.1)."""
    sent = {
        "Connection": "Upgrade",
        "Upgrade": "websocket",
        "Sec-WebSocket-Version": "13",
        "Sec-WebSocket-Key": _KEY,
        **(headers or {}),
    }
    return _request("GET", path, sent, b"")


def frame(payload: bytes) -> bytes:
    """Return a client's text frame, masked with zeros (RFC 6455, 5.2)."""
    size = len(payload)
    if size < 126:
        head = struct.pack("!BB", 0x81, 0x80 | size)
    elif size < 1 << 16:
        head = struct.pack("!BBH", 0x81, 0xFE, size)
    else:
        head = struct.pack("!BBQ", 0x81, 0xFF, size)
    return head + bytes(4) + payload


def _request(method: str, path: str, headers: dict[str, str], body: bytes) -> bytes:
    lines = [f"{method} {path} HTTP/1.1", "Host: 127.0.0.1"]
    lines += [f"{name}: {value}" for name, value in headers.items()]
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body
