"""Stable event ids for what happens at most once: an answer under a key, a reminder.

Such an id is made from its content, so that a repetition is the same event, also after a restart. A
caller who could compute it could take it beforehand for an event of their own; so a secret goes
into it that is kept in the log's metadata and nowhere else.

Above: whatever makes such events. Below: the store's metadata.
"""

import uuid
from typing import Final

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.store.metadata import MetadataStore

_log = logger(__name__)

_NOTE: Final = "secret-of-event-names"


class StableEventIds:
    """Makes them (UUIDv5, RFC 9562, 5.5, in a namespace that nobody knows)."""

    def __init__(self) -> None:
        self._secret = uuid.uuid4()

    async def load(self, store: MetadataStore) -> None:
        """Take the log's secret, or give it one.

        A log that cannot be written now is given it at the next start: until then the same
        key may become another answer after a restart, which loses and says so.
        """
        kept = (await store.get_metadata(_NOTE)).get(_NOTE)
        if kept is not None and len(kept) == len(self._secret.hex):
            try:
                self._secret = uuid.UUID(kept.decode())
            except ValueError:
                _log.warning("the secret of event names cannot be read; it is made anew")
            else:
                return
        try:
            await store.put_metadata(_NOTE, self._secret.hex.encode())
        except StoreUnavailable as error:
            _log.warning("the secret of event names is not stored: %s", error)

    def of(self, what: str) -> str:
        """Return the one id for this happening."""
        return str(uuid.uuid5(self._secret, what))
