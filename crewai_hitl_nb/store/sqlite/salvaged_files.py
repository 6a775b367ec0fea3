"""Keeps the files of a damaged log in the new one.

Their rows are made again from the events that refer to them, so nothing of the damaged table is
needed, and a file that no event refers to is left out: it was never sent. A content counts only if
it has its hash. Above is ``salvage.py``.
"""

import sqlite3
from collections.abc import Iterable

from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.store.blob_folder import BlobFolder
from crewai_hitl_nb.store.files import references


def keep(
    connection: sqlite3.Connection,
    events: Iterable[tuple[Event, float]],
    old: BlobFolder,
    new: BlobFolder,
) -> tuple[int, list[str]]:
    """Insert the files that the new log's events refer to, in its open transaction.

    Args:
        connection: The new log, with its events and requests.
        events: Those that were kept, each with the time at which it was stored.
        old: The contents of the damaged log.
        new: Those of the new one; the same folder if that takes its place.

    Returns:
        How many files were kept, and the hashes of those whose content is lost.

    Raises:
        OSError: A content cannot be read or written.
    """
    kept, lost = 0, set[str]()
    for event, stored_at in events:
        for _, request_id, sha256, size in references(event):
            if not _is_known(connection, request_id):
                continue
            content = old.read(sha256)
            if content is None:
                lost.add(sha256)
                continue
            if old.path != new.path:
                new.place(new.write(content), sha256)
            row = connection.execute(_INSERT, (request_id, sha256, size, stored_at))
            kept += row.rowcount
    return kept, sorted(lost)


_INSERT = (
    "INSERT INTO files (request_id, sha256, size, uploaded_at, uploaded_by, referenced)"
    " VALUES (?, ?, ?, ?, '', 1) ON CONFLICT DO NOTHING"
)


def _is_known(connection: sqlite3.Connection, request_id: str) -> bool:
    look = "SELECT 1 FROM requests WHERE request_id = ?"
    return connection.execute(look, (request_id,)).fetchone() is not None
