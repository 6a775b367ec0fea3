"""Replies to held polls with everything but the body prepared while they wait.

Why: to reply in Tornado's way takes a task that wakes, headers that are made, checked and joined,
and a line in the log, some 170 µs. When one event ends a thousand polls, the last caller waits for
all of that a thousand times. Here everything but the body and its length is bytes while the poll
waits, and a broadcast of the fan-out writes them with the body, so the last caller waits for a
thousand writes only. The poll's handler finishes as usual once the bytes are out, a few handlers
in each turn of the loop: what its connection reads next, the access log, the host's metrics.

:func:`prepare` decides which polls can be replied to so: those whose reply is these headers and
this body, on a connection that stays open. ``tests/server/fast/test_poll_response.py`` checks that
the bytes are the same as Tornado's.

Above: ``streams/poll.py``. Below: Tornado's stream, over TLS as well.
"""

import asyncio
from contextlib import suppress
from functools import partial
from typing import Final, cast

from tornado import web
from tornado.http1connection import HTTP1Connection
from tornado.iostream import IOStream, StreamClosedError

from crewai_hitl_nb.broker.delivery.audience import Sink
from crewai_hitl_nb.broker.delivery.subscription import Closed
from crewai_hitl_nb.server.fast import tornado_internals
from crewai_hitl_nb.server.loop_slices import LoopSlices

_STATUS: Final = "HTTP/1.1 200 OK"
_KEPT_OPEN: Final = ("", "keep-alive")


class PollResponse:
    """One poll's reply without its body."""

    __slots__ = ("_after", "_before", "_stream")

    def __init__(self, stream: IOStream, before: bytes, after: bytes) -> None:
        """Take the bytes before and after the body's length, and the stream to write to."""
        self._stream = stream
        self._before = before
        self._after = after

    def send(self, body: bytes) -> "asyncio.Future[None]":
        """Write the reply; the future is done when all of it is out.

        Raises:
            StreamClosedError: The caller closed the connection.
        """
        return self._stream.write(b"%b%d%b%b" % (self._before, len(body), self._after, body))

    def close(self) -> None:
        """Close the connection: the caller does not read the reply."""
        self._stream.close()


def prepare(handler: web.RequestHandler) -> PollResponse | None:
    """Return a handler's reply with its headers as they are, or None where Tornado must write it.

    Tornado must where the reply is compressed, or is the last one on its connection.
    """
    request = handler.request
    connection = cast("HTTP1Connection", request.connection)
    if (
        request.version != "HTTP/1.1"
        or request.headers.get("Connection", "").lower() not in _KEPT_OPEN
        or connection.no_keep_alive
        or handler.application.transforms
        or handler.get_status() != 200
    ):
        return None
    headers = tornado_internals.response_headers(handler)
    cookies = tornado_internals.response_cookies(handler)
    before = [_STATUS, *(f"{name}: {value}" for name, value in headers.get_all())]
    after = [f"Set-Cookie: {cookie.OutputString(None)}" for cookie in cookies]
    if any("\r" in line or "\n" in line for line in before + after):
        return None  # and Tornado refuses it
    return PollResponse(
        connection.stream,
        "\r\n".join([*before, "Content-Length: "]).encode("latin1"),
        "\r\n".join(["", *after, "", ""]).encode("latin1"),
    )


class HeldPoll(Sink):
    """A poll that waits in an audience until the first events or a call of :meth:`end`.

    Attributes:
        ended: A future that is done when the handler may finish. Its result completes when the
            reply is sent; it is None if the handler has to write the reply.
    """

    __slots__ = ("_response", "_slices", "_written", "ended")

    def __init__(self, response: PollResponse, slices: LoopSlices) -> None:
        """Wait with a prepared response.

        Args:
            response: Sent with the first events.
            slices: Wakes the handlers of polls that one event ended.
        """
        super().__init__()
        self._response = response
        self._slices = slices
        self._written: asyncio.Future[None] | None = None
        self.ended: asyncio.Future[asyncio.Future[None] | None] = (
            asyncio.get_running_loop().create_future()
        )

    def take(self, data: bytes, events: int) -> None:
        """Reply with the first events; a heartbeat is no reason to."""
        if not events:
            return
        self.leave(Closed())
        with suppress(StreamClosedError):  # then the handler finds that out, too
            self._written = self._response.send(data)
            if not self._written.done() and self.buffers is not None:
                hold = self.buffers.hold(self._response.close)
                hold.resize(len(data))
                self._written.add_done_callback(lambda _: hold.release())
        self._slices.add(partial(self._end_with, self._written))

    def end(self, reason: Exception) -> None:
        """Stop waiting; without effect once the reply is written."""
        self.leave(reason)
        if self._written is None:
            self._end_with(None)

    def _end_with(self, written: "asyncio.Future[None] | None") -> None:
        if not self.ended.done():
            self.ended.set_result(written)
