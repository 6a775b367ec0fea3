"""Keeps the files of a log in PostgreSQL, rows and contents in its tables.

* The sweep removes rows under the lock of the log, as appends mark them: it removes a row before an
  append looks for it, or finds it marked and its request asked.
* A row refers to its content (a foreign key), so the database refuses to remove a content that a
  row, even one of a moment ago, needs. An upload whose content is removed at that moment begins
  again.

Uploads and sweeps use the connections that read, so that appends do not wait for megabytes.
"""

import time
from collections.abc import Callable, Coroutine, Iterable, Sequence
from contextlib import suppress
from typing import Any, Final

import psycopg
from psycopg.errors import ForeignKeyViolation
from psycopg.rows import TupleRow

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.store.base import Commit
from crewai_hitl_nb.store.blob_folder import hash_of
from crewai_hitl_nb.store.files import (
    Taken,
    Upload,
    check_references,
    check_room,
    lost_content,
    no_file,
    references,
)
from crewai_hitl_nb.store.postgres.arrays import ColumnType, columns, unnested
from crewai_hitl_nb.store.postgres.connections import Session
from crewai_hitl_nb.store.postgres.reading import STATE, only
from crewai_hitl_nb.store.transfer import FILES, Row

_SECONDS: Final = 60.0
"""The longest that an upload or a download of one file takes."""

_SWEEP_SECONDS: Final = 600.0
_ATTEMPTS: Final = 5
"""An upload meets a sweep that removes the same content at most a few times."""

_COUNT_SECONDS: Final = 300.0
"""How old the sum of all contents may be: other servers add to it."""

Read = Callable[..., Coroutine[Any, Any, Any]]


class PostgresFiles:
    """See the module, and ``store/files.py`` for its guarantees."""

    def __init__(self, read: Read, clock: Callable[[], float] | None) -> None:
        """Take the log's connections that read.

        Args:
            read: Calls a function with one of them, within some seconds.
            clock: Unix time; None for the database's clock.
        """
        self._read = read
        self._clock = clock
        self._held = 0
        self._counted = float("-inf")

    async def put(self, upload: Upload) -> None:
        """Keep a file."""
        if time.monotonic() > self._counted + _COUNT_SECONDS:
            self._held = await self._read(_held, _SWEEP_SECONDS)
            self._counted = time.monotonic()
        is_new = await self._read(self._put(upload), _SECONDS)
        self._held += len(upload.content) if is_new else 0

    def _put(self, upload: Upload) -> Callable[[Session], bool]:
        def put(log: Session) -> bool:
            for _ in range(_ATTEMPTS):
                with suppress(ForeignKeyViolation), log.connection.transaction():
                    return self._insert(log, upload)
            with log.connection.transaction():
                return self._insert(log, upload)

        return put

    def _insert(self, log: Session, upload: Upload) -> bool:
        """Insert content and row; return whether the content is new."""
        is_held = log.execute(_IS_HELD, {"sha256": upload.sha256}).fetchone() is not None
        taken = Taken(*_taken(log, upload), 0 if is_held else self._held)
        check_room(upload, taken, limits.MAX_FILES_BYTES)
        if not is_held:
            values = {"sha256": upload.sha256, "content": upload.content}
            log.execute(_INSERT_CONTENT, values)
        log.execute(
            _INSERT_FILE,
            {
                "request": upload.request_id,
                "sha256": upload.sha256,
                "size": len(upload.content),
                "now": self._clock() if self._clock is not None else None,
                "by": upload.by,
            },
        )
        return not is_held

    async def content(self, request_id: str, sha256: str) -> bytes:
        """Return the content of a request's file."""

        def look(log: Session) -> tuple[bytes | None] | None:
            names = {"request": request_id, "sha256": sha256}
            return log.execute(_CONTENT, names).fetchone()

        row = await self._read(look, _SECONDS)
        if row is None:
            raise no_file(request_id, sha256)
        content = bytes(row[0] or b"")
        if hash_of(content) != sha256:
            raise lost_content(sha256)
        return content

    async def sweep(self, *, unused_seconds: float = limits.UNUSED_FILE_SECONDS) -> int:
        """Remove what no event refers to any longer."""

        def run(log: Session) -> int:
            now = self._clock() if self._clock is not None else None
            gone, names = 0, {"now": now, "unused": unused_seconds}
            while spent := log.execute(_SPENT, names).fetchall():
                with log.connection.transaction():
                    log.execute(f"{STATE} FOR UPDATE")
                    gone += log.execute(_REMOVE, {**names, **columns(_NAMES, spent)}).rowcount
                if len(spent) < _SWEPT_AT_ONCE:
                    break
            with suppress(ForeignKeyViolation):  # one was uploaded again; the next sweep is soon
                log.execute(_SWEEP_CONTENTS)
            return gone

        gone: int = await self._read(run, _SWEEP_SECONDS)
        self._counted = float("-inf")
        return gone


