r"""Sanitizes untrusted text before it is written to a terminal.

A prompt or a context comes from a language model and from anything the model has read. An escape
sequence in it could repaint the screen so that a person approves what they never saw, change the
window's title, or write to the clipboard. Invisible characters (zero widths, tags) could hide
part of what the person approves. So each such character is shown in its escaped form (``\x1b``)
(``protocol/escapes.py``). Pure; the screen applies it to everything it writes.
"""

import json
import re

from crewai_hitl_nb.protocol.escapes import visible_lines


def sanitize(text: str) -> str:
    """Return the text with every unsafe character escaped."""
    return visible_lines(text.replace("\r\n", "\n"))


def one_line(text: str) -> str:
    """Return the text on one line, sanitized."""
    return sanitize(" ".join(text.split()))


def sanitize_json(encoded: str) -> str:
    r"""Return encoded JSON with the unsafe characters escaped; the value stays the same.

    In JSON they can only be inside strings, where ``\uXXXX`` means the character (two of them
    for a character beyond the first 65,536).
    """
    return visible_lines(encoded, _as_json)


def _as_json(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]
