"""What one WebSocket is told of its frames up: replies that are due together go in one write.

Frames that shared a commit are all done in the same turn of the loop. A write for each of their
acknowledgements would be a system call, two futures and a task a frame; here they wait for the
turn to end and go out joined, each still a frame of its own, in the order in which they came.

Who does not read what it is told gets nothing more done: :meth:`Replies.room` waits until the
last write is out, and the reading of frames waits with it.

Above: ``websocket.py``. Below: Tornado's connection. It knows no frame up.
"""

import asyncio
import contextlib
from functools import partial

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketProtocol13

from crewai_hitl_nb.broker.delivery.buffers import Buffers
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.server.encoders import framed

_log = logger(__name__)


class Replies:
    """The replies of one connection."""

    def __init__(self, connection: WebSocketProtocol13, buffers: Buffers | None = None) -> None:
        """Write to this connection, which agreed to no compression.

        Args:
            connection: Where to write.
            buffers: Where counts what is not read.
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
            self._hold.keep(reply)  # a small one is not worth it

    def flush(self) -> None:
        """Send what is due now: before a close, behind which nothing may be said."""
        due, self._due = self._due, []
        if not due:
            return
        try:
            if self._connection.is_closing():
                raise StreamClosedError
            data = framed(due)
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
            written.exception()  # reading finds out what it was

    async def room(self) -> None:
        """Wait while what was said is on its way."""
        if self._written is not None and not self._written.done():
            with contextlib.suppress(StreamClosedError):  # reading finds that out, too
                await self._written
        self._written = None
