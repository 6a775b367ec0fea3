"""What was promised to those outside, and whether the log kept it. Pure.

A run's actors write into a :class:`Ledger` what they were told: this event is at that place,
this answer won, that one lost to it, this is what a reader saw, this is how a crew's question
ended. After the run the :class:`Log` is read back, and :func:`violations` holds one against
the other. It knows neither processes nor stores.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Any

Json = dict[str, Any]

ENDS = {
    "human_input_completed": "answered",
    "human_input_cancelled": "cancelled",
    "human_input_expired": "expired",
}


@dataclass(frozen=True)
class Acknowledged:
    """Somebody was told that an event is in the log, at this place."""

    event_id: str
    offset: int


@dataclass(frozen=True)
class Won:
    """Somebody was told that this answer is the one."""

    request_id: str
    event_id: str


@dataclass(frozen=True)
class Lost:
    """Somebody was told that an answer came too late, and which event had closed the request."""

    request_id: str
    event_id: str | None
    winner: str


@dataclass(frozen=True)
class Ended:
    """A waiting crew was given this event as the end of its question."""

    request_id: str
    event_id: str
    type: str


Told = Acknowledged | Won | Lost | Ended


@dataclass
class Ledger:
    """Everything that anybody outside was told.

    Attributes:
        told: In the order in which it was heard.
        epochs: The log's names, as they were seen.
        saw: Of each reader the events that it was given, as (offset, event_id).
        asked: Requests that some crew waits for, or waited for when it was killed.
        gaps: What readers were told to have missed; nothing is pruned in a run.
        bereaved: Those whose crew was killed: nobody is left to be told their end.
    """

    told: list[Told] = field(default_factory=list)
    epochs: set[str] = field(default_factory=set)
    saw: dict[str, list[tuple[int, str]]] = field(default_factory=dict)
    gaps: list[str] = field(default_factory=list)
    asked: set[str] = field(default_factory=set)
    bereaved: set[str] = field(default_factory=set)


@dataclass(frozen=True)
class Log:
    """The log as it is read back when everything is over.

    Attributes:
        epoch: Its name.
        events: Every event that it keeps, as JSON, in the order of the log.
        statuses: Where each request stands.
        pruned_through: Below this offset events may be gone.
    """

    epoch: str
    events: Sequence[Json]
    statuses: dict[str, str]
    pruned_through: int = 0


def violations(ledger: Ledger, log: Log) -> list[str]:
    """Return every promise that was broken, in words; none when all is well."""
    return [
        *_order(log),
        *_life(ledger, log),
        *_acknowledged(ledger, log),
        *_one_end(log),
        *_answers(ledger, log),
        *_crews(ledger, log),
        *_readers(ledger, log),
    ]


def _order(log: Log) -> list[str]:
    offsets = [event["offset"] for event in log.events if event["offset"] > log.pruned_through]
    wrong = [
        f"offset {after} follows {before}"
        for before, after in pairwise([log.pruned_through, *offsets])
        if after != before + 1
    ]
    counted = Counter(event["event_id"] for event in log.events)
    return wrong + [f"event {name} is there {n} times" for name, n in counted.items() if n > 1]


def _life(ledger: Ledger, log: Log) -> list[str]:
    others = ledger.epochs - {log.epoch}
    return [f"the epoch was {other} and is {log.epoch}" for other in sorted(others)]


def _acknowledged(ledger: Ledger, log: Log) -> list[str]:
    places = {event["event_id"]: event["offset"] for event in log.events}
    wrong = []
    for told in ledger.told:
        if not isinstance(told, Acknowledged):
            continue
        place = places.get(told.event_id)
        if place is None and told.offset > log.pruned_through:
            wrong.append(f"event {told.event_id} was acknowledged and is lost")
        elif place is not None and place != told.offset:
            wrong.append(
                f"event {told.event_id} was acknowledged at {told.offset} and is at {place}"
            )
    return wrong


def _ends(log: Log) -> dict[str, list[Json]]:
    ends: dict[str, list[Json]] = {}
    for event in log.events:
        if event["type"] in ENDS:
            ends.setdefault(event["request_id"], []).append(event)
    return ends


def _one_end(log: Log) -> list[str]:
    ends = _ends(log)
    wrong = [
        f"request {name} ended {len(found)} times: {[event['type'] for event in found]}"
        for name, found in ends.items()
        if len(found) > 1
    ]
    for name, status in log.statuses.items():
        found = ends.get(name, [])
        means = ENDS[found[-1]["type"]] if found else "pending"
        if status != means:
            wrong.append(f"request {name} is called {status}, its events say {means}")
    return wrong


def _answers(ledger: Ledger, log: Log) -> list[str]:
    ends = _ends(log)
    wrong = []
    for told in ledger.told:
        if not isinstance(told, Won | Lost):
            continue
        found = [event["event_id"] for event in ends.get(told.request_id, [])]
        winner = told.event_id if isinstance(told, Won) else told.winner
        if found != [winner]:
            wrong.append(f"request {told.request_id}: {winner} was named the end, it is {found}")
        if isinstance(told, Lost) and told.event_id in found:
            wrong.append(f"request {told.request_id}: {told.event_id} was refused and is there")
    return wrong


def _crews(ledger: Ledger, log: Log) -> list[str]:
    ends = _ends(log)
    heard = {told.request_id: told for told in ledger.told if isinstance(told, Ended)}
    wrong = []
    for name in sorted(ledger.asked):
        found = ends.get(name, [])
        if name in ledger.bereaved:
            in_log = any(event.get("request_id") == name for event in log.events)
            if in_log and not found:
                wrong.append(f"request {name}: its crew is dead, and it is still open")
        elif name not in heard:
            wrong.append(f"request {name}: its crew never heard how it ended")
    for name, told in heard.items():
        kept = [(event["event_id"], event["type"]) for event in ends.get(name, [])]
        if kept != [(told.event_id, told.type)]:
            wrong.append(f"request {name}: its crew was told {told.type}, the log says {kept}")
    return wrong


def _readers(ledger: Ledger, log: Log) -> list[str]:
    whole = [(event["offset"], event["event_id"]) for event in log.events]
    wrong = [f"a reader got a gap by {gap}" for gap in ledger.gaps]
    for reader, saw in ledger.saw.items():
        if saw == whole:
            continue
        counted = Counter(saw)
        twice = [place for place, n in counted.items() if n > 1]
        missed = [place for place in whole if place not in counted]
        invented = [place for place in saw if place not in set(whole)]
        order = "" if saw == sorted(saw) else ", out of order"
        wrong.append(
            f"{reader} saw twice {twice}, missed {missed}, saw what is not there {invented}{order}"
        )
    return wrong
