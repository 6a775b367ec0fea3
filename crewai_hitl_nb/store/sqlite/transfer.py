"""A SQLite log as it is copied from or to: see ``store/transfer.py``.

It holds the lock of the log's server, so that only one of them has the file open.
"""

import os
import sqlite3
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from functools import wraps
from itertools import islice
from pathlib import Path
from typing import Concatenate, Final, ParamSpec, TypeVar

import filelock

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store import relocation
from crewai_hitl_nb.store.base import StoreInUse
from crewai_hitl_nb.store.blob_folder import BlobFolder, folder_of
from crewai_hitl_nb.store.file_ownership import NO_LINK, ForeignFile, refuse_foreign
from crewai_hitl_nb.store.relocation import Mark
from crewai_hitl_nb.store.sqlite import reading, schema
from crewai_hitl_nb.store.sqlite.errors import NO_ANSWER, refuse_emptied, unavailable
from crewai_hitl_nb.store.trail import TrailPage
from crewai_hitl_nb.store.transfer import (
    EVENTS,
    FILES,
    NOTES,
    PAGE_ROWS,
    PRUNED,
    Facts,
    Key,
    Row,
    Table,
)

_TABLES: Final = (EVENTS, PRUNED, NOTES)


_Parameters = ParamSpec("_Parameters")
_Result = TypeVar("_Result")


@contextmanager
def opened(path: Path, *, create: bool) -> Iterator["SqliteTransferLog"]:
    """Open and lock a log for copying.

    Args:
        path: Its file.
        create: Whether to make a new log if there is none.

    Raises:
        StoreInUse: A server has it open.
        StoreUnavailable: It cannot be read or written; the message says why.
    """
    if not create and not path.exists():
        raise StoreUnavailable(f"there is no log at {path}")
    with ExitStack() as stack:
        yield SqliteTransferLog(path, _locked(path, stack))


def _locked(path: Path, stack: ExitStack) -> sqlite3.Connection:
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        for beside in ("", "-wal", "-shm", "-journal", ".lock"):
            refuse_foreign(Path(f"{path}{beside}"))
        stack.enter_context(filelock.FileLock(f"{path}.lock").acquire(timeout=0))
        return stack.enter_context(closing(_connect(path)))
    except filelock.Timeout:
        raise StoreInUse(f"{path} belongs to a running server; stop it first") from None
    except ForeignFile as error:
        raise StoreUnavailable(f"the log is not opened: {error}") from error
    except (OSError, schema.NotOurs, *NO_ANSWER) as error:
        raise unavailable("cannot copy", path, error) from error


def _connect(path: Path) -> sqlite3.Connection:
    refuse_emptied(path)
    os.close(os.open(path, os.O_RDWR | os.O_CREAT | NO_LINK, 0o600))
    connection = sqlite3.connect(path, isolation_level=None)
    try:
        connection.execute("PRAGMA synchronous = FULL")
        schema.upgrade(connection)
        connection.execute("PRAGMA journal_mode = WAL")
    except BaseException:
        connection.close()
        raise
    return connection


def _reported(
    method: Callable[Concatenate["SqliteTransferLog", _Parameters], _Result],
) -> Callable[Concatenate["SqliteTransferLog", _Parameters], _Result]:
    """Turn the errors of a method into ours."""

    @wraps(method)
    def run(
        self: "SqliteTransferLog", /, *args: _Parameters.args, **named: _Parameters.kwargs
    ) -> _Result:
        try:
            return method(self, *args, **named)
        except NO_ANSWER as error:
            raise unavailable("cannot copy", self.path, error) from error

    return run


