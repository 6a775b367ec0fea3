"""What stands under a question: the draft and what one needs to judge it, as Markdown.

Pure, and bounded: whatever is too long is cut, and the cut is said. Above it is
``questions/question.py``; it knows no crewAI objects, only texts.
"""

from collections.abc import Iterable, Sequence
from typing import Final

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import Round

_DETAIL_CHARS: Final = limits.MAX_CONTEXT_CHARS // 8
"""For each detail; the draft gets the rest."""

_HISTORY_CHARS: Final = limits.MAX_CONTEXT_CHARS
"""For the drafts and words of all earlier rounds together."""

_ROUND_CHARS: Final = limits.MAX_CONTEXT_CHARS // 4
"""For the draft of one earlier round."""


def cut(text: str, room: int) -> str:
    """Return the text, shortened to ``room`` characters with the cut said at its end."""
    if len(text) <= room:
        return text
    note = f"\n\n… (cut here: {len(text):,} characters in all)"
    return text[: max(0, room - len(note))] + note


def fenced(text: str, language: str, room: int) -> str:
    """Return the text as a code block of at most ``room`` characters, fence included."""
    fence = "`" * max(3, _longest_run(text) + 1)
    return f"{fence}{language}\n{cut(text, room - 2 * len(fence) - len(language) - 2)}\n{fence}"


def under(draft: str, details: Iterable[tuple[str, str]], *, language: str | None = None) -> str:
    """Return the draft with its details below, at most ``MAX_CONTEXT_CHARS`` in all.

    Args:
        draft: What is to be judged, as Markdown, or as code of this ``language``.
        details: Titles and texts; a blank one is left out.
        language: For a draft that is code.
    """
    said = [
        f"**{title}**\n\n{cut(text.strip(), _DETAIL_CHARS)}"
        for title, text in details
        if text.strip()
    ]
    below = "\n\n".join(["---", *said]) if said else ""
    room = limits.MAX_CONTEXT_CHARS - len(below) - len("\n\n")
    above = cut(draft, room) if language is None else fenced(draft, language, room)
    return "\n\n".join(part for part in (above, below) if part)


def rounds_said(history: Sequence[Round]) -> str:
    """Return what people said in the earlier rounds, as a list."""
    return "\n".join(
        f"{number}. {' '.join(earlier.feedback.split())}"
        for number, earlier in enumerate(history, start=1)
    )


def bounded(history: Sequence[Round]) -> tuple[Round, ...]:
    """Return the earlier rounds, long drafts cut, the oldest left out when all is too long."""
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


def _longest_run(text: str) -> int:
    longest = run = 0
    for character in text:
        run = run + 1 if character == "`" else 0
        longest = max(longest, run)
    return longest
