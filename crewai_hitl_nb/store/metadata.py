"""Metadata: small named documents that are kept beside a log, such as the cursor of a webhook.

An optional guarantee of a store: metadata is never part of the log, so no reader is notified and no
offset moves. The same tests check every store for it (``tests/store/test_metadata.py``):

* **Durable.** ``put_metadata`` returns when a crash of the process can no longer lose the document
  (as far as the store itself survives one).
* **Atomic.** A document is replaced as one; a reader sees the old one or the new one.
* **Same life.** Metadata is deleted with its log, so an offset in it is always one of this log.

A document is a little JSON; the store does not know its content.
"""

from collections.abc import Mapping
from typing import Protocol

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.coordination import Tenure
from crewai_hitl_nb.store.files import FileStore
from crewai_hitl_nb.store.trail import TrailedStore


class NotOnDuty(StoreUnavailable):
    """Another server of the same log does this work now."""


class Metadata(Protocol):
    """Reads and writes the documents. Every method may raise ``StoreUnavailable``."""

    async def get_metadata(self, prefix: str) -> Mapping[str, bytes]:
        """Return the documents whose name begins with the prefix, by name."""

    async def put_metadata(self, name: str, body: bytes, *, tenure: Tenure | None = None) -> None:
        """Write a document; it replaces an older one with that name.

        Args:
            name: Its name.
            body: Its content.
            tenure: Write it only if this tenure lasts at the moment of the commit. A log with one
                server ignores it.

        Raises:
            NotOnDuty: The tenure is over; nothing was written.
        """

    async def put_metadata_once(self, name: str, body: bytes) -> bytes:
        """Write a document unless there is one with that name; return the one that is kept."""

    async def delete_metadata(self, name: str, *, tenure: Tenure | None = None) -> None:
        """Delete a document, if there is one; for ``tenure`` see :meth:`put_metadata`.

        Raises:
            NotOnDuty: The tenure is over; nothing was deleted.
        """

    async def newest(self) -> float | None:
        """Return when the newest event that is kept was stored (Unix time), if there is one."""


class MetadataStore(TrailedStore, Metadata, Protocol):
    """A store with a trail that also keeps metadata, and the files of requests."""

    @property
    def files(self) -> FileStore:
        """The files of its requests."""
