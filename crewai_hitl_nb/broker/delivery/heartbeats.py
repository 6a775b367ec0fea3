"""Heartbeats of audiences: after so many seconds of silence, a sign of life.

One timer serves all of them, however many readers they have: audiences are kept in the order in
which they were last spoken to, so the first is always the next one that is due. It knows only
that an audience was spoken to, not what was said.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from itertools import takewhile

from crewai_hitl_nb.broker.delivery.audience import Audience


class Heartbeats:
    """Who is due next."""

    def __init__(self, due: Callable[[Audience], None], interval: float) -> None:
        """Call ``due`` with an audience that nobody spoke to for ``interval`` seconds."""
        self._due = due
        self._interval = interval
        self._spoke_at: OrderedDict[Audience, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def spoke(self, audience: Audience) -> None:
        """Its readers were given something just now."""
        self._spoke_at[audience] = asyncio.get_running_loop().time()
        self._spoke_at.move_to_end(audience)
        if self._timer is None:
            self._set()

    def discard(self, audience: Audience) -> None:
        """It has no readers any more."""
        self._spoke_at.pop(audience, None)

    def _set(self) -> None:
        first = next(iter(self._spoke_at.values()), None)
        if first is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(first + self._interval, self._look)

    def _look(self) -> None:
        self._timer = None
        quiet = asyncio.get_running_loop().time() - self._interval
        due = [a for a, _ in takewhile(lambda item: item[1] <= quiet, self._spoke_at.items())]
        for audience in due:
            self.spoke(audience)  # its round may come later; it is not due twice
            self._due(audience)
        if self._timer is None:
            self._set()

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
