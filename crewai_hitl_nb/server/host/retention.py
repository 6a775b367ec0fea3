"""Drops old events, and files that none refers to, in every host: at the start and once an hour.

The store decides which events to drop (complete requests, never an open one); the broker decides
how old they are. A log in memory is also bounded at each append (``store/memory.py``).
"""

import asyncio
import logging
import math
from typing import Final

import msgspec

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.log_lines import Log, note, note_fault

_PRUNE_SECONDS: Final = 3600.0


class Retention(msgspec.Struct, frozen=True):
    """How many events are kept, and for how long; those of open requests are always kept.

    Attributes:
        events: Most events to keep.
        days: Most days to keep them.

    Raises:
        ValueError: One of them is negative, or not a number.
    """

    events: int = limits.RETAIN_EVENTS
    days: float = limits.RETAIN_DAYS

    def __post_init__(self) -> None:
        if self.events < 0:
            raise ValueError(f"retain_events is {self.events}; it must be 0 or more")
        if not (math.isfinite(self.days) and self.days >= 0):
            raise ValueError(f"retain_days is {self.days}; it must be 0 or more")


async def prune_forever(broker: Broker, retention: Retention, log: Log) -> None:
    """Drop old events again and again; cancel it to stop."""
    while True:
        await _prune(broker, retention, log)
        await asyncio.sleep(_PRUNE_SECONDS)


async def _prune(broker: Broker, retention: Retention, log: Log) -> None:
    try:
        dropped = await broker.prune(keep=retention.events, days=retention.days)
        swept = await broker.files.sweep()
    except StoreUnavailable as error:
        log.warning("crewai-hitl: old events or files were not dropped: %s", error)
    except Exception as error:  # noqa: BLE001 - the next hour may do better
        note_fault(log, "pruning_failed", error)
    else:
        note(log, logging.DEBUG, "pruned", events=dropped, files=swept)
