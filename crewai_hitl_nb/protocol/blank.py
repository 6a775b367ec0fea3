"""Whether a text is blank: one rule for every surface.

A text is blank when it holds only white space and characters that no screen shows: a zero-width
space, a byte-order mark, a filler, a control character. So a key pressed by accident, or a text
that a program cleaned badly, never counts as words. ``answer.py`` decides what blank means.
"""

import re
from typing import Final

_SHOWS_NOTHING: Final = re.compile(
    # Controls and white space, then Unicode's Default_Ignorable_Code_Point (DerivedCoreProperties),
    # the annotation characters and the empty Braille pattern.
    "[\\s\x00-\x1f\x7f-\x9f"
    "\u00ad\u034f\u061c\u115f\u1160\u17b4\u17b5\u180b-\u180f\u200b-\u200f\u2028-\u202e"
    "\u2060-\u206f\u3164\ufe00-\ufe0f\ufeff\uffa0\ufff0-\ufffb"
    "\U0001bca0-\U0001bca3\U0001d173-\U0001d17a\U000e0000-\U000e0fff"
    "\u2800]*"
)


def is_blank(text: str) -> bool:
    """Return whether a text shows nothing to a reader."""
    return _SHOWS_NOTHING.fullmatch(text) is not None
