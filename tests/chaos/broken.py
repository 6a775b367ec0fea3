"""Stores that break their promises, one each: the harness must catch every one of them."""

import sqlite3
import uuid
from collections.abc import Sequence
from typing import Any

import msgspec

from crewai_hitl_nb.protocol.errors import AlreadyAnswered
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.store.base import Appended, Condition, OnCommit, OnReset
from crewai_hitl_nb.store.sqlite.store import SqliteStore


class _LateConnection(sqlite3.Connection):
    """Commits when the next transaction begins."""

    def execute(self, sql: str, *values: Any) -> sqlite3.Cursor:
        if sql == "COMMIT":
            return super().execute("SELECT 1")
        if sql.startswith("BEGIN") and self.in_transaction:
            super().execute("COMMIT")
        return super().execute(sql, *values)

    def close(self) -> None:
        if self.in_transaction:
            super().execute("COMMIT")
        super().close()


class AcknowledgesBeforeTheDisk(SqliteStore):
    """Says "stored" of what only the next commit takes to the disk."""

    def _connect(self) -> sqlite3.Connection:
        return sqlite3.connect(
            self.path, isolation_level=None, check_same_thread=False, factory=_LateConnection
        )


class LosesTheLastOfABatch(SqliteStore):
    """Stores all but the last event of a batch, and acknowledges them all."""

    async def append(
        self,
        events: Sequence[Event],
        *,
        by: str | None = None,
        condition: Condition | None = None,
    ) -> list[Appended]:
        if len(events) < 2:
            return await super().append(events, by=by, condition=condition)
        placed = await super().append(events[:-1], by=by)
        lost = msgspec.structs.replace(
            placed[-1].record, event_id=events[-1].event_id, offset=placed[-1].record.offset + 1
        )
        return [*placed, Appended(lost, None, duplicate=False)]


class PraisesEveryAnswer(SqliteStore):
    """Tells a second answer that it won, too."""

    async def append(
        self,
        events: Sequence[Event],
        *,
        by: str | None = None,
        condition: Condition | None = None,
    ) -> list[Appended]:
        try:
            return await super().append(events, by=by, condition=condition)
        except AlreadyAnswered:
            (loser,) = await super().append([msgspec.structs.replace(events[0], request_id=None)])
            return [loser]


class ForgetsThatARequestEnded(SqliteStore):
    """Keeps a second end of one request."""

    async def start(self, on_commit: OnCommit, on_reset: OnReset = lambda: None) -> None:
        await super().start(on_commit, on_reset)
        with sqlite3.connect(self.path) as vandal:
            vandal.execute("DROP INDEX IF EXISTS one_end")
            vandal.execute(
                "CREATE TRIGGER IF NOT EXISTS forget AFTER UPDATE ON requests BEGIN"
                " UPDATE requests SET status = 'pending' WHERE request_id = NEW.request_id; END"
            )
        vandal.close()


class IsBornAnew(SqliteStore):
    """Has another name in every life, as if its history had been lost."""

    async def start(self, on_commit: OnCommit, on_reset: OnReset = lambda: None) -> None:
        await super().start(on_commit, on_reset)
        self.epoch = str(uuid.uuid4())
