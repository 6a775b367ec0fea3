"""Plain whole frames at the front of what was read from a WebSocket's client.

Why: Tornado waits for the head of a frame, its length, its mask and its payload one after the
other, and makes a task to hand it on. A kernel with a hundred questions sends a hundred frames
in one segment, and reading them so is a third of what the server does for a question. Here they
are cut out of the bytes that are there already.

Plain is a text in one frame, masked, of less than 64 kB, and really text (RFC 6455, 5.2). What
is anything else, or is not there to its end, is left where it is, with all behind it: Tornado's
own reading takes it and knows every rule. ``tests/server/fast/test_frame_parser.py`` holds the two
to the same.

Above: ``idle_websocket.py``. It knows bytes only.
"""

from typing import Final, NamedTuple

from crewai_hitl_nb.protocol import limits

_TEXT: Final = 0x81
"""Whole, no extension, text."""

_MASKED: Final = 0x80
_TWO_BYTES: Final = _MASKED | 126
"""Says that the length stands in the next two bytes."""

_MASK_BYTES: Final = 4


class Taken(NamedTuple):
    """Texts from the front of some bytes, and how many bytes they took."""

    texts: list[str]
    size: int


def take(data: bytes, longest: int) -> Taken:
    """Return the plain whole frames at the front, at most so many as may be under way.

    Args:
        data: What was read; a frame begins where it begins.
        longest: A frame with a payload above this is not taken.
    """
    texts: list[str] = []
    at, end = 0, len(data)
    while end - at >= 2 and data[at] == _TEXT and len(texts) < limits.FRAMES_UNDER_WAY:
        size, begin = data[at + 1] - _MASKED, at + 2 + _MASK_BYTES
        if data[at + 1] == _TWO_BYTES:
            size, begin = int.from_bytes(data[at + 2 : at + 4], "big"), begin + 2
        elif not 0 <= size < _TWO_BYTES - _MASKED:
            break
        after = begin + size
        if after > end or size > longest:
            break
        try:
            texts.append(_unmasked(data[begin - _MASK_BYTES : begin], data[begin:after]).decode())
        except UnicodeDecodeError:
            break
        at = after
    return Taken(texts, at)


def _unmasked(mask: bytes, payload: bytes) -> bytes:
    """Mix each byte with one of the mask's, in turn (RFC 6455, 5.3); all of them as one number."""
    size = len(payload)
    over = (mask * (size // _MASK_BYTES + 1))[:size]
    mixed = int.from_bytes(payload, "little") ^ int.from_bytes(over, "little")
    return mixed.to_bytes(size, "little")
