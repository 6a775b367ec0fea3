"""The wall clock, as far as it is to be trusted: one that is wrong at the start ends nothing.

One look at a clock proves nothing: a machine may wake in 1970 or in 2099, and be set right by a
time server minutes later. So the log remembers in a note when it was last looked at. A start
that long after it, or before it, puts the clock on trial: until the server has run with it for a
day, events age by the steady clock only (``clocks.py``), from the last time that was trusted,
and no deadline passes only because the clock says so (``deadlines.py``). A jump while the server
runs is tried in the same way.

What it does not notice: a clock that is wrong by less than :data:`ABSENCE`, or for longer than
a day of running.
"""

import logging
import time
from collections.abc import Callable
from datetime import datetime, timedelta, timezone
from typing import Final

import msgspec

from crewai_hitl_nb.broker.clocks import CautiousClock
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.log_lines import logger, note
from crewai_hitl_nb.store.metadata import MetadataStore

_log = logger(__name__)

_NOTE: Final = "clock"

ABSENCE: Final = timedelta(days=7)
"""A server may have been off for so long, or a machine asleep, without a doubt of its clock."""

BACK: Final = timedelta(days=1)
"""A clock may be set back by so much without a doubt."""

TRIAL_SECONDS: Final = 86_400.0
"""A clock that was doubted is trusted again when the server has run with it for so long."""


class Mark(msgspec.Struct, frozen=True):
    """What the log remembers of the clock.

    Attributes:
        seen: What the clock said at the last look.
        trusted: The time that was trusted then.
        trial: Seconds that the server has still to run with the clock; 0 where it is trusted.
    """

    seen: datetime
    trusted: datetime
    trial: float = 0.0


class TrustedClock:
    """Looks at the wall clock and says what to make of it; see the module.

    Args:
        wall: The wall clock, aware.
        steady: Seconds that only grow.
    """

    def __init__(
        self, wall: Callable[[], datetime], steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._begin(None)

    async def start(self, store: MetadataStore) -> None:
        """Compare the clock with what the log remembers.

        Raises:
            StoreUnavailable: The log cannot be read.
        """
        self._begin(_decoded((await store.get_metadata(_NOTE)).get(_NOTE)) or await _newest(store))
        if self._look().trial:
            note(_log, logging.WARNING, "clock_doubted", clock=self._mark.seen.isoformat())
        await self.save(store)

    async def save(self, store: MetadataStore) -> None:
        """Let the log remember; where it cannot be written the next time will do."""
        try:
            await store.put_metadata(_NOTE, msgspec.json.encode(self._look()))
        except StoreUnavailable:
            _log.debug("the clock was not noted")

    def _begin(self, mark: Mark | None) -> None:
        now = self._wall()
        self._mark = mark or Mark(now, now)
        self._looked = self._steady()
        trusted = not _is_jump(self._mark.seen, now, 0.0) and not self._mark.trial
        self._age = CautiousClock(self._wall, self._steady, None if trusted else self._mark.trusted)

    def __call__(self) -> datetime:
        """Return the time by which events age; it never runs ahead of what has passed."""
        self._look()
        return self._age()

    def is_trusted(self) -> bool:
        """Say whether the clock is not on trial."""
        return not self._look().trial

    def _look(self) -> Mark:
        now, at = self._wall(), self._steady()
        ran, self._looked = at - self._looked, at
        trial = self._mark.trial
        if _is_jump(self._mark.seen, now, ran):
            trial = TRIAL_SECONDS
        elif trial:
            trial = max(0.0, trial - ran)
            if not trial:
                self._age = CautiousClock(self._wall, self._steady)
        self._mark = Mark(now, self._age(), trial)
        return self._mark


def _is_jump(seen: datetime, now: datetime, ran: float) -> bool:
    return not seen - BACK <= now <= seen + timedelta(seconds=ran) + ABSENCE


def _decoded(body: bytes | None) -> Mark | None:
    try:
        return None if body is None else msgspec.json.decode(body, type=Mark)
    except msgspec.MsgspecError:
        return None  # a damaged one: the log's events say enough


async def _newest(store: MetadataStore) -> Mark | None:
    """Return what a log says that has no note yet: when its newest event was stored."""
    stored_at = await store.newest()
    if stored_at is None:
        return None
    seen = datetime.fromtimestamp(stored_at, timezone.utc)
    return Mark(seen, seen)
