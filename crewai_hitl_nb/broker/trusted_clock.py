"""Decides whether the wall clock can be trusted, so that a wrong clock ends no request.

A single reading proves nothing: a machine may start in 1970 or in 2099, and be corrected by a
time server minutes later. So the log's metadata holds the last reading. If the clock at a start is
:data:`ABSENCE` after that reading, or :data:`BACK` before it, the clock is on trial: until the
server has run with it for a day, events age by the monotonic clock only (``clocks.py``), from the
last trusted time, and no deadline passes only because the clock says so (``deadlines.py``). A jump
while the server runs starts a trial as well.

It does not notice a clock that is wrong by less than :data:`ABSENCE`, or for longer than
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
"""A server may be off this long, or a machine asleep, before its clock is doubted."""

BACK: Final = timedelta(days=1)
"""A clock may be set back by this much before it is doubted."""

TRIAL_SECONDS: Final = 86_400.0
"""A doubted clock is trusted again after the server has run with it for this long."""


class Mark(msgspec.Struct, frozen=True):
    """The last reading of the clock, as the log's metadata keeps it.

    Attributes:
        seen: What the clock said at the last look.
        trusted: The time that was trusted then.
        trial: Seconds that the server must still run with the clock; 0 if it is trusted.
    """

    seen: datetime
    trusted: datetime
    trial: float = 0.0


class TrustedClock:
    """Reads the wall clock and decides whether to trust it; see the module.

    Args:
        wall: The wall clock, aware.
        steady: Seconds on a clock that never goes back.
    """

    def __init__(
        self, wall: Callable[[], datetime], steady: Callable[[], float] = time.monotonic
    ) -> None:
        self._wall = wall
        self._steady = steady
        self._begin(None)

    async def start(self, store: MetadataStore) -> None:
        """Compare the clock with the last reading in the log.

        Raises:
            StoreUnavailable: The log cannot be read.
        """
        self._begin(_decoded((await store.get_metadata(_NOTE)).get(_NOTE)) or await _newest(store))
        if self._look().trial:
            note(_log, logging.WARNING, "clock_doubted", clock=self._mark.seen.isoformat())
        await self.save(store)

    async def save(self, store: MetadataStore) -> None:
        """Store the reading; if the log cannot be written, the next save does it."""
        try:
            await store.put_metadata(_NOTE, msgspec.json.encode(self._look()))
        except StoreUnavailable:
            _log.debug("the clock reading was not stored")

    def _begin(self, mark: Mark | None) -> None:
        now = self._wall()
        self._mark = mark or Mark(now, now)
        self._looked = self._steady()
        trusted = not _is_jump(self._mark.seen, now, 0.0) and not self._mark.trial
        self._age = CautiousClock(self._wall, self._steady, None if trusted else self._mark.trusted)

    def __call__(self) -> datetime:
        """Return the time by which events age; it never runs ahead of real time."""
        self._look()
        return self._age()

    def is_trusted(self) -> bool:
        """Whether the clock is not on trial."""
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
        return None  # damaged: the newest event's time is used instead


async def _newest(store: MetadataStore) -> Mark | None:
    """Return the mark of a log without a stored reading: when its newest event was stored."""
    stored_at = await store.newest()
    if stored_at is None:
        return None
    seen = datetime.fromtimestamp(stored_at, timezone.utc)
    return Mark(seen, seen)
