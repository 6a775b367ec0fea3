"""Tracks whether the process that asked is still connected and waits for the answer.

A waiter is identified by ``source.id`` together with the caller who published the event with it,
and is present while at least one connection of that caller names it. Another caller's connection
does not count: it neither keeps a dead process's question open, nor reveals whether a process is
present. So a bridge connects with the credential that it publishes with.

When the last connection closes (interrupt, restart, ``kill -9`` all close it) a grace period
begins, long enough for a reconnection or a server restart; when it ends, the waiter is lost and its
pending requests are cancelled. A request without ``source.id`` needs no waiter. If it is not
known who asked (an older log), any connection that names the source counts.
"""

import asyncio
from collections import Counter
from collections.abc import Callable
from typing import Final, NamedTuple

from crewai_hitl_nb.protocol import limits

UNKNOWN: Final = None
"""The caller of a request if it is not known who asked."""


class Waiter(NamedTuple):
    """A process that waits.

    Attributes:
        caller: Who published the events that name it.
        source_id: The ``source.id`` in them.
    """

    caller: str | None
    source_id: str


class SourceCallers:
    """Remembers to which caller each process belongs: who first published an event with it."""

    def __init__(self) -> None:
        self._callers: dict[str, str] = {}

    def named(self, waiter: Waiter) -> None:
        """Note the caller of an event that names a process."""
        caller, source_id = waiter
        if caller is None or source_id in self._callers:
            return
        if len(self._callers) >= limits.MAX_KNOWN_WAITERS:
            del self._callers[next(iter(self._callers))]
        self._callers[source_id] = caller

    def waiter(self, source_id: str) -> Waiter:
        """Return the process of this name."""
        return Waiter(self._callers.get(source_id, UNKNOWN), source_id)


class Presence:
    """Counts the connections of waiting processes, with a timer for each that has none."""

    def __init__(self, lost: Callable[[Waiter], None], grace: float) -> None:
        """Call ``lost`` with a waiter that stayed away for ``grace`` seconds."""
        self._lost = lost
        self._grace = grace
        self._connections: Counter[Waiter] = Counter()
        self._timers: dict[Waiter, asyncio.TimerHandle] = {}
        self._callers = SourceCallers()
        self._closed = False

    async def start(self) -> None:
        """Do nothing: timers start with the processes that they watch."""

    def named(self, waiter: Waiter) -> None:
        """Remember who first published an event with this source: it belongs to that caller."""
        self._callers.named(waiter)

    def expected(self, waiter: Waiter) -> None:
        """Expect the process of a question: unless it is connected, the grace period begins."""
        away = not self._connections[waiter] and waiter not in self._timers
        if away and not self._closed:
            loop = asyncio.get_running_loop()
            self._timers[waiter] = loop.call_later(self._grace, self._expire, waiter)

    def arrived(self, waiter: Waiter) -> None:
        """Count a connection of that caller for this process."""
        for counted in _counted(waiter):
            self._connections[counted] += 1
            timer = self._timers.pop(counted, None)
            if timer is not None:
                timer.cancel()

    def left(self, waiter: Waiter) -> None:
        """Stop counting a closed connection; after the last one the grace period begins."""
        for counted in _counted(waiter):
            self._connections[counted] -= 1
            if self._connections[counted] <= 0:
                del self._connections[counted]
                self.expected(counted)

    async def is_near(self, source_id: str) -> bool:
        """Whether it is connected, or has been away for less than the grace period."""
        waiter = self._callers.waiter(source_id)
        return bool(self._connections[waiter]) or waiter in self._timers

    def _expire(self, waiter: Waiter) -> None:
        del self._timers[waiter]
        self._lost(waiter)

    async def close(self) -> None:
        """Stop all timers; connections that close from now on cancel no request."""
        self._closed = True
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()


def _counted(waiter: Waiter) -> set[Waiter]:
    return {waiter, Waiter(UNKNOWN, waiter.source_id)}
