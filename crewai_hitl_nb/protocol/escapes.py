r"""Replaces invisible and control characters with visible escapes.

Text from a model or a caller may hold characters that repaint a terminal, forge the next line of
a log, reorder what is read, or hide text from the person who approves it. Logs
(``log_lines.py``) and terminals (``terminal/sanitize.py``) show them as ``\x1b``. Pure.
"""

import re
from collections.abc import Callable
from typing import Final

HIDDEN: Final = (
    (0x00, 0x1F),  # C0
    (0x7F, 0x9F),  # delete, C1
    (0xAD, 0xAD),  # soft hyphen
    (0x034F, 0x034F),  # combining grapheme joiner
    (0x0600, 0x0605),
    (0x061C, 0x061C),  # marks that reorder text: Unicode TR 36, "Bidirectional Text Spoofing"
    (0x06DD, 0x06DD),
    (0x070F, 0x070F),
    (0x0890, 0x0891),
    (0x08E2, 0x08E2),
    (0x115F, 0x1160),  # Hangul fillers
    (0x17B4, 0x17B5),
    (0x180B, 0x180F),  # Mongolian variation selectors
    (0x200B, 0x200F),  # zero widths, direction marks
    (0x2028, 0x202E),  # line breaks that only some programs honour, direction marks
    (0x2060, 0x206F),
    (0x3164, 0x3164),
    (0xD800, 0xDFFF),  # lone surrogates: no output encoding has them
    (0xFE00, 0xFE0F),  # variation selectors
    (0xFEFF, 0xFEFF),
    (0xFFA0, 0xFFA0),
    (0xFFF0, 0xFFFB),
    (0x110BD, 0x110BD),
    (0x110CD, 0x110CD),
    (0x13430, 0x1343F),
    (0x1BCA0, 0x1BCA3),
    (0x1D173, 0x1D17A),
    (0xE0000, 0xE0FFF),  # tags, further variation selectors
)
"""First and last of each range: the categories Cc, Cf, Cs, Zl and Zp, and every
``Default_Ignorable_Code_Point`` of Unicode (DerivedCoreProperties.txt), assigned or not."""

_SELECTOR: Final = 0xFE0F
_EMOJI: Final = "\u2190-\u2bff\U0001f000-\U0001faff"
"""After one of these the variation selector is legitimate: it selects the colour emoji."""


def _pattern(*, but: str = "") -> re.Pattern[str]:
    kept = {*map(ord, but), _SELECTOR}
    codes = [c for first, last in HIDDEN[:1] for c in range(first, last + 1)]
    low = "".join(f"\\x{code:02x}" for code in codes if code not in kept)
    rest = "".join(
        f"\\U{first:08x}-\\U{(last - 1 if last == _SELECTOR else last):08x}"
        for first, last in HIDDEN[1:]
    )
    return re.compile(f"[{low}{rest}]|(?<![{_EMOJI}])\\ufe0f")


_ON_A_LINE: Final = _pattern()
_ON_LINES: Final = _pattern(but="\t\n")


def visible(text: str) -> str:
    """Return the text on one line, with every hidden character escaped."""
    return text if text.isascii() and text.isprintable() else _ON_A_LINE.sub(_shown, text)


def visible_lines(text: str, show: "Callable[[re.Match[str]], str] | None" = None) -> str:
    """Return the text with every hidden character escaped, except tabs and line breaks.

    Args:
        text: Text from any source.
        show: Returns what to show for a character, instead of Python's escape.
    """
    return _ON_LINES.sub(show or _shown, text)


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
