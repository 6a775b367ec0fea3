"""Stable ids for events that happen at most once: an answer with an Idempotency-Key, a reminder.

Such an id is made from the event's content, so that a repetition is the same event, also after a
restart. A caller who could compute the id could use it first for another event; so it is made with
a secret that is kept only in the log's metadata.

Above: the code that makes such events. Below: the store's metadata.
"""

import uuid
from typing import Final

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.store.metadata import MetadataStore

_log = logger(__name__)

_NOTE: Final = "secret-of-event-names"


class StableEventIds:
    """Makes the ids (UUIDv5, RFC 9562, 5.5, in a secret namespace)."""

    def __init__(self) -> None:
        self._secret = uuid.uuid4()

    async def load(self, store: MetadataStore) -> None:
        """Read the log's secret, or store a new one.

        If the log cannot be written now, the next start stores one: until then an answer sent again
        with the same key after a restart is another answer, which loses and gets the error.
        """
        new = self._secret.hex.encode()
        kept = (await store.get_metadata(_NOTE)).get(_NOTE)
        try:
            if kept is None:  # of servers that start at once, one stores it
                kept = await store.put_metadata_once(_NOTE, new)
            if not self._take(kept):
                _log.warning("the secret of event ids cannot be read; a new one is made")
                await store.put_metadata(_NOTE, new)
        except StoreUnavailable as error:
            _log.warning("the secret of event ids is not stored: %s", error)

    def _take(self, kept: bytes) -> bool:
        """Use a stored secret; return whether it is one."""
        if len(kept) != len(self._secret.hex):
            return False
        try:
            self._secret = uuid.UUID(kept.decode())
        except ValueError:
            return False
        return True

    def of(self, what: str) -> str:
        """Return the id of the event that this text identifies."""
        return str(uuid.uuid5(self._secret, what))
