"""The word that a hook of crewAI takes for consent, found in what it says itself.

Pure. ``context.request_human_input()`` gives a hook what a person typed, and each hook
looks for a word of its own: "approve", "yes", "y", or just Enter. A person who presses
Approve on a card types nothing; this finds the word that the hook asked for. A wrong guess
never allows a call: a hook that finds another word than its own blocks, and
``tasks/tool_calls.py`` says so.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

STOCK_MESSAGE: Final = "Press Enter to continue, or provide feedback:"
"""What crewAI says where the hook says nothing, so it counts only where the prompt is silent."""

ENTER: Final = ""
FALLBACK: Final = "approve"

_POSITIVE: Final = (
    r"(?:approved?|yes|y|allow|confirm(?:ed)?|accept|proceed|continue|ok|okay|true|1"
    r"|ja|oui|s[ií]|sim|да|evet|tak)"
)
_NEGATIVE: Final = (
    r"(?:no|n|not|deny|denied|reject\w*|refus\w*|cancel\w*|skip\w*|abort\w*|block\w*|stop\w*"
    r"|declin\w*|disallow\w*|quit|exit|false|0|nein|non|n[aã]o|nee|nej|нет|hay[ıi]r|nie)"
)
_TYPE: Final = r"\b(?:type|enter|say|reply|answer|write|respond|input|send|press|hit)"
_QUOTED: Final = re.compile(r"(?<!\w)['\"`‘’“”«]([^'\"`‘’“”»]{1,40})['\"`‘’“”»](?!\w)")
_TOLD: Final = re.compile(rf"{_TYPE}\s+(?:in\s+|with\s+)?$", re.IGNORECASE)
_TO_SAY_NO: Final = re.compile(rf"\s*(?:to|for|=|:|if|and)?\s*\b{_NEGATIVE}\b", re.IGNORECASE)
_ENTER: Final = re.compile(r"\b(?:press|hit)\s+(?:the\s+)?(?:enter|return)\b", re.IGNORECASE)
_KEYS: Final = re.compile(r"[\[(](\w)[\])](\w+)")
_MEANING: Final = re.compile(rf"\b(\w+)\s*[=).]\s*{_POSITIVE}\b", re.IGNORECASE)
_BRACKETED: Final = re.compile(r"[\[(]([^\[\]()]{3,60})[\])]")
_BETWEEN: Final = re.compile(r"\s*(?:[/|,]|\bor\b)\s*", re.IGNORECASE)
_PAIR: Final = re.compile(r"(?=\b(\w+)\s*(?:/|\||\bor\b)\s*(\w+)\b)", re.IGNORECASE)
_BARE: Final = re.compile(
    rf"{_TYPE}\s+(?:in\s+|with\s+)?({_POSITIVE})\b|\b(yes|y)\s+to\s+\w", re.IGNORECASE
)


def word_of_consent(
    default_message: str, prompt: str, tool_input: Mapping[str, Any] | None = None
) -> str:
    """Return what to type so that the hook goes on; the hook's message counts before the prompt.

    In each: a quoted word ("Type 'yes' to continue"), alternatives ("[y/N]"), a bare word
    ("Type yes to continue"), then "Press Enter".

    Args:
        default_message: What the hook tells people to type.
        prompt: What it asks.
        tool_input: The call's arguments, which a prompt may quote: they say nothing to type.
    """
    asks = prompt
    for shown in _as_shown(tool_input or {}):
        asks = asks.replace(shown, "…")
    said, asked = _word(default_message, any_quoted=True), _word(asks, any_quoted=False)
    ways = (asked, said) if default_message.strip() == STOCK_MESSAGE else (said, asked)
    return next((word for word in ways if word is not None), FALLBACK)


def _as_shown(tool_input: Mapping[str, Any]) -> Iterator[str]:
    """Yield the arguments as a hook may write them into its prompt."""
    if tool_input:
        yield str(tool_input)
        for indent in (None, 2, 4):
            yield json.dumps(tool_input, default=str, indent=indent)


def _word(text: str, *, any_quoted: bool) -> str | None:
    """Return the word that consents, if the text says one.

    Args:
        text: Of the hook.
        any_quoted: Whether a single quoted word that is not known is one to type. A prompt
            quotes other things as well, such as a file's name.
    """
    quoted = _quoted(text)
    for word in quoted:
        if _is_positive(word):
            return word
    for found in (_listed(text), _bare(text)):
        if found is not None:
            return found
    unknown = [word for word, is_told in quoted.items() if is_told or any_quoted]
    if len(unknown) == 1:
        return unknown[0]
    enter = _ENTER.search(text)
    if enter is not None and not _TO_SAY_NO.match(text, enter.end()):
        return ENTER
    return None


def _quoted(text: str) -> dict[str, bool]:
    """Return the quoted words that do not refuse, and whether one is told to type each."""
    return {
        match[1].strip(): _TOLD.search(text, 0, match.start()) is not None
        for match in _QUOTED.finditer(text)
        if not re.fullmatch(_NEGATIVE, match[1].strip(), re.IGNORECASE)
        and not _TO_SAY_NO.match(text, match.end())
    }


def _listed(text: str) -> str | None:
    """Return the consenting one of several alternatives, as `[y/N]`, `yes or no`, `1) allow`."""
    for key, rest in _KEYS.findall(text):
        if _is_positive(key + rest):
            return str(key)
    for match in _BRACKETED.finditer(text):
        found = _of_alternatives(_BETWEEN.split(match[1].strip()), closed=True)
        if found is not None:
            return found
    for match in _PAIR.finditer(text):
        found = _of_alternatives([match[1], match[2]], closed=False)
        if found is not None:
            return found
    meaning = _MEANING.search(text)
    return meaning[1] if meaning is not None and not _is_negative(meaning[1]) else None


def _of_alternatives(words: list[str], *, closed: bool) -> str | None:
    """Return the word that consents where another one refuses.

    Args:
        words: The alternatives.
        closed: Whether they are all there is, so that of two the one that does not refuse consents.
    """
    if not any(map(_is_negative, words)):
        return None
    consenting = [word for word in words if _is_positive(word)]
    if not consenting and closed and len(words) == 2:
        consenting = [word for word in words if not _is_negative(word) and word.isalnum()]
    if not consenting:
        return None
    # Of `[y/N]` the capital is what Enter means, not what one types.
    same_case = len({word.isupper() for word in words}) == 1
    word = consenting[0]
    return word if same_case and len(word) > 1 else word.lower()


def _bare(text: str) -> str | None:
    for match in _BARE.finditer(text):
        if not _TO_SAY_NO.match(text, match.end(1) if match[1] else match.end(2)):
            return match[1] or match[2]
    return None


def _is_positive(word: str) -> bool:
    return re.fullmatch(_POSITIVE, word, re.IGNORECASE) is not None


def _is_negative(word: str) -> bool:
    return re.fullmatch(_NEGATIVE, word, re.IGNORECASE) is not None
