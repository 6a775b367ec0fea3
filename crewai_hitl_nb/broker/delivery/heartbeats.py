"""Heartbeats of audiences: a frame for each after some seconds without an event.

One timer serves all audiences, however many readers they have. They are kept in the order in which
something was last sent to them, so the first one is always the next that is due. It knows only
when something was sent, not what.

Above: ``fanout.py``. Below: the event loop's timer.
"""

import asyncio
from collections import OrderedDict
from collections.abc import Callable
from itertools import takewhile

from crewai_hitl_nb.broker.delivery.audience import Audience


class Heartbeats:
    """Calls back with each audience whose heartbeat is due."""

    def __init__(self, due: Callable[[Audience], None], interval: float) -> None:
        """Call ``due`` with an audience to which nothing was sent for ``interval`` seconds."""
        self._due = due
        self._interval = interval
        self._sent_at: OrderedDict[Audience, float] = OrderedDict()
        self._timer: asyncio.TimerHandle | None = None

    def restart(self, audience: Audience) -> None:
        """Count its seconds anew: something is sent to it now."""
        self._sent_at[audience] = asyncio.get_running_loop().time()
        self._sent_at.move_to_end(audience)
        if self._timer is None:
            self._set_timer()

    def discard(self, audience: Audience) -> None:
        """Forget an audience that has no readers any more."""
        self._sent_at.pop(audience, None)

    def _set_timer(self) -> None:
        first = next(iter(self._sent_at.values()), None)
        if first is not None:
            loop = asyncio.get_running_loop()
            self._timer = loop.call_at(first + self._interval, self._on_timer)

    def _on_timer(self) -> None:
        self._timer = None
        latest = asyncio.get_running_loop().time() - self._interval
        due = [a for a, _ in takewhile(lambda item: item[1] <= latest, self._sent_at.items())]
        for audience in due:
            self.restart(audience)  # its broadcast may come later; it must not be due twice
            self._due(audience)
        if self._timer is None:
            self._set_timer()

    def close(self) -> None:
        """Stop the timer."""
        if self._timer is not None:
            self._timer.cancel()
