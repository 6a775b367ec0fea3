"""Text from elsewhere cannot command a terminal, whatever it is."""

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from crewai_hitl_nb.terminal.sanitize import one_line, sanitize, sanitize_json

COMMANDS = st.characters(categories=["Cc", "Cf", "Zl", "Zp"])
TEXTS = st.text(st.one_of(COMMANDS, st.characters()))
REORDERS = {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"}


def is_harmless(character: str) -> bool:
    controls = unicodedata.category(character) in ("Cc", "Zl", "Zp")
    return not controls and unicodedata.bidirectional(character) not in REORDERS


@given(TEXTS)
def test_no_control_character_is_left_but_the_line_and_the_tab(text: str) -> None:
    assert all(is_harmless(c) or c in "\n\t" for c in sanitize(text))
    assert all(is_harmless(c) for c in one_line(text))


@given(st.text(st.characters(codec="utf-8")))
def test_encoded_json_means_the_same_and_commands_nothing(text: str) -> None:
    encoded = sanitize_json(json.dumps({"text": text}, ensure_ascii=False))
    assert json.loads(encoded) == {"text": text}
    assert all(map(is_harmless, encoded))


def test_control_characters_are_shown_escaped() -> None:
    assert sanitize("a\x1b[31mb\r\nc\rd\u202ee") == "a\\x1b[31mb\nc\\x0dd\\u202ee"


UNSEEN = "\u00ad\u034f\u115f\u17b4\u180e\u200b\u200c\u200d\u2060\u2064\u3164\ufe00\ufeff\uffa0"
TAGS = "".join(chr(0xE0000 + ord(c)) for c in "ignore this")


def test_invisible_characters_are_shown_escaped() -> None:
    for hidden in (*UNSEEN, *TAGS, "\ufe0f", "\U000e0100", "\U0001d173", "\U000e0fff"):
        for shown in (sanitize(f"a{hidden}b"), one_line(f"a{hidden}b")):
            assert hidden not in shown
            assert shown.startswith(("a\\x", "a\\u", "a\\U"))
        encoded = sanitize_json(json.dumps(hidden, ensure_ascii=False))
        assert hidden not in encoded
        assert json.loads(encoded) == hidden
    assert sanitize("\U000e0041") == "\\U000e0041"


def test_every_character_of_a_hidden_category_is_shown() -> None:
    for code in range(0x110000):
        if unicodedata.category(chr(code)) in ("Cc", "Cf", "Cs", "Zl", "Zp"):
            assert chr(code) in "\t\n" or chr(code) not in sanitize(f"a{chr(code)}")


def test_pictures_and_letters_stay_as_they_are() -> None:
    said = "⚠️ ❤️ naïve, 日本語, e\u0301, العربية \U0001f600"
    assert sanitize(said) == said
    assert sanitize("❤️\ufe0f") == "❤️\\ufe0f"  # one is for the picture, a second says something
