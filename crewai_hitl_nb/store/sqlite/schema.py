"""The tables of a SQLite log, their version, and the upgrade of older files.

``user_version`` holds the version of the schema and ``application_id`` marks the file as
ours, so that another program's database is never written to (SQLite, "File Format", 1.3).
"""

import sqlite3
import uuid
from collections.abc import Callable, Mapping
from typing import Final

from crewai_hitl_nb.protocol.audit import chain

APPLICATION_ID: Final = 0x4849544C
"""ASCII "HITL"."""

_V1: Final = """
CREATE TABLE meta (key TEXT PRIMARY KEY, value NOT NULL) WITHOUT ROWID;
CREATE TABLE events (
    offset       INTEGER PRIMARY KEY AUTOINCREMENT, -- never used twice, also after pruning
    event_id     TEXT NOT NULL UNIQUE,
    type         TEXT NOT NULL,
    execution_id TEXT,
    crew_id      TEXT,
    request_id   TEXT,
    stored_at    REAL NOT NULL,                     -- Unix time on this machine
    body         BLOB NOT NULL                      -- the event as JSON, sent as it is
);
CREATE INDEX events_by_execution ON events (execution_id, offset)
    WHERE execution_id IS NOT NULL;
CREATE INDEX events_by_crew ON events (crew_id, offset) WHERE crew_id IS NOT NULL;
CREATE INDEX events_by_request ON events (request_id, offset) WHERE request_id IS NOT NULL;
CREATE UNIQUE INDEX one_end ON events (request_id)  -- the law, should the code ever fail it
    WHERE request_id IS NOT NULL AND type IN
        ('human_input_completed', 'human_input_cancelled', 'human_input_expired');
CREATE TABLE requests (                             -- the fold, kept beside the log
    request_id   TEXT PRIMARY KEY,
    status       TEXT NOT NULL,
    execution_id TEXT,
    crew_id      TEXT,
    kind         TEXT NOT NULL,
    assignee     TEXT,
    asked_at     INTEGER NOT NULL,                  -- offsets of its events
    claimed_at   INTEGER,
    closed_at    INTEGER
) WITHOUT ROWID;
CREATE UNIQUE INDEX requests_in_order ON requests (asked_at);
CREATE INDEX requests_pending ON requests (asked_at) WHERE status = 'pending';
CREATE INDEX requests_closed ON requests (closed_at) WHERE closed_at IS NOT NULL;
"""

_V2: Final = """
CREATE TABLE notes (                                -- see store/metadata.py; no part of the log
    name TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;
"""

_V3: Final = """
ALTER TABLE events ADD COLUMN seal BLOB;            -- see protocol/audit/chain.py
CREATE TABLE pruned (                               -- see store/trail.py
    offset INTEGER PRIMARY KEY,
    digest BLOB NOT NULL,
    seal   BLOB NOT NULL
);
"""

_V4: Final = """
ALTER TABLE requests ADD COLUMN asked_by TEXT;      -- whose limits it counts for; NULL: unknown
"""

CLOSING_TYPES: Final = "'human_input_completed', 'human_input_cancelled', 'human_input_expired'"
"""The types of ``protocol.state.CLOSING_TYPES``, as the next index has them."""

_V5: Final = f"""
CREATE INDEX events_ended ON events (stored_at) WHERE type IN ({CLOSING_TYPES});
CREATE TABLE files (                                -- see store/files.py; their content is beside
    request_id  TEXT NOT NULL,
    sha256      TEXT NOT NULL,
    size        INTEGER NOT NULL,
    uploaded_at REAL NOT NULL,                      -- Unix time on this machine
    uploaded_by TEXT NOT NULL,
    referenced  INTEGER NOT NULL DEFAULT 0,         -- whether an event refers to it
    PRIMARY KEY (request_id, sha256)
) WITHOUT ROWID;
CREATE INDEX files_by_hash ON files (sha256);
CREATE INDEX files_unused ON files (uploaded_by, size) WHERE NOT referenced;
"""

MIGRATIONS: Final = (_V1, _V2, _V3, _V4, _V5)
"""Script n upgrades a file from version n to n + 1. Never edit one that was released."""


_SEAL_PAGE: Final = 1000


def _seal_what_is_there(connection: sqlite3.Connection) -> None:
    """Seal the events of a file that had no chain, so that later changes are detected."""
    epoch = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
    if epoch is None:
        return  # a new file
    after, seal = 0, chain.start(epoch[0]).seal
    while True:
        page = connection.execute(
            "SELECT offset, CAST(body AS BLOB) FROM events WHERE offset > ?"
            " ORDER BY offset LIMIT ?",
            (after, _SEAL_PAGE),
        ).fetchall()
        if not page:
            return
        seals = []
        for offset, body in page:
            seal = chain.sealed(seal, body)
            seals.append((seal, offset))
        connection.executemany("UPDATE events SET seal = ? WHERE offset = ?", seals)
        after = page[-1][0]


_THEN: Final[Mapping[int, Callable[[sqlite3.Connection], None]]] = {3: _seal_what_is_there}
"""Steps that SQL cannot express, run after the script that upgrades to this version."""


class NotOurs(Exception):
    """The file is another program's, or was written by a newer version of this one."""

    for_operator: Final = True


def upgrade(connection: sqlite3.Connection) -> None:
    """Upgrade the file to the current version, or leave it untouched.

    Raises:
        NotOurs: The message says what the file is and what to do.
        sqlite3.Error: It cannot be read or written.
    """
    (version,) = connection.execute("PRAGMA user_version").fetchone()
    (application,) = connection.execute("PRAGMA application_id").fetchone()
    (tables,) = connection.execute("SELECT count(*) FROM sqlite_schema").fetchone()
    if tables and application != APPLICATION_ID:
        raise NotOurs("it is another program's database; choose another path")
    if version > len(MIGRATIONS):
        raise NotOurs(
            f"it was written by a newer version (schema {version}, this one knows "
            f"{len(MIGRATIONS)}); upgrade crewai-hitl-nb or choose another path"
        )
    for number in range(version, len(MIGRATIONS)):
        connection.executescript(
            f"BEGIN IMMEDIATE; {MIGRATIONS[number]} "
            f"PRAGMA application_id = {APPLICATION_ID}; "
            f"PRAGMA user_version = {number + 1};"
        )
        if (then := _THEN.get(number + 1)) is not None:
            then(connection)
        connection.execute("COMMIT")
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('epoch', ?) ON CONFLICT DO NOTHING",
        (str(uuid.uuid4()),),
    )
