"""Ids: opaque strings of 1 to 200 characters.

Ids that this project makes are UUIDv7 (RFC 9562, 5.7): unique, and sorted by time, which
keeps the unique index of a store append-mostly. ``uuid_utils`` makes them, because the
standard library has version 7 only from Python 3.14 on.
"""

import uuid
from typing import Annotated, Final

import msgspec
import uuid_utils

from crewai_hitl_nb.protocol import limits

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MAX_ID_CHARS)]
"""An opaque id on the wire."""


_DERIVED: Final = uuid.UUID("2f1d0a52-7f0b-5d3c-8a55-6f4a1c9d3b20")
"""Namespace of :func:`derived_event_id`; any constant would do."""


def derived_event_id(request_id: str, what: str) -> str:
    """Return the one id for something that happens to a request at most once.

    Args:
        request_id: The request.
        what: The happening, a word of ours.

    Returns:
        A UUIDv5 (RFC 9562, 5.5) as text: whoever publishes it a second time changes nothing.
    """
    return str(uuid.uuid5(_DERIVED, f"{what}:{request_id}"))


def new_event_id() -> str:
    """Return a fresh UUIDv7 as text."""
    return str(uuid_utils.uuid7())
