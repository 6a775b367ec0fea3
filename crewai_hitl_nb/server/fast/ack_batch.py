"""Sends the replies to a WebSocket's frames up, all that are due together in one write.

Frames that shared a commit are all done in the same turn of the loop. One write for each of their
acknowledgements would be a system call, two futures and a task a frame. Here they wait for the
turn to end and go out joined, each still a frame of its own, in the order in which they came.

A client that does not read its replies is served no further: :meth:`AckBatch.room` waits until the
last write is out, and the reading of frames waits with it.

Above: ``streams/commands.py``. Below: Tornado's connection. It knows no frame up.
"""

import asyncio
import contextlib
from functools import partial

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketProtocol13

from crewai_hitl_nb.broker.delivery.buffers import Buffers
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.server.encoders import text_frames

_log = logger(__name__)


class AckBatch:
    """The replies of one connection."""

    def __init__(self, connection: WebSocketProtocol13, buffers: Buffers | None = None) -> None:
        """Write to this connection, which agreed to no compression.

        Args:
            connection: Where to write.
            buffers: Where replies count that the client does not read.
        """
        self._connection = connection
        self._hold = None if buffers is None else buffers.hold(connection.stream.close)
        self._due: list[bytes] = []
        self._written: asyncio.Future[None] | None = None

    def add(self, reply: bytes) -> None:
        """Send a reply when this turn of the loop is over."""
        if not self._due:
            asyncio.get_running_loop().call_soon(self.flush)
        self._due.append(reply)
        if len(reply) > limits.SHARED_REPLY_BYTES and self._hold is not None:
            self._hold.keep(reply)  # counting a small one costs more than it holds

    def flush(self) -> None:
        """Send what is due now; nothing may follow a close, so call this before one."""
        due, self._due = self._due, []
        if not due:
            return
        try:
            if self._connection.is_closing():
                raise StreamClosedError
            data = text_frames(due)
            self._written = self._connection.stream.write(data)
            if not self._written.done() and self._hold is not None:
                self._hold.keep(data)
                self._written.add_done_callback(partial(self._on_written, data))
        except StreamClosedError:
            _log.debug("the socket closed before %d of its replies", len(due))
        if self._hold is not None:
            for reply in due:
                self._hold.drop(reply)

    def _on_written(self, data: bytes, written: "asyncio.Future[None]") -> None:
        if self._hold is not None:
            self._hold.drop(data)
        if not written.cancelled():
            written.exception()  # reading from the connection finds out, too

    async def room(self) -> None:
        """Wait until the last write is out."""
        if self._written is not None and not self._written.done():
            with contextlib.suppress(StreamClosedError):  # reading finds out, too
                await self._written
        self._written = None
