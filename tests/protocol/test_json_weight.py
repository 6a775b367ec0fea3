"""Values are counted without being made, and as a decoder would find them."""

import gc
import json
from contextlib import suppress
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import BadJson, TooLarge
from crewai_hitl_nb.protocol.frames import decode_body
from crewai_hitl_nb.protocol.json_weight import is_heavy

TEXTS = st.text(st.sampled_from('a,[]{}:"\\\\é'), max_size=6)
VALUES = st.recursive(
    st.none() | st.integers() | TEXTS,
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(TEXTS, inner, max_size=4),
)


def signs(value: Any) -> int:
    """Return how many commas and opening brackets the value is written with."""
    if not isinstance(value, list | dict):
        return 0
    inner = list(value.values()) if isinstance(value, dict) else value
    return 1 + max(0, len(inner) - 1) + sum(map(signs, inner))


@given(VALUES, st.sampled_from([str, bytes]), st.booleans())
def test_what_stands_in_a_text_is_no_value(value: Any, kind: type, ascii_only: bool) -> None:
    text = json.dumps(value, ensure_ascii=ascii_only)
    said = text if kind is str else text.encode()
    weight = 1 + signs(value)
    assert not is_heavy(said, weight)
    # A text is never heavier than it has bytes, nor lighter than it has texts.
    assert weight == 1 or is_heavy(said, weight - 1)


@pytest.mark.parametrize("said", [b"[" + b"0," * 99_998 + b"0]", "[" + "0," * 99_998 + "0]"])
def test_as_many_values_as_are_allowed_are_read(said: bytes | str) -> None:
    assert isinstance(decode_body(said), list)


@pytest.mark.parametrize("one", [b"[],", b'"",', b'{"":0},', b"0,", b'"\\\\",'])
def test_more_values_are_refused(one: bytes) -> None:
    with pytest.raises(TooLarge, match=str(limits.MAX_JSON_VALUES)):
        decode_body(b"[" + one * (limits.MAX_JSON_VALUES + 1) + b"0]")


@pytest.mark.parametrize("said", [b'["%b"]' % (b"a" * 200_000), b'["%b"' % (b"a" * 200_000)])
def test_a_large_body_leaves_the_collector_as_it_was(said: bytes) -> None:
    with suppress(BadJson):
        decode_body(said)
    assert gc.isenabled()
