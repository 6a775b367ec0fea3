"""Timers for the reminder and the deadline of each open request.

At the deadline the request expires, or its explicit default answers, or (``wait``)
nothing happens, as the request itself says; at the reminder its readers are notified again.
The timers run on the loop's monotonic clock and check the wall clock again when they fire,
so a clock that jumps fires nothing early. While there are timers, the two clocks are compared:
when they drift apart (the clock was set, the machine was asleep), all timers are set again, so
nothing fires late either.

A wall clock that is on trial (``trusted_clock.py``) ends nothing by itself: then a time has come
when the question has been watched here for as long as it gave when it was asked.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

import msgspec

from crewai_hitl_nb.protocol.events import HumanInputRequired

_LONGEST_SECONDS: Final = 3600.0
"""The longest that a timer is set for: the monotonic clock may drift from the wall clock."""

_LOOK_SECONDS: Final = 5.0
"""How late a deadline may be noticed after the wall clock jumped over it."""

_APART_SECONDS: Final = 1.0
"""A smaller difference is drift, which each timer corrects when it fires."""

_Due = Callable[[HumanInputRequired], None]


class _Watched(msgspec.Struct):
    """One time of one request, and its timer."""

    required: HumanInputRequired
    at: datetime
    since: float
    timer: asyncio.TimerHandle | None = None

    def cancel(self) -> None:
        if self.timer is not None:
            self.timer.cancel()


class Deadlines:
    """The timers of the open requests.

    Args:
        due: Called with a request whose deadline passed.
        remind: Called with a request whose reminder is due.
        clock: The wall clock, aware.
        look_seconds: Between two comparisons of the clocks.
        trusted: Returns whether the wall clock is trusted.
    """

    def __init__(
        self,
        due: _Due,
        remind: _Due,
        clock: Callable[[], datetime],
        look_seconds: float = _LOOK_SECONDS,
        trusted: Callable[[], bool] = lambda: True,
    ) -> None:
        self._due = due
        self._remind = remind
        self._clock = clock
        self._look_seconds = look_seconds
        self._trusted = trusted
        self._watched: dict[tuple[str, _Due], _Watched] = {}
        self._looking: asyncio.TimerHandle | None = None
        self._apart = 0.0

    def opened(self, required: HumanInputRequired) -> None:
        """Set timers for the times of a request; a deadline with ``wait`` needs none."""
        if required.remind_at is not None:
            self._watch(required, required.remind_at, self._remind)
        if required.expires_at is not None and required.response.on_expiry != "wait":
            self._watch(required, required.expires_at, self._due)

    def closed(self, request_id: str) -> None:
        """Forget a request."""
        for then in (self._due, self._remind):
            watched = self._watched.pop((request_id, then), None)
            if watched is not None:
                watched.cancel()

    def clear(self) -> None:
        """Stop all timers."""
        for watched in self._watched.values():
            watched.cancel()
        self._watched.clear()
        if self._looking is not None:
            self._looking.cancel()
            self._looking = None

    def _watch(self, required: HumanInputRequired, at: datetime, then: _Due) -> None:
        self._watched[required.request_id, then] = _Watched(
            required, at, asyncio.get_running_loop().time()
        )
        self._set(required.request_id, then)
        if self._looking is None and self._watched:
            self._apart = self._difference()
            self._look_later()

    def _set(self, request_id: str, then: _Due) -> None:
        """Set the timer, or act now if the time has passed."""
        watched = self._watched[request_id, then]
        watched.cancel()
        left = self._left(watched)
        if left <= 0:
            del self._watched[request_id, then]
            then(watched.required)
            return
        loop = asyncio.get_running_loop()
        watched.timer = loop.call_later(min(left, _LONGEST_SECONDS), self._set, request_id, then)

    def _left(self, watched: _Watched) -> float:
        """Return the seconds that are left, as far as the clocks tell."""
        if self._trusted():
            return (watched.at - self._clock()).total_seconds()
        whole = (watched.at - watched.required.timestamp).total_seconds()
        if whole <= 0:  # its timestamp is from the wrong clock: nothing is known yet
            return _LONGEST_SECONDS
        return whole - (asyncio.get_running_loop().time() - watched.since)

    # ---- the clocks

    def _difference(self) -> float:
        return self._clock().timestamp() - asyncio.get_running_loop().time()

    def _look_later(self) -> None:
        loop = asyncio.get_running_loop()
        self._looking = loop.call_later(self._look_seconds, self._look)

    def _look(self) -> None:
        """Set all timers again if the wall clock was moved since the last look."""
        self._looking = None
        if self._watched:
            self._look_later()
        apart = self._difference()
        moved, self._apart = abs(apart - self._apart) > _APART_SECONDS, apart
        if moved:
            for request_id, then in tuple(self._watched):
                self._set(request_id, then)
