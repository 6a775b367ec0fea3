"""The trail: every record of a log with its seal, and the digests of pruned records.

An optional guarantee of a store beside :class:`crewai_hitl_nb.store.base.Store`, tested for every
store by the same tests (``tests/store/test_trail.py``):

* **Sealed as written.** A record's seal (``protocol/audit/chain.py``) is in the same commit as the
  record; it is never computed again for a record that is in the log.
* **Unbroken.** Each entry's seal follows from the entry before it, whatever was pruned.
* **Pruned, not forgotten.** The digest of a pruned record stays for as long as an older record
  is kept; those older than every kept record are merged into one place, where the trail begins. A
  store in memory keeps as many digests as events: beyond that its trail begins later, and leaves
  out an open request that is older.
"""

from collections.abc import Callable, Iterable, Sequence
from typing import Protocol

import msgspec

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.store.base import KeyScope, Store
from crewai_hitl_nb.store.relocation import Mark


class Entry(msgspec.Struct, frozen=True):
    """One place of the trail.

    Attributes:
        offset: Its place in the log.
        seal: The chain's seal after it.
        digest: The event's digest, by which the chain includes it.
        body: The event as it is stored, or None when it was pruned.
        execution_id: Of the event, for filters.
        crew_id: Likewise.
    """

    offset: int
    seal: bytes
    digest: bytes
    body: bytes | None
    execution_id: str | None = None
    crew_id: str | None = None


class TrailPage(msgspec.Struct, frozen=True):
    """Some entries in order.

    Attributes:
        start: The place just before the first entry.
        entries: Empty after the last one.
        head: The last place of the log.
        chain: The name with which its seals begin: the epoch, unless history was lost since.
        within: The reader may see only entries in this scope; the others only continue the chain.
    """

    start: Head
    entries: Sequence[Entry]
    head: Head
    chain: str
    within: KeyScope | None = None


class StoredTrail(msgspec.Struct, frozen=True):
    """The trail of a log that is read past its server.

    Attributes:
        page: Takes ``after`` and ``limit``; returns the log's epoch and a page.
        mark: Why the log is out of service, if it is.
        lost_files: Returns request and hash of each file to which an event refers and whose content
            is lost or altered.
    """

    page: Callable[[int, int], tuple[str, TrailPage]]
    mark: Mark | None
    lost_files: Callable[[], Iterable[tuple[str, str]]]


class Trail(Protocol):
    """Reads the trail; raises ``StoreUnavailable`` as every read does."""

    async def trail(self, *, after: int, limit: int) -> TrailPage:
        """Return the next entries after an offset, or from the beginning of the trail if later.

        Args:
            after: The last offset of the page before; 0 for the beginning.
            limit: Entries at most; fewer when they are large.
        """


class TrailedStore(Store, Trail, Protocol):
    """A store with a trail."""


def of_one_page(entries: Iterable[Entry]) -> list[Entry]:
    """Return as many entries as one page sends, at least one."""
    page, size = list[Entry](), 0
    for entry in entries:
        page.append(entry)
        size += len(entry.body or b"")
        if size >= limits.PAGE_BYTES:
            break
    return page


class Tail:
    """The end of a log as its writer sees it: the last offset and the last seal.

    A write that fails moves it back to where it was.
    """

    def __init__(self, head: Head) -> None:
        self._offset = head.offset
        self._seal = head.seal

    @property
    def head(self) -> Head:
        """The last place."""
        return Head(self._offset, self._seal)

    def next_offset(self) -> int:
        """Take the next offset."""
        self._offset += 1
        return self._offset

    def sealed(self, body: bytes) -> bytes:
        """Return the seal of the record written at that offset."""
        self._seal = chain.sealed(self._seal, body)
        return self._seal

    def move_back(self, head: Head) -> None:
        """Go back to an earlier place, as after a failed write."""
        self._offset, self._seal = head.offset, head.seal
