"""One line in the server's log for each turn of a request's life: ids and words, no texts.

What a person or a crew wrote never stands in one, nor anybody's name: that is in the trail
(``crewai-hitl audit``), for who may read it. How a line reads is said in ``protocol/log_lines.py``.
"""

import logging
from collections.abc import Mapping
from typing import Final

from crewai_hitl_nb.broker.counters import SURFACES
from crewai_hitl_nb.protocol.events import (
    Event,
    HumanInputCancelled,
    HumanInputClaimed,
    HumanInputCompleted,
    HumanInputExpired,
    HumanInputReminded,
    HumanInputRequired,
)
from crewai_hitl_nb.protocol.log_lines import logger, note

_WORDS: Final[Mapping[type, str]] = {
    HumanInputRequired: "asked",
    HumanInputClaimed: "claimed",
    HumanInputReminded: "reminded",
    HumanInputCompleted: "answered",
    HumanInputCancelled: "cancelled",
    HumanInputExpired: "expired",
}

_log = logger(__name__)


def tell(event: Event, offset: int) -> None:
    """Write the line of an event that was committed, if it is one of a request."""
    what = _WORDS.get(type(event))
    if what is None or not _log.isEnabledFor(logging.INFO):
        return
    note(
        _log,
        logging.INFO,
        what,
        request_id=getattr(event, "request_id", None),
        execution_id=event.execution_id,
        offset=offset,
        kind=getattr(event, "kind", None),
        decision=getattr(event, "decision", None),
        reason=getattr(event, "reason", None),
        via=_via(event),
    )


def _via(event: Event) -> str | None:
    """Return the surface; what is none of ours is somebody's own word."""
    if isinstance(event, HumanInputClaimed):
        via = event.claimed_by.via
    elif isinstance(event, HumanInputCompleted) and event.answered_by is not None:
        via = event.answered_by.via
    else:
        return None
    return via if via in SURFACES else "other"
