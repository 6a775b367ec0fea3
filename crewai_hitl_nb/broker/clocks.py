"""A wall clock that never runs ahead, for decisions that cannot be undone, such as pruning.

A clock that jumps ahead, by a wrong time server or by hand, makes everything look old. An event
that was dropped for its age is gone, so ages are measured by a clock that never runs ahead of the
time that really passed since the server started. It may lag after the machine was asleep;
then old events stay until the next start.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta


class CautiousClock:
    """The wall clock, or the monotonic clock since the start, whichever is behind.

    Args:
        wall: The wall clock, aware.
        steady: Seconds on a clock that never goes back, even if the wall clock is set.
        began: The time to start from; the wall clock's by default.
    """

    def __init__(
        self,
        wall: Callable[[], datetime],
        steady: Callable[[], float] = time.monotonic,
        began: datetime | None = None,
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._began = began or wall(), steady()

    def __call__(self) -> datetime:
        """Return the earlier of the two times."""
        then, mark = self._began
        return min(self._wall(), then + timedelta(seconds=self._steady() - mark))
