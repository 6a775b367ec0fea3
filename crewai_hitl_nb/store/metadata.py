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

from crewai_hitl_nb.store.trail import TrailedStore


class Metadata(Protocol):
    """Reads and writes the documents. Every method may raise ``StoreUnavailable``."""

    async def get_metadata(self, prefix: str) -> Mapping[str, bytes]:
        """Return the documents whose name begins with the prefix, by name."""

    async def put_metadata(self, name: str, body: bytes) -> None:
        """Write a document; it replaces an older one with that name."""

    async def delete_metadata(self, name: str) -> None:
        """Delete a document, if there is one."""

    async def newest(self) -> float | None:
        """Return when the newest event that is kept was stored (Unix time), if there is one."""


class MetadataStore(TrailedStore, Metadata, Protocol):
    """A store with a trail that also keeps metadata."""
