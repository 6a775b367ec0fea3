"""Reads the trail of a file that another process may own, without writing to it.

It shows the content of the file itself, independent of the server. It does not take our lock;
SQLite's own locks keep a reader and the server's writer apart.
"""

import sqlite3
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

from crewai_hitl_nb.protocol.errors import StoreUnavailable
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
            )
    except (sqlite3.Error, DamagedRow) as error:
        raise StoreUnavailable(f"cannot read {path}: {error}") from error


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
