"""The lean writer: a live connection without a handler's coroutine, task and timers.

Why: to write an event to one reader the plain way wakes a task, copies the bytes into a buffer,
makes a future and a callback, and sets a timer for the next heartbeat. With a thousand readers
that is most of what an event costs, several times the system call that sends it. Here a round
of the fan-out calls :meth:`LeanWriter.take`, which gives the bytes to the socket at once.

What does not go at once goes the plain way, through the stream's buffer and then through a queue
with the bounds of a subscription's. So a reader that takes too long is ended, like there, with
``SlowReader``, and slows nobody. One that is gone without a word is noticed by TCP (``silence``).

Over TLS, where a send is not a write of these bytes, everything goes through the stream: dearer,
but in slices of the loop with everybody else's. Where the host compresses, readers stay with
their handlers.

Above: the WebSocket and SSE handlers. Below: Tornado's stream.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from functools import partial
from typing import cast

from tornado.iostream import IOStream, StreamClosedError

from crewai_hitl_nb.broker.delivery.audience import Sink
from crewai_hitl_nb.broker.delivery.buffers import Hold
from crewai_hitl_nb.broker.delivery.subscription import Closed, SlowReader
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.server.fast import tcp_timeout


class LeanWriter(Sink):
    """Writes what it is given to one connection."""

    __slots__ = (
        "_ended",
        "_heartbeat",
        "_hold",
        "_queue",
        "_send",
        "_stream",
        "_under_way",
        "shared",
    )

    def __init__(
        self,
        stream: IOStream,
        ended: Callable[[Exception], None],
        heartbeat: float,
        *,
        shared: bool,
    ) -> None:
        """Take a connection on which nothing waits to be sent.

        Args:
            stream: Where to write.
            ended: Called when the reader is ended, with the reason; closes the connection.
            heartbeat: Seconds after which the reader is sent something, whatever happens.
            shared: Whether others write to it too, see below.

        Attributes:
            shared: Whether others write to the stream, too; only whole frames, and it is said
                before they do. Where nobody does, what waits to be sent is known here: asking the
                stream means a look at three more objects for each of thousands of readers, none
                of which is in a cache, and costs a tenth of a send.
        """
        super().__init__()
        self._stream = stream
        self.shared = shared
        plain = type(stream) is IOStream  # a TLS stream is a kind of it
        self._send: Callable[[bytes], int] | None = stream.socket.send if plain else None
        self._ended = ended
        self._heartbeat = heartbeat
        self._queue: _Queue | None = None
        self._hold: Hold | None = None  # what waits, while the reader is slow
        self._under_way = b""
        tcp_timeout.limit(stream.socket, heartbeat)

    def take(self, data: bytes, events: int) -> None:
        """Send the bytes, or keep them behind those that wait already."""
        if self._queue is not None:
            if events:  # a heartbeat says nothing new while bytes are on their way
                self._keep(self._queue, data, events)
            return
        if self._send is None or (self.shared and self._stream.writing()):
            self._write(data)  # over TLS, or behind a pong or a reply that is not out yet
            return
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._stream.close(error)  # whoever listens for that calls `closed`
            return
        if sent < len(data):
            self._write(memoryview(data)[sent:])

    def _write(self, data: bytes | memoryview) -> None:
        """Go the plain way until it is out; what comes meanwhile queues."""
        try:
            written = self._stream.write(data)
        except StreamClosedError:
            self.closed()
            return
        if self._queue is None:
            if written.done():
                return  # over TLS that is usual, and nothing comes meanwhile
            self._queue = _Queue()
            tcp_timeout.lift(self._stream.socket)
        written.add_done_callback(self._on_written)
        self._under_way = cast("bytes", data.obj) if isinstance(data, memoryview) else data
        self._keep_in_sight(self._under_way)

    def _keep_in_sight(self, data: bytes) -> None:
        """Count what waits together with what waits for others; that may end this reader."""
        if self._hold is None and self.buffers is not None:
            self._hold = self.buffers.hold(partial(self.end, SlowReader()), self._stream.close)
        if self._hold is not None:
            self._hold.keep(data)

    def _keep(self, queue: "_Queue", data: bytes, events: int) -> None:
        behind = bool(queue.chunks)
        queue.put(data, events)
        full = queue.events > self.most_events or queue.size > self.most_bytes
        if full and behind:
            self.end(SlowReader())
        else:
            self._keep_in_sight(data)

    def _on_written(self, written: "asyncio.Future[None]") -> None:
        if self._hold is not None:
            self._hold.drop(self._under_way)
        self._under_way = b""
        if self.audience is None or written.cancelled() or written.exception() is not None:
            return  # it was ended, or the connection is closed
        if self._queue is not None and self._queue.chunks:
            self._write(self._queue.take(self._hold))
        else:
            self._queue = None
            tcp_timeout.limit(self._stream.socket, self._heartbeat)

    def end(self, reason: Exception) -> None:
        """Leave, and have the connection closed."""
        if self.audience is not None:
            self._queue = None
            if self._hold is not None:
                self._hold.drop_all()
                self._hold.keep(self._under_way)  # until the connection is closed
            self.leave(reason)
            self._ended(reason)

    def closed(self) -> None:
        """The connection is closed."""
        self._queue = None
        if self._hold is not None:
            self._hold.release()
        self.leave(Closed())


class _Queue:
    """What waits for a slow reader. The bytes are shared with all who wait for the same."""

    def __init__(self) -> None:
        self.chunks: deque[tuple[bytes, int]] = deque()
        self.events = 0
        self.size = 0

    def put(self, data: bytes, events: int) -> None:
        self.chunks.append((data, events))
        self.events += events
        self.size += len(data)

    def take(self, hold: Hold | None) -> bytes:
        """Return as much as is written at once; it waits no more among what is held."""
        taken: list[bytes] = []
        size = 0
        while self.chunks and size < limits.PAGE_BYTES:
            data, events = self.chunks.popleft()
            if hold is not None:
                hold.drop(data)
            taken.append(data)
            size += len(data)
            self.events -= events
        self.size -= size
        return b"".join(taken)
