"""Calls on one connection whose heads are the same again, but for the length of the body.

Why: a program that publishes one event after the other sends the same headers each time. To read
them Tornado parses and checks each, asks the routes, begins a task, sets a timer, and tells the
system twice what it listens for: a third of what such a call costs. Here the first call stays
open when it has its reply, and those that follow are read from its connection at once.

What a head means is Tornado's to say. A new one is taken only if Tornado's own parser finds in it
what it found in the first, and from then on only if it is the same, byte for byte. Whatever else
comes is put back where it was read from: another head, a body that is not all there. Then the
first call ends, and Tornado goes on with these bytes as if they had just come.

To put them back takes two of the stream's private names; a stream without them is left to
Tornado, as are calls whose connection ends with them, or whose body is more than its bytes.

Above: the kernels' publishes. Below: Tornado's stream. It knows no keys and no events.
"""

import asyncio
import re
from collections.abc import AsyncGenerator, Callable, Iterator
from contextlib import contextmanager
from hmac import compare_digest
from typing import Any, Final, NamedTuple, cast

from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders, HTTPInputError, HTTPServerRequest, RequestStartLine
from tornado.iostream import IOStream, StreamClosedError

_READ_BYTES: Final = 64 * 1024
"""Taken at a time: what Tornado asks of the socket at most."""

_MOST_BYTES: Final = 8 * 1024
"""Of a head: a program's has some hundred."""

_END: Final = b"\r\n\r\n"
_LENGTH: Final = "Content-Length"
_DIGITS: Final = 8
_HEAD: Final = re.compile(
    rb"((?:[^\r\n]+\r\n)+?content-length:[ \t]*)\d+([ \t]*\r\n(?:[^\r\n]+\r\n)*\r\n)",
    re.IGNORECASE,
)


class Head(NamedTuple):
    """The bytes before and after the length of the body."""

    before: bytes
    after: bytes

    def take(self, data: bytes) -> tuple[bytes, bytes] | None:
        """Return the body behind this head, and what follows; None if that is not what begins."""
        start = len(self.before)
        end = data.find(self.after[:1], start, start + _DIGITS + 1)
        begin = end + len(self.after)
        if not (
            data[start:end].isdigit()
            # In constant time: a key is part of it.
            and compare_digest(data[:start], self.before)
            and compare_digest(data[end:begin], self.after)
        ):
            return None
        stop = begin + int(data[start:end])
        return (data[begin:stop], data[stop:]) if stop <= len(data) else None


def learn(data: bytes, first: HTTPServerRequest) -> Head | None:
    """Return the head that data begins with, if it says what that of the first call said."""
    end = data.find(_END, 0, _MOST_BYTES) + len(_END)
    found = _HEAD.fullmatch(data, 0, end)
    if found is None:
        return None
    line, _, lines = found.group().decode("latin1").partition("\r\n")
    try:
        headers = HTTPHeaders.parse(lines)
    except HTTPInputError:
        return None
    same = (
        line == f"{first.method} {first.uri} {first.version}"
        and len(headers.get_list(_LENGTH)) == 1
        and compare_digest(_but_for_length(headers), _but_for_length(first.headers))
    )
    return Head(found[1], found[2]) if same else None


def _but_for_length(headers: HTTPHeaders) -> bytes:
    """Return what headers say, each in a line as none has two."""
    said = (f"{name}: {value}" for name, value in headers.get_all() if name != _LENGTH)
    return "\n".join(said).encode()


async def calls(first: HTTPServerRequest) -> AsyncGenerator[HTTPServerRequest, None]:
    """Yield the calls that follow the first, for as long as they are the same again.

    Each has its reply (:func:`write`) before the next is asked for; the first is finished behind
    them all.
    """
    connection = cast("HTTP1Connection", first.connection)
    stream = connection.stream
    if not _may_follow(first, connection):
        return
    stream.set_nodelay(True)  # a small reply must not wait for the last one's acknowledgement
    head: Head | None = None
    with _closing_when_idle(stream, connection.params.header_timeout) as note_use:
        while not stream.closed():
            await asyncio.sleep(0)  # others have their turn, also where all is refused at once
            try:
                data = await stream.read_bytes(_READ_BYTES, partial=True)
            except StreamClosedError:
                return
            note_use()
            while data:
                taken = head.take(data) if head else None
                if taken is None and (head := learn(data, first)) is not None:
                    taken = head.take(data)
                if taken is None:
                    _put_back(stream, data)
                    return
                body, data = taken
                yield _again(first, body)


def write(
    stream: IOStream, status: str, headers: HTTPHeaders, body: bytes
) -> "asyncio.Future[None]":
    """Write a reply as Tornado would; the headers are our own.

    Raises:
        StreamClosedError: The caller went away.
    """
    lines = "".join(f"{name}: {value}\r\n" for name, value in headers.get_all())
    return stream.write(f"HTTP/1.1 {status}\r\n{lines}\r\n".encode("latin1") + body)


def _may_follow(first: HTTPServerRequest, connection: HTTP1Connection) -> bool:
    headers, stream = first.headers, connection.stream
    return (
        first.version == "HTTP/1.1"
        and headers.get("Connection", "").lower() in ("", "keep-alive")
        and not connection.no_keep_alive
        and len(headers.get_list(_LENGTH)) == 1
        and "Transfer-Encoding" not in headers
        and "Expect" not in headers
        and headers.get("Content-Type", "application/json") == "application/json"
        and len(first.body) <= _READ_BYTES  # Tornado keeps it for as long as the first call
        and not stream.closed()
        and hasattr(stream, "_read_buffer")
        and hasattr(stream, "_read_buffer_size")
        and not hasattr(stream, "_read_buffer_pos")  # of older ones, that begin elsewhere in it
    )


@contextmanager
def _closing_when_idle(stream: IOStream, seconds: float | None) -> Iterator[Callable[[], None]]:
    """Close the stream when nothing came for so long, as Tornado does; one timer for many calls."""
    loop = asyncio.get_running_loop()
    used = loop.time()
    timer: asyncio.TimerHandle | None = None

    def note_use() -> None:
        nonlocal used
        used = loop.time()

    def look() -> None:
        nonlocal timer
        left = used + (seconds or 0) - loop.time()
        if left <= 0:
            stream.close()
        else:
            timer = loop.call_later(left, look)

    if seconds is not None:
        look()
    try:
        yield note_use
    finally:
        if timer is not None:
            timer.cancel()


def _put_back(stream: Any, data: bytes) -> None:
    stream._read_buffer[:0] = data
    stream._read_buffer_size += len(data)


def _again(first: HTTPServerRequest, body: bytes) -> HTTPServerRequest:
    line = RequestStartLine(str(first.method), str(first.uri), first.version)
    again = HTTPServerRequest(
        connection=first.connection, start_line=line, headers=first.headers, body=body
    )
    again.remote_ip, again.protocol = first.remote_ip, first.protocol
    return again
