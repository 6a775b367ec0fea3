"""The tables of a log in PostgreSQL, their version, and the upgrade of older ones.

A migration only adds (a table, a column with a default, an index), so that servers of the version
before keep working beside it during a rolling upgrade. All servers may start at once: an advisory
lock lets one of them make the tables. Appends wait while a migration runs, so it must not rewrite
a table or build an index on a long one.

``state.oldest_writer`` is the oldest version that may still write. It is raised to
:data:`OLDEST_WRITER` when no older server holds a lease; until then an upgrade can be rolled back.
From then on an older server cannot start, and one that runs all the same (it was paused) writes
nothing more.
"""

import random
import time
import uuid
from typing import Final

from psycopg import sql
from psycopg.errors import DeadlockDetected, LockNotAvailable

from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.store import relocation
from crewai_hitl_nb.store.postgres import reading
from crewai_hitl_nb.store.postgres.connections import Session
from crewai_hitl_nb.store.postgres.reading import State

_V1: Final = """
CREATE TABLE log.state (                            -- one row; its lock is the sequencer
    one            boolean PRIMARY KEY DEFAULT true CHECK (one),
    epoch          text NOT NULL,
    chain          text NOT NULL,                   -- the epoch with which the seals begin
    top            bigint NOT NULL DEFAULT 0,
    seal           bytea NOT NULL,
    oldest_writer  integer NOT NULL DEFAULT 1,
    mark           text                             -- see store/relocation.py; NULL: in service
) WITH (fillfactor = 10);
CREATE TABLE log.retention (                        -- one row; not in state: pruning takes long
    one            boolean PRIMARY KEY DEFAULT true CHECK (one),
    pruned_through bigint NOT NULL DEFAULT 0
);
INSERT INTO log.retention DEFAULT VALUES;
CREATE TABLE log.events (
    "offset"     bigint PRIMARY KEY,
    event_id     text COLLATE "C" NOT NULL UNIQUE,
    type         text NOT NULL,
    execution_id text COLLATE "C",
    crew_id      text COLLATE "C",
    request_id   text COLLATE "C",
    stored_at    double precision NOT NULL,         -- Unix time by the database's clock
    body         bytea NOT NULL,                    -- the event as JSON, sent as it is: never jsonb
    seal         bytea NOT NULL                     -- see protocol/audit/chain.py
);
CREATE INDEX events_by_execution ON log.events (execution_id, "offset")
    WHERE execution_id IS NOT NULL;
CREATE INDEX events_by_crew ON log.events (crew_id, "offset") WHERE crew_id IS NOT NULL;
CREATE INDEX events_by_request ON log.events (request_id, "offset") WHERE request_id IS NOT NULL;
CREATE UNIQUE INDEX one_end ON log.events (request_id)  -- the law, should the code ever fail it
    WHERE request_id IS NOT NULL AND type IN
        ('human_input_completed', 'human_input_cancelled', 'human_input_expired');
CREATE TABLE log.requests (                         -- the fold, kept beside the log
    request_id   text COLLATE "C" PRIMARY KEY,
    status       text NOT NULL,
    execution_id text COLLATE "C",
    crew_id      text COLLATE "C",
    kind         text NOT NULL,
    assignee     text,
    asked_at     bigint NOT NULL,                   -- offsets of its events
    claimed_at   bigint,
    closed_at    bigint,
    asked_by     text COLLATE "C",                  -- whose limits it counts for; NULL: unknown
    source_id    text COLLATE "C"                   -- the process that waits; NULL: none does
);
CREATE UNIQUE INDEX requests_in_order ON log.requests (asked_at);
CREATE INDEX requests_pending ON log.requests (asked_at) WHERE status = 'pending';
CREATE INDEX requests_closed ON log.requests (closed_at) WHERE closed_at IS NOT NULL;
CREATE TABLE log.replicas (                         -- see replicas.py, also for the next two
    id      uuid PRIMARY KEY,
    version integer NOT NULL,                       -- the schema that it writes
    expires timestamptz NOT NULL
);
CREATE TABLE log.holders (                          -- which replica has which waiting process
    replica   uuid NOT NULL REFERENCES log.replicas ON DELETE CASCADE,
    caller    text COLLATE "C" NOT NULL,            -- who published for it; '': unknown
    source_id text COLLATE "C" NOT NULL,
    left_at   timestamptz,                          -- NULL: it is connected
    PRIMARY KEY (replica, caller, source_id)
);
CREATE INDEX holders_by_source ON log.holders (source_id);
CREATE TABLE log.duties (                           -- what one replica does for all of them
    name    text PRIMARY KEY,
    holder  uuid NOT NULL,
    fence   bigint NOT NULL DEFAULT 1,              -- grows with each new holder
    expires timestamptz NOT NULL
);
CREATE TABLE log.notes (                            -- see store/metadata.py; no part of the log
    name text COLLATE "C" PRIMARY KEY,
    body bytea NOT NULL
);
CREATE TABLE log.pruned (                           -- see store/trail.py
    "offset" bigint PRIMARY KEY,
    digest   bytea NOT NULL,
    seal     bytea NOT NULL
);
"""

