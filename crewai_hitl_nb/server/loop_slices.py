"""Work that waits for its turn: a little of it in each turn of the event loop.

A thousand calls that one event has ended are a tenth of a second of work: log lines, metrics, the
next request of each connection. None of it is urgent, and all at once it would hold the loop.

Above: the poll handler. Below: nothing.
"""

import asyncio
from collections import deque
from collections.abc import Callable

from crewai_hitl_nb.protocol import limits


class Turns:
    """Calls what it is given in the order that it was given it, some in each turn of the loop."""

    def __init__(self, most: int = limits.SLICE_REPLIES) -> None:
        """Begin with nothing to do.

        Args:
            most: How many are called in one turn.
        """
        self._most = most
        self._waiting: deque[Callable[[], None]] = deque()
        self._due = False

    def add(self, callback: Callable[[], None]) -> None:
        """Call this when all before it were called. It raises nothing."""
        self._waiting.append(callback)
        self._call_soon()

    def _call_soon(self) -> None:
        if self._waiting and not self._due:
            self._due = True
            asyncio.get_running_loop().call_soon(self._turn)

    def _turn(self) -> None:
        self._due = False
        for _ in range(min(self._most, len(self._waiting))):
            self._waiting.popleft()()
        self._call_soon()
