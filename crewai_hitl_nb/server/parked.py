"""A WebSocket whose reading takes no coroutine until the other side says something.

Why: most readers never send a frame. Tornado keeps a task and seven coroutines for each of them,
the handler's own among them, which wait for the first byte: a fifth of what a connection costs.
Here they end when the connection is open, and one callback waits. With the first frame, a ping or
a close Tornado's own loop takes over for good, so who does send is read as ever.

The two methods that this changes are Tornado's private ones. Where a Tornado does not call them,
nothing is parked and all goes the plain way; ``tests/server/test_lean.py`` notices.
"""

import asyncio
from typing import Any

from tornado.iostream import StreamClosedError
from tornado.websocket import WebSocketProtocol13


class ParkedProtocol(WebSocketProtocol13):
    """Tornado's protocol, parked until the first frame up.

    Attributes:
        parked: Whether the handler's coroutine may end: reading goes on, or begins, without it.
    """

    # Slots: with more names than it has, Python gives each object a dictionary of its own.
    __slots__ = ("_first", "_reading", "parked")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.parked = False
        self._first: asyncio.Future[bytes] | None = None
        self._reading: asyncio.Task[None] | None = None

    async def _receive_frame_loop(self) -> None:
        try:
            first = asyncio.ensure_future(self.stream.read_bytes(2))  # the shortest frame
        except StreamClosedError:
            return await super()._receive_frame_loop()
        self._first, self.parked = first, True
        first.add_done_callback(self._begin)
        return None

    def _begin(self, first: object) -> None:
        self._reading = asyncio.ensure_future(super()._receive_frame_loop())
        self._reading.add_done_callback(self._look)

    def _look(self, reading: "asyncio.Task[None]") -> None:
        """End like the handler's coroutine would: close what broke, and say so in the log."""
        self._reading = None
        if not reading.cancelled() and (error := reading.exception()) is not None:
            handler: Any = self.handler
            handler.log_exception(type(error), error, error.__traceback__)
            self._abort()

    async def _read_bytes(self, n: int) -> bytes:
        first, self._first = self._first, None
        if first is None:
            return await super()._read_bytes(n)
        data = await first  # or raises what closed the connection
        self._wire_bytes_in += len(data)
        return data