_V2: Final = """
CREATE TABLE log.blobs (                            -- see store/postgres/files.py
    sha256  text COLLATE "C" PRIMARY KEY,
    content bytea NOT NULL
);
CREATE TABLE log.files (                            -- which requests have them
    request_id  text COLLATE "C" NOT NULL,
    sha256      text COLLATE "C" NOT NULL REFERENCES log.blobs,
    size        bigint NOT NULL,
    uploaded_at double precision NOT NULL,          -- Unix time by the database's clock
    uploaded_by text COLLATE "C" NOT NULL,
    referenced  boolean NOT NULL DEFAULT false,     -- whether an event refers to it
    PRIMARY KEY (request_id, sha256)
);
CREATE INDEX files_by_hash ON log.files (sha256);
CREATE INDEX files_unused ON log.files (uploaded_by, size) WHERE NOT referenced;
"""

MIGRATIONS: Final[tuple[str, ...]] = (_V1, _V2)
"""Script n upgrades a log from version n to n + 1. Never edit one that was released."""

VERSION: Final = len(MIGRATIONS)

OLDEST_WRITER: Final = 2
"""The oldest version that may write beside this one: an older one stores an event without a look at
its files, which the sweep would then remove. Raise it, to at most :data:`VERSION`, with a
migration whose meaning an older server would break by its writing."""

_MARK: Final = "crewai-hitl log"
"""The schema's comment, before its version: another application's schema is never written to."""


_LOCK_SECONDS: Final = 0.5
"""How long a migration waits for a table that is read, and appends and readers wait behind it.

It is shorter than PostgreSQL's ``deadlock_timeout``, so that of two that wait for each other the
migration gives way."""

_UPGRADE_SECONDS: Final = 30.0
"""How long it is tried again, or another server's migration is waited for."""


class NotOurs(Exception):
    """The schema is another application's, or was made by a newer version of this one."""

    for_operator: Final = True


class TooOld(Exception):
    """The log was upgraded, and servers of this version may no longer write it."""

    for_operator: Final = True


def refuse(found: State) -> None:
    """Refuse to write a log that is out of service, or that only newer servers may write.

    Raises:
        OutOfService: The log was moved elsewhere, or has not arrived here completely.
        TooOld: See there.
    """
    relocation.refuse(found.mark)
    if found.oldest_writer > VERSION:
        raise TooOld(
            f"it was upgraded for servers that know schema {found.oldest_writer}, and this one "
            f"knows {VERSION}; upgrade crewai-hitl-nb on this server"
        )


def raise_oldest_writer(log: Session) -> None:
    """Raise the oldest version that may write, unless a server of an older one holds a lease.

    Raises:
        psycopg.Error: The log cannot be written.
    """
    log.execute(_RAISE, {"oldest_writer": OLDEST_WRITER})


_RAISE: Final = """
    UPDATE log.state SET oldest_writer = %(oldest_writer)s::integer
    WHERE oldest_writer < %(oldest_writer)s AND NOT EXISTS (SELECT FROM log.replicas
        WHERE version < %(oldest_writer)s AND expires > clock_timestamp())
"""


def upgrade(log: Session) -> None:
    """Make the tables, or bring them to the current version, or leave all as it was.

    Raises:
        NotOurs: The message says what the schema is and what to do.
        psycopg.Error: It cannot be read or written.
    """
    until = time.monotonic() + _UPGRADE_SECONDS
    while (version_of(log) or 0) < VERSION:
        try:
            _upgrade(log)
        except (LockNotAvailable, DeadlockDetected):  # noqa: PERF203 - each attempt takes a while
            if time.monotonic() > until:
                raise
            time.sleep(random.uniform(0.5, 1.0) * _LOCK_SECONDS)  # noqa: S311 - not a secret


