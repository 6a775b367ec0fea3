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

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketProtocol13

from crewai_hitl_nb.protocol.lines import logger
from crewai_hitl_nb.server.forms import framed

_log = logger(__name__)


class Replies:
    """The replies of one connection."""

    def __init__(self, connection: WebSocketProtocol13) -> None:
        """Write to this connection, which agreed to no compression."""
        self._connection = connection
        self._due: list[bytes] = []
        self._written: asyncio.Future[None] | None = None

    def add(self, reply: bytes) -> None:
        """Send a reply when this turn of the loop is over."""
        if not self._due:
            asyncio.get_running_loop().call_soon(self.flush)
        self._due.append(reply)

    def flush(self) -> None:
        """Send what is due now: before a close, behind which nothing may be said."""
        due, self._due = self._due, []
        if not due:
            return
        try:
            if self._connection.is_closing():
                raise StreamClosedError
            self._written = self._connection.stream.write(framed(due))
        except StreamClosedError:
            _log.debug("the socket closed before %d of its replies", len(due))

    async def room(self) -> None:
        """Wait while what was said is on its way."""
        if self._written is not None and not self._written.done():
            with contextlib.suppress(StreamClosedError):  # reading finds that out, too
                await self._written
        self._written = None
