"""The reply to a held call, ready but for its body before there is anything to say.

Why: to reply the plain way takes a task that wakes, headers that are made, checked and joined,
and a line in the log, some 170 µs. Where one event ends a thousand calls, the last of them waits
for all of that a thousand times. Here everything but the body and its length is bytes while the
call waits, and the round of the fan-out writes them with the body; the last caller waits for so
many writes and no more. All else that ends a request is still its handler's, which finishes as
ever once the bytes are out (``poll.PollHandler.flush``): what its connection reads next, the
access log, the host's metrics.

:func:`prepare` says which calls can be replied to so: those whose reply is these headers and this
body, with the connection kept. The headers come from where Tornado keeps them; what is written is
held equal to its own reply by ``tests/server/streams/test_poll_response.py``.

Above: the poll handler. Below: Tornado's stream, over TLS as well.
"""

import asyncio
from typing import Final, cast

from tornado import web
from tornado.http1connection import HTTP1Connection
from tornado.httputil import HTTPHeaders
from tornado.iostream import IOStream

_STATUS: Final = "HTTP/1.1 200 OK"
_KEPT: Final = ("", "keep-alive")


class Prepared:
    """One call's reply without its body."""

    __slots__ = ("_after", "_before", "_stream")

    def __init__(self, stream: IOStream, before: bytes, after: bytes) -> None:
        """Take what stands before and after the body's length, and where it goes."""
        self._stream = stream
        self._before = before
        self._after = after

    def send(self, body: bytes) -> "asyncio.Future[None]":
        """Write the reply; the future is done when all of it is out.

        Raises:
            StreamClosedError: The caller went away.
        """
        return self._stream.write(b"%b%d%b%b" % (self._before, len(body), self._after, body))

    def close(self) -> None:
        """End the connection: what was sent is not read."""
        self._stream.close()


def prepare(handler: web.RequestHandler) -> Prepared | None:
    """Return a handler's reply with its headers as they are, or None where Tornado must write it.

    That is where a reply is compressed, or ends its connection.
    """
    request = handler.request
    connection = cast("HTTP1Connection", request.connection)
    headers: HTTPHeaders | None = getattr(handler, "_headers", None)
    if (
        headers is None
        or request.version != "HTTP/1.1"
        or request.headers.get("Connection", "").lower() not in _KEPT
        or connection.no_keep_alive
        or handler.application.transforms
        or handler.get_status() != 200
    ):
        return None
    cookies = getattr(handler, "_new_cookie", {}).values()
    before = [_STATUS, *(f"{name}: {value}" for name, value in headers.get_all())]
    after = [f"Set-Cookie: {cookie.OutputString(None)}" for cookie in cookies]
    if any("\r" in line or "\n" in line for line in before + after):
        return None  # and Tornado refuses it
    return Prepared(
        connection.stream,
        "\r\n".join([*before, "Content-Length: "]).encode("latin1"),
        "\r\n".join(["", *after, "", ""]).encode("latin1"),
    )
