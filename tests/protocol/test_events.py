"""Events at the boundary: what is filled, what is refused, what passes through."""

import json
from datetime import datetime, timezone
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from msgspec.structs import replace

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.dialects import PENDING
from crewai_hitl_nb.protocol.errors import InvalidEvent, error_from_wire
from crewai_hitl_nb.protocol.events import HumanInputRequired, UnknownEvent
from crewai_hitl_nb.protocol.frames import DownFrame, UpFrame
from crewai_hitl_nb.protocol.ids import new_event_id
from crewai_hitl_nb.protocol.state import fold
from crewai_hitl_nb.protocol.wire import (
    RESERVED_TYPES,
    decode_event,
    encode_event,
    event_from_wire,
    events_from_wire,
    stored_event,
)
from crewai_hitl_nb.store.damage import EVENT_DAMAGED
from tests.events import NOON, required

ASK = {"type": "human_input_required", "prompt": "Good?"}


def _event(raw: object) -> Any:
    return event_from_wire(raw, event_id="given", now=NOON)


def test_what_a_publisher_leaves_out_is_filled() -> None:
    event = _event(ASK)
    assert (event.event_id, event.request_id, event.timestamp) == ("given", "given", NOON)
    assert event.response.decisions == ("approve", "respond")


def test_null_means_not_given() -> None:
    event = _event({**ASK, "event_id": None, "request_id": None, "timestamp": None})
    assert (event.event_id, event.request_id, event.timestamp) == ("given", "given", NOON)


def test_the_publishers_own_ids_and_time_are_kept_in_utc() -> None:
    event = _event({**ASK, "event_id": "e", "timestamp": "2025-08-02T18:00:00+02:00"})
    assert (event.event_id, event.request_id) == ("e", "e")
    assert json.loads(encode_event(event))["timestamp"] == "2025-08-02T16:00:00Z"


def test_a_publisher_cannot_choose_its_place_in_the_log() -> None:
    assert _event({**ASK, "offset": 7}).offset is None
    assert "offset" not in _event({"type": "x", "offset": 7}).fields


@pytest.mark.parametrize(
    ("fields", "field"),
    [
        ({"prompt": None}, "prompt"),
        ({"prompt": 7}, "prompt"),
        ({"event_id": ""}, "event_id"),
        ({"event_id": "x" * 201}, "event_id"),
        ({"execution_id": 7}, "execution_id"),
        ({"timestamp": "yesterday"}, "timestamp"),
        ({"timestamp": "2025-08-02T16:00:00"}, "timestamp"),
        ({"kind": "mood"}, "kind"),
        ({"round": 0}, "round"),
        ({"reason_flags": {"a": "b"}}, "reason_flags[...]"),
        ({"response": {"decisions": ["shrug"]}}, "response.decisions[0]"),
        ({"response": {"decisions": []}}, "response.decisions"),
        ({"response": {"options": []}}, "response.options"),
        ({"response": {"on_expiry": "default"}}, "response.default"),
        ({"response": {"schema": {"type": "array"}}}, "response.schema.type"),
        (
            {
                "response": {
                    "schema": {
                        "type": "object",
                        "properties": {"a": {"type": "string", "pattern": "(a+)+$"}},
                    }
                }
            },
            "response.schema.properties.a.pattern",
        ),
        (
            {
                "response": {
                    "schema": {"type": "object", "properties": {"a": {"$ref": "http://x/"}}}
                }
            },
            "response.schema.properties.a.type",
        ),
    ],
)
def test_a_wrong_field_is_named(fields: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidEvent) as refused:
        _event({**ASK, **fields})
    assert refused.value.details["field"] == field
    assert refused.value.status == 422


@pytest.mark.parametrize("raw", [None, 7, "text", [], {}, {"type": 7}, {"type": ""}])
def test_what_is_no_event_is_refused(raw: object) -> None:
    with pytest.raises(InvalidEvent):
        _event(raw)


FORGED = (
    *("Heartbeat", "GAP", "ｇａｐ", "human_input_edited", "Human_Input_Completed", "human_input_"),
    *(
        "gap ",
        "gap\u3164",
        "g\u2800ap",
        "gap\n",
        "note\r\nevent: gap",
        "g\u200bap",
        "note\u2028",
        "\x00",
        " ",
        "note\x1b[2J",
    ),
)


@pytest.mark.parametrize("name", sorted({*RESERVED_TYPES, *FORGED}))
def test_a_publisher_cannot_speak_the_servers_own_words(name: str) -> None:
    with pytest.raises(InvalidEvent, match=r"reserved for the server|visible") as refused:
        _event({"type": name})
    assert (refused.value.status, refused.value.details["field"]) == (422, "type")


def test_every_frame_has_a_reserved_name() -> None:
    tags = {str(kind.__struct_config__.tag) for kind in (*UpFrame.__args__, *DownFrame.__args__)}
    assert {*tags, "error", EVENT_DAMAGED, PENDING} <= RESERVED_TYPES


@pytest.mark.parametrize("name", ["human_input_edited", "event_damaged", "hello"])
def test_an_older_log_keeps_what_was_published_before_a_word_was_reserved(name: str) -> None:
    event = stored_event(
        {"type": name, "event_id": "e", "timestamp": "2026-11-22T01:00:00Z", "request_id": "r"}
    )
    assert isinstance(event, UnknownEvent)
    requests = fold([required("r"), event])
    assert requests["r"].status == "pending"


def test_an_unknown_type_keeps_every_field() -> None:
    raw = {"type": "weather_changed", "wind": 7, "deep": {"er": [1, None]}}
    event = _event(raw)
    assert isinstance(event, UnknownEvent)
    assert raw.items() <= json.loads(encode_event(event)).items()


def test_a_list_names_the_place_of_its_wrong_event() -> None:
    with pytest.raises(InvalidEvent) as refused:
        events_from_wire([ASK, {**ASK, "prompt": 7}], new_id=new_event_id, now=NOON)
    assert refused.value.details["field"] == "1.prompt"


@pytest.mark.parametrize("raw", [[], [ASK] * (limits.MAX_BATCH_EVENTS + 1)])
def test_an_empty_or_endless_list_is_refused(raw: list[object]) -> None:
    with pytest.raises(InvalidEvent, match="at a time"):
        events_from_wire(raw, new_id=new_event_id, now=NOON)


def test_an_error_survives_the_wire() -> None:
    with pytest.raises(InvalidEvent) as refused:
        _event({**ASK, "prompt": 7})
    again = error_from_wire(refused.value.to_wire(), refused.value.status)
    assert isinstance(again, InvalidEvent)
    assert again.to_wire() == refused.value.to_wire()


@given(
    prompt=st.text(),
    context=st.text(),
    execution=st.none() | st.text(min_size=1, max_size=limits.MAX_ID_CHARS),
    flags=st.dictionaries(st.text(max_size=10), st.booleans(), max_size=3),
    expires=st.none() | st.datetimes(timezones=st.just(timezone.utc)),
)
def test_a_question_survives_encode_and_decode(
    prompt: str,
    context: str,
    execution: str | None,
    flags: dict[str, bool],
    expires: datetime | None,
) -> None:
    event = replace(
        required("r1"),
        prompt=prompt,
        context=context,
        execution_id=execution,
        reason_flags=flags,
        expires_at=expires,
        offset=7,
    )
    again = decode_event(encode_event(event))
    assert isinstance(again, HumanInputRequired)
    assert again == event


def test_ids_sort_by_the_time_they_were_made() -> None:
    made = [new_event_id() for _ in range(1000)]
    assert made == sorted(made)
    assert len(set(made)) == 1000
