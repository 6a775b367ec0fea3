"""Text from elsewhere cannot command a terminal, whatever it is."""

import json
import unicodedata

from hypothesis import given
from hypothesis import strategies as st

from crewai_hitl_nb.terminal.neutral import neutral, neutral_json, one_line

COMMANDS = st.characters(categories=["Cc", "Cf", "Zl", "Zp"])
TEXTS = st.text(st.one_of(COMMANDS, st.characters()))
REORDERS = {"RLO", "LRO", "RLE", "LRE", "PDF", "RLI", "LRI", "FSI", "PDI"}


def is_harmless(character: str) -> bool:
    controls = unicodedata.category(character) in ("Cc", "Zl", "Zp")
    return not controls and unicodedata.bidirectional(character) not in REORDERS


@given(TEXTS)
def test_no_control_character_is_left_but_the_line_and_the_tab(text: str) -> None:
    assert all(is_harmless(c) or c in "\n\t" for c in neutral(text))
    assert all(is_harmless(c) for c in one_line(text))


@given(st.text(st.characters(codec="utf-8")))
def test_encoded_json_means_the_same_and_commands_nothing(text: str) -> None:
    encoded = neutral_json(json.dumps({"text": text}, ensure_ascii=False))
    assert json.loads(encoded) == {"text": text}
    assert all(map(is_harmless, encoded))


def test_what_a_control_character_would_have_been_is_shown() -> None:
    assert neutral("a\x1b[31mb\r\nc\rd\u202ee") == "a\\x1b[31mb\nc\\x0dd\\u202ee"
