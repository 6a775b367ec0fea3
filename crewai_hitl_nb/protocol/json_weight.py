"""How many values a JSON text holds, told before any of them is made; and how many are made.

Why: a decoder makes an object for each value, and in the same eight megabytes there is room for
one text or for three million empty lists; those hold an event loop for seconds, and what waits
for the decoder's opinion cannot be interrupted. What is counted here are the signs in front of
values (a comma, an opening bracket) outside of texts, so an empty list counts as two; by passes
over the bytes that make nothing. That is some 25 ms for the largest body, and nothing for a usual
one, which has fewer bytes than a heavy one has values.

Above: ``frames``. A text that is no JSON is counted up to where a decoder would give it up, or
further.
"""

import gc
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

_BEFORE_VALUES: Final = b",[{"
_NAMED_TEXTS: Final = 2
"""Texts that one value may come to: itself and its name."""


def is_heavy(text: bytes | str, most: int) -> bool:
    """Say whether a text holds more than so many values.

    Args:
        text: JSON, or what is sent for it.
        most: The root counts as one.
    """
    if len(text) <= most:
        return False
    words = text if isinstance(text, bytes) else text.encode()
    if _signs(words) < most:
        return False  # even with those that stand in texts
    plain = words.replace(rb"\\", b"").replace(rb"\"", b"")
    if plain.count(b'"') > 2 * _NAMED_TEXTS * most:
        return True
    return _signs(b"".join(plain.split(b'"')[::2])) >= most


@contextmanager
def uncollected() -> Iterator[None]:
    """Make many values without the collector of cycles, which finds none in what is being made.

    It would look a hundred times, and often enough through everything that the process holds:
    with a Jupyter server around it that takes longer than the reading itself.
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
