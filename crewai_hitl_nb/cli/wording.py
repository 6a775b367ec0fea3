"""Describes requests and events to people, in one line each.

Pure. The commands use it; it uses ``terminal/wording.py`` and does no printing.
"""

from collections.abc import Iterable, Mapping
from typing import Final

from crewai_hitl_nb.protocol.events import (
    Event,
    HumanInputCancelled,
    HumanInputClaimed,
    HumanInputCompleted,
    HumanInputExpired,
    HumanInputReminded,
    HumanInputRequired,
    event_type,
    request_id_of,
)
from crewai_hitl_nb.protocol.frames import Gap
from crewai_hitl_nb.terminal.wording import Part, asker, by

SHORTEST_ID: Final = 13
"""The first 13 characters of a UUIDv7 are its timestamp in milliseconds, which questions rarely
share."""

_SUMMARY_CHARS: Final = 120


def short_ids(ids: Iterable[str]) -> Mapping[str, str]:
    """Return the shortest beginning of each id that no other id in the list shares."""
    ordered = sorted(set(ids))
    shortened: dict[str, str] = {}
    for place, whole in enumerate(ordered):
        neighbours = ordered[max(0, place - 1) : place] + ordered[place + 1 : place + 2]
        length = max([SHORTEST_ID, *(_shared(whole, other) + 1 for other in neighbours)])
        shortened[whole] = whole[:length]
    return shortened


def event_line(event: Event | Gap) -> list[Part]:
    """Return one line that describes an event: time, kind, request, person and summary."""
    if isinstance(event, Gap):
        return [("gap      ", "yellow"), event.message]
    when = f"{event.timestamp.astimezone():%H:%M:%S}  "
    what, style, gist = _happened(event)
    request_id = request_id_of(event) or event.execution_id or ""
    return [(when, "dim"), (f"{what:<9}  ", style), (f"{request_id}  ", "cyan"), _summary(gist)]


def _happened(event: Event) -> tuple[str, str, str]:
    match event:
        case HumanInputRequired():
            return "asked", "bold yellow", f"{asker(event)}: {event.prompt}"
        case HumanInputClaimed():
            return "claimed", "blue", f"{by(event.claimed_by)} is on it"
        case HumanInputCompleted():
            answer = ", ".join(event.options or ()) or event.human_feedback
            gist = f"{by(event.answered_by)}: {event.decision or 'respond'}"
            return "answered", "green", f"{gist} {answer}".strip()
        case HumanInputCancelled():
            return "cancelled", "red", f"{event.reason} {event.message}".strip()
    return _PLAIN.get(type(event), ("other", "dim", event_type(event)))


_PLAIN: Final[Mapping[type, tuple[str, str, str]]] = {
    HumanInputExpired: ("expired", "red", "the deadline passed"),
    HumanInputReminded: ("reminded", "yellow", "nobody has answered yet"),
}


def _summary(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _SUMMARY_CHARS else f"{line[: _SUMMARY_CHARS - 1]}…"


def _shared(one: str, other: str) -> int:
    """Return the length of the common prefix."""
    pairs = zip(one, other, strict=False)
    return next((i for i, (a, b) in enumerate(pairs) if a != b), min(len(one), len(other)))
