"""Finds and makes the store for a path or URL: the values of ``store`` and ``store_path``.

    a path, or sqlite:///path     a SQLite file; sqlite:////path where the path is absolute
    :memory:, or sqlite://        memory, until the server stops

The URLs are those of SQLAlchemy ("Database URLs"), which people know. Another scheme is refused,
with the possible ones, before a file of that name could be made. Above are the hosts and the
command line.
"""

import re
from os import PathLike, fspath
from pathlib import Path
from typing import Final

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.memory import MemoryStore
from crewai_hitl_nb.store.metadata import MetadataStore
from crewai_hitl_nb.store.sqlite.store import SqliteStore

MEMORY: Final = ":memory:"
"""A log that ends with its server."""

_SCHEME: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]+)://(.*)", re.DOTALL)
"""Two letters or more, because one letter is a drive of Windows."""

_NO_URL: Final = ("sqlite:", "file:", "memory:")
"""Beginnings of mistyped URLs; used as a path, each would make a file that nobody looks for."""


class UnsupportedStore(StoreUnavailable, ValueError):
    """There is no store for this URL."""


class Location(msgspec.Struct, frozen=True):
    """Where a log is kept.

    Attributes:
        path: The path of its SQLite file; None for memory.
    """

    path: Path | None

    @property
    def in_memory(self) -> bool:
        """Whether the log ends with its server."""
        return self.path is None


def locate(where: str | PathLike[str]) -> Location:
    """Return the location that a path or a URL names.

    Raises:
        UnsupportedStore: It is a URL of another kind of store, or a URL without a path.
    """
    text = fspath(where)
    url = _SCHEME.fullmatch(text)
    if url is not None and url[1].lower() != "sqlite":
        raise UnsupportedStore(
            f"there is no store for `{url[1]}://` URLs; give a path, `sqlite:///path` or `{MEMORY}`"
        )
    if url is not None and url[2] and not url[2].startswith("/"):
        raise UnsupportedStore(
            f"`{text}` names a host, which SQLite does not have; write `sqlite:///path`"
        )
    if url is None and text.lower().startswith(_NO_URL):
        raise UnsupportedStore(
            f"`{text}` is not a store; give a path, `sqlite:///path` or `{MEMORY}`, or `./{text}` "
            "for a file of that name"
        )
    # Three slashes begin a relative path and four an absolute one.
    path = text if url is None else url[2][1:] or MEMORY
    if path == MEMORY:
        return Location(None)
    try:
        return Location(Path(path).expanduser())
    except RuntimeError as error:
        raise UnsupportedStore(f"`{path}` names a home folder that does not exist") from error


def open_store(location: Location, *, memory_events: int = limits.MEMORY_EVENTS) -> MetadataStore:
    """Return the store for a location; its ``start`` opens the log.

    Args:
        location: Where the log is kept.
        memory_events: How many events a log in memory keeps; the host prunes a file.
    """
    if location.path is None:
        return MemoryStore(most_events=memory_events)
    return SqliteStore(location.path)
