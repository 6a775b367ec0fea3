"""The memory budget that all readers share, and which reader is closed when it is used up.

Each reader's own buffer is bounded (``subscription.py``, ``audience.py``); this is the bound on all
of them together. Two kinds of bytes wait:

* **Live bytes** of readers that fall behind. They are in memory already, so they are only counted.
  Above the bound the readers that hold most are ended; they may resume.
* **Pages** of replays, listings and single requests. They are not read yet, so a reader waits for
  room before it reads one. A reader that keeps its page for long while others wait is ended.

Bytes that several readers wait for are one object and count once.

Above: subscriptions, and the writers of the server. It knows no transport.
"""

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress

from crewai_hitl_nb.protocol import limits


class Hold:
    """The bytes that wait for one reader. They count until released, also after its end.

    Args:
        buffers: The budget in which they count.
        end: Ends the reader, and tells it why if possible.
        cut: Closes the connection at once, for a reader that was ended and still holds much.
    """

    __slots__ = ("_buffers", "_cut", "_end", "_kept", "ended", "paged", "since", "size")

    def __init__(
        self, buffers: "Buffers", end: Callable[[], None], cut: Callable[[], None] | None = None
    ) -> None:
        self._buffers = buffers
        self._end = end
        self._cut = cut
        self._kept: dict[int, bytes] = {}
        self.ended = False
        self.paged = 0
        self.since = 0.0
        self.size = 0

    def keep(self, data: bytes) -> None:
        """Count these bytes as waiting; other readers may wait for the same ones."""
        if id(data) not in self._kept:
            self._kept[id(data)] = data
            self.size += len(data)
            self._buffers.share(self, data)

    def drop(self, data: bytes) -> None:
        """Stop counting these bytes."""
        if self._kept.pop(id(data), None) is not None:
            self.size -= len(data)
            self._buffers.unshare(self, data)

    def drop_all(self) -> None:
        """Stop counting all bytes that were kept."""
        for data in tuple(self._kept.values()):
            self.drop(data)

    async def room(self, size: int = limits.PAGE_HELD_BYTES) -> None:
        """Wait until a page of this size may be read in place of the one before."""
        self.resize(0)
        await self._buffers.room(size)
        self._buffers.granted(self, size)

    def resize(self, size: int) -> None:
        """Count the page with this size."""
        self._buffers.resized(self, size)

    def release(self) -> None:
        """Stop counting anything."""
        self.drop_all()
        self.resize(0)

    def end(self) -> None:
        """End the reader; the second time, close its connection."""
        if not self.ended:
            self.ended = True
            self._end()
        elif self._cut is not None:
            self._cut()


class Buffers:
    """The budget of all readers. It lives on one event loop.

    Args:
        most: Bytes that may wait for all readers together.
        stuck_seconds: How long a reader may keep a page while others wait for room.
    """

    def __init__(
        self,
        most: int = limits.BUFFERS_BYTES,
        stuck_seconds: float = limits.STUCK_SECONDS,
    ) -> None:
        self.size = 0
        self._most = most
        self._stuck_seconds = stuck_seconds
        self._holds: dict[Hold, None] = {}
        self._shared: dict[int, int] = {}
        self._waiting: deque[tuple[asyncio.Future[None], int]] = deque()
        self._looking: asyncio.TimerHandle | None = None

    def hold(self, end: Callable[[], None], cut: Callable[[], None] | None = None) -> Hold:
        """Return a hold that counts for one reader; it is empty."""
        return Hold(self, end, cut)

    # ---- called by holds

    def share(self, hold: Hold, data: bytes) -> None:
        """Count bytes of a hold, once however many readers wait for them."""
        readers = self._shared.get(id(data), 0)
        self._shared[id(data)] = readers + 1
        self._holds[hold] = None
        if not readers:
            self._grow(len(data))

    def unshare(self, hold: Hold, data: bytes) -> None:
        """Stop counting bytes for a hold, and for all when no other hold has them."""
        readers = self._shared.pop(id(data)) - 1
        if readers:
            self._shared[id(data)] = readers
        self._forget_empty(hold)
        if not readers:
            self._shrink(len(data))

    async def room(self, size: int) -> None:
        """Wait, first come first served, until ``size`` bytes fit, and count them."""
        if not self._waiting and self._fits(size):
            self.size += size
            return
        waiter: asyncio.Future[None] = asyncio.get_running_loop().create_future()
        self._waiting.append((waiter, size))
        self._look_later()
        try:
            await waiter
        except asyncio.CancelledError:
            if waiter.done() and not waiter.cancelled():
                self._shrink(size)
            raise

    def granted(self, hold: Hold, size: int) -> None:
        """Count room that was waited for as this hold's."""
        hold.paged += size
        hold.size += size
        hold.since = asyncio.get_running_loop().time()
        self._holds[hold] = None

    def resized(self, hold: Hold, size: int) -> None:
        """Count a hold's page with this size."""
        grown = size - hold.paged
        hold.paged = size
        hold.size += grown
        if size:
            hold.since = asyncio.get_running_loop().time()
            self._holds[hold] = None
        else:
            self._forget_empty(hold)
        if grown > 0:
            self._grow(grown)
        elif grown < 0:
            self._shrink(-grown)

    # ---- its bound

    def _fits(self, size: int) -> bool:
        return self.size + size <= self._most or not self.size

    def _grow(self, size: int) -> None:
        self.size += size
        if self.size <= self._most:
            return
        for hold in sorted(self._holds, key=lambda hold: hold.size, reverse=True):
            for _ in range(2):  # end the reader; if that is not enough, cut its connection
                if self.size <= self._most:
                    return
                hold.end()

    def _shrink(self, size: int) -> None:
        self.size -= size
        while self._waiting:
            waiter, wanted = self._waiting[0]
            if not waiter.done():
                if not self._fits(wanted):
                    return
                self.size += wanted
                waiter.set_result(None)
            self._waiting.popleft()

    def _forget_empty(self, hold: Hold) -> None:
        if not hold.size:
            with suppress(KeyError):
                del self._holds[hold]

    def _look_later(self) -> None:
        if self._looking is None:
            loop = asyncio.get_running_loop()
            self._looking = loop.call_later(self._stuck_seconds / 2, self._look)

    def _look(self) -> None:
        """End readers that kept a page for long while others wait, else the one that holds most."""
        self._looking = None
        if not self._waiting:
            return
        since = asyncio.get_running_loop().time() - self._stuck_seconds
        stuck = [hold for hold in self._holds if hold.paged and hold.since <= since]
        live = [hold for hold in self._holds if not hold.paged]
        for hold in stuck or sorted(live, key=lambda hold: hold.size)[-1:]:
            hold.since += (
                self._stuck_seconds
            )  # it gets time to leave before its connection is closed
            hold.end()
        self._look_later()

    def close(self) -> None:
        """Stop the timer."""
        if self._looking is not None:
            self._looking.cancel()
