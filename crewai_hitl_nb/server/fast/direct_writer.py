"""Writes to a live connection directly, without a handler's coroutine, task and timers.

Why: to write an event to one reader, Tornado's public code wakes a task, copies the bytes into a
buffer, makes a future and a callback, and sets a timer for the next heartbeat. With a thousand
readers that is most of what an event costs, several times the system call that sends it. Here a
broadcast of the fan-out calls :meth:`DirectWriter.take`, which gives the bytes to the socket.

Bytes that the socket does not take at once go through Tornado's stream, and later ones queue with
the bounds of a subscription. So a reader that is too slow is closed with ``SlowReader``, as
everywhere, and slows no other reader. TCP notices one that vanished (``tcp_timeout.py``).

Over TLS, where a send is not a write of these bytes, everything goes through the stream. That
costs more, but happens in the same slices of the loop as for other readers. Where the host
compresses, readers stay with their handlers.

Above: ``streams/delivery.py``. Below: Tornado's stream.
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


class DirectWriter(Sink):
    """Writes the events of its audience to one connection."""

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
            ended: Called with the reason when the reader is ended; it closes the connection.
            heartbeat: Seconds after which the reader is sent something in any case.
            shared: Whether other code writes to the stream, too; see below.

        Attributes:
            shared: Whether other code writes to the stream, too. It writes complete frames only,
                and this is set before it begins. Where it is false, the bytes that wait to be sent
                are known here: asking the stream means a look at three more objects for each of
                thousands of readers, none of which is in a cache, and costs a tenth of a send.
        """
        super().__init__()
        self._stream = stream
        self.shared = shared
        plain = type(stream) is IOStream  # a TLS stream is a kind of it
        self._send: Callable[[bytes], int] | None = stream.socket.send if plain else None
        self._ended = ended
        self._heartbeat = heartbeat
        self._queue: _Queue | None = None
        self._hold: Hold | None = None  # of the bytes that wait while the reader is slow
        self._under_way = b""
        tcp_timeout.limit(stream.socket, heartbeat)

    def take(self, data: bytes, events: int) -> None:
        """Send the bytes, or queue them behind those that wait already."""
        if self._queue is not None:
            if events:  # a heartbeat is not needed while other bytes are on their way
                self._keep(self._queue, data, events)
            return
        if self._send is None or (self.shared and self._stream.writing()):
            self._write(data)  # over TLS, or behind a pong or a reply that is still being written
            return
        try:
            sent = self._send(data)
        except BlockingIOError:
            sent = 0
        except OSError as error:
            self._stream.close(error)  # its close callback calls `closed`
            return
        if sent < len(data):
            self._write(memoryview(data)[sent:])

    def _write(self, data: bytes | memoryview) -> None:
        """Write through the stream; what comes until that is done queues."""
        try:
            written = self._stream.write(data)
        except StreamClosedError:
            self.closed()
            return
        if self._queue is None:
            if written.done():
                return  # the usual case over TLS
            self._queue = _Queue()
            tcp_timeout.lift(self._stream.socket)
        written.add_done_callback(self._on_written)
        self._under_way = cast("bytes", data.obj) if isinstance(data, memoryview) else data
        self._count(self._under_way)

    def _count(self, data: bytes) -> None:
        """Count waiting bytes in the budget of all readers, which may end this one."""
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
            self._count(data)

    def _on_written(self, written: "asyncio.Future[None]") -> None:
        if self._hold is not None:
            self._hold.drop(self._under_way)
        self._under_way = b""
        if self.audience is None or written.cancelled() or written.exception() is not None:
            return  # the reader was ended, or the connection is closed
        if self._queue is not None and self._queue.chunks:
            self._write(self._queue.take(self._hold))
        else:
            self._queue = None
            tcp_timeout.limit(self._stream.socket, self._heartbeat)

    def end(self, reason: Exception) -> None:
        """Leave the audience, and have the connection closed."""
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
    """The bytes that wait for a slow reader, shared with all readers that wait for the same."""

    def __init__(self) -> None:
        self.chunks: deque[tuple[bytes, int]] = deque()
        self.events = 0
        self.size = 0

    def put(self, data: bytes, events: int) -> None:
        self.chunks.append((data, events))
        self.events += events
        self.size += len(data)

    def take(self, hold: Hold | None) -> bytes:
        """Return as much as is written at once, and stop counting it in the hold."""
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
