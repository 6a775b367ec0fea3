"""Names a log in PostgreSQL by its URL, and connects to it.

    postgresql://user:password@host:5432/database?schema=crewai_hitl&sslmode=require

That is libpq's URL ("Connection URIs"), several hosts included: of a primary and its standbys the
primary is used. Two parameters are ours. ``schema`` is where the log's tables are: a schema of
their own, so that several logs, and other applications, share a database. ``listen=host:port`` is
the database itself when ``host`` is a pooler such as pgbouncer, which passes no notifications on.

A pooler gives each transaction another session. So each statement names the schema, and behind a
pooler no statement is prepared and no setting of a session is changed.
"""

import os
import re
import socket
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext, suppress
from functools import lru_cache
from itertools import zip_longest
from typing import Any, Final, TypeAlias
from urllib.parse import unquote

import msgspec
import psycopg
from psycopg.conninfo import conninfo_to_dict, make_conninfo
from psycopg.pq import TransactionStatus
from psycopg.rows import TupleRow

from crewai_hitl_nb.store.postgres import arrays
from crewai_hitl_nb.store.rows import storable

DEFAULT_SCHEMA: Final = "crewai_hitl"

_SCHEMA_NAME: Final = re.compile(r"[a-z_][a-z0-9_]{0,62}")

_DEFAULTS: Final[dict[str, str]] = {
    "application_name": "crewai-hitl",
    "connect_timeout": "5",
    # A peer that was cut off without a word is noticed within ten seconds.
    "tcp_user_timeout": "10000",
    "keepalives_idle": "5",
    "keepalives_interval": "2",
    "keepalives_count": "3",
    # A standby could be read, but an append would fail. Of several hosts this finds the primary.
    "target_session_attrs": "read-write",
}
"""Parameters of libpq, unless the URL has them."""

PATIENCE: Final = (
    "SELECT set_config('lock_timeout', '5s', %(local)s::boolean),"
    " set_config('idle_in_transaction_session_timeout', '5s', %(local)s::boolean)"
)
"""How long to wait for a lock, and how long a server that was stopped may hold one.

With ``local`` it is set for the transaction, otherwise for the session.
"""

_PLACE: Final = re.compile(r"(?:\[([^@\]]+)\]|([^@:\[\]]+))(?::([0-9]+))?")
"""A host or a folder of sockets, with a port; IPv6 in brackets."""

_PARAMETERS: Final = ("schema", "listen")
"""Those of a URL that are not libpq's."""


_HOW: Final = (
    "write `postgresql://user:password@host:port/database`, with a port from 1 to 65535, and the "
    "special characters of user and password as %XX (`@` is `%40`, `/` is `%2F`, `%` is `%25`)"
)


Watching: TypeAlias = "Callable[[Session], AbstractContextManager[object]]"


class Target(msgspec.Struct, frozen=True):
    """Where a log is.

    Attributes:
        conninfo: What libpq connects with.
        schema: The schema of the log's tables.
        shown: The URL without its password, for messages.
        listener: Where to listen for notifications, if ``conninfo`` leads to a pooler.
    """

    conninfo: str
    schema: str
    shown: str
    listener: "Target | None" = None

    def __str__(self) -> str:
        """Return the URL without its password."""
        return self.shown

    def __repr__(self) -> str:
        """Likewise: a repr may reach a log."""
        return f"Target({self.shown})"

    def connect(self, watching: "Watching" = nullcontext) -> "Session":
        """Connect, to read and write.

        Args:
            watching: Ends a session on which the database does not answer (``watchdog.py``). libpq
                waits for ever: a pooler lets clients in whose database stands still.

        Raises:
            psycopg.Error: The database cannot be reached, or refuses the user.
        """
        session = Session(psycopg.connect(self.conninfo, autocommit=True), self.schema)
        try:
            with watching(session):
                session.is_pooled = prepare(session.connection)
                if not session.is_pooled:
                    session.execute(PATIENCE, {"local": False})
        except BaseException:
            session.close()
            raise
        return session


