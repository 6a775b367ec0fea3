"""A WebSocket whose reading takes no coroutine until the other side says something, and few then.

Why: most readers never send a frame. Tornado keeps a task and seven coroutines for each of them,
the handler's own among them, which wait for the first byte: a fifth of what a connection costs.
Here they end when the connection is open, and one callback waits. With the first byte Tornado's
own loop takes over for good.

Who does send may send many frames at once. So its reading takes what is there, not only the next
two bytes; frames that are plain and whole are handed on together (``frame_parser.py``), and
whatever else comes is read by Tornado as ever, from the same bytes.

The three methods that this changes are Tornado's private ones. Where a Tornado does not call them,
nothing is parked and all goes the plain way; ``tests/server/fast/test_direct_writer.py`` notices.
"""

import asyncio
from collections.abc import Sequence
from typing import Any, Final, cast

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketProtocol13

from crewai_hitl_nb.protocol.errors import TooMany
from crewai_hitl_nb.server.bodies import BodyBudget
from crewai_hitl_nb.server.fast import frame_parser

_READ_BYTES: Final = 64 * 1024
"""Taken at a time: what Tornado asks of the socket at most."""

_TRY_AGAIN_LATER: Final = 1013
"""WebSocket close code (IANA's registry): the same later may succeed."""


class ParkedProtocol(WebSocketProtocol13):
    """Tornado's protocol, parked until the first frame up.

    Attributes:
        parked: Whether the handler's coroutine may end: reading goes on, or begins, without it.
    """

    # Slots: with more names than it has, Python gives each object a dictionary of its own.
    __slots__ = ("_ahead", "_counted", "_first", "_reading", "parked")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parked = False
        self._first: asyncio.Future[bytes] | None = None
        self._reading: asyncio.Task[None] | None = None
        self._counted = 0  # of a message in fragments, among what all callers have under way
        self._ahead = b""  # was read and is not taken yet; a frame, or its rest, begins here

    async def _receive_frame_loop(self) -> None:
        try:
            first = asyncio.ensure_future(self._more())
        except StreamClosedError:
            return await super()._receive_frame_loop()
        self._first, self.parked = first, True
        first.add_done_callback(self._begin)
        return None

    def _more(self) -> Any:  # Tornado says that it is awaitable; it is a future
        return self.stream.read_bytes(_READ_BYTES, partial=True)

    @property
    def silent(self) -> bool:
        """Whether nothing came up so far. Until then nobody here has a reply or a pong to write."""
        return self.parked and self._first is not None and not self._first.done()

    def _begin(self, first: object) -> None:
        handler: Any = self.handler
        handler.on_first_words()
        self._reading = asyncio.ensure_future(super()._receive_frame_loop())
        self._reading.add_done_callback(self._look)

    def _look(self, reading: "asyncio.Task[None]") -> None:
        """End like the handler's coroutine would: close what broke, and say so in the log."""
        self._reading = None
        self._bodies.give_back(self._counted)
        self._counted = 0
        if not reading.cancelled() and (error := reading.exception()) is not None:
            handler: Any = self.handler
            handler.log_exception(type(error), error, error.__traceback__)
            self._abort()

    async def _receive_frame(self) -> None:
        """Take all plain frames that are there, or else one as Tornado takes it."""
        if not self._ahead:
            first, self._first = self._first, None
            self._ahead = await (first or self._more())  # or raises what closed the connection
        if self._fragmented_message_buffer is not None or self._decompressor is not None:
            await super()._receive_frame()
            return self._count_fragments()
        taken = frame_parser.take(self._ahead, self.params.max_message_size)
        if not taken.texts:
            await super()._receive_frame()
            return self._count_fragments()
        self._ahead = self._ahead[taken.size :]
        self._wire_bytes_in += taken.size
        if (handed_on := self._run_callback(self._hand_on, taken.texts)) is not None:
            await handed_on
        return None

    async def _hand_on(self, texts: Sequence[str]) -> None:
        handler: Any = self.handler
        for text in texts:
            if self.client_terminated:
                return
            await handler.on_message(text)

    async def _read_bytes(self, n: int) -> bytes:
        data, self._ahead = self._ahead[:n], self._ahead[n:]
        if len(data) < n:
            counted = n if n > _READ_BYTES else 0
            self._take(counted)
            try:
                data += await self.stream.read_bytes(n - len(data))
            finally:
                self._bodies.give_back(counted)
        self._wire_bytes_in += n
        return data

    @property
    def _bodies(self) -> BodyBudget:
        handler: Any = self.handler
        return cast("BodyBudget", handler.services.bodies)

    def _count_fragments(self) -> None:
        """Count what is there of a message whose end has not come."""
        self._bodies.give_back(self._counted)
        self._counted = 0
        size = len(self._fragmented_message_buffer or b"")
        self._take(size)
        self._counted = size

    def _take(self, size: int) -> None:
        """Count what is being read, or end the connection where that is too much.

        Raises:
            StreamClosedError: It is.
        """
        try:
            self._bodies.take(size)
        except TooMany as error:
            self.close(_TRY_AGAIN_LATER, error.message)
            raise StreamClosedError from None
