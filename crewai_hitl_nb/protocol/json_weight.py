"""Counts the values of a JSON text before it is decoded.

A decoder makes an object for each value. Eight megabytes can hold one string or three million
empty lists; decoding those blocks an event loop for seconds and cannot be interrupted. This module
counts the characters that precede values (a comma, an opening bracket) outside of strings, so an
empty list counts as two. It makes no objects: some 25 ms for the largest body, and nothing for a
usual one, which has fewer bytes than the limit has values.

``frames.py`` uses it. Text that is not JSON is counted at least as far as a decoder would read it.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_BEFORE_VALUES: Final = b",[{"
_NAMED_TEXTS: Final = 2
"""Strings that one value may consist of: itself and its name."""


def is_heavy(text: bytes | str, most: int) -> bool:
    """Return whether a text holds more than ``most`` values.

    Args:
        text: The body, which may not be JSON.
        most: The limit; the root counts as one value.
    """
    if len(text) <= most:
        return False
    words = text if isinstance(text, bytes) else text.encode()
    if _signs(words) < most:
        return False  # even counting those inside strings
    plain = words.replace(rb"\\", b"").replace(rb"\"", b"")
    if plain.count(b'"') > 2 * _NAMED_TEXTS * most:
        return True
    return _signs(b"".join(plain.split(b'"')[::2])) >= most


@contextmanager
def uncollected() -> Iterator[None]:
    """Turn garbage collection off while many values are decoded.

    Decoding creates no cycles, but would start a hundred collections, some of them full ones. In a
    Jupyter server's process those take longer than the decoding itself.
    """
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()


def _signs(words: bytes) -> int:
    return len(words) - len(words.translate(None, _BEFORE_VALUES))