def prepare(connection: psycopg.Connection[TupleRow]) -> bool:
    """Make a new connection usable; return whether a pooler is between.

    Behind a pooler nothing may outlive a transaction.
    """
    arrays.allow(connection)
    pooled = is_pooled(connection)
    if pooled:
        connection.prepare_threshold = None
    return pooled


def is_pooled(connection: psycopg.Connection[TupleRow]) -> bool:
    """Return whether a pooler is between: it invents the process id that the client gets."""
    row = connection.execute("SELECT pg_backend_pid()", prepare=False).fetchone()
    return row is None or row[0] != connection.info.backend_pid


class WrongDatabase(psycopg.OperationalError):
    """The database that replied does not have the log as this server has seen it."""


class Lineage(msgspec.Struct, frozen=True):
    """Which database this is, and how often a standby of it has taken over.

    Attributes:
        system: The same for a primary and its standbys.
        timeline: Each promotion raises it (PostgreSQL, "Timelines").
    """

    system: int
    timeline: int


_LINEAGE: Final = """
    SELECT system_identifier, ('x' || left(pg_walfile_name(pg_current_wal_lsn()), 8))::bit(32)::int
    FROM pg_control_system()
"""


def lineage(connection: psycopg.Connection[TupleRow]) -> Lineage | None:
    """Return which database a connection leads to; None if that cannot be known there."""
    try:
        row = connection.execute(_LINEAGE, prepare=False).fetchone()
    except psycopg.Error:
        if connection.closed:
            raise
        return None  # a hosted database may not have these functions
    return None if row is None else Lineage(*row)


def parse(url: str) -> Target:
    """Return the log that a URL names.

    Raises:
        ValueError: The message says what is wrong with the URL; it never contains the password.
    """
    address, _, query = url.partition("?")
    given = [one.partition("=") for one in query.split("&") if one]
    ours = {name: value for name, _, value in given if name in _PARAMETERS}
    schema = ours.get("schema", DEFAULT_SCHEMA)
    if not _SCHEMA_NAME.fullmatch(schema) or schema.startswith("pg_"):
        raise ValueError(
            f"`schema={schema}` is not a name for a schema; use lower-case letters, digits and _"
        )
    kept = "&".join("".join(one) for one in given if one[0] not in _PARAMETERS)
    try:
        known = conninfo_to_dict(f"{address}?{kept}".rstrip("?"))
    except psycopg.ProgrammingError as error:
        raise ValueError(_complaint(str(error), query)) from None
    place = f"{known.get('host') or ''}{known.get('dbname') or ''}"
    ports = _listed(known, "port")
    if "@" in place or any(port and not _is_port(port) for port in ports):
        raise ValueError(_HOW)  # what libpq calls the port may be a part of the password
    target = _target(known, schema)
    if "listen" not in ours:
        return target
    direct = _target({**known, **_address(unquote(ours["listen"])), "hostaddr": None}, schema)
    return msgspec.structs.replace(target, listener=direct)


def _target(known: dict[str, Any], schema: str) -> Target:
    return Target(make_conninfo("", **{**_DEFAULTS, **known}), schema, _shown(known, schema))


def _address(listen: str) -> dict[str, str]:
    """Return host and port of the database itself; several, where it has standbys.

    Raises:
        ValueError: It is not an address.
    """
    found = [_PLACE.fullmatch(one) for one in listen.split(",")]
    places = [(one[1] or one[2], one[3] or "5432") for one in found if one]
    if len(places) < len(found) or not all(_is_port(port) for _, port in places):
        raise ValueError("`listen` is the address of the database itself; write `listen=host:port`")
    hosts, ports = zip(*places, strict=True)
    return {"host": ",".join(hosts), "port": ",".join(ports)}


def _shown(known: dict[str, Any], schema: str) -> str:
    user = f"{known['user']}@" if known.get("user") else ""
    hosts, ports = _listed(known, "host"), _listed(known, "port")
    ports = ports * len(hosts) if len(ports) == 1 else ports
    places = (
        f"{host}:{port}" if port else host for host, port in zip_longest(hosts, ports, fillvalue="")
    )
    place = f"{user}{','.join(places)}/{known.get('dbname') or ''}"
    return f"postgresql://{place}" + ("" if schema == DEFAULT_SCHEMA else f"?schema={schema}")


