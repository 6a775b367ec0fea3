"""The secret that signs the cookies of a standalone server's pages.

A server with a log of its own makes a new one at each start. Servers that share a log sign with
the same one, so that a page stays logged in whichever of them a load balancer chooses. The log's
metadata keeps a random text; the API key is mixed in, so that a change of the key still ends the
cookies that it opened, and a copy of the database alone signs none.
"""

import hmac
import secrets
from typing import Final

from crewai_hitl_nb.store.metadata import Metadata

_NOTE: Final = "secret-of-cookies"
_BYTES: Final = 32


def fresh() -> bytes:
    """Return a secret that no other server has."""
    return secrets.token_bytes(_BYTES)


async def shared(log: Metadata, api_key: str) -> bytes:
    """Return the secret of all servers with this log and this API key.

    Raises:
        StoreUnavailable: The log cannot be read or written.
    """
    kept = (await log.get_metadata(_NOTE)).get(_NOTE)
    if kept is None:  # of servers that start at once, one stores it
        kept = await log.put_metadata_once(_NOTE, fresh())
    return hmac.digest(kept, api_key.encode(), "sha256")
