"""Reads the trail of a file that another process may own, without writing to it.

It shows the content of the file itself, independent of the server. It does not take our lock;
SQLite's own locks keep a reader and the server's writer apart.
"""

import sqlite3
from collections.abc import Callable, Iterator
from contextlib import closing, contextmanager
from pathlib import Path
from typing import TypeAlias

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.damage import DamagedRow
from crewai_hitl_nb.store.sqlite import reading, schema
from crewai_hitl_nb.store.trail import TrailPage

Look: TypeAlias = Callable[[int, int], TrailPage]
"""Takes ``after`` and ``limit``."""


@contextmanager
def looking_at(path: Path) -> Iterator[tuple[str, Look]]:
    """Open the file for reading; yield its epoch and a function that reads its trail.

    Raises:
        StoreUnavailable: It is not a log, has another version, or cannot be read.
    """
    try:
        with closing(_open(path)) as connection:
            epoch, _, _ = reading.load_meta(connection)
            yield (
                epoch,
                lambda after, limit: reading.trail(connection, epoch, after=after, limit=limit),
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