def _listed(known: dict[str, Any], name: str) -> list[str]:
    return str(known.get(name) or "").split(",")


def _is_port(text: str) -> bool:
    return text.isdecimal() and 0 < int(text) < 65536


def _complaint(said: str, query: str) -> str:
    """Return what libpq says about a URL, if that cannot be a part of its password."""
    unknown = re.search(r'invalid URI query parameter: "(\w+)"', said)
    if unknown is None or "@" in query:
        return _HOW
    return f"there is no parameter `{unknown[1]}`; there are libpq's, `schema` and `listen`"


class Session:
    """A connection to one log. In statements ``log.`` stands before the log's tables.

    Args:
        connection: In autocommit mode: a statement is a transaction of its own, unless it is inside
            of :meth:`transaction`.
        schema: The schema of the log's tables, checked.

    Attributes:
        is_pooled: Whether a pooler may be between.
        was_shut_down: Whether :meth:`shut_down` was called.
    """

    def __init__(self, connection: psycopg.Connection[TupleRow], schema: str) -> None:
        self.connection = connection
        self.schema = schema
        self.is_pooled = True
        self._pipeline: psycopg.Pipeline
        self.was_shut_down = False

    def execute(
        self, statement: str, values: dict[str, Any] | None = None
    ) -> psycopg.Cursor[TupleRow]:
        """Run a statement of ours with these values bound to its names."""
        ours = in_schema(statement, self.schema)
        try:
            return self.connection.execute(ours, values, binary=True)
        except psycopg.DataError as error:
            if error.sqlstate is not None or values is None:  # the database says so
                raise
            stored = {name: _storable(value) for name, value in values.items()}
            return self.connection.execute(ours, stored, binary=True)

    def run_script(self, statements: str) -> None:
        """Run several statements of ours, which bind no values."""
        self.connection.execute(in_schema(statements, self.schema))

    @contextmanager
    def snapshot(self) -> Iterator[None]:
        """Read with several statements from one snapshot: the log may be pruned between two."""
        with self.connection.transaction():
            self.connection.execute("SET TRANSACTION ISOLATION LEVEL REPEATABLE READ, READ ONLY")
            yield

    @contextmanager
    def one_transaction(self) -> Iterator[None]:
        """Send statements without waiting for the replies of those before, in one transaction.

        After reading replies in it, call :meth:`settle` before anything else.
        """
        with self.connection.pipeline() as self._pipeline, self.connection.transaction():
            yield

    def settle(self) -> None:
        """Receive all replies, and have the database see that it is waiting for this server.

        After replies alone it still waits for the rest of a pipeline. It would then never end the
        transaction of a server that was stopped, which holds the lock.
        """
        self._pipeline.sync()

    @property
    def is_broken(self) -> bool:
        """Whether another connection is needed, because this one is lost.

        One that broke inside of a pipeline may not know it yet ("cannot exit pipeline mode while
        busy"), but between our calls no command is in progress.
        """
        of_last_command = self.connection.pgconn.transaction_status
        return self.connection.closed or of_last_command == TransactionStatus.ACTIVE

    def shut_down(self) -> None:
        """End the connection from another thread, so that whoever waits for a reply gets an error.

        The database may not answer, so nothing is sent to it.
        """
        self.was_shut_down = True
        with (
            suppress(OSError, psycopg.Error),  # it is closed
            socket.socket(fileno=os.dup(self.connection.pgconn.socket)) as same,
        ):
            same.shutdown(socket.SHUT_RDWR)

    def close(self) -> None:
        """Close the connection."""
        self.connection.close()


def _storable(value: Any) -> Any:
    if isinstance(value, str):
        return storable(value)
    return [_storable(one) for one in value] if isinstance(value, list | tuple) else value


@lru_cache(maxsize=1024)
def in_schema(statement: str, schema: str) -> bytes:
    """Return a statement with the schema's name in place of ``log``.

    The name was checked by :func:`parse`, so it needs no escaping.
    """
    return statement.replace("log.", f'"{schema}".').encode()
