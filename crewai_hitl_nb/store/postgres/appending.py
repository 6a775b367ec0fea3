"""Appends to a log that several servers write: one group of appends in one transaction.

1. Lock the row of the log. The lock is the sequencer: it is held until the commit is flushed, so
   that the order of offsets is the order of commits, without holes.
2. Look up, in statements *after* the lock, which events the log already has and how the requests of
   the others stand. (Under READ COMMITTED each statement has its own snapshot; one from before the
   lock may be old.)
3. Number, check and seal the events here, as the store in memory does.
4. Insert them, move the row of the log to the new end, commit.

Steps 1 and 2 are one round trip to the database, step 4 is another one. A server that stops while
it holds the lock (a paused virtual machine) blocks the others only until the database ends its idle
transaction, which it can because step 2 ends with ``settle``.

Nobody is notified in this transaction: PostgreSQL lets only one transaction that notifies commit at
a time (``async.c``, "PreCommit_Notify"). ``tail.py`` notifies afterwards.
"""

from collections import ChainMap, defaultdict
from collections.abc import Callable, Collection, Mapping, MutableMapping, Sequence
from typing import Any, Final

import psycopg
from psycopg.rows import TupleRow

from crewai_hitl_nb.protocol import state
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.duplicates import check_same
from crewai_hitl_nb.protocol.errors import HitlError
from crewai_hitl_nb.protocol.events import Event, HumanInputRequired, event_type, request_id_of
from crewai_hitl_nb.protocol.state import Request, Status
from crewai_hitl_nb.store import ownership
from crewai_hitl_nb.store.base import (
    NOT_NOW,
    Appended,
    Commit,
    Condition,
    ConditionFailed,
    Record,
    appended,
    commit_of,
)
from crewai_hitl_nb.store.ownership import Origin
from crewai_hitl_nb.store.postgres import reading, schema
from crewai_hitl_nb.store.postgres.arrays import ColumnType, Texts, columns, unnested
from crewai_hitl_nb.store.postgres.connections import PATIENCE, Session
from crewai_hitl_nb.store.postgres.files import Marks
from crewai_hitl_nb.store.postgres.history import SEAL_AT, Seen, compare
from crewai_hitl_nb.store.postgres.reading import (
    OFFSET,
    PRUNED_THROUGH,
    RECORD,
    STATE,
    only,
    state_of,
)
from crewai_hitl_nb.store.postgres.replicas import IS_HELD
from crewai_hitl_nb.store.rows import (
    EVENT_COLUMNS,
    REQUEST_COLUMNS,
    Batch,
    ChangeKind,
    Written,
    change_of,
    event_row,
)
from crewai_hitl_nb.store.trail import Tail


class CommitInDoubt(Exception):
    """The connection broke during the commit: the appends are in the log together, or not at all.

    Attributes:
        group: They are in the log if its end is.
    """

    def __init__(self, group: "Group") -> None:
        super().__init__("the connection broke during the commit")
        self.group = group


def write(
    log: Session,
    batches: Sequence[Batch],
    seen: Seen,
    clock: Callable[[], float] | None = None,
    expect: Callable[[Sequence[Commit]], None] = lambda commits: None,
) -> "Group":
    """Append the batches in one transaction, each of them as one or not at all.

    Args:
        log: A session that writes.
        batches: The appends.
        seen: Compared with the log before anything is written.
        clock: Unix time; None for the database's clock.
        expect: Called with the new events before they are sent.

    Raises:
        HistoryLost: Nothing was written.
        FellBehind: Nothing was written.
        TooOld: Nothing was written.
        OutOfService: Nothing was written.
        CommitInDoubt: The outcome is unknown.
        psycopg.Error: Nothing was written.
    """
    group = None
    try:
        with log.one_transaction():
            group = _locked(log, batches, seen, clock)
            for batch in batches:
                group.add(batch)
            expect(group.commits)
            group.insert()
    except psycopg.Error as error:
        if group is not None and group.is_inserted and (log.is_broken or error.sqlstate is None):
            raise CommitInDoubt(group) from error
        raise
    return group


def _locked(
    log: Session, batches: Sequence[Batch], seen: Seen, clock: Callable[[], float] | None
) -> "Group":
    """Lock the log's row and look up what is needed of it, in one round trip."""
    events = [event for batch in batches for event in batch.events]
    named = list({name for event in events if (name := request_id_of(event)) is not None})
    _limit_waiting(log)
    row = log.execute(f"{STATE} FOR UPDATE")
    place = log.execute(_PLACE, {"offset": seen.head.offset})
    conditions = {batch.condition for batch in batches if batch.condition is not None}
    named_ids = {one for c in conditions for one in (c.with_event, c.without_event) if one}
    looked_up = Texts([*(event.event_id for event in events), *named_ids])
    stored = log.execute(_STORED, {"ids": looked_up})
    statuses = log.execute(_STATUSES, {"ids": Texts(named)}) if named else None
    marks = Marks(log, events)
    held = {one: log.execute(IS_HELD, _process(one)) for one in conditions if one.without}
    log.settle()
    marks.receive()
    found = state_of(only(row))
    schema.refuse(found)
    seal, pruned, stored_at = only(place)
    compare(found, seen, seal, pruned)
    return Group(
        log,
        found.epoch,
        found.head,
        clock() if clock is not None else stored_at,
        {record.event_id: record for record in (Record(*columns) for columns in stored)},
        dict(statuses.fetchall()) if statuses is not None else {},
        marks,
        {one for one in conditions if _holds(one, held.get(one), stored_at, found.epoch)},
    )


