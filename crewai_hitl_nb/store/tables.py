"""The tables of a SQLite log, their version, and how an older file is brought up to it.

``user_version`` holds the version of the schema and ``application_id`` marks the file as
ours, so that another program's database is never written to (SQLite, "File Format", 1.3).
"""

import sqlite3
import uuid
from typing import Final

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
CREATE TABLE notes (                                -- see store/notes.py; no part of the log
    name TEXT PRIMARY KEY,
    body BLOB NOT NULL
) WITHOUT ROWID;
"""

MIGRATIONS: Final = (_V1, _V2)
"""Script n brings a file of version n to n + 1. Never edit one that was released."""


class NotOurs(Exception):
    """The file is another program's, or was written by a newer version of this one."""


def upgrade(connection: sqlite3.Connection) -> None:
    """Bring the file to the present version, or leave it untouched.

    Raises:
        NotOurs: With what the file is and what to do.
        sqlite3.Error: When it cannot be read or written.
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
            f"PRAGMA user_version = {number + 1}; COMMIT;"
        )
    connection.execute(
        "INSERT INTO meta (key, value) VALUES ('epoch', ?) ON CONFLICT DO NOTHING",
        (str(uuid.uuid4()),),
    )
