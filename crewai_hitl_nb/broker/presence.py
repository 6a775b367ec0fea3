"""Presence: is the process that asked still there to hear the answer?

A waiter is named by ``source.id`` and is present while at least one connection names it.
When the last one closes (interrupt, restart, ``kill -9`` all close it) a grace begins,
long enough for a reconnection or a server restart; when it ends, the waiter is lost and
its pending requests are cancelled. A request without ``source.id`` needs no waiter.
"""

import asyncio
from collections import Counter
from collections.abc import Callable


class Presence:
    """Who is connected, and a timer for each who is not."""

    def __init__(self, lost: Callable[[str], None], grace: float) -> None:
        """Call ``lost`` with a source id that stayed away for ``grace`` seconds."""
        self._lost = lost
        self._grace = grace
        self._connections: Counter[str] = Counter()
        self._timers: dict[str, asyncio.TimerHandle] = {}
        self._closed = False

    def expected(self, source_id: str) -> None:
        """Somebody asked in this waiter's name: it must be there, or come within the grace."""
        away = not self._connections[source_id] and source_id not in self._timers
        if away and not self._closed:
            loop = asyncio.get_running_loop()
            self._timers[source_id] = loop.call_later(self._grace, self._expire, source_id)

    def arrived(self, source_id: str) -> None:
        """A connection names this waiter."""
        self._connections[source_id] += 1
        timer = self._timers.pop(source_id, None)
        if timer is not None:
            timer.cancel()

    def left(self, source_id: str) -> None:
        """That connection closed."""
        self._connections[source_id] -= 1
        if self._connections[source_id] <= 0:
            del self._connections[source_id]
            self.expected(source_id)

    def is_near(self, source_id: str) -> bool:
        """Whether it is connected, or has been away for less than the grace."""
        return bool(self._connections[source_id]) or source_id in self._timers

    def _expire(self, source_id: str) -> None:
        del self._timers[source_id]
        self._lost(source_id)

    def close(self) -> None:
        """Stop all timers; connections that close from now on lose nobody."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