def _limit_waiting(log: Session) -> None:
    """Behind a pooler each transaction has its limits; other sessions have them from the start."""
    if log.is_pooled:
        log.execute(PATIENCE, {"local": True})


def _process(condition: Condition) -> dict[str, Any]:
    caller, source = condition.without or (None, "")
    return {"caller": caller, "source": source, "grace": condition.grace}


def _holds(
    condition: Condition, held: psycopg.Cursor[TupleRow] | None, now: float, epoch: str
) -> bool:
    if condition.epoch not in (None, epoch):
        return False
    early = condition.not_before is not None and now < condition.not_before.timestamp()
    late = condition.not_after is not None and now > condition.not_after.timestamp()
    return not early and not late and (held is None or not only(held)[0])


def is_written(log: Session, group: "Group") -> bool:
    """Return whether the group is in the log, when no transaction that writes it can be left.

    Raises:
        LookupError: It cannot be known, because the log is pruned beyond the group.
    """
    with log.connection.transaction():
        _limit_waiting(log)
        log.execute(f"{STATE} FOR UPDATE")
        row = log.execute(SEAL_AT, {"offset": group.head.offset}).fetchone()
        if row is None and reading.pruned_through(log) >= group.head.offset:
            raise LookupError("the log is pruned beyond this group")
    return row is not None and row[0] == group.head.seal


_PLACE: Final = (
    f"SELECT ({SEAL_AT}), ({PRUNED_THROUGH}), extract(epoch FROM clock_timestamp())::float8"  # noqa: S608 - constants only
)
_STORED: Final = f"SELECT {RECORD} FROM log.events WHERE event_id = ANY(%(ids)b::text[])"  # noqa: S608 - constants only
_STATUSES: Final = (
    "SELECT request_id, status FROM log.requests WHERE request_id = ANY(%(ids)b::text[])"
)


class Group:
    """The appends of one transaction: their new events, and the rows to write.

    Args:
        log: The session that holds the lock.
        epoch: The log's epoch.
        head: The log's last place.
        stored_at: Unix time by the database's clock.
        stored: Those of the events that the log already has, by id.
        statuses: The requests that the events are about, as far as the log has them.
        marks: The files that the events refer to.
        holding: The conditions that hold.

    Attributes:
        results: For each append, what was written or why it was refused.
        is_inserted: Whether the rows were sent, so that a commit may follow.
    """

    def __init__(
        self,
        log: Session,
        epoch: str,
        head: Head,
        stored_at: float,
        stored: Mapping[str, Record],
        statuses: dict[str, Status],
        marks: Marks,
        holding: Collection[Condition] = (),
    ) -> None:
        self.results: list[Written | HitlError] = []
        self.is_inserted = False
        self._log = log
        self._epoch = epoch
        self._tail = Tail(head)
        self._stored_at = stored_at
        self._stored = stored
        self._statuses = statuses
        self._marks = marks
        self._holding = holding
        self._commits: dict[str, Commit] = {}
        self._events: list[tuple[object, ...]] = []

    @property
    def head(self) -> Head:
        """The last place of the log when these appends are written."""
        return self._tail.head

    @property
    def commits(self) -> list[Commit]:
        """The new events."""
        return list(self._commits.values())

    @property
    def first(self) -> int:
        """The offset of the first new event."""
        return self._tail.head.offset - len(self._events) + 1

    def add(self, batch: Batch) -> None:
        """Number, check and seal the events of one append."""
        condition = batch.condition
        if condition is not None and not (
            condition in self._holding and condition.has_events(self._has)
        ):
            self.results.append(ConditionFailed(NOT_NOW))
            return
        before = self._tail.head
        try:
            self.results.append(self._add(batch))
        except HitlError as refusal:
            self._tail.move_back(before)
            self.results.append(refusal)

    def _has(self, event_id: str) -> bool:
        return event_id in self._stored or event_id in self._commits

    def _add(self, batch: Batch) -> Written:
        # Changes go into layers of their own, which a refusal drops.
        statuses = ChainMap[str, Status]({}, self._statuses)
        new = ChainMap[str, Commit]({}, self._commits)
        rows, results = list[tuple[object, ...]](), list[Appended]()
        for event in batch.events:
            record = self._stored.get(event.event_id)
            if record is None and event.event_id in new:
                record = new[event.event_id].record
            if record is not None:
                check_same(record.body, event)
                results.append(appended(record, event, duplicate=True))
                continue
            self._follow(statuses, event, new)
            if batch.within is not None:
                ownership.check(batch.within, event, _Owners(self._log, new))
            self._marks.check(event)
            commit = commit_of(event, self._tail.next_offset(), batch.by)
            rows.append(event_row(commit, self._stored_at, self._tail.sealed(commit.record.body)))
            new[event.event_id] = commit
            results.append(appended(commit.record, event, duplicate=False))
        commits = list(new.maps[0].values())
        self._statuses.update(statuses.maps[0])
        self._commits.update(new.maps[0])
        self._events += rows
        self._marks.add(commits)
        return Written(results, commits, self._epoch)

    def _follow(
        self, statuses: MutableMapping[str, Status], event: Event, new: Mapping[str, Commit]
    ) -> None:
        """Give the event's request its status after the event."""
        request_id = request_id_of(event)
        if request_id is None:
            return
        after = state.TRANSITIONS.get((statuses.get(request_id), event_type(event)))
        if after is None:
            raise state.refusal(request_id, _request(self._log, request_id, new), event)
        statuses[request_id] = after

    def insert(self) -> None:
        """Send the rows, and the log's new end."""
        if not self._events:
            return
        end = {"top": self.head.offset, "seal": self.head.seal}
        self._log.execute(_INSERT_EVENTS, {**columns(_EVENT_TYPES, self._events), **end})
        changes: dict[ChangeKind, dict[object, tuple[object, ...]]] = defaultdict(dict)
        for commit in self._commits.values():
            event = commit.event
            change = change_of(event, commit.record.offset, commit.by)
            if change is not None:  # of several claims of a request the last one stays
                source = (event.source.id,) if isinstance(event, HumanInputRequired) else ()
                changes[change.kind][change.row[0]] = (*change.row, *source)
        for kind, (statement, types) in _CHANGES.items():
            if rows := changes.get(kind):
                self._log.execute(statement, columns(types, list(rows.values())))
        self._marks.write()
        self.is_inserted = True


