"""Histograms of values, and of a store's commits. Pure.

One thread writes and another reads: a reader may see a count without its sum, which the next read
corrects.
"""

from bisect import bisect_left
from collections.abc import Sequence
from itertools import accumulate
from typing import Final


class Histogram:
    """Counts how many values there were up to each bound.

    Args:
        bounds: Ascending; values above the last one are counted, too.
    """

    def __init__(self, bounds: Sequence[float]) -> None:
        self._bounds: Final = tuple(bounds)
        self._counts = [0] * (len(self._bounds) + 1)
        self.sum = 0.0

    def observe(self, value: float) -> None:
        """Count a value."""
        self._counts[bisect_left(self._bounds, value)] += 1
        self.sum += value

    @property
    def count(self) -> int:
        """How many values there were."""
        return sum(self._counts)

    def buckets(self) -> list[tuple[str, float]]:
        """Return each bound, as text, with how many values were not above it."""
        names = [*(str(float(bound)) for bound in self._bounds), "+Inf"]
        return list(zip(names, map(float, accumulate(self._counts)), strict=True))


class CommitFigures:
    """Durations, sizes and failures of a store's commits."""

    def __init__(self) -> None:
        self.seconds = Histogram((0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.5, 1, 5))
        self.events = Histogram((1, 2, 5, 10, 50, 100, 500, 1000, 5000))
        self.failures = 0
        self.is_failing = False

    def took(self, seconds: float, events: int) -> None:
        """Count a commit, whether it succeeded or not."""
        self.seconds.observe(seconds)
        self.events.observe(events)

    def turned(self, *, failing: bool) -> bool:
        """Count a failure if it is one; return whether this differs from the last commit."""
        self.failures += failing
        before, self.is_failing = self.is_failing, failing
        return before != failing
