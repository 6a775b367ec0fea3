"""A wall clock that may be trusted with what cannot be taken back.

A clock that jumps ahead, by a wrong time server or a hand, makes everything look old. What is
dropped for its age is gone, so the age is measured by a clock that never runs ahead of what
has really passed since the server began. It may lag, behind a machine that was asleep;
then old events stay until the next start.
"""

import time
from collections.abc import Callable
from datetime import datetime, timedelta


class CautiousClock:
    """The wall clock, or the steady one since the start, whichever is behind.

    Args:
        wall: The wall clock, aware.
        steady: Seconds that only grow, whatever is done to the wall clock.
        began: The time to begin with, where it is not the wall clock's.
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
