"""Checks what the users of several servers saw against the log that they all wrote. Pure.

A run notes in a :class:`History` what each publisher sent and was told, what each answerer was
told, and what each reader received from which connection. When everything is over, the
:class:`~tests.chaos.ledger.Log` is read back, and :func:`violations` compares the two. There is one
function for each promise; :data:`RULES` lists them.

What an outcome means for an event:

    every attempt refused         it is not in the log
    no attempt acknowledged,
      but one of unknown outcome  it is in the log once, or not at all
    an attempt acknowledged       it is in the log once, at the offset of the acknowledgement;
                                  it may be lost only if the log got a new epoch afterwards
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from itertools import pairwise
from typing import Literal, TypeAlias

from tests.chaos.ledger import ENDS, Json, Log


@dataclass(frozen=True)
class Attempt:
    """One call that publishes events, and its reply.

    Attributes:
        events: The ids of the events.
        outcome: What the publisher knows after the call.
        offsets: Of the events, if they are stored.
        began: When it was sent; all times are by the clock of the run.
        ended: When the reply came.
    """

    events: tuple[str, ...]
    outcome: Literal["stored", "refused", "unknown"]
    offsets: tuple[int, ...] = ()
    began: float = 0.0
    ended: float = 0.0


@dataclass(frozen=True)
class Reply:
    """What an answerer was told.

    Attributes:
        request_id: The question.
        by: Names the answerer.
        words: The answer's text; None for a cancellation.
        outcome: ``missing`` if the server does not know the question.
        event_id: The event that ended the request, if the reply named it.
        at: When the reply came.
    """

    request_id: str
    by: str
    words: str | None
    outcome: Literal["won", "lost", "refused", "unknown", "missing"]
    event_id: str | None = None
    at: float = 0.0


@dataclass(frozen=True)
class Connected:
    """A reader opened a stream, or sent a poll, to resume after this event."""

    last_event_id: str | None
    replica: int = 0


@dataclass(frozen=True)
class Live:
    """The server said that the replay is over."""


@dataclass(frozen=True)
class Received:
    """A reader received an event."""

    offset: int
    event_id: str
    at: float = 0.0


@dataclass(frozen=True)
class Gap:
    """A reader was told that events are missing, and that everything that is kept follows.

    Attributes:
        reason: As the server says it.
        last_event_id: What the reader resumed after.
        by_epoch: Whether no server said so, and the reader saw it by a heartbeat of another epoch:
            its last event was published again after its loss.
    """

    reason: str
    last_event_id: str
    by_epoch: bool = False


Item: TypeAlias = Connected | Live | Received | Gap


@dataclass
class Reader:
    """What one reader of all events saw, in order.

    Attributes:
        items: Across all its connections.
        has_read_all: Whether it read up to the end of the log.
    """

    items: list[Item] = field(default_factory=list)
    has_read_all: bool = False


@dataclass
class History:
    """What everybody saw.

    Attributes:
        attempts: Of all publishers.
        replies: To all answerers.
        readers: By name.
        epochs: The log's epochs, each with the time at which it was first seen.
        may_lose_history: Whether the database was made to lose commits.
        ends_by_itself: For each request that the server may end: by which types of events.
    """

    attempts: list[Attempt] = field(default_factory=list)
    replies: list[Reply] = field(default_factory=list)
    readers: dict[str, Reader] = field(default_factory=dict)
    epochs: list[tuple[float, str]] = field(default_factory=list)
    may_lose_history: bool = False
    ends_by_itself: dict[str, frozenset[str]] = field(default_factory=dict)

    def saw_epoch(self, epoch: str, at: float) -> None:
        """Note an epoch that somebody was told."""
        if epoch and epoch not in {name for _, name in self.epochs}:
            self.epochs.append((at, epoch))

    def may_be_lost(self, at: float) -> bool:
        """Return whether the log got a new epoch after this time."""
        return any(seen > at for seen, _ in self.epochs[1:])


Rule: TypeAlias = Callable[[History, Log], Iterator[str]]


def violations(history: History, log: Log, rules: Sequence[Rule] | None = None) -> list[str]:
    """Return every broken promise, in words; nothing if all were kept.

    Args:
        history: What everybody saw.
        log: The log at the end.
        rules: Other rules than :data:`RULES`.
    """
    return [words for rule in rules or RULES for words in rule(history, log)]


# ---- the log by itself


def offsets_have_no_holes(history: History, log: Log) -> Iterator[str]:
    """Offsets are 1, 2, 3 …, except where the log was pruned."""
    kept = [event["offset"] for event in log.events if event["offset"] > log.pruned_through]
    for before, after in pairwise([log.pruned_through, *kept]):
        if after != before + 1:
            yield f"the log has offset {after} after {before}"


def events_are_stored_once(history: History, log: Log) -> Iterator[str]:
    """No event is in the log twice."""
    for name, times in Counter(event["event_id"] for event in log.events).items():
        if times > 1:
            yield f"event {name} is in the log {times} times"


def requests_end_once(history: History, log: Log) -> Iterator[str]:
    """A request has at most one closing event, and its status is that of its events."""
    ends = _ends(log)
    for name, found in ends.items():
        if len(found) > 1:
            yield f"request {name} ended {len(found)} times: {[e['event_id'] for e in found]}"
    for name, status in log.statuses.items():
        meant = ENDS[ends[name][-1]["type"]] if name in ends else "pending"
        if status != meant:
            yield f"request {name} is listed as {status}, its events say {meant}"


def epochs_change_only_with_lost_history(history: History, log: Log) -> Iterator[str]:
    """The epoch stays while no commit is lost, and everybody is told the last one."""
    names = [name for _, name in history.epochs]
    if len(names) > 1 and not history.may_lose_history:
        yield f"the epoch changed, although no history was lost: {names}"
    if names and names[-1] != log.epoch:
        yield f"the last epoch that anybody saw is {names[-1]}, the log's is {log.epoch}"


# ---- publishers


def acknowledged_events_are_kept(history: History, log: Log) -> Iterator[str]:
    """An acknowledged event is in the log, at the offset of the acknowledgement."""
    places = _places(log)
    for attempt in history.attempts:
        for name, offset in zip(attempt.events, attempt.offsets, strict=False):
            place = places.get(name)
            if place == offset or history.may_be_lost(attempt.ended):
                continue
            if place is not None:
                yield f"event {name} was acknowledged at {offset} and is at {place}"
            elif offset > log.pruned_through:
                yield f"event {name} was acknowledged at {offset} and is lost"


def refused_events_are_not_stored(history: History, log: Log) -> Iterator[str]:
    """An event is not in the log if every attempt to store it was refused."""
    outcomes = defaultdict[str, set[str]](set)
    for attempt in history.attempts:
        for name in attempt.events:
            outcomes[name].add(attempt.outcome)
    for name in _places(log):
        if outcomes.get(name) == {"refused"}:
            yield f"event {name} was refused and is in the log"


def stored_events_were_published(history: History, log: Log) -> Iterator[str]:
    """The log has no event that nobody sent; the ends of requests have a rule of their own."""
    sent = {name for attempt in history.attempts for name in attempt.events}
    for event in log.events:
        if event["type"] not in ENDS and event["event_id"] not in sent:
            yield f"event {event['event_id']} is in the log and nobody published it"


def later_calls_get_later_offsets(history: History, log: Log) -> Iterator[str]:
    """An event that was first sent after another one was acknowledged comes after it."""
    began, acknowledged = dict[str, float](), dict[str, tuple[float, int]]()
    for attempt in history.attempts:
        for name in attempt.events:
            began[name] = min(attempt.began, began.get(name, attempt.began))
        for name, offset in zip(attempt.events, attempt.offsets, strict=False):
            if not history.may_be_lost(attempt.ended):
                acknowledged.setdefault(name, (attempt.ended, offset))
    order = sorted((ended, offset, name) for name, (ended, offset) in acknowledged.items())
    highest, before, done = 0, "", 0
    for name, start in sorted(began.items(), key=lambda each: each[1]):
        while done < len(order) and order[done][0] < start:
            if order[done][1] > highest:
                highest, before = order[done][1:]
            done += 1
        if name in acknowledged and acknowledged[name][1] < highest:
            yield f"event {name} was sent after {before} was stored, and is before it"


# ---- answerers


def winners_are_the_ends(history: History, log: Log) -> Iterator[str]:
    """The answer that was acknowledged ended its request, in the answerer's words."""
    ends = _ends(log)
    for reply in history.replies:
        if reply.outcome != "won" or history.may_be_lost(reply.at):
            continue
        found = ends.get(reply.request_id, [])
        if [event["event_id"] for event in found] != [reply.event_id]:
            yield (
                f"request {reply.request_id}: {reply.by} won with {reply.event_id}, "
                f"it ended with {[event['event_id'] for event in found]}"
            )
        elif found[0].get("human_feedback") != reply.words:
            yield f"request {reply.request_id}: {reply.by} won, and the log has other words"


