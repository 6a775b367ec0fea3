"""A log in PostgreSQL as it is copied from or to: see ``store/transfer.py``.

A second session, the *guard*, keeps a transaction open meanwhile. It locks the tables against
every writer (of a log that is copied from), or against a second copy (of a log that is copied to,
which no server opens: it has a mark). A guard works through a pooler, unlike a lock of a session,
and ends with its connection. Leases of servers are not copied; a live one refuses the copy.
"""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import wraps
from typing import Any, Concatenate, Final, ParamSpec, TypeVar

import msgspec
import psycopg
from psycopg.errors import LockNotAvailable

from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store import relocation
from crewai_hitl_nb.store.base import StoreInUse
from crewai_hitl_nb.store.postgres import files, reading, schema
from crewai_hitl_nb.store.postgres.connections import Session, Target, in_schema
from crewai_hitl_nb.store.postgres.errors import NO_ANSWER, unavailable
from crewai_hitl_nb.store.relocation import Mark
from crewai_hitl_nb.store.rows import NO_NULL, storable
from crewai_hitl_nb.store.trail import TrailPage
from crewai_hitl_nb.store.transfer import (
    EVENTS,
    NOTES,
    PAGE_ROWS,
    PRUNED,
    REQUESTS,
    Facts,
    Key,
    Row,
    Table,
)

_TYPES: Final = {
    EVENTS: ("int8", *("text",) * 5, "float8", "bytea", "bytea"),
    PRUNED: ("int8", "bytea", "bytea"),
    REQUESTS: (*("text",) * 6, "int8", "int8", "int8", "text", "text"),
    NOTES: ("text", "bytea"),
}
"""The types of each table's columns; requests have ``source_id`` as well."""

_LIVE: Final = "SELECT count(*) FROM log.replicas WHERE expires > clock_timestamp()"

_LOCK_TABLES: Final = (
    "LOCK TABLE log.state, log.retention, log.events, log.requests, log.notes, log.pruned,"
    " log.files, log.blobs, log.replicas IN SHARE ROW EXCLUSIVE MODE"
)

_LOCK_COPIES: Final = "SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0))"

_PATIENCE: Final = (
    "SELECT set_config('lock_timeout', '5s', true),"
    " set_config('idle_in_transaction_session_timeout', '0', true)"
)
"""For the guard's transaction, which is idle while pages are copied."""

_DURABLE: Final = (
    "SELECT set_config('synchronous_commit', 'on', true)"
    " WHERE current_setting('synchronous_commit') = 'off'"
)
"""For a transaction: its commit, and every commit before it, is on the disk when it returns."""


_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


@contextmanager
def opened(target: Target, *, create: bool) -> Iterator["PostgresTransferLog"]:
    """Open and lock a log for copying.

    Args:
        target: Where it is.
        create: Whether it is copied to; then a new log is made if there is none.

    Raises:
        StoreInUse: A server uses it, or another copy does.
        StoreUnavailable: It cannot be read or written; the message says why.
    """
    with ExitStack() as stack:
        yield _locked(target, stack, create=create)


def _locked(target: Target, stack: ExitStack, *, create: bool) -> "PostgresTransferLog":
    try:
        log = stack.enter_context(closing(target.connect()))
        guard = stack.enter_context(closing(target.connect()))
        if not create and not schema.version_of(log):
            raise StoreUnavailable(
                f"there is no log at {target}; check the database and `?schema=NAME`"
            )
        schema.upgrade(log)
        _refuse_in_use(log, target)
        guard.connection.execute("BEGIN")
        guard.execute(_DURABLE)
        guard.execute(_PATIENCE)
        _lock(guard, target, create=create)
        _refuse_in_use(guard, target)
    except NO_ANSWER as error:
        raise unavailable("cannot copy", target, error, opening=True) from error
    return PostgresTransferLog(target, log, guard)


def _lock(guard: Session, target: Target, *, create: bool) -> None:
    try:
        if create:
            guard.execute(_LOCK_COPIES, {"name": f"crewai-hitl copy {guard.schema}"})
        else:
            guard.execute(_LOCK_TABLES)
    except LockNotAvailable:
        raise StoreInUse(f"{target} is in use by a server or another copy; stop it first") from None


