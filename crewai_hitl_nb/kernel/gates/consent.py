"""The word that a hook of crewAI takes for consent, found in what it says itself.

Pure. ``context.request_human_input()`` gives a hook what a person typed, and each hook
looks for a word of its own: "approve", "yes", "y", or just Enter. A person who presses
Approve on a card types nothing; this finds the word that the hook asked for. A wrong guess
is harmless: a hook that finds another word than its own blocks.
"""

import re
from typing import Final

ENTER: Final = ""
FALLBACK: Final = "approve"

_POSITIVE: Final = (
    "approve",
    "approved",
    "yes",
    "y",
    "allow",
    "confirm",
    "confirmed",
    "accept",
    "proceed",
    "continue",
    "ok",
    "okay",
    "true",
    "1",
)
_NEGATIVE: Final = (
    r"(?:no|n|not|deny|denied|reject\w*|refus\w*|cancel\w*|skip\w*|abort\w*|block\w*|stop\w*"
    r"|declin\w*|disallow\w*|quit|exit|false|0)"
)
_QUOTED: Final = re.compile(r"(?<!\w)['\"`‘’“”«]([^'\"`‘’“”»]{1,40})['\"`‘’“”»](?!\w)")
_TO_SAY_NO: Final = re.compile(rf"\s*(?:to|for|=|:|if|and)?\s*\b{_NEGATIVE}\b", re.IGNORECASE)
_ENTER: Final = re.compile(r"\b(?:press|hit)\s+(?:the\s+)?(?:enter|return)\b", re.IGNORECASE)
_LISTED: Final = re.compile(r"[\[(]?\b(\w+)\s*(?:/|\||\bor\b)\s*(\w+)\b[\])]?", re.IGNORECASE)
_BARE: Final = re.compile(r"\b(?:type|enter|say|reply|answer|write)\s+(\w+)\s+to\b", re.IGNORECASE)


def word_of_consent(default_message: str, prompt: str) -> str:
    """Return what to type so that the hook goes on; the message counts before the prompt.

    In each: a quoted word ("Type 'yes' to continue"), alternatives ("[y/N]"), a bare word
    ("Type yes to continue"), then "Press Enter".
    """
    for text in (default_message, prompt):
        word = _word(text)
        if word is not None:
            return word
    return FALLBACK


def _word(text: str) -> str | None:
    for found in (_quoted(text), _listed(text), _bare(text)):
        if found is not None:
            return found
    enter = _ENTER.search(text)
    if enter is not None and not _TO_SAY_NO.match(text, enter.end()):
        return ENTER
    return None


def _quoted(text: str) -> str | None:
    words = [
        match[1].strip()
        for match in _QUOTED.finditer(text)
        if not re.fullmatch(_NEGATIVE, match[1].strip(), re.IGNORECASE)
        and not _TO_SAY_NO.match(text, match.end())
    ]
    known = [word for word in words if word.lower() in _POSITIVE]
    if known:
        return known[0]
    return words[0] if len(words) == 1 else None


def _listed(text: str) -> str | None:
    """Return the consenting one of two alternatives, as `[y/N]` or `yes or no`."""
    for match in _LISTED.finditer(text):
        for word, other in (match.groups(), reversed(match.groups())):
            if word.lower() in _POSITIVE and re.fullmatch(_NEGATIVE, other, re.IGNORECASE):
                return word.lower()
    return None


def _bare(text: str) -> str | None:
    for match in _BARE.finditer(text):
        is_known = match[1].lower() in _POSITIVE
        if is_known and not _TO_SAY_NO.match(text, match.end(1)):
            return match[1]
    return None