def requests_have_one_winner(history: History, log: Log) -> Iterator[str]:
    """No two answerers are told that they won."""
    winners = defaultdict[str, set[str]](set)
    for reply in history.replies:
        if reply.outcome == "won" and not history.may_be_lost(reply.at):
            winners[reply.request_id].add(reply.by)
    for name, people in winners.items():
        if len(people) > 1:
            yield f"request {name} has {len(people)} winners: {sorted(people)}"


def losers_learn_the_winner(history: History, log: Log) -> Iterator[str]:
    """An answerer who came too late is told the event that ended the request."""
    ends = _ends(log)
    for reply in history.replies:
        if reply.outcome != "lost" or history.may_be_lost(reply.at):
            continue
        found = [event["event_id"] for event in ends.get(reply.request_id, [])]
        if found != [reply.event_id]:
            yield (
                f"request {reply.request_id}: {reply.by} lost to {reply.event_id}, "
                f"it ended with {found}"
            )


def requests_end_for_a_reason(history: History, log: Log) -> Iterator[str]:
    """A request ends by an answer that was not refused, or as its own deadline allows."""
    may = defaultdict[str, set[str | None]](set)
    for reply in history.replies:
        if reply.outcome in ("won", "unknown"):
            may[reply.request_id].add(reply.words)
    for name, found in _ends(log).items():
        for event in found:
            words = event.get("human_feedback") if ENDS[event["type"]] == "answered" else None
            by_somebody = event["type"] != "human_input_expired" and words in may[name]
            if not by_somebody and event["type"] not in history.ends_by_itself.get(name, ()):
                yield f"request {name} ended with {event['type']} ({words!r}); nobody did that"


