"""A WebSocket that takes no task until its client sends a frame, and few for many frames.

Why: most readers never send a frame. Tornado keeps a task and seven coroutines for each of them,
the handler's own among them, which all wait for the first byte: a fifth of what a connection
costs. Here they end when the connection is open, and one callback waits. With the first byte
Tornado's own loop takes over for good.

A client that does send may send many frames at once. So this reads all bytes that are there, not
only the next two. Frames that are plain and complete are handed on together (``frame_parser.py``);
Tornado reads every other frame, from the same bytes.

Above: ``streams/websocket.py``. Below: Tornado's protocol, as ``tornado_internals.py`` opens it.
"""

import asyncio
from collections.abc import Awaitable, Sequence
from typing import Any, Final, cast

from tornado.iostream import StreamClosedError

from crewai_hitl_nb.protocol.errors import TooMany
from crewai_hitl_nb.protocol.limits import CLOSE_TRY_AGAIN_LATER
from crewai_hitl_nb.server.body_budget import BodyBudget
from crewai_hitl_nb.server.fast import frame_parser
from crewai_hitl_nb.server.fast.tornado_internals import WebSocketReading

_READ_BYTES: Final = 64 * 1024
"""Read at a time: the most that Tornado asks of the socket."""


class IdleWebSocket(WebSocketReading):
    """Tornado's protocol, idle until the first frame up.

    Attributes:
        idle: Whether the handler's coroutine may end, because reading continues without it. It
            stays true when frames come.
    """

    # Slots: with more names than it has, Python gives each object a dictionary of its own.
    __slots__ = ("_counted", "_first", "_reading", "_unread", "idle")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.idle = False
        self._first: asyncio.Future[bytes] | None = None
        self._reading: asyncio.Future[None] | None = None
        self._counted = 0  # bytes of a message in fragments, counted in `bodies`
        self._unread = b""  # was read from the stream; a frame, or the rest of one, begins here

    async def read_frames(self) -> None:
        """Wait for the first byte with a callback; read as Tornado does from then on."""
        try:
            first = asyncio.ensure_future(self._read_some())
        except StreamClosedError:
            await super().read_frames()
            return
        self._first, self.idle = first, True
        first.add_done_callback(self._begin)

    def _read_some(self) -> Any:  # Tornado declares an awaitable; it is a future
        return self.stream.read_bytes(_READ_BYTES, partial=True)

    @property
    def silent(self) -> bool:
        """Whether the client sent nothing yet. Until then no reply or pong is ever written."""
        return self.idle and self._first is not None and not self._first.done()

    def _begin(self, first: object) -> None:
        handler: Any = self.handler
        handler.on_first_frame()
        self._reading = asyncio.ensure_future(super().read_frames())
        self._reading.add_done_callback(self._end)

    def _end(self, reading: "asyncio.Future[None]") -> None:
        """Do what the handler's coroutine would: log what failed, and close the connection."""
        self._reading = None
        self._bodies.give_back(self._counted)
        self._counted = 0
        if not reading.cancelled() and (error := reading.exception()) is not None:
            handler: Any = self.handler
            handler.log_exception(type(error), error, error.__traceback__)
            self.abort()

    async def read_frame(self) -> None:
        """Handle all plain frames that have come, or else read one as Tornado does."""
        if not self._unread:
            first, self._first = self._first, None
            self._unread = await (first or self._read_some())  # or raises why it closed
        plain = frame_parser.Frames([], 0)
        if self.fragments is None and not self.compressed:
            plain = frame_parser.plain_frames(self._unread, self.params.max_message_size)
        if not plain.texts:
            await super().read_frame()
            self._count_fragments()
            return
        self._unread = self._unread[plain.size :]
        self.count_read(plain.size)
        handled: Awaitable[None] | None = self.call_handler(self._hand_on, plain.texts)
        if handled is not None:
            await handled

    async def _hand_on(self, texts: Sequence[str]) -> None:
        handler: Any = self.handler
        for text in texts:
            if self.client_terminated:
                return
            await handler.on_message(text)

    async def read_exactly(self, size: int) -> bytes:
        """Read exactly ``size`` bytes, beginning with those that were read already."""
        data, self._unread = self._unread[:size], self._unread[size:]
        if len(data) < size:
            counted = size if size > _READ_BYTES else 0
            self._count(counted)
            try:
                data += await self.stream.read_bytes(size - len(data))
            finally:
                self._bodies.give_back(counted)
        self.count_read(size)
        return data

    @property
    def _bodies(self) -> BodyBudget:
        handler: Any = self.handler
        return cast("BodyBudget", handler.services.bodies)

    def _count_fragments(self) -> None:
        """Count what has come of a message whose last fragment has not."""
        self._bodies.give_back(self._counted)
        self._counted = 0
        size = self.fragments or 0
        self._count(size)
        self._counted = size

    def _count(self, size: int) -> None:
        """Count bytes that are being read, or close the connection when they are too many.

        Raises:
            StreamClosedError: They are too many.
        """
        try:
            self._bodies.take(size)
        except TooMany as error:
            self.close(CLOSE_TRY_AGAIN_LATER, error.message)
            raise StreamClosedError from None
