"""What a log must offer to be copied, row by row, to another kind of store.

Both databases have the same tables with the same columns, so rows are copied as they are: nothing
is decoded, numbered or sealed again. Above are the two implementations (``sqlite/transfer.py``,
``postgres/transfer.py``) and ``copying.py``, which decides what is copied when.
"""

from collections.abc import Sequence
from contextlib import AbstractContextManager
from typing import Any, Final, Protocol, TypeAlias

import msgspec

from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.store.relocation import Mark
from crewai_hitl_nb.store.trail import TrailPage

Row: TypeAlias = tuple[Any, ...]
Key: TypeAlias = int | str


class Table(msgspec.Struct, frozen=True):
    """A table of a log.

    Attributes:
        name: Its name.
        columns: Those that are copied.
        key: The place of the column by which its rows are in order.
        first: A key before every other.
    """

    name: str
    columns: tuple[str, ...]
    key: int
    first: Key

    def key_of(self, row: Row) -> Key:
        """Return the key of a row."""
        key: Key = row[self.key]
        return key


EVENTS: Final = Table(
    "events",
    (
        *("offset", "event_id", "type", "execution_id", "crew_id", "request_id"),
        *("stored_at", "body", "seal"),
    ),
    key=0,
    first=0,
)
PRUNED: Final = Table("pruned", ("offset", "digest", "seal"), key=0, first=0)
REQUESTS: Final = Table(
    "requests",
    (
        *("request_id", "status", "execution_id", "crew_id", "kind", "assignee"),
        *("asked_at", "claimed_at", "closed_at", "asked_by"),
    ),
    key=6,
    first=0,
)
FILES: Final = (*("request_id", "sha256", "size", "uploaded_at", "uploaded_by", "referenced"),)
"""The columns of ``files``, whose rows are few and are copied at once."""

NOTES: Final = Table("notes", ("name", "body"), key=0, first="")

PAGE_ROWS: Final = 1000
"""Rows of one page, which is also one commit; fewer if they fill ``limits.PAGE_BYTES``."""


class Facts(msgspec.Struct, frozen=True):
    """What a log stores besides its rows.

    Attributes:
        epoch: Its name.
        chain: The epoch with which its seals begin.
        head: Its last place. The offset is the last one ever given.
        pruned_through: How far it was pruned.
    """

    epoch: str
    chain: str
    head: Head
    pruned_through: int


class TransferLog(Protocol):
    """A log that no server has open, and that no server can open while it is copied.

    Every method may raise ``StoreUnavailable``. Each write is a commit of its own.
    """

    @property
    def name(self) -> str:
        """Its path, or its URL without the password."""

    def facts(self) -> Facts:
        """Return what the log stores besides its rows."""

    def mark(self) -> Mark | None:
        """Return why the log is out of service, if it is."""

    def refuse_in_use(self) -> None:
        """Refuse the log if a server has opened it meanwhile.

        Raises:
            StoreInUse: One has.
        """

    def is_empty(self) -> bool:
        """Return whether nothing was ever stored in it."""

    def count(self, table: Table) -> int:
        """Return the number of rows of a table."""

    def last(self) -> int:
        """Return the offset of the last event that it has; 0 without events."""

    def page(self, table: Table, after: Key) -> list[Row]:
        """Return the next rows of a table in the order of its key; empty after the last one."""

    def trail(self, after: int) -> TrailPage:
        """Return the next entries of the trail."""

    def add(self, table: Table, rows: Sequence[Row]) -> None:
        """Add rows to a table."""

    def clear(self, table: Table) -> None:
        """Delete the rows of a table."""

    def put_facts(self, facts: Facts) -> None:
        """Replace what the log stores besides its rows."""

    def put_mark(self, mark: Mark | None) -> None:
        """Take the log out of service, or put it in service; it survives a crash."""

    def files(self) -> list[Row]:
        """Return the files of its requests, in the order of requests and hashes."""

    def content(self, sha256: str) -> bytes | None:
        """Return a content whose hash was checked; None if it is lost."""

    def add_content(self, sha256: str, content: bytes) -> None:
        """Add a content; nothing happens if it is there."""

    def put_files(self, rows: Sequence[Row]) -> None:
        """Replace the files of its requests; their contents are there."""


OpenLog: TypeAlias = AbstractContextManager[TransferLog]
