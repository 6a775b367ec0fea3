"""Values that JSON cannot carry: each is replaced visibly, and none fails."""

import json
import math
from dataclasses import dataclass
from datetime import date, datetime, timezone
from decimal import Decimal
from enum import Enum
from typing import Any
from uuid import UUID

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace
from pydantic import BaseModel

from crewai_hitl_nb.protocol.json_safe import MOST_LEVELS, portable, whole_text
from crewai_hitl_nb.protocol.wire import carriable, decode_event, encode_event
from tests.events import other, required

HALF = "\ud83d"
FORM = {"type": "object", "properties": {"x": {"type": "number", "default": 1.5}}}


class Colour(Enum):
    RED = "red"


class Word(str, Enum):
    TEA = "tea"


class Model(BaseModel):
    body: bytes = b"\xff"
    when: date = date(2026, 1, 2)


@dataclass
class Data:
    of: Any


class Mute:
    def __repr__(self) -> str:
        raise RuntimeError("says nothing")


@pytest.mark.parametrize(
    ("thing", "carried"),
    [
        (f"half {HALF} emoji", "half � emoji"),
        ("\ud83d\ude00 in two halves", "😀 in two halves"),
        ("\udcff of a file name", "� of a file name"),
        (math.nan, "nan"),
        (-math.inf, "-inf"),
        (b"\xff", "b'\\xff'"),
        ({"b", "a"}, ["a", "b"]),
        ((1, 2.5, None, True), [1, 2.5, None, True]),
        (
            {(1, 2): HALF, None: 1, Colour.RED: 2, 3: 4},
            {"(1, 2)": "�", "null": 1, "red": 2, "3": 4},
        ),
        (date(2026, 1, 2), "2026-01-02"),
        (datetime(2026, 1, 2, tzinfo=timezone.utc), "2026-01-02T00:00:00+00:00"),
        (Decimal("1.10"), "1.10"),
        (UUID(int=0), "00000000-0000-0000-0000-000000000000"),
        ([Colour.RED, Word.TEA], ["red", "tea"]),
        (Model(), {"body": "b'\\xff'", "when": "2026-01-02"}),
        (Data([Data(HALF)]), {"of": [{"of": "�"}]}),
        (2**70, 2**70),
        (Mute(), "(no text: Mute)"),
    ],
)
def test_a_thing_is_carried_as_what_it_is(thing: Any, carried: Any) -> None:
    assert portable(thing) == carried
    json.dumps(portable(thing), allow_nan=False).encode()


def test_what_refers_to_itself_ends() -> None:
    loop: list[Any] = []
    loop.append(loop)

    assert json.dumps(portable(loop)).count("[") == MOST_LEVELS


@given(st.text(st.characters(exclude_categories=())))
def test_a_text_can_always_be_carried_and_a_whole_one_stays_as_it_is(text: str) -> None:
    carried = whole_text(text)

    assert carried.encode().decode() == carried
    assert whole_text(carried) == carried
    if not any("\ud800" <= character <= "\udfff" for character in text):
        assert carried == text


@pytest.mark.parametrize("field", ["prompt", "context", "draft", "assignee"])
def test_a_question_is_encoded_whatever_a_text_of_it_holds(field: str) -> None:
    question = replace(required("r"), **{field: f"a {HALF} b"})

    assert getattr(decode_event(encode_event(question)), field) == "a � b"
    assert getattr(carriable(question), field) == "a � b"


def test_a_question_that_can_be_carried_stays_as_it_is() -> None:
    question = required(
        "r",
        context="😀",
        expires_at="2026-11-22T12:00:00.5Z",
        history=[{"draft": "a", "feedback": "b"}],
        response={"decisions": ["respond"], "schema": FORM},
    )

    assert carriable(question) == question


def test_an_event_of_any_type_is_encoded_whatever_it_holds() -> None:
    parts = {1: {b"\xff"}, (2, 3): object}
    sent = json.loads(encode_event(other("run_finished", result=f"a {HALF}", parts=parts)))

    assert (sent["type"], sent["result"]) == ("run_finished", "a �")
    assert sent["parts"] == {"1": ["b'\\xff'"], "(2, 3)": "<class 'object'>"}
