"""The context under a question: the draft and the details needed to judge it, as Markdown.

Pure and bounded: a text that is too long is cut, with a note that says so.
``questions/question.py`` uses it. It works with texts, not with crewAI's objects.
"""

import re
from collections.abc import Iterable, Sequence
from typing import Final

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import Round
from crewai_hitl_nb.protocol.records import CUT_MARK

_DETAIL_CHARS: Final = limits.MAX_CONTEXT_CHARS // 8
"""The limit for each detail; the draft gets the rest."""

_HISTORY_CHARS: Final = limits.MAX_CONTEXT_CHARS
"""The limit for the drafts and feedback of all earlier rounds together."""

_ROUND_CHARS: Final = limits.MAX_CONTEXT_CHARS // 4
"""The limit for the draft, and for the feedback, of one earlier round."""

_MARKS: Final = re.compile(r"[\\|<>\]*`~$]|&(?=#?\w+;)|(?<!\w)_+|_+(?!\w)")
"""What Markdown or HTML may read as a mark, inside a line: "R&D" and "unit_price" have none."""

_LINKED: Final = re.compile(r"(:(?=//)|(?<=www)\.)(?=\S*\\)", re.IGNORECASE)
"""What makes a link of an address, in which a backslash would be a part of the link."""


def cut(text: str, room: int) -> str:
    """Return the text, cut to ``room`` characters with a note at its end."""
    if len(text) <= room:
        return text
    note = f"{CUT_MARK}{len(text):,} characters in all)"
    return text[: max(0, room - len(note))] + note


def literal(text: str) -> str:
    r"""Return the text in one line, so that Markdown shows each character as it is.

    It is for the inside of a line: a heading, the cell of a table, the name of an image. A "[" has
    no backslash, because "\[" begins a formula; it means nothing without a "]". After a "!" it is
    an entity, because a card looks for images in the text before it reads the Markdown.
    """
    text = _MARKS.sub(_escaped, " ".join(text.split()))
    return _LINKED.sub(r"\\\1", text.replace("![", "!&#91;"))


def in_brackets(text: str) -> str:
    """Return a text for the brackets of a link or an image in Markdown, which it must not close."""
    return literal(text.replace("[", "(").replace("]", ")"))


def fenced(text: str, language: str, room: int) -> str:
    """Return the text as a code block of at most ``room`` characters, fence included."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{cut(text, room - 2 * len(fence) - len(language) - 2)}\n{fence}"


def under(draft: str, details: Iterable[tuple[str, str]], *, language: str | None = None) -> str:
    """Return the draft with its details below it, at most ``MAX_CONTEXT_CHARS`` in all.

    Args:
        draft: The text to judge, as Markdown, or as code if there is a ``language``.
        details: Titles and texts; a blank text is left out.
        language: The language of a draft that is code.
    """
    sections = [
        f"**{title}**\n\n{cut(text.strip(), _DETAIL_CHARS)}"
        for title, text in details
        if text.strip()
    ]
    below = "\n\n".join(["---", *sections]) if sections else ""
    room = limits.MAX_CONTEXT_CHARS - len(below) - len("\n\n")
    above = cut(draft, room) if language is None else fenced(draft, language, room)
    return "\n\n".join(part for part in (above, below) if part)


def feedback_list(history: Sequence[Round]) -> str:
    """Return the feedback of the earlier rounds, as a Markdown list."""
    return "\n".join(
        f"{number}. {' '.join(earlier.feedback.split())}"
        for number, earlier in enumerate(history, start=1)
    )


def bounded(history: Sequence[Round]) -> tuple[Round, ...]:
    """Return the earlier rounds with long texts cut; leave out the oldest if they are too long."""
    kept: list[Round] = []
    room = _HISTORY_CHARS
    for earlier in reversed(history):
        short = Round(
            draft=cut(earlier.draft, _ROUND_CHARS), feedback=cut(earlier.feedback, _ROUND_CHARS)
        )
        room -= len(short.draft) + len(short.feedback)
        if room < 0:
            break
        kept.append(short)
    return tuple(reversed(kept))


def _escaped(mark: re.Match[str]) -> str:
    return "".join(f"\\{character}" for character in mark[0])


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest
