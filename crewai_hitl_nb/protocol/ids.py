r"""Ids: opaque strings of 1 to 200 printable characters.

A new id has no space at its ends, is neither ``.`` nor ``..``, and every character of it can be
seen: letters, marks, digits, punctuation and symbols of any script, and the plain space. That
leaves out controls, line breaks, every other space, what reorders text, what has no width, and
halves of a pair. So it survives a header, an address and a log line, and two ids that look alike
on a screen are at least both there to be seen. Ids are compared character by character: nothing
is normalised.

What this rule refuses may be in a log that is older than it. Such ids stay readable and
answerable, so the type :data:`Id` allows them; :func:`complaint` is asked where an id is new.

Ids that this project makes are UUIDv7 (RFC 9562, 5.7): unique, and sorted by time, which
keeps the unique index of a store append-mostly. ``uuid_utils`` makes them, because the
standard library has version 7 only from Python 3.14 on.
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
"""Counts as printable, and yet nothing is to be seen (Unicode, "Default_Ignorable_Code_Point")."""

_HAS_UNSEEN: Final = re.compile(f"[{_UNSEEN}]")

PATTERN: Final = (
    r"^(?! )(?!\.{1,2}$)[^\u0000-\u001f\u007f-\u00a0\u00ad\u034f\u061c\u115f\u1160\u1680"
    r"\u17b4\u17b5\u180b-\u180f\u2000-\u200f\u2028-\u202f\u205f-\u206f\u2800\u3000\u3164\ud800-\udfff"
    r"\ufe00-\ufe0f\ufeff\uffa0\ufff0-\uffff]*(?<! )$"
)
"""The rule as a regular expression, for JSON Schema; the function has the last word."""

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
    if len(value) > limits.MAX_ID_CHARS:  # an event of a type that is not known may hold any text
        return f"an id has at most {limits.MAX_ID_CHARS} characters"
    if is_seen(value):
        if value in (".", ".."):
            return f"`{value}` is no id: in an address it means another place"
        if value.strip(" ") != value:
            return "an id has no space at its ends: headers lose it"
        return None
    wrong = next(c for c in value if not c.isprintable() or _HAS_UNSEEN.match(c))
    return (
        f"an id has only characters that can be seen, and spaces inside; U+{ord(wrong):04X} is none"
    )


def is_seen(value: str) -> bool:
    """Say whether every character of a text can be seen, on one line."""
    return value.isprintable() and not _HAS_UNSEEN.search(value)


def new_ids(raw: Mapping[str, object]) -> Iterator[tuple[str, str]]:
    """Yield the ids in an event's JSON object with their fields; types know what may be empty."""
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
    """Say whether an id that may be older than the rule comes back whole from a header."""
    return value.isprintable() and value.strip(" ") == value


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