def _refuse_in_use(log: Session, target: Target) -> None:
    (live,) = reading.only(log.execute(_LIVE))
    if live:
        servers = "a running server" if live == 1 else f"{live} running servers"
        raise StoreInUse(
            f"{target} is in use by {servers}; stop them first (a server that was killed counts "
            "for 10 seconds)"
        )


def _reported(
    method: Callable[Concatenate["PostgresTransferLog", _Parameters], _Result],
) -> Callable[Concatenate["PostgresTransferLog", _Parameters], _Result]:
    """Turn the errors of a method into ours."""

    @wraps(method)
    def run(
        self: "PostgresTransferLog", /, *args: _Parameters.args, **named: _Parameters.kwargs
    ) -> _Result:
        try:
            return method(self, *args, **named)
        except NO_ANSWER as error:
            raise unavailable("cannot copy", self.target, error, opening=True) from error

    return run


class PostgresTransferLog:
    """See ``TransferLog``."""

    def __init__(self, target: Target, log: Session, guard: Session) -> None:
        self.name = str(target)
        self.target = target
        self._log = log
        self._guard = guard

    @_reported
    def facts(self) -> Facts:
        """Return what the log stores besides its rows."""
        state = reading.state(self._log)
        return Facts(state.epoch, state.chain, state.head, reading.pruned_through(self._log))

    @_reported
    def mark(self) -> Mark | None:
        """Return why the log is out of service."""
        return reading.state(self._log).mark

    @_reported
    def refuse_in_use(self) -> None:
        """Refuse the log if a server has a lease."""
        _refuse_in_use(self._log, self.target)

    @_reported
    def is_empty(self) -> bool:
        """Return whether nothing was ever stored in it."""
        return not reading.state(self._log).head.offset and not any(map(self.count, _TYPES))

    @_reported
    def count(self, table: Table) -> int:
        """Return the number of rows of a table."""
        return int(reading.only(self._log.execute(f"SELECT count(*) FROM log.{table.name}"))[0])  # noqa: S608 - constants only

    @_reported
    def last(self) -> int:
        """Return the offset of the last event."""
        statement = 'SELECT coalesce(max("offset"), 0) FROM log.events'
        return int(reading.only(self._log.execute(statement))[0])

    @_reported
    def page(self, table: Table, after: Key) -> list[Row]:
        """Return the next rows of a table."""
        columns = [_quoted(column) for column in table.columns]
        key = columns[table.key]
        rows = (
            f"SELECT {', '.join(columns)} FROM log.{table.name} WHERE {key} > %(after)s"  # noqa: S608 - constants only
            f" ORDER BY {key} LIMIT {PAGE_ROWS}"
        )
        size = "octet_length(body)" if "body" in table.columns else "0"
        found = self._log.execute(reading.first_bytes(rows, key, size), {"after": after})
        return self._originals(table, [row[: len(columns)] for row in found])

    def _originals(self, table: Table, rows: list[Row]) -> list[Row]:
        """Return rows with the texts of their events, in which U+0000 was replaced."""
        replaced = [table.key_of(row) for row in rows if NO_NULL in "".join(_texts(row))]
        if not replaced or table not in (EVENTS, REQUESTS):
            return rows
        bodies = self._bodies(replaced)
        return [_original(table, row, bodies.get(table.key_of(row))) for row in rows]

    @_reported
    def trail(self, after: int) -> TrailPage:
        """Return the next entries of the trail."""
        return reading.trail(self._log, after=after, limit=PAGE_ROWS)

    @_reported
    def add(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows to a table."""
        columns = [_quoted(column) for column in table.columns]
        if table is REQUESTS:
            columns.append("source_id")
            sources = self._sources([table.key_of(row) for row in rows])
            rows = [(*row, sources.get(table.key_of(row))) for row in rows]
        rows = [tuple(storable(v) if isinstance(v, str) else v for v in row) for row in rows]
        statement = f"COPY log.{table.name} ({', '.join(columns)}) FROM STDIN (FORMAT BINARY)"
        try:
            with (
                self._log.connection.transaction(),
                self._log.connection.cursor() as cursor,
                cursor.copy(in_schema(statement, self._log.schema)) as copy,
            ):
                copy.set_types(_TYPES[table])
                for row in rows:
                    copy.write_row(row)
        except (psycopg.DataError, TypeError, ValueError) as error:  # a value of another type, too
            raise StoreUnavailable(
                f"cannot copy to {self.target}: in `{table.name}` one of the rows "
                f"{table.key_of(rows[0])} to {table.key_of(rows[-1])} is damaged; run `crewai-hitl "
                "salvage` on the log and copy what that makes"
            ) from error

    def _sources(self, offsets: Sequence[Key]) -> dict[Key, str]:
        """Return the process that waits for each request, by the offset of its question."""
        bodies = self._bodies(offsets)
        return {offset: source for offset, body in bodies.items() if (source := _source_of(body))}

    def _bodies(self, offsets: Sequence[Key]) -> dict[Key, bytes]:
        """Return the texts of events, by their offset."""
        found = self._log.execute(
            'SELECT "offset", body FROM log.events WHERE "offset" = ANY(%(offsets)s)',
            {"offsets": list(offsets)},
        )
        return dict(found.fetchall())

    @_reported
    def files(self) -> list[Row]:
        """Return the files of its requests."""
        return files.rows(self._log)

    @_reported
    def content(self, sha256: str) -> bytes | None:
        """Return a content whose hash was checked."""
        return files.whole_content(self._log, sha256)

    @_reported
    def add_content(self, sha256: str, content: bytes) -> None:
        """Add a content."""
        files.add_content(self._log, sha256, content)

    @_reported
    def put_files(self, rows: Sequence[Row]) -> None:
        """Replace the files of its requests."""
        with self._log.connection.transaction():
            files.replace(self._log, rows)

    @_reported
    def clear(self, table: Table) -> None:
        """Delete the rows of a table."""
        self._log.execute(f"DELETE FROM log.{table.name}")  # noqa: S608 - constants only

    @_reported
    def put_facts(self, facts: Facts) -> None:
        """Replace what the log stores besides its rows."""
        values = msgspec.structs.asdict(facts)
        head: Head = values.pop("head")
        with self._log.connection.transaction():
            self._log.execute(_DURABLE)
            self._log.execute(
                "UPDATE log.state SET epoch = %(epoch)s, chain = %(chain)s, top = %(top)s,"
                " seal = %(seal)s",
                {**values, "top": head.offset, "seal": head.seal},
            )
            self._log.execute(
                "UPDATE log.retention SET pruned_through = %(pruned_through)s", values
            )
        # The planner knows nothing yet of rows that came all at once.
        self._log.run_script("ANALYZE log.events; ANALYZE log.requests; ANALYZE log.pruned")

    @_reported
    def put_mark(self, mark: Mark | None) -> None:
        """Take the log out of service, or put it in service."""
        text = relocation.encoded(mark) if mark is not None else None
        statement = "UPDATE log.state SET mark = %(mark)s"
        if mark is not None and mark.state == "retired":
            # The guard has locked the table, so it writes and commits. That ends its lock.
            self._guard.execute(statement, {"mark": text})
            self._guard.connection.execute("COMMIT")
            return
        with self._log.connection.transaction():
            self._log.execute(_DURABLE)
            self._log.execute(statement, {"mark": text})


def _quoted(column: str) -> str:
    return reading.OFFSET if column == "offset" else column


_OF_THE_EVENT: Final = frozenset(
    ("event_id", "type", "execution_id", "crew_id", "request_id", "kind", "assignee")
)
"""Columns whose text is a field of the event."""


def _texts(row: Row) -> Iterator[str]:
    return (value for value in row if isinstance(value, str))


def _original(table: Table, row: Row, body: bytes | None) -> Row:
    """Return a row with the texts of its event; unchanged if the event is damaged."""
    try:
        event = msgspec.json.decode(body or b"{}", type=dict[str, Any])
    except (msgspec.DecodeError, UnicodeDecodeError):
        return row

    def original(column: str, value: object) -> object:
        text = event.get(column) if column in _OF_THE_EVENT else None
        return text if isinstance(text, str) and storable(text) == value else value

    return tuple(map(original, table.columns, row))


class _Source(msgspec.Struct):
    id: str | None = None


class _Asking(msgspec.Struct):
    source: _Source | None = None


def _source_of(body: bytes) -> str | None:
    """Return the ``source.id`` of a question; None if its text is damaged."""
    try:
        source = msgspec.json.decode(body, type=_Asking).source
    except (msgspec.DecodeError, UnicodeDecodeError):
        return None
    return source.id if source is not None else None
