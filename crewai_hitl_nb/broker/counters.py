"""Counts requests and how they ended since this server started, without ids and texts.

The broker calls it for each commit that opens or closes a request; ``server/api/metrics.py`` shows
the numbers. Every key is from a short list: the surface, which a caller may write freely (``via``),
is counted as one of this product's or as ``other`` (``protocol/surfaces.py``).
"""

from collections import Counter
from typing import Final

from crewai_hitl_nb.protocol.events import (
    ClosingEvent,
    HumanInputCancelled,
    HumanInputCompleted,
    HumanInputRequired,
)
from crewai_hitl_nb.protocol.surfaces import label
from crewai_hitl_nb.store.histograms import Histogram

_ANSWER_SECONDS: Final = (1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400, 604_800)
"""From a click to a week: that is how long people take."""


class RequestCounters:
    """Counters of questions, by how they ended."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.answered: Counter[tuple[str, str, str]] = Counter()
        self.cancelled: Counter[tuple[str, str]] = Counter()
        self.expired: Counter[str] = Counter()
        self.answer_seconds = Histogram(_ANSWER_SECONDS)

    def opened(self, required: HumanInputRequired) -> None:
        """Count a question."""
        self.asked[required.kind] += 1

    def closed(self, required: HumanInputRequired, closing: ClosingEvent) -> None:
        """Count how a question ended."""
        if isinstance(closing, HumanInputCompleted):
            via = closing.answered_by.via if closing.answered_by else "api"
            self.answered[required.kind, closing.decision or "respond", label(via)] += 1
            waited = (closing.timestamp - required.timestamp).total_seconds()
            self.answer_seconds.observe(max(0.0, waited))
        elif isinstance(closing, HumanInputCancelled):
            self.cancelled[required.kind, closing.reason] += 1
        else:
            self.expired[required.kind] += 1
