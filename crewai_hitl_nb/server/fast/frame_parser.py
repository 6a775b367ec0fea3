"""Parses the plain, complete frames at the front of the bytes that a WebSocket's client sent.

Why: Tornado waits for a frame's head, length, mask and payload one after the other, and makes a
task to hand it on. A kernel with a hundred questions sends a hundred frames in one segment, and
reading them so is a third of what the server does for a question. Here they are cut out of the
bytes that have come already.

A plain frame is a text in one masked frame of less than 64 kB, in valid UTF-8 (RFC 6455, 5.2). Any
other frame, or one that has not come completely, is left where it is with everything behind it:
Tornado's own reading takes it and knows every rule. ``tests/server/fast/test_frame_parser.py``
checks that both read the same.

Above: ``idle_websocket.py``. It knows bytes only.
"""

from typing import Final, NamedTuple

from crewai_hitl_nb.protocol import limits

_TEXT: Final = 0x81
"""The first byte of a text in one frame without an extension."""

_MASKED: Final = 0x80
_TWO_BYTES: Final = _MASKED | 126
"""The second byte where the next two hold the length."""

_MASK_BYTES: Final = 4


class Frames(NamedTuple):
    """The texts of some frames, and how many bytes the frames took."""

    texts: list[str]
    size: int


def plain_frames(data: bytes, longest: int) -> Frames:
    """Return the plain frames at the front, at most as many as may be under way at once.

    Args:
        data: What was read; it begins with the first byte of a frame.
        longest: A frame with a larger payload is left to Tornado.
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
    return Frames(texts, at)


def _unmasked(mask: bytes, payload: bytes) -> bytes:
    """Combine each byte with one of the mask's in turn (RFC 6455, 5.3), all as one number."""
    size = len(payload)
    over = (mask * (size // _MASK_BYTES + 1))[:size]
    mixed = int.from_bytes(payload, "little") ^ int.from_bytes(over, "little")
    return mixed.to_bytes(size, "little")
