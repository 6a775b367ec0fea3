"""One event in the feature request's words and the guide's (``protocol/dialects.py``)."""

import json

from crewai_hitl_nb.protocol.dialects import CANONICAL, FEATURE_REQUEST
from crewai_hitl_nb.protocol.wire import encode_event
from tests.events import completed, other, required


def _said(body: bytes) -> dict[str, object]:
    said: dict[str, object] = json.loads(FEATURE_REQUEST.say(body))
    return said


def test_the_canonical_dialect_sends_what_is_stored() -> None:
    body = encode_event(required("r1"))
    assert CANONICAL.say(body) is body


def test_a_question_reads_as_the_feature_request_writes_it() -> None:
    question = required(
        "r1",
        event_id="uuid",
        execution_id="x",
        task_id="t",
        prompt="Need more details about current traffic volume",
        context="Some text",
        reason_flags={"ambiguity": True, "missing_field": True, "late": False},
        timestamp="2025-08-02T16:00:00Z",
    )
    said = _said(encode_event(question))
    assert "type" not in said
    documented = {
        "event": "pending_human_input",
        "execution_id": "x",
        "task_id": "t",
        "prompt": "Need more details about current traffic volume",
        "reason_flags": ["ambiguity", "missing_field"],
        "event_id": "uuid",
        "timestamp": "2025-08-02T16:00:00Z",
    }
    assert documented.items() <= said.items()
    assert said["context"] == {"text": "Some text", "kind": "task_feedback", "round": 1}


def test_what_happened_is_the_servers_to_say_whatever_a_publisher_writes() -> None:
    for word in ("human_input_completed", "gap", "heartbeat", "pending_human_input", None, 7):
        said = _said(encode_event(other("note", event=word, wind=7)))
        assert (said["event"], said["wind"]) == ("note", 7)
        assert "type" not in said


def test_an_older_log_asks_nothing_by_a_word_that_was_not_reserved_then() -> None:
    assert _said(b'{"type":"pending_human_input","prompt":"Pay?"}') == {
        "event": "unknown:pending_human_input",
        "prompt": "Pay?",
    }


def test_other_events_and_frames_keep_their_name_under_event() -> None:
    assert _said(encode_event(completed("r1", "ok")))["event"] == "human_input_completed"
    assert _said(b'{"type":"heartbeat","offset":3}') == {"event": "heartbeat", "offset": 3}
