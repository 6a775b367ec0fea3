"""Notes: what a reader of the log remembers between two lives of the server.

An optional promise of a store, beside the log and never part of it: nobody is told of a
note and no offset moves. Held for every store by one body of tests
(``tests/store/test_metadata.py``):

* **Durable.** ``put_metadata`` returns when a crash of the process can no longer take the note
  back (as far as the store itself survives one).
* **Whole.** A note is replaced as one; a reader sees the old one or the new one.
* **Same life.** Notes live and die with their log, so an offset in a note is one of this log.

A note is a small JSON document; who writes it knows what is in it, the store does not.
"""

from collections.abc import Mapping
from typing import Protocol

from crewai_hitl_nb.store.trail import TrailedStore


class Metadata(Protocol):
    """Small named documents. Every method may raise ``StoreUnavailable``."""

    async def get_metadata(self, prefix: str) -> Mapping[str, bytes]:
        """Return the notes whose name begins with the prefix, by name."""

    async def put_metadata(self, name: str, body: bytes) -> None:
        """Write a note, in place of an older one of that name."""

    async def delete_metadata(self, name: str) -> None:
        """Forget a note, if there is one."""

    async def newest(self) -> float | None:
        """Return when the newest event that is kept was stored (Unix time), if there is one."""


class MetadataStore(TrailedStore, Metadata, Protocol):
    """A store with a trail that keeps notes, too."""
