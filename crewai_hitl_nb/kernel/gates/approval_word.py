"""Finds the word that a crewAI hook treats as approval, in the hook's own prompt and message.

Pure. ``context.request_human_input()`` returns to a hook what a person typed, and each hook
checks for a word of its own: "approve", "yes", "y", or just Enter. A person who presses Approve on
a card types nothing, so this module finds the word that the hook asks for. A wrong guess never
allows a call: a hook that gets a word it does not expect blocks the call, and
``tasks/tool_calls.py`` logs a warning.
"""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final

STOCK_MESSAGE: Final = "Press Enter to continue, or provide feedback:"
"""crewAI's message for a hook that gives none, so it counts only if the prompt names no word."""

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


def approval_word(
    default_message: str, prompt: str, tool_input: Mapping[str, Any] | None = None
) -> str:
    """Return the text that makes the hook continue; its message has priority over its prompt.

    Each is searched for a quoted word ("Type 'yes' to continue"), alternatives ("[y/N]"), an
    unquoted word ("Type yes to continue"), and then "Press Enter".

    Args:
        default_message: The hook's message about what to type.
        prompt: The hook's question.
        tool_input: The call's arguments. A prompt may quote them, but they are not to be typed.
    """
    question = prompt
    for shown in _as_shown(tool_input or {}):
        question = question.replace(shown, "…")
    in_message = _word(default_message, any_quoted=True)
    in_prompt = _word(question, any_quoted=False)
    found = (in_message, in_prompt)
    if default_message.strip() == STOCK_MESSAGE:
        found = (in_prompt, in_message)
    return next((word for word in found if word is not None), FALLBACK)


def _as_shown(tool_input: Mapping[str, Any]) -> Iterator[str]:
    """Yield the forms in which a hook may write the arguments into its prompt."""
    if tool_input:
        yield str(tool_input)
        for indent in (None, 2, 4):
            yield json.dumps(tool_input, default=str, indent=indent)


def _word(text: str, *, any_quoted: bool) -> str | None:
    """Return the word that approves, if the text names one.

    Args:
        text: The hook's message or prompt.
        any_quoted: Whether a single unknown quoted word is one to type. A prompt also quotes
            other things, such as the name of a file.
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
    """Return the quoted words that do not refuse, each with whether the text says to type it."""
    return {
        match[1].strip(): _TOLD.search(text, 0, match.start()) is not None
        for match in _QUOTED.finditer(text)
        if not re.fullmatch(_NEGATIVE, match[1].strip(), re.IGNORECASE)
        and not _TO_SAY_NO.match(text, match.end())
    }


def _listed(text: str) -> str | None:
    """Return the approving one of several alternatives, as in `[y/N]`, `yes or no`, `1) allow`."""
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
    """Return the word that approves, if another one refuses.

    Args:
        words: The alternatives.
        closed: Whether there are no others, so that of two words the one that does not refuse
            approves.
    """
    if not any(map(_is_negative, words)):
        return None
    consenting = [word for word in words if _is_positive(word)]
    if not consenting and closed and len(words) == 2:
        consenting = [word for word in words if not _is_negative(word) and word.isalnum()]
    if not consenting:
        return None
    # In `[y/N]` the capital letter is the default for Enter, not the letter to type.
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
