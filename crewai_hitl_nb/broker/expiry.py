"""Deadlines: one timer per open request that has an ``expires_at``.

At the deadline the request expires, or its explicit default answers, or (``wait``)
nothing happens, as the request itself says. The timer runs on the loop's steady clock
and looks at the wall clock again when it fires, so a clock that jumps fires nothing early.
"""

import asyncio
from collections.abc import Callable
from datetime import datetime
from typing import Final

from crewai_hitl_nb.protocol.events import HumanInputRequired

_LONGEST_SECONDS: Final = 3600.0
"""A timer looks at the wall clock at least this often: a suspended laptop's steady clock
stands still."""


class Deadlines:
    """The timers of the open requests."""

    def __init__(
        self, due: Callable[[HumanInputRequired], None], clock: Callable[[], datetime]
    ) -> None:
        """Call ``due`` with a request whose deadline passed."""
        self._due = due
        self._clock = clock
        self._timers: dict[str, asyncio.TimerHandle] = {}

    def opened(self, required: HumanInputRequired) -> None:
        """Watch a request, if it has a deadline that means something."""
        if required.expires_at is None or required.response.on_expiry == "wait":
            return
        left = (required.expires_at - self._clock()).total_seconds()
        if left <= 0:
            self._timers.pop(required.request_id, None)
            self._due(required)
            return
        loop = asyncio.get_running_loop()
        self._timers[required.request_id] = loop.call_later(
            min(left, _LONGEST_SECONDS), self.opened, required
        )

    def closed(self, request_id: str) -> None:
        """Forget a request."""
        timer = self._timers.pop(request_id, None)
        if timer is not None:
            timer.cancel()

    def close(self) -> None:
        """Stop all timers."""
        for timer in self._timers.values():
            timer.cancel()
        self._timers.clear()