def questions_are_known_everywhere(history: History, log: Log) -> Iterator[str]:
    """No server denies a question that another one has shown, unless history was lost."""
    for reply in history.replies:
        if reply.outcome == "missing" and len(history.epochs) <= 1:
            yield f"request {reply.request_id}: {reply.by} was told that it does not exist"


# ---- readers


@dataclass
class _Pass:
    """What a reader received from its beginning, or from a gap, to the next gap.

    Attributes:
        received: In order.
        replayed: How many of them came before it was live; nothing was promised about events
            that were pruned by then.
        at_heartbeat: How many of them came before the last heartbeat.
        is_last: Whether no gap follows.
    """

    received: list[Received] = field(default_factory=list)
    replayed: int | None = None
    at_heartbeat: int = 0
    is_last: bool = False

    def ends_replay(self) -> None:
        if self.replayed is None:
            self.replayed = len(self.received)

    def is_live(self) -> None:
        self.ends_replay()
        self.at_heartbeat = len(self.received)

    def forgets_since_heartbeat(self) -> None:
        """Drop what may be of either history, because the next heartbeat has another epoch."""
        del self.received[self.at_heartbeat :]


def _passes(reader: Reader) -> list[_Pass]:
    passes = [_Pass()]
    for item in reader.items:
        match item:
            case Gap():
                if item.by_epoch:
                    passes[-1].forgets_since_heartbeat()
                passes.append(_Pass())
            case Received():
                passes[-1].received.append(item)
            case Connected(last_event_id=str()) if passes[-1].received:
                passes[-1].ends_replay()
            case Live():
                passes[-1].is_live()
            case _:
                pass
    passes[-1].is_last = True
    return passes


