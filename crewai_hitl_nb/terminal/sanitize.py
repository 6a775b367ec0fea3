r"""Makes text from elsewhere harmless on a terminal.

A prompt or a context comes from a language model, and what it read from anywhere: an
escape sequence in it could repaint the screen so that a person approves what they never
saw, or retitle the window, or write to the clipboard; what nobody sees (zero widths, tags) could
say more than the person approves. So each such character is shown (``\x1b``) instead of sent
(``protocol/escapes.py``). Pure; the screen applies it to all that it writes.
"""

import json
import re

from crewai_hitl_nb.protocol.escapes import visible_lines


def neutral(text: str) -> str:
    """Return the text with every unsafe character shown rather than sent."""
    return visible_lines(text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return the text on one line, harmless."""
    return neutral(" ".join(text.split()))


def neutral_json(encoded: str) -> str:
    r"""Return encoded JSON with the unsafe characters escaped: the value stays the same.

    They stand only inside of strings there, where ``\uXXXX`` means the character (two of them
    beyond the first 65,536).
    """
    return visible_lines(encoded, _as_json)


def _as_json(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
