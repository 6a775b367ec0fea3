r"""Ids: opaque strings of 1 to 200 printable characters.

A new id has no space at its ends, is neither ``.`` nor ``..``, and has only visible characters:
letters, marks, digits, punctuation and symbols of any script, and the plain space. That excludes
control characters, line breaks, other spaces, characters that reorder text or have no width, and
lone surrogates. So an id survives a header, a URL and a log line, and holds nothing that a screen
does not show. Ids are compared character by character, without normalisation.

Logs older than this rule may hold other ids. They stay readable and answerable, so the type
:data:`Id` allows them; :func:`complaint` checks ids that are new.

Ids made by this project are UUIDv7 (RFC 9562, 5.7): unique, and sorted by time, which keeps a
store's unique index append-mostly. ``uuid_utils`` makes them, because the standard library has
version 7 only since Python 3.14.
"""

import re
import uuid
from collections.abc import Iterator, Mapping
from typing import Annotated, Final

import msgspec
import uuid_utils

from crewai_hitl_nb.protocol import limits

_UNSEEN: Final = (
    "\u034f\u115f\u1160\u17b4\u17b5\u180b-\u180f\u2800\u3164\ufe00-\ufe0f\uffa0"
    "\U000e0000-\U000e0fff"
)
"""Printable by Python's rule, yet invisible (Unicode, "Default_Ignorable_Code_Point")."""

_HAS_UNSEEN: Final = re.compile(f"[{_UNSEEN}]")

PATTERN: Final = (
    r"^(?! )(?!\.{1,2}$)[^\u0000-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680"
    r"\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ud800-\udfff"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff]*(?<! )$"
)
"""The rule as a regular expression, for JSON Schema; :func:`complaint` is authoritative."""

Id = Annotated[
    str,
    msgspec.Meta(
        min_length=1, max_length=limits.MAX_ID_CHARS, extra_json_schema={"pattern": PATTERN}
    ),
]
"""An opaque id on the wire."""

_NAMES: Final = ("event_id", "execution_id", "crew_id", "task_id", "agent_id", "request_id")
_INNER: Final = (("source", "id"), ("source", "kernel_id"), ("pause", "flow_id"))


def complaint(value: str) -> str | None:
    """Return what is wrong with a new id, or None."""
    if len(value) > limits.MAX_ID_CHARS:  # unknown event types may hold any text
        return f"an id must have at most {limits.MAX_ID_CHARS} characters"
    if is_seen(value):
        if value in (".", ".."):
            return f"`{value}` cannot be an id, because it has a meaning in URLs"
        if value.strip(" ") != value:
            return "an id must not begin or end with a space, because headers drop it"
        return None
    wrong = next(c for c in value if not c.isprintable() or _HAS_UNSEEN.match(c))
    return f"an id must have only visible characters and inner spaces, not U+{ord(wrong):04X}"


def is_seen(value: str) -> bool:
    """Return whether a text has only visible characters, on one line."""
    return value.isprintable() and (value.isascii() or not _HAS_UNSEEN.search(value))


def new_ids(raw: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield field and value of every non-empty id in an event's JSON object."""
    for name in _NAMES:
        value = raw.get(name)
        if isinstance(value, str) and value:
            yield name, value
    for outer, name in _INNER:
        inside = raw.get(outer)
        value = inside.get(name) if isinstance(inside, dict) else None
        if isinstance(value, str) and value:
            yield f"{outer}.{name}", value


def fits_a_header(value: str) -> bool:
    """Return whether an id, even an old one, comes back unchanged from a header."""
    return value.isprintable() and value.strip(" ") == value


_DERIVED: Final = uuid.UUID("2f1d0a52-7f0b-5d3c-8a55-6f4a1c9d3b20")
"""Namespace of :func:`derived_event_id`; any constant would do."""


def derived_event_id(request_id: str, what: str) -> str:
    """Return the event id for something that happens to a request at most once.

    Args:
        request_id: The request.
        what: A fixed word for what happens.

    Returns:
        A UUIDv5 (RFC 9562, 5.5) as text, so that publishing the event again changes nothing.
    """
    return str(uuid.uuid5(_DERIVED, f"{what}:{request_id}"))


def new_event_id() -> str:
    """Return a fresh UUIDv7 as text."""
    return str(uuid_utils.uuid7())