def readers_get_events_in_order(history: History, log: Log) -> Iterator[str]:
    """A reader gets events by rising offsets, each once, until it gets a gap."""
    for name, reader in history.readers.items():
        for one in _passes(reader):
            seen = set[str]()
            for before, after in pairwise([None, *one.received]):
                assert after is not None
                if after.event_id in seen:
                    yield f"{name} got event {after.event_id} ({after.offset}) twice"
                elif before is not None and after.offset <= before.offset:
                    yield f"{name} got offset {after.offset} after {before.offset}"
                seen.add(after.event_id)


def readers_skip_nothing(history: History, log: Log) -> Iterator[str]:
    """A reader gets all events, unless it got a gap, or came after they were pruned."""
    kept = {event["offset"]: str(event["event_id"]) for event in log.events}
    known = {**_heard_of(history), **kept} if len(history.epochs) <= 1 else kept
    for name, reader in history.readers.items():
        for one in _passes(reader):
            got = [each.offset for each in one.received if known.get(each.offset) == each.event_id]
            ends_here = one.is_last and reader.has_read_all
            upto = max(known, default=0) if ends_here else max(got, default=0)
            if not got and not ends_here:
                continue
            # Nothing was promised about events that were pruned before it was live.
            replayed = one.received[: one.replayed]
            first = one.received[0].offset - 1 if one.received else upto
            joined = max((each.offset for each in replayed), default=first)
            missed = [
                offset
                for offset in sorted(set(known) - set(got))
                if offset <= upto and (offset in kept or offset > joined)
            ]
            if missed:
                yield f"{name} got no gap, and not the events at {missed}"


def readers_see_only_what_is_stored(history: History, log: Log) -> Iterator[str]:
    """An event that a reader got is in the log at that offset: it was durable before visible."""
    places = _places(log)
    for name, reader in history.readers.items():
        for item in reader.items:
            if not isinstance(item, Received) or places.get(item.event_id) == item.offset:
                continue
            was_pruned = item.event_id not in places and item.offset <= log.pruned_through
            if not was_pruned and not history.may_be_lost(item.at):
                yield f"{name} got event {item.event_id} at {item.offset}, which is not there"


def gaps_have_a_reason(history: History, log: Log) -> Iterator[str]:
    """A reader that resumes gets a gap only if something is missing."""
    places = _places(log)
    for name, reader in history.readers.items():
        for item in reader.items:
            if not isinstance(item, Gap) or len(history.epochs) > 1:
                continue
            pruned = item.reason == "pruned" and log.pruned_through > 0
            unknown = item.reason == "unknown_event_id" and item.last_event_id not in places
            if not pruned and not (unknown and log.pruned_through > 0):
                yield f"{name} got a gap ({item.reason}) after {item.last_event_id} for nothing"


RULES: tuple[Rule, ...] = (
    offsets_have_no_holes,
    events_are_stored_once,
    requests_end_once,
    epochs_change_only_with_lost_history,
    acknowledged_events_are_kept,
    refused_events_are_not_stored,
    stored_events_were_published,
    later_calls_get_later_offsets,
    winners_are_the_ends,
    requests_have_one_winner,
    losers_learn_the_winner,
    requests_end_for_a_reason,
    questions_are_known_everywhere,
    readers_get_events_in_order,
    readers_skip_nothing,
    readers_see_only_what_is_stored,
    gaps_have_a_reason,
)


def _places(log: Log) -> dict[str, int]:
    return {str(event["event_id"]): int(event["offset"]) for event in log.events}


def _ends(log: Log) -> dict[str, list[Json]]:
    ends: dict[str, list[Json]] = {}
    for event in log.events:
        if event["type"] in ENDS:
            ends.setdefault(event["request_id"], []).append(event)
    return ends


def _heard_of(history: History) -> dict[int, str]:
    """Return the events that somebody was told, by offset: some of them may be pruned by now."""
    heard = {
        item.offset: item.event_id
        for reader in history.readers.values()
        for item in reader.items
        if isinstance(item, Received)
    }
    for attempt in history.attempts:
        heard.update(zip(attempt.offsets, attempt.events, strict=False))
    return heard