_NAMES: Final[Sequence[ColumnType]] = ("text", "text")
_SWEPT_AT_ONCE: Final = 1000
"""Rows that a sweep removes under one lock: some milliseconds."""

_NOW: Final = "coalesce(%(now)s::float8, extract(epoch FROM clock_timestamp())::float8)"
_IS_HELD: Final = "SELECT FROM log.blobs WHERE sha256 = %(sha256)s"
_INSERT_CONTENT: Final = (
    "INSERT INTO log.blobs (sha256, content) VALUES (%(sha256)s, %(content)b)"
    " ON CONFLICT (sha256) DO NOTHING"
)
_INSERT_FILE: Final = (
    "INSERT INTO log.files (request_id, sha256, size, uploaded_at, uploaded_by)"  # noqa: S608 - constants only
    f" VALUES (%(request)s, %(sha256)s, %(size)s, {_NOW}, %(by)s)"
    " ON CONFLICT (request_id, sha256) DO UPDATE SET uploaded_at = excluded.uploaded_at,"
    " uploaded_by = excluded.uploaded_by"
)
_CONTENT: Final = (
    "SELECT content FROM log.files JOIN log.blobs USING (sha256)"
    " WHERE request_id = %(request)s AND sha256 = %(sha256)s"
)
_IS_SPENT: Final = f"""
    CASE WHEN referenced
        THEN NOT EXISTS (SELECT FROM log.requests WHERE requests.request_id = file.request_id)
        ELSE uploaded_at < {_NOW} - %(unused)s::float8 END
"""
_SPENT: Final = (
    f"SELECT request_id, sha256 FROM log.files AS file WHERE {_IS_SPENT} LIMIT {_SWEPT_AT_ONCE}"  # noqa: S608 - constants only
)
_REMOVE: Final = (
    f"DELETE FROM log.files AS file USING {unnested(_NAMES)} AS spent (request_id, sha256)"  # noqa: S608 - constants only
    " WHERE file.request_id = spent.request_id AND file.sha256 = spent.sha256"
    f" AND {_IS_SPENT}"
)
_SWEEP_CONTENTS: Final = """
    DELETE FROM log.blobs WHERE sha256 IN (
        SELECT sha256 FROM log.blobs AS blob
        WHERE NOT EXISTS (SELECT FROM log.files WHERE files.sha256 = blob.sha256)
        FOR UPDATE SKIP LOCKED)
"""


def _taken(log: Session, upload: Upload) -> tuple[int, int, int, int]:
    """Return what is in use, but for all contents, without the same file uploaded before."""
    names = {"request": upload.request_id, "sha256": upload.sha256, "by": upload.by}
    row = only(
        log.execute(
            "SELECT * FROM (SELECT count(*), coalesce(sum(size), 0)::bigint FROM log.files"
            " WHERE request_id = %(request)s AND sha256 <> %(sha256)s) AS of_request,"
            " (SELECT count(*), coalesce(sum(size), 0)::bigint FROM log.files WHERE NOT referenced"
            " AND uploaded_by = %(by)s AND (request_id, sha256) <> (%(request)s, %(sha256)s))"
            " AS unused",
            names,
        )
    )
    return row[0], row[1], row[2], row[3]


def _held(log: Session) -> int:
    look = "SELECT coalesce(sum(octet_length(content)), 0)::bigint FROM log.blobs"
    return int(only(log.execute(look))[0])


# ---- auditing and copying a log