class SqliteTransferLog:
    """See ``TransferLog``."""

    def __init__(self, path: Path, connection: sqlite3.Connection) -> None:
        self.path = path
        self.name = str(path.absolute())
        self._connection = connection
        self._contents = BlobFolder(folder_of(path))

    @_reported
    def facts(self) -> Facts:
        """Return what the log stores besides its rows."""
        meta = reading.load_meta(self._connection)
        seal = reading.head(self._connection, meta.chain).seal
        return Facts(meta.epoch, meta.chain, Head(meta.top, seal), meta.pruned_through)

    @_reported
    def mark(self) -> Mark | None:
        """Return why the log is out of service."""
        return reading.load_meta(self._connection).mark

    def refuse_in_use(self) -> None:
        """Do nothing: no server gets the lock."""

    @_reported
    def is_empty(self) -> bool:
        """Return whether nothing was ever stored in it."""
        return not reading.load_meta(self._connection).top and not any(map(self.count, _TABLES))

    @_reported
    def count(self, table: Table) -> int:
        """Return the number of rows of a table."""
        (count,) = self._connection.execute(f"SELECT count(*) FROM {table.name}").fetchone()  # noqa: S608 - constants only
        return int(count)

    @_reported
    def last(self) -> int:
        """Return the offset of the last event."""
        (last,) = self._connection.execute("SELECT coalesce(max(offset), 0) FROM events").fetchone()
        return int(last)

    @_reported
    def page(self, table: Table, after: Key) -> list[Row]:
        """Return the next rows of a table."""
        # A program that was not ours may have written a text where bytes belong.
        columns = ", ".join(f"CAST({c} AS BLOB)" if c == "body" else c for c in table.columns)
        key = table.columns[table.key]
        statement = f"SELECT {columns} FROM {table.name} WHERE {key} > ? ORDER BY {key}"  # noqa: S608 - constants only
        page, size = list[Row](), 0
        with closing(self._connection.execute(statement, (after,))) as rows:
            for row in islice(rows, PAGE_ROWS):
                page.append(row)
                size += sum(len(value) for value in row if isinstance(value, bytes))
                if size >= limits.PAGE_BYTES:
                    break
        return page

    @_reported
    def trail(self, after: int) -> TrailPage:
        """Return the next entries of the trail."""
        began_with = reading.load_meta(self._connection).chain
        return reading.trail(self._connection, began_with, after=after, limit=PAGE_ROWS)

    @_reported
    def add(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows to a table."""
        columns, places = ", ".join(table.columns), ", ".join("?" * len(table.columns))
        with self._transaction():
            self._connection.executemany(
                f"INSERT INTO {table.name} ({columns}) VALUES ({places})",  # noqa: S608 - constants only
                rows,
            )

    @_reported
    def files(self) -> list[Row]:
        """Return the files of its requests."""
        names = ", ".join(FILES)
        look = f"SELECT {names} FROM files ORDER BY request_id, sha256"  # noqa: S608 - constants only
        return list(self._connection.execute(look))

    @_reported
    def content(self, sha256: str) -> bytes | None:
        """Return a content whose hash was checked."""
        return self._on_disk(lambda: self._contents.read(sha256))

    @_reported
    def add_content(self, sha256: str, content: bytes) -> None:
        """Add a content."""
        self._on_disk(lambda: self._contents.place(self._contents.write(content), sha256))

    def _on_disk(self, work: Callable[[], _Result]) -> _Result:
        try:
            return work()
        except OSError as error:
            raise unavailable("cannot copy the files of", self.path, error) from error

    @_reported
    def put_files(self, rows: Sequence[Row]) -> None:
        """Replace the files of its requests."""
        names, places = ", ".join(FILES), ", ".join("?" * len(FILES))
        with self._transaction():
            self._connection.execute("DELETE FROM files")
            self._connection.executemany(f"INSERT INTO files ({names}) VALUES ({places})", rows)  # noqa: S608 - constants only

    @_reported
    def clear(self, table: Table) -> None:
        """Delete the rows of a table."""
        with self._transaction():
            self._connection.execute(f"DELETE FROM {table.name}")  # noqa: S608 - constants only

    @_reported
    def put_facts(self, facts: Facts) -> None:
        """Replace what the log stores besides its rows; the head's seal is in the last row."""
        with self._transaction():
            self._put("epoch", facts.epoch)
            self._put("chain", facts.chain if facts.chain != facts.epoch else None)
            self._put("pruned_through", facts.pruned_through or None)
            self._connection.execute("DELETE FROM sqlite_sequence WHERE name = 'events'")
            self._connection.execute(
                "INSERT INTO sqlite_sequence (name, seq) VALUES ('events', ?)", (facts.head.offset,)
            )

    @_reported
    def put_mark(self, mark: Mark | None) -> None:
        """Take the log out of service, or put it in service."""
        with self._transaction():
            self._put("mark", relocation.encoded(mark) if mark is not None else None)

    def _put(self, key: str, value: object) -> None:
        self._connection.execute("DELETE FROM meta WHERE key = ?", (key,))
        if value is not None:
            self._connection.execute("INSERT INTO meta (key, value) VALUES (?, ?)", (key, value))

    @contextmanager
    def _transaction(self) -> Iterator[None]:
        self._connection.execute("BEGIN IMMEDIATE")
        try:
            yield
            self._connection.execute("COMMIT")
        finally:
            if self._connection.in_transaction:
                self._connection.execute("ROLLBACK")
