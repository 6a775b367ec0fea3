"""The bulk append writes exactly the records that single appends write."""

import sqlite3
from collections.abc import Callable, Iterator
from typing import Any

import msgspec
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.errors import HitlError
from crewai_hitl_nb.protocol.events import (
    AnsweredBy,
    Event,
    HumanInputCancelled,
    HumanInputClaimed,
    HumanInputExpired,
    HumanInputReminded,
)
from crewai_hitl_nb.store.rows import Batch, Written
from crewai_hitl_nb.store.sqlite import bulk_append, schema, writer
from crewai_hitl_nb.store.trail import Tail
from tests.events import NOON, completed, other, required


class Log:
    """A database and the end of its chain."""

    def __init__(self) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        schema.upgrade(self.connection)
        self.tail = Tail(chain.start("one"))

    def append(self, *batches: Batch) -> list[Written | HitlError]:
        """Write the plain way: each batch on its own, refused or not."""
        return [self._plain(batch) for batch in batches]

    def _plain(self, batch: Batch) -> Written | HitlError:
        head = self.tail.head
        self.connection.execute("BEGIN")
        try:
            written = writer.append(self.connection, batch, self.tail)
        except HitlError as error:
            self.tail.move_back(head)
            self.connection.execute("ROLLBACK")
            return error
        self.connection.execute("COMMIT")
        return written

    def append_together(self, *batches: Batch) -> list[Written | HitlError] | None:
        """Write the short way, or say that it cannot be."""
        self.connection.execute("BEGIN")
        written = bulk_append.write(self.connection, batches, self.tail)
        self.connection.execute("COMMIT" if written else "ROLLBACK")
        return list(written) or None

    def kept(self) -> list[list[tuple[object, ...]]]:
        """Return everything that is stored."""
        statements = ("SELECT * FROM events", "SELECT * FROM requests ORDER BY request_id")
        return [self.connection.execute(statement).fetchall() for statement in statements]


@pytest.fixture
def logs() -> Iterator[tuple[Log, Log]]:
    """Return two empty logs."""
    short, plain = Log(), Log()
    yield short, plain
    short.connection.close()
    plain.connection.close()


def batch(*events: Event) -> Batch:
    return Batch(events, 1_000_000.0, "ada")


def _event(kind: str, request_id: str, event_id: str) -> Event:
    about: dict[str, Any] = {"event_id": event_id, "timestamp": NOON, "request_id": request_id}
    by = AnsweredBy(name="ada")
    made: dict[str, Callable[[], Event]] = {
        "note": lambda: other(event_id=event_id, execution_id=request_id),
        "ask": lambda: required(request_id, event_id=event_id, execution_id="run", crew_id="crew"),
        "answer": lambda: completed(request_id, "Good.", event_id=event_id),
        "claim": lambda: HumanInputClaimed(**about, claimed_by=by),
        "remind": lambda: HumanInputReminded(**about),
        "cancel": lambda: HumanInputCancelled(**about, reason="withdrawn"),
        "expire": lambda: HumanInputExpired(**about),
        "old": lambda: completed(None, "Good.", event_id=event_id),
    }
    return made[kind]()


_KINDS = ("note", "ask", "ask", "ask", "answer", "claim", "remind", "cancel", "expire", "old")
_events = st.builds(
    _event,
    st.sampled_from(_KINDS),
    st.integers(0, 40).map("r{}".format),
    st.integers(0, 400).map("e{}".format),
)
_batches = st.lists(_events, min_size=1, max_size=4).map(lambda events: batch(*events))
_groups = st.lists(st.lists(_batches, min_size=1, max_size=6), min_size=1, max_size=12)


@given(groups=_groups)
@settings(max_examples=150, deadline=None)
def test_whatever_is_appended_both_ways_leave_the_same_log_and_tell_the_same(
    groups: list[list[Batch]],
) -> None:
    short, plain = Log(), Log()
    for group in groups:
        told = plain.append(*group)
        quick = short.append_together(*group)
        if quick is None:
            quick = short.append(*group)
        assert [_comparable(t) for t in quick] == [_comparable(t) for t in told]
        assert short.kept() == plain.kept()
        assert short.tail.head == plain.tail.head
    short.connection.close()
    plain.connection.close()


def _comparable(told: Written | HitlError) -> object:
    return told if isinstance(told, Written) else (told.code, told.details)


def test_a_group_of_any_size_of_new_events_goes_the_short_way(logs: tuple[Log, Log]) -> None:
    short, plain = logs
    asks = [batch(required(f"r{i}"), other()) for i in range(300)]
    ends = [batch(completed(f"r{i}", "Good.")) for i in range(299)]
    claims = [batch(_event("claim", "r299", "c"))]
    for group in (asks, ends + claims):
        assert short.append_together(*group) == plain.append(*group)
    assert short.kept() == plain.kept()


@pytest.mark.parametrize(
    "group",
    [
        [batch(other(event_id="there"))],
        [batch(other(event_id="x")), batch(other(event_id="x"))],
        [batch(required("open"))],
        [batch(required("r")), batch(completed("r"))],
        [batch(completed("open")), batch(completed("open"))],
        [batch(completed("closed"))],
        [batch(completed("nobody asked"))],
        [batch(_event("claim", "closed", "c"))],
        [batch(_event("remind", "open", "m"))],
        [batch(other(text="x" * limits.MAX_EVENT_BYTES))],
        [batch(msgspec.structs.replace(other(), execution_id="\ud800"))],
    ],
    ids=lambda group: None,
)
def test_what_must_be_looked_at_is_left_to_the_plain_way_with_nothing_written(
    logs: tuple[Log, Log], group: list[Batch]
) -> None:
    log, _ = logs
    log.append(batch(other(event_id="there"), required("open"), required("closed")))
    log.append(batch(completed("closed")))
    kept, head = log.kept(), log.tail.head
    assert log.append_together(batch(other()), *group, batch(other())) is None
    assert (log.kept(), log.tail.head) == (kept, head)
