"""Ids: opaque strings of 1 to 200 characters.

Ids that this project makes are UUIDv7 (RFC 9562, 5.7): unique, and sorted by time, which
keeps the unique index of a store append-mostly. ``uuid_utils`` makes them, because the
standard library has version 7 only from Python 3.14 on.
"""

from typing import Annotated

import msgspec
import uuid_utils

from crewai_hitl_nb.protocol import limits

Id = Annotated[str, msgspec.Meta(min_length=1, max_length=limits.MAX_ID_CHARS)]
"""An opaque id on the wire."""


def new_event_id() -> str:
    """Return a fresh UUIDv7 as text."""
    return str(uuid_utils.uuid7())
