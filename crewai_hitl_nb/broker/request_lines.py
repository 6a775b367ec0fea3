"""Writes one log line for each event of a request: ids and fixed words, no texts.

No line holds a text that a person or a crew wrote, nor anybody's name: those are in the trail
(``crewai-hitl audit``), for people who may read it. ``protocol/log_lines.py`` has the format.
"""

import logging
from collections.abc import Mapping
from typing import Final

from crewai_hitl_nb.protocol.events import (
    Event,
    HumanInputCancelled,
    HumanInputClaimed,
    HumanInputCompleted,
    HumanInputExpired,
    HumanInputReminded,
    HumanInputRequired,
    Rule,
)
from crewai_hitl_nb.protocol.log_lines import logger, note
from crewai_hitl_nb.protocol.surfaces import label

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
    """Write the line of a committed event, if it is about a request."""
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
        rule=_scope(event),
    )


def _scope(event: Event) -> str | None:
    """Return how far the rule reaches that an answer made."""
    made = event.rule if isinstance(event, HumanInputCompleted) else None
    return made.scope if isinstance(made, Rule) else None


def _via(event: Event) -> str | None:
    """Return the surface, or ``other`` if it is not one of this product's."""
    if isinstance(event, HumanInputClaimed):
        via = event.claimed_by.via
    elif isinstance(event, HumanInputCompleted) and event.answered_by is not None:
        via = event.answered_by.via
    else:
        return None
    return label(via)
