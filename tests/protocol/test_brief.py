"""What is left of a large question in brief (``protocol/brief.py``)."""

import json
from typing import Any

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.brief import in_brief
from crewai_hitl_nb.protocol.dialects import BRIEF, CANONICAL, FEATURE_REQUEST
from crewai_hitl_nb.protocol.wire import encode_event
from tests.events import completed, other, required

LARGE = "w" * limits.BRIEF_EVENT_BYTES


def brief(**fields: Any) -> dict[str, Any]:
    """Return a question in brief."""
    said: dict[str, Any] = json.loads(in_brief(encode_event(required("r1", **fields))))
    return said


def test_a_question_of_the_usual_size_is_whole() -> None:
    body = encode_event(required("r1", context="w" * 5000))
    assert in_brief(body) is body


def test_a_large_question_keeps_who_asks_and_what_is_small() -> None:
    said = brief(context=LARGE, draft=LARGE, source={"crew_name": "Research"}, assignee="ada")
    assert said["brief"] is True
    assert not {"context", "draft"} & said.keys()
    assert (said["request_id"], said["source"]["crew_name"]) == ("r1", "Research")
    assert (said["assignee"], said["response"]["decisions"]) == ("ada", ["approve", "respond"])


def test_whatever_of_it_is_large_little_is_left() -> None:
    rounds = [{"draft": LARGE, "feedback": ""}]
    options = [f"{number}{'o' * 900}" for number in range(100)]
    for fields in (
        {"prompt": LARGE},
        {"history": rounds},
        {"reason_flags": {LARGE: True}},
        {"response": {"options": options}},
        {"source": {"crew_name": LARGE}},
        {"pause": {"flow_id": "f", "flow_class": LARGE}},
        {"prompt": "\n" * limits.BRIEF_EVENT_BYTES},
    ):
        said = brief(**fields)
        assert said["brief"] is True
        assert len(json.dumps(said)) < limits.BRIEF_EVENT_BYTES / 2


def test_a_long_prompt_keeps_its_beginning_and_shows_that_it_was_cut() -> None:
    prompt = brief(prompt="Good? " + LARGE)["prompt"]
    assert prompt.startswith("Good? www")
    assert prompt.endswith("w…")
    assert brief(context=LARGE, prompt="Good?")["prompt"] == "Good?"


def test_no_other_event_is_brief() -> None:
    for event in (other("note", text=LARGE), completed("r1", LARGE)):
        body = encode_event(event)
        assert in_brief(body) is body


def test_both_documents_words_have_a_brief_form() -> None:
    body = encode_event(required("r1", context=LARGE))
    assert BRIEF[CANONICAL].say(body) == in_brief(body)
    said = json.loads(BRIEF[FEATURE_REQUEST].say(body))
    assert (said["event"], said["brief"]) == ("pending_human_input", True)
    assert said["context"]["text"] == ""
