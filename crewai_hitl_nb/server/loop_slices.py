"""Spreads callbacks over turns of the event loop, a few in each.

The end of a thousand requests that one event has woken is a tenth of a second of work: log lines,
metrics, the next request of each connection. It is not urgent, and all at once it would hold the
loop.

Above: ``fast/poll_response.py``. Below: nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from crewai_hitl_nb.protocol import limits


class LoopSlices:
    """Calls callbacks in the order in which they were added, some in each turn of the loop."""

    def __init__(self, most: int = limits.SLICE_REPLIES) -> None:
        """Begin with nothing to call.

        Args:
            most: How many are called in one turn.
        """
        self._most = most
        self._waiting: deque[Callable[[], None]] = deque()
        self._scheduled = False

    def add(self, callback: Callable[[], None]) -> None:
        """Call this after all that were added before. It must not raise."""
        self._waiting.append(callback)
        self._schedule()

    def _schedule(self) -> None:
        if self._waiting and not self._scheduled:
            self._scheduled = True
            asyncio.get_running_loop().call_soon(self._call_some)

    def _call_some(self) -> None:
        self._scheduled = False
        for _ in range(min(self._most, len(self._waiting))):
            self._waiting.popleft()()
        self._schedule()
