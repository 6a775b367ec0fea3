"""Reads the trail of a file that another process may own, without writing to it.

It shows the content of the file itself, independent of the server. It does not take our lock;
SQLite's own locks keep a reader and the server's writer apart.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from itertools import groupby
from pathlib import Path

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.blob_folder import BlobFolder, folder_of
from crewai_hitl_nb.store.damage import DamagedRow
from crewai_hitl_nb.store.sqlite import reading, schema
from crewai_hitl_nb.store.trail import StoredTrail


@contextmanager
def looking_at(path: Path) -> Iterator[StoredTrail]:
    """Open the file for reading.

    Raises:
        StoreUnavailable: It is not a log, has another version, or cannot be read.
    """
    try:
        with closing(_open(path)) as connection:
            meta = reading.load_meta(connection)
            yield StoredTrail(
                lambda after, limit: (
                    meta.epoch,
                    reading.trail(connection, meta.chain, after=after, limit=limit),
                ),
                meta.mark,
                lambda: _lost_files(connection, BlobFolder(folder_of(path))),
            )
    except (sqlite3.Error, DamagedRow) as error:
        raise StoreUnavailable(f"cannot read {path}: {error}") from error


def _lost_files(connection: sqlite3.Connection, contents: BlobFolder) -> Iterator[tuple[str, str]]:
    wanted = connection.execute(
        "SELECT request_id, sha256 FROM files WHERE referenced ORDER BY sha256, request_id"
    )
    for sha256, rows in groupby(wanted, lambda row: str(row[1])):
        try:
            is_lost = contents.read(sha256) is None
        except OSError:  # another user's, or a link: no server reads it either
            is_lost = True
        if is_lost:
            yield from ((str(request_id), sha256) for request_id, _ in rows)


def _open(path: Path) -> sqlite3.Connection:
    connection = sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    connection.isolation_level = None
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    if application != schema.APPLICATION_ID or version != len(schema.MIGRATIONS):
        connection.close()
        known = len(schema.MIGRATIONS)
        raise StoreUnavailable(
            f"{path} is not a log of schema {known}, which this version reads; "
            "a server of this version upgrades an older one"
        )
    return connection