def lost(log: Session) -> list[tuple[str, str]]:
    """Return request and hash of each file to which an event refers and whose content is altered.

    The database computes the hashes, and refuses to lose a content.
    """
    look = (
        "SELECT request_id, sha256 FROM log.files JOIN log.blobs USING (sha256) WHERE referenced"
        " AND encode(sha256(content), 'hex') <> sha256 ORDER BY request_id, sha256"
    )
    return [(str(row[0]), str(row[1])) for row in log.execute(look)]


def rows(log: Session) -> list[Row]:
    """Return the files of all requests."""
    look = f"SELECT {', '.join(FILES)} FROM log.files ORDER BY request_id, sha256"  # noqa: S608 - constants only
    return log.execute(look).fetchall()


def whole_content(log: Session, sha256: str) -> bytes | None:
    """Return a content; None if it is lost or altered."""
    look = "SELECT content FROM log.blobs WHERE sha256 = %(sha256)s"
    row = log.execute(look, {"sha256": sha256}).fetchone()
    return bytes(row[0]) if row is not None and hash_of(row[0]) == sha256 else None


def add_content(log: Session, sha256: str, content: bytes) -> None:
    """Add a content; one with this hash is replaced."""
    log.execute(
        "INSERT INTO log.blobs (sha256, content) VALUES (%(sha256)s, %(content)b)"
        " ON CONFLICT (sha256) DO UPDATE SET content = excluded.content",
        {"sha256": sha256, "content": content},
    )


def replace(log: Session, new: Sequence[Row]) -> None:
    """Replace the rows of all files."""
    log.execute("DELETE FROM log.files")
    if new:
        log.execute(_REPLACE, columns(_ROW, [(*row[:5], int(row[5])) for row in new]))


_ROW: Final[Sequence[ColumnType]] = ("text", "text", "bigint", "float8", "text", "bigint")
_REPLACE: Final = (
    f"INSERT INTO log.files ({', '.join(FILES)})"  # noqa: S608 - constants only
    f" SELECT c0, c1, c2, c3, c4, c5 <> 0 FROM {unnested(_ROW)} AS new (c0, c1, c2, c3, c4, c5)"
)


class Marks:
    """The files that a group of appends refers to: looked up under its lock, and marked with it."""

    def __init__(self, log: Session, events: Sequence[Event]) -> None:
        """Ask for the rows; call :meth:`receive` once the replies are there."""
        named = [(name, sha256) for event in events for _, name, sha256, _ in references(event)]
        self._log = log
        self._asked: psycopg.Cursor[TupleRow] | None = None
        if named:
            self._asked = log.execute(_LOOK_UP, columns(_NAMES, named))
        self._sizes: dict[tuple[str, str], int] = {}
        self._marked: dict[tuple[str, str], None] = {}

    def receive(self) -> None:
        """Receive the rows."""
        if self._asked is not None:
            self._sizes = {(name, sha256): size for name, sha256, size in self._asked}

    def check(self, event: Event) -> None:
        """Refuse an event that refers to a file which its request does not have.

        Raises:
            InvalidEvent: The question refers to a file that was not uploaded.
            InvalidAnswer: The answer does.
        """
        if self._asked is not None:
            check_references(
                event, lambda name, sha256, size: self._sizes.get((name, sha256)) == size
            )

    def add(self, commits: Iterable[Commit]) -> None:
        """Take the new events of an append that is not refused."""
        for commit in commits if self._asked is not None else ():
            for _, request_id, sha256, _ in references(commit.event):
                self._marked[request_id, sha256] = None

    def write(self) -> None:
        """Mark the files in the log."""
        if self._marked:
            self._log.execute(_MARK, columns(_NAMES, list(self._marked)))


_LOOK_UP: Final = (
    "SELECT request_id, sha256, size FROM log.files"  # noqa: S608 - constants only
    f" WHERE (request_id, sha256) IN (SELECT * FROM {unnested(_NAMES)})"
)
_MARK: Final = (
    "UPDATE log.files SET referenced = true"  # noqa: S608 - constants only
    f" FROM {unnested(_NAMES)} AS marked (request_id, sha256)"
    " WHERE files.request_id = marked.request_id AND files.sha256 = marked.sha256"
)
