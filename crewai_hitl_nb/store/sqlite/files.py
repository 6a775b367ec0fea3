"""Keeps the files of a SQLite log: rows in its database, contents in a folder beside it.

A content is written and synced on a thread of its own. The writer thread then moves it to its place
and inserts its row, and the same thread removes contents that have no row: one after the other, so
no content is removed that a row is about to need. Rows are removed in one commit and contents only
after it, so a commit that fails takes no content away.
"""

import asyncio
import contextlib
import sqlite3
import time
from collections.abc import Callable, Coroutine
from functools import partial
from pathlib import Path
from typing import Any, Final, TypeVar

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.store.blob_folder import BlobFolder, folder_of
from crewai_hitl_nb.store.files import (
    Taken,
    Upload,
    check_references,
    check_room,
    lost_content,
    no_file,
)
from crewai_hitl_nb.store.group_writer import GroupWriter
from crewai_hitl_nb.store.sqlite.errors import unavailable

_REMOVED_AT_ONCE: Final = 100
"""Contents that one turn of the writer removes: appends wait for some milliseconds meanwhile."""

T = TypeVar("T")
Read = Callable[[Callable[[sqlite3.Connection], T]], Coroutine[Any, Any, T]]


class SqliteFiles:
    """See the module, and ``store/files.py`` for its guarantees."""

    def __init__(
        self,
        log: Path,
        writer: GroupWriter,
        read: Read[Any],
        clock: Callable[[], float] = time.time,
    ) -> None:
        """Take the log's writer and its readers.

        Args:
            log: The log's file.
            writer: Runs what writes, on the log's writer thread.
            read: Runs what reads, on another thread.
            clock: Unix time.
        """
        self._log = log
        self._folder = BlobFolder(folder_of(log))
        self._writer = writer
        self._read = read
        self._clock = clock
        self._held: int | None = None
        """Bytes of all contents; None until they are counted. Counting takes too long to do it for
        each upload, and the bound needs no exact number."""

    async def put(self, upload: Upload) -> None:
        """Keep a file."""
        if self._held is None:
            self._held = await self._read(_held)
        await self._read(lambda c: self._check_room(c, upload))  # before it is written
        written = await self._on_disk(lambda: self._folder.write(upload.content))
        try:
            await self._writer.run(lambda c: self._insert(c, upload, written))
        finally:
            with contextlib.suppress(OSError):  # the sweep removes it
                written.unlink(missing_ok=True)

    def _check_room(self, connection: sqlite3.Connection, upload: Upload) -> None:
        held = 0 if _is_used(connection, upload.sha256) else self._held or 0
        check_room(upload, Taken(*_taken(connection, upload), held), limits.MAX_FILES_BYTES)

    def _insert(self, connection: sqlite3.Connection, upload: Upload, written: Path) -> None:
        self._check_room(connection, upload)
        is_new = not _is_used(connection, upload.sha256)
        try:
            self._folder.place(written, upload.sha256)
        except OSError as error:
            raise self._unavailable(error) from error
        connection.execute(
            _INSERT,
            (upload.request_id, upload.sha256, len(upload.content), self._clock(), upload.by),
        )
        if is_new and self._held is not None:
            self._held += len(upload.content)

    async def content(self, request_id: str, sha256: str) -> bytes:
        """Return the content of a request's file."""
        if not await self._read(lambda c: _is_there(c, request_id, sha256)):
            raise no_file(request_id, sha256)
        content = await self._on_disk(lambda: self._folder.read(sha256))
        if content is None:
            raise lost_content(sha256)
        return content

    async def sweep(self, *, unused_seconds: float = limits.UNUSED_FILE_SECONDS) -> int:
        """Remove what no event refers to any longer."""
        before = self._clock() - unused_seconds
        gone: int = await self._writer.run(lambda c: c.execute(_SPENT, {"before": before}).rowcount)
        await self._on_disk(self._folder.remove_leftovers)
        there = await self._on_disk(lambda: list(self._folder.hashes()))
        lone = await self._read(lambda c: [sha256 for sha256 in there if not _is_used(c, sha256)])
        for start in range(0, len(lone), _REMOVED_AT_ONCE):
            part = lone[start : start + _REMOVED_AT_ONCE]
            await self._writer.run(partial(self._remove, part))
        self._held = None
        return gone

    def _remove(self, lone: list[str], connection: sqlite3.Connection) -> None:
        """Remove contents, on the writer thread, unless one was uploaded again meanwhile."""
        for sha256 in lone:
            if not _is_used(connection, sha256):
                try:
                    self._folder.remove(sha256)
                except OSError as error:
                    raise self._unavailable(error) from error

    async def _on_disk(self, work: Callable[[], T]) -> T:
        try:
            return await asyncio.get_running_loop().run_in_executor(None, work)
        except OSError as error:
            raise self._unavailable(error) from error

    def _unavailable(self, error: Exception) -> Exception:
        return unavailable("cannot use the files of", self._log, error)


_INSERT: Final = (
    "INSERT INTO files (request_id, sha256, size, uploaded_at, uploaded_by)"
    " VALUES (?, ?, ?, ?, ?) ON CONFLICT (request_id, sha256) DO UPDATE SET"
    " uploaded_at = excluded.uploaded_at, uploaded_by = excluded.uploaded_by"
)
_SPENT: Final = (
    "DELETE FROM files WHERE CASE WHEN referenced THEN NOT EXISTS"
    " (SELECT 1 FROM requests WHERE requests.request_id = files.request_id)"
    " ELSE uploaded_at < :before END"
)


def mark(connection: sqlite3.Connection, event: Event) -> None:
    """Mark the files that an event refers to, in the transaction that stores it.

    Raises:
        InvalidEvent: The question refers to a file that was not uploaded.
        InvalidAnswer: The answer does.
    """

    def one(request_id: str, sha256: str, size: int) -> bool:
        changed = connection.execute(
            "UPDATE files SET referenced = 1 WHERE request_id = ? AND sha256 = ? AND size = ?",
            (request_id, sha256, size),
        )
        return changed.rowcount == 1

    check_references(event, one)


def _taken(connection: sqlite3.Connection, upload: Upload) -> tuple[int, int, int, int]:
    """Return what is in use, but for all contents, and without the same file uploaded before."""
    names = {"request": upload.request_id, "sha256": upload.sha256, "by": upload.by}
    of_request = connection.execute(
        "SELECT count(*), coalesce(sum(size), 0) FROM files"
        " WHERE request_id = :request AND sha256 <> :sha256",
        names,
    ).fetchone()
    unused = connection.execute(
        "SELECT count(*), coalesce(sum(size), 0) FROM files WHERE NOT referenced"
        " AND uploaded_by = :by AND (request_id, sha256) <> (:request, :sha256)",
        names,
    ).fetchone()
    return (*of_request, *unused)


def _held(connection: sqlite3.Connection) -> int:
    look = (
        "SELECT coalesce(sum(size), 0) FROM (SELECT max(size) AS size FROM files GROUP BY sha256)"
    )
    (size,) = connection.execute(look).fetchone()
    return int(size)


def _is_there(connection: sqlite3.Connection, request_id: str, sha256: str) -> bool:
    look = "SELECT 1 FROM files WHERE request_id = ? AND sha256 = ?"
    return connection.execute(look, (request_id, sha256)).fetchone() is not None


def _is_used(connection: sqlite3.Connection, sha256: str) -> bool:
    look = "SELECT 1 FROM files WHERE sha256 = ? LIMIT 1"
    return connection.execute(look, (sha256,)).fetchone() is not None
