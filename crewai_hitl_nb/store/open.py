"""Finds and makes the store for a path or URL: the values of ``store`` and ``store_path``.

    a path, or sqlite:///path       a SQLite file; sqlite:////path where the path is absolute
    :memory:, or sqlite://          memory, until the server stops
    postgresql://host/database      PostgreSQL (``postgres/connections.py``), for several servers

The URLs are those of SQLAlchemy ("Database URLs"), which people know. Another scheme is refused,
with the possible ones, before a file of that name could be made. The code for PostgreSQL is
imported only for such a URL, because its client is an optional dependency. Above are the hosts and
the command line.
"""

import re
from contextlib import AbstractContextManager
from os import PathLike, fspath
from pathlib import Path
from typing import TYPE_CHECKING, Final

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.memory import MemoryStore
from crewai_hitl_nb.store.metadata import MetadataStore
from crewai_hitl_nb.store.sqlite import read_only
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from crewai_hitl_nb.store.trail import StoredTrail

if TYPE_CHECKING:
    from crewai_hitl_nb.store.postgres.connections import Target

MEMORY: Final = ":memory:"
"""A log that ends with its server."""

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
"""Two letters or more, because one letter is a drive of Windows."""

_NO_URL: Final = ("sqlite:", "file:", "memory:", "postgresql:", "postgres:")
"""Beginnings of mistyped URLs; used as a path, each would make a file that nobody looks for."""

_POSTGRES: Final = ("postgresql", "postgres")
"""The two schemes of libpq ("Connection URIs")."""


class UnsupportedStore(StoreUnavailable, ValueError):
    """There is no store for this URL."""


class Location(msgspec.Struct, frozen=True):
    """Where a log is kept.

    Attributes:
        path: The path of its SQLite file; None for another kind of log.
        database: The log in PostgreSQL; None for another kind of log.
    """

    path: Path | None = None
    database: "Target | None" = None

    @property
    def in_memory(self) -> bool:
        """Whether the log ends with its server."""
        return self.path is None and self.database is None

    @property
    def is_shared(self) -> bool:
        """Whether several servers may use the log at the same time."""
        return self.database is not None

    def __str__(self) -> str:
        """Return the location for people: a URL without its password."""
        return MEMORY if self.in_memory else str(self.path or self.database)


def locate(where: str | PathLike[str]) -> Location:
    """Return the location that a path or a URL names.

    Raises:
        UnsupportedStore: It is a URL of another kind of store, or a wrong one. The message never
            contains its password.
    """
    text = fspath(where)
    url = _SCHEME.fullmatch(text)
    if url is not None and url[1].lower() in _POSTGRES:
        return Location(database=_postgres(f"postgresql://{url[2]}"))
    if url is not None and url[1].lower() != "sqlite":
        raise UnsupportedStore(
            f"there is no store for `{url[1]}://` URLs; give a path, `sqlite:///path`, "
            f"`postgresql://host/database` or `{MEMORY}`"
        )
    if url is not None and url[2] and not url[2].startswith("/"):
        raise UnsupportedStore(
            f"`{text}` names a host, which SQLite does not have; write `sqlite:///path`"
        )
    if url is None and text.lower().startswith(_NO_URL):
        kind = text.partition(":")[0]
        raise UnsupportedStore(
            f"`{kind}:` does not begin the URL of a store; give a path, `sqlite:///path`, "
            f"`postgresql://host/database` or `{MEMORY}`, or `./{kind}:…` for a file of that name"
        )
    # Three slashes begin a relative path and four an absolute one.
    path = text if url is None else url[2][1:] or MEMORY
    if path == MEMORY:
        return Location()
    try:
        return Location(path=Path(path).expanduser())
    except RuntimeError as error:
        raise UnsupportedStore(f"`{path}` names a home folder that does not exist") from error


def _postgres(url: str) -> "Target":
    """Return the log that a URL of PostgreSQL names.

    Raises:
        UnsupportedStore: The URL is wrong, or the client is not installed.
    """
    try:
        from crewai_hitl_nb.store.postgres import connections, store  # noqa: F401 - needs the pool
    except ImportError as error:
        reason = " ".join(str(error).split())
        raise UnsupportedStore(
            "a log in PostgreSQL needs its client, psycopg; "
            f"run `pip install 'crewai-hitl-nb[postgres]'` ({reason})"
        ) from error
    try:
        return connections.parse(url)
    except ValueError as error:
        raise UnsupportedStore(f"the URL of the store is wrong: {error}") from error


def looking_at(location: Location) -> AbstractContextManager[StoredTrail]:
    """Open a log for reading its trail, without writing to it.

    Raises:
        StoreUnavailable: It is not a log, has another version, or cannot be read.
    """
    if location.database is not None:
        from crewai_hitl_nb.store.postgres import read_only as postgres

        return postgres.looking_at(location.database)
    if location.path is None:
        raise UnsupportedStore("a log in memory belongs to its server; ask that server")
    return read_only.looking_at(location.path)


def open_store(location: Location, *, memory_events: int = limits.MEMORY_EVENTS) -> MetadataStore:
    """Return the store for a location; its ``start`` opens the log.

    Args:
        location: Where the log is kept.
        memory_events: How many events a log in memory keeps; the host prunes other logs.
    """
    if location.database is not None:
        from crewai_hitl_nb.store.postgres.store import PostgresStore

        return PostgresStore(location.database, listen=location.database.listener)
    if location.path is None:
        return MemoryStore(most_events=memory_events)
    return SqliteStore(location.path)