_EVENT_TYPES: Final[Sequence[ColumnType]] = (
    *("bigint", "text", "text", "text", "text", "text", "float8", "bytea", "bytea"),
)
_ASK_TYPES: Final[Sequence[ColumnType]] = (
    *("text", "text", "text", "text", "text", "bigint", "text", "text", "text"),
)
_CLAIM_TYPES: Final[Sequence[ColumnType]] = ("text", "bigint")
_CLOSE_TYPES: Final[Sequence[ColumnType]] = ("text", "bigint", "text")


_INSERT_EVENTS: Final = (
    "WITH moved AS (UPDATE log.state SET top = %(top)s, seal = %(seal)s)"  # noqa: S608 - constants only
    f" INSERT INTO log.events ({EVENT_COLUMNS.replace('offset', OFFSET)})"
    f" SELECT * FROM {unnested(_EVENT_TYPES)}"
)
# In this order: a request may be asked, claimed and closed in one group.
_CHANGES: Final[Mapping[ChangeKind, tuple[str, Sequence[ColumnType]]]] = {
    "ask": (
        f"INSERT INTO log.requests ({REQUEST_COLUMNS}, source_id)"  # noqa: S608 - constants only
        f" SELECT * FROM {unnested(_ASK_TYPES)}",
        _ASK_TYPES,
    ),
    "claim": (
        f"UPDATE log.requests SET claimed_at = new.at FROM {unnested(_CLAIM_TYPES)}"  # noqa: S608 - constants only
        " AS new (id, at) WHERE requests.request_id = new.id",
        _CLAIM_TYPES,
    ),
    "close": (
        "UPDATE log.requests SET closed_at = new.at, status = new.status"  # noqa: S608 - constants only
        f" FROM {unnested(_CLOSE_TYPES)} AS new (id, at, status)"
        " WHERE requests.request_id = new.id",
        _CLOSE_TYPES,
    ),
}


def _request(log: Session, request_id: str, new: Mapping[str, Commit]) -> Request | None:
    """Return a request as it stands after the new events."""
    request = reading.request(log, request_id)
    log.settle()
    for commit in new.values():
        if request_id_of(commit.event) == request_id:
            request = state.step(request, commit.event)
    return request


class _Owners:
    """The owners that the log records, including the new events; see ``ownership.Owners``."""

    def __init__(self, log: Session, new: Mapping[str, Commit]) -> None:
        self._log = log
        self._new = new

    def origin(self, scope: ownership.Scope, name: str) -> Origin | None:
        """Return how an execution or a crew was first published."""
        known = reading.origin(self._log, scope, name)
        self._log.settle()
        for commit in self._new.values() if known is None else ():
            if getattr(commit.event, scope) == name:
                return ownership.first_of(commit.event, scope, 0.0)
        return known

    def published_together(self, execution_id: str, crew_id: str) -> bool:
        """Return whether an event of this execution names this crew."""
        new = (commit.event for commit in self._new.values())
        if any((event.execution_id, event.crew_id) == (execution_id, crew_id) for event in new):
            return True
        known = reading.published_together(self._log, execution_id, crew_id)
        self._log.settle()
        return known

    def asked(self, request_id: str) -> HumanInputRequired | None:
        """Return the question of a request."""
        request = _request(self._log, request_id, self._new)
        return request.required if request is not None else None
