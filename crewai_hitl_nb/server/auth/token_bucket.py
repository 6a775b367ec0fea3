"""Token buckets that limit the rate of each caller. Pure: the caller gives the time.

A bucket holds at most ``burst`` tokens and gains ``rate`` of them a second; each action takes its
price. An action that costs more than ``burst`` passes when the bucket is full, which then owes the
rest: a large batch is slowed like the same events one by one, and never impossible.

Why not a library: ``limits`` and ``pyrate-limiter`` count in windows (twice the limit passes
at a window's edge), take locks, start timer threads and cost some 10 µs for each action; this is
one dictionary look-up and a subtraction on one loop. It knows neither requests nor people.
"""

from typing import Final

MOST_CALLERS: Final = 10_000
"""Buckets of one kind that are kept; the bucket of a quiet caller is full, so it can be dropped."""


class Buckets:
    """One bucket for each caller.

    Args:
        rate: Tokens that a bucket gains each second; 0 or less lets everything through.
        burst: Tokens that a bucket holds.
    """

    def __init__(self, rate: float, burst: float) -> None:
        self._rate = rate
        self._burst = max(burst, 1.0)
        self._levels: dict[str, tuple[float, float]] = {}

    def take(self, caller: str, price: float, now: float) -> float:
        """Take the price and return 0, or take nothing and return the seconds to wait.

        Args:
            caller: Whose bucket.
            price: What the action costs.
            now: Seconds, on a clock that never goes back.
        """
        if self._rate <= 0:
            return 0.0
        level = self._level(caller, now)
        short = min(price, self._burst) - level
        if short > 0:
            return short / self._rate
        if caller not in self._levels and len(self._levels) >= MOST_CALLERS:
            self._forget(now)
        self._levels[caller] = (level - price, now)
        return 0.0

    def wait(self, caller: str, now: float) -> float:
        """Return how many seconds are left until the caller may act at all; take nothing."""
        if self._rate <= 0:
            return 0.0
        return max(0.0, 1.0 - self._level(caller, now)) / self._rate

    def _level(self, caller: str, now: float) -> float:
        known = self._levels.get(caller)
        if known is None:
            return self._burst
        level, at = known
        return min(self._burst, level + (now - at) * self._rate)

    def _forget(self, now: float) -> None:
        """Drop the full buckets; if there are none, the oldest half."""
        levels = self._levels
        self._levels = {c: levels[c] for c in levels if self._level(c, now) < self._burst}
        if len(self._levels) >= MOST_CALLERS:
            for caller in list(self._levels)[: MOST_CALLERS // 2]:
                del self._levels[caller]
