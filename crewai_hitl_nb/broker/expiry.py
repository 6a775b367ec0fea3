"""The times that an open request names: its reminder and its deadline.

At the deadline the request expires, or its explicit default answers, or (``wait``)
nothing happens, as the request itself says; at the reminder those who look are told again.
The timers run on the loop's steady clock and look at the wall clock again when they fire,
so a clock that jumps fires nothing early.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from functools import partial
from typing import Final

from crewai_hitl_nb.protocol.events import HumanInputRequired

_LONGEST_SECONDS: Final = 3600.0
"""A timer looks at the wall clock at least this often: a suspended laptop's steady clock
stands still."""

_Due = Callable[[HumanInputRequired], None]


class Deadlines:
    """The timers of the open requests.

    Args:
        due: Called with a request whose deadline passed.
        remind: Called with a request whose reminder is due.
        clock: The wall clock, aware.
    """

    def __init__(self, due: _Due, remind: _Due, clock: Callable[[], datetime]) -> None:
        self._due = due
        self._remind = remind
        self._clock = clock
        self._timers: dict[tuple[str, _Due], asyncio.TimerHandle] = {}

    def opened(self, required: HumanInputRequired) -> None:
        """Watch a request, as far as it names times that mean something."""
        if required.remind_at is not None:
            self._watch(required, required.remind_at, self._remind)
        if required.expires_at is not None and required.response.on_expiry != "wait":
            self._watch(required, required.expires_at, self._due)

    def closed(self, request_id: str) -> None:
        """Forget a request."""
        for then in (self._due, self._remind):
            timer = self._timers.pop((request_id, then), None)
            if timer is not None:
                timer.cancel()

    def close(self) -> None:
        """Stop all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()

    def _watch(self, required: HumanInputRequired, at: datetime, then: _Due) -> None:
        key = (required.request_id, then)
        left = (at - self._clock()).total_seconds()
        if left <= 0:
            self._timers.pop(key, None)
            then(required)
            return
        again = partial(self._watch, required, at, then)
        loop = asyncio.get_running_loop()
        self._timers[key] = loop.call_later(min(left, _LONGEST_SECONDS), again)
