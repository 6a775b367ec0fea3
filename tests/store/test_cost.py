"""What a read or an append costs does not grow with the log.

Counted are the instructions of SQLite's virtual machine, which are the same on every machine
and every day; a look through a whole table shows in them at once.
"""

import sqlite3
from collections.abc import Callable

import pytest

from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.store.base import EVERYTHING, Match, RequestQuery
from crewai_hitl_nb.store.rows import Batch
from crewai_hitl_nb.store.sqlite import bulk_append, reading, schema, writer
from crewai_hitl_nb.store.trail import Tail
from tests.events import completed, other, required

FEW, MANY = 200, 6000
"""Requests that were asked and answered before."""

OPEN = 5


class Log:
    """A log in memory with so many closed requests, and a few open ones at its end."""

    def __init__(self, closed: int) -> None:
        self.connection = sqlite3.connect(":memory:", isolation_level=None)
        schema.upgrade(self.connection)
        self.tail = Tail(chain.start("one"))
        self.steps = 0
        for number in range(closed):
            run = {"execution_id": f"run-{number % (closed // 10)}", "crew_id": "crew"}
            asked = required(f"r{number}", **run), completed(f"r{number}", "Good.", **run)
            self.append(*asked, at=number - closed)
        for number in range(OPEN):
            self.append(required(f"open{number}", execution_id="new", crew_id="crew"))
        self.top = self.tail.head.offset
        self.connection.set_progress_handler(self._count, 1)

    def append(self, *events: Event, at: float = 0.0) -> int:
        batch = Batch(events, at)
        self.connection.execute("BEGIN")
        if not bulk_append.write(self.connection, [batch], self.tail):
            writer.append(self.connection, batch, self.tail)
        self.connection.execute("COMMIT")
        return len(events)

    def _count(self) -> None:
        self.steps += 1

    def pending(self, match: Match) -> int:
        log = self.connection
        return len(reading.records(log, match, after=0, upto=self.top, limit=50, scope="pending"))

    def cost(self, act: "Callable[[Log], object]") -> int:
        """Return the instructions of an act."""
        before = self.steps
        assert act(self) is not None
        return self.steps - before


ACTS: dict[str, Callable[[Log], object]] = {
    "replay what is open": lambda log: log.pending(EVERYTHING),
    "replay what is open of one run": lambda log: log.pending(Match(execution_id="new")),
    "replay a page": lambda log: reading.records(
        log.connection, EVERYTHING, after=50, upto=log.top, limit=50, scope="all"
    ),
    "replay a run": lambda log: reading.records(
        log.connection, Match(execution_id="run-7"), after=0, upto=log.top, limit=50, scope="all"
    ),
    "find a place": lambda log: reading.offset_of(log.connection, _some_id(log)),
    "look at a request": lambda log: reading.request(log.connection, "r7"),
    "list what is open": lambda log: reading.requests(
        log.connection, RequestQuery(status="pending")
    ),
    "list the newest": lambda log: reading.requests(
        log.connection, RequestQuery(newest_first=True, limit=20)
    ),
    "list a run": lambda log: reading.requests(
        log.connection, RequestQuery(execution_id="run-7", newest_first=True)
    ),
    "list what was answered in a run": lambda log: reading.requests(
        log.connection, RequestQuery(execution_id="run-7", status="answered", after=1)
    ),
    "list what ended since": lambda log: _ended_since(log, newest_first=False),
    "list what ended since, the newest first": lambda log: _ended_since(log, newest_first=True),
    "append": lambda log: log.append(required("r"), other()),
    "answer": lambda log: log.append(completed("open1"), completed("open2")),
}


def _ended_since(log: Log, *, newest_first: bool) -> int:
    """List the last 50 requests that ended, on a page with room for more."""
    query = RequestQuery(closed_after=-50.0, newest_first=newest_first)
    found = reading.requests(log.connection, query).requests
    assert len(found) == 50
    return len(found)


def _some_id(log: Log) -> str:
    (event_id,) = log.connection.execute("SELECT event_id FROM events WHERE offset = 9").fetchone()
    return str(event_id)


@pytest.fixture(scope="module")
def logs() -> tuple[Log, Log]:
    return Log(FEW), Log(MANY)


@pytest.mark.parametrize("act", ACTS.values(), ids=ACTS)
def test_a_long_log_costs_what_a_short_one_costs(
    logs: tuple[Log, Log], act: Callable[[Log], object]
) -> None:
    few, many = (log.cost(act) for log in logs)
    assert many <= few * 1.2 + 50
