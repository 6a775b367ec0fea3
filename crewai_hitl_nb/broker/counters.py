"""What became of requests since this server began, in numbers. It holds no ids and no texts.

The broker tells it of each commit that opens or closes a request; ``server/api/metrics.py`` says
the numbers. Every key is from a short list: what a caller may write freely (``via``) is one of
the surfaces of this product or ``other``, so nobody can make the list grow.
"""

from collections import Counter
from typing import Final

from crewai_hitl_nb.protocol.events import (
    ClosingEvent,
    HumanInputCancelled,
    HumanInputCompleted,
    HumanInputRequired,
)
from crewai_hitl_nb.store.histograms import Histogram

SURFACES: Final = frozenset(
    ("api", "card", "cli", "console", "default", "inbox", "lab", "panel", "resume", "widget")
)
"""Where people answer; anything else is ``other``."""

_ANSWER_SECONDS: Final = (1, 5, 15, 60, 300, 900, 3600, 14_400, 86_400, 604_800)
"""From a click to a week: a person answers."""


class RequestCounters:
    """Counts."""

    def __init__(self) -> None:
        self.asked: Counter[str] = Counter()
        self.answered: Counter[tuple[str, str, str]] = Counter()
        self.cancelled: Counter[tuple[str, str]] = Counter()
        self.expired: Counter[str] = Counter()
        self.answer_seconds = Histogram(_ANSWER_SECONDS)

    def opened(self, required: HumanInputRequired) -> None:
        """A question was asked."""
        self.asked[required.kind] += 1

    def closed(self, required: HumanInputRequired, closing: ClosingEvent) -> None:
        """A question took its end."""
        if isinstance(closing, HumanInputCompleted):
            via = closing.answered_by.via if closing.answered_by else "api"
            surface = via if via in SURFACES else "other"
            self.answered[required.kind, closing.decision or "respond", surface] += 1
            waited = (closing.timestamp - required.timestamp).total_seconds()
            self.answer_seconds.observe(max(0.0, waited))
        elif isinstance(closing, HumanInputCancelled):
            self.cancelled[required.kind, closing.reason] += 1
        else:
            self.expired[required.kind] += 1