def _upgrade(log: Session) -> None:
    with log.connection.transaction():
        log.execute(
            "SELECT set_config('lock_timeout', %(wait)s, true)", {"wait": f"{_LOCK_SECONDS}s"}
        )
        lock = {"name": f"{_MARK} {log.schema}"}
        log.execute("SELECT pg_advisory_xact_lock(hashtextextended(%(name)s, 0))", lock)
        version = version_of(log)
        if (version or 0) >= VERSION:  # another server was faster, perhaps a newer one
            return
        if version is None:
            _define(log, sql.SQL("CREATE SCHEMA {schema}"))
        elif version:  # an append locks this table first: so it never waits with a lock of its own
            log.run_script("LOCK TABLE log.state IN ACCESS EXCLUSIVE MODE")
        for number in range(version or 0, VERSION):
            log.run_script(MIGRATIONS[number])
        if not version:
            epoch = str(uuid.uuid4())
            log.execute(
                "INSERT INTO log.state (epoch, chain, seal) "
                " VALUES (%(epoch)s, %(epoch)s, %(seal)s)",
                {"epoch": epoch, "seal": chain.start(epoch).seal},
            )
        _define(log, sql.SQL("COMMENT ON SCHEMA {schema} IS {mark}"))


def try_out(log: Session) -> None:
    """Find out whether this user can make or write the tables, and change nothing.

    Raises:
        NotOurs: The message says what the schema is and what to do.
        OutOfService: The log was moved elsewhere, or has not arrived here completely.
        psycopg.Error: They cannot.
    """
    if version_of(log):
        refuse(reading.state(log))
        try_writing(log)
        return
    with log.connection.transaction(force_rollback=True):
        upgrade(log)


_WRITES: Final = """
UPDATE log.state SET top = top WHERE false;
UPDATE log.retention SET pruned_through = pruned_through WHERE false;
INSERT INTO log.events SELECT * FROM log.events WHERE false;
DELETE FROM log.events WHERE false;
INSERT INTO log.requests SELECT * FROM log.requests WHERE false;
UPDATE log.requests SET status = status WHERE false;
DELETE FROM log.requests WHERE false;
INSERT INTO log.notes SELECT * FROM log.notes WHERE false;
INSERT INTO log.pruned SELECT * FROM log.pruned WHERE false;
INSERT INTO log.blobs SELECT * FROM log.blobs WHERE false;
DELETE FROM log.blobs WHERE false;
INSERT INTO log.files SELECT * FROM log.files WHERE false;
UPDATE log.files SET referenced = referenced WHERE false;
DELETE FROM log.files WHERE false;
"""


def try_writing(log: Session) -> None:
    """Try what a server does with the log, on no rows.

    Raises:
        psycopg.Error: This user lacks a right, or the database is read-only.
    """
    log.run_script(_WRITES)


def _define(log: Session, statement: sql.SQL) -> None:
    """Run a statement that takes no bound values."""
    names = {"schema": sql.Identifier(log.schema), "mark": sql.Literal(f"{_MARK} {VERSION}")}
    log.connection.execute(statement.format(**names))


def version_of(log: Session) -> int | None:
    """Return the version of the log in a schema: 0 if it is empty, None if there is no schema.

    Raises:
        NotOurs: The message says what the schema is and what to do.
    """
    row = log.execute(
        "SELECT obj_description(n.oid, 'pg_namespace'),"
        " EXISTS (SELECT FROM pg_class AS c WHERE c.relnamespace = n.oid)"
        " FROM pg_namespace AS n WHERE n.nspname = %(schema)s",
        {"schema": log.schema},
    ).fetchone()
    if row is None:
        return None
    mark, _, number = (row[0] or "").rpartition(" ")
    if mark != _MARK or not number.isdecimal():
        if row[1]:
            raise NotOurs(
                f'its schema "{log.schema}" has the tables of another application; choose another '
                "schema with `?schema=NAME` at the end of the URL"
            )
        return 0
    if int(number) > VERSION and reading.state(log).oldest_writer > VERSION:
        raise NotOurs(
            f"it was upgraded by a newer version (schema {number}, this one knows {VERSION}); "
            "upgrade crewai-hitl-nb on this server"
        )
    return int(number)
