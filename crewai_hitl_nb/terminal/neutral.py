r"""Makes text from elsewhere harmless on a terminal.

A prompt or a context comes from a language model, and what it read from anywhere: an
escape sequence in it could repaint the screen so that a person approves what they never
saw, or retitle the window, or write to the clipboard. So every control character is shown
(``\x1b``) instead of sent, and so are the marks that reorder text (Unicode TR 36, "Bidirectional
Text Spoofing"). Pure; the screen applies it to all that it writes.
"""

import re
from typing import Final

_UNSAFE: Final = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f"  # C0 but tab and newline, delete, C1
    "\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069"  # marks that reorder text
    "\u2028\u2029"  # line breaks that not everybody takes for one
    "\ud800-\udfff]"  # halves of a pair: no output encoding has them
)


def neutral(text: str) -> str:
    """Return the text with every unsafe character shown rather than sent."""
    return _UNSAFE.sub(_shown, text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return the text on one line, harmless."""
    return neutral(" ".join(text.split()))


def neutral_json(encoded: str) -> str:
    r"""Return encoded JSON with the unsafe characters escaped: the value stays the same.

    They stand only inside of strings there, where ``\uXXXX`` means the character.
    """
    return _UNSAFE.sub(lambda match: f"\\u{ord(match[0]):04x}", encoded)


def _shown(match: re.Match[str]) -> str:
    code = ord(match[0])
    return f"\\x{code:02x}" if code < 0x100 else f"\\u{code:04x}"
