"""The surfaces on which a person can answer (``via``), and who may name each: one list for all.

The server checks callers against it (``server/api/surfaces.py``), metrics and log lines take their
labels from it, and the front end, which gets it through ``export.py``, has words for each of them.
Callers may use names of their own beside these.
"""

from collections.abc import Mapping
from typing import Final, Literal, TypeAlias

NamedBy: TypeAlias = Literal["server", "asker", "page", "program", "anybody"]

SURFACES: Final[Mapping[str, NamedBy]] = {
    "api": "anybody",
    "card": "page",
    "cli": "program",
    "console": "asker",  # the terminal of the process that asked
    "default": "server",  # no person decided
    "inbox": "page",
    "lab": "page",
    "page": "page",
    "panel": "page",
    "resume": "server",  # crewAI AMP's endpoint
    "rule": "server",  # by a rule that a person made
    "widget": "anybody",  # a widget's page speaks through its kernel, with whatever key that has
}


def label(via: str) -> str:
    """Return a surface, or ``other``: nobody can make a list of labels grow."""
    return via if via in SURFACES else "other"
