"""The one rule that every answer goes through (``protocol/answer.py``)."""

import contextlib
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from crewai_hitl_nb.protocol.answer import accept, answer_from_wire
from crewai_hitl_nb.protocol.errors import InvalidAnswer
from tests.events import required

FORM = {
    "type": "object",
    "properties": {
        "table": {"type": "string", "minLength": 1},
        "rows": {"type": "integer", "minimum": 1},
        "mail": {"type": "string", "format": "email"},
        "tags": {"type": "array", "items": {"type": "string", "enum": ["a", "b"]}},
    },
    "required": ["table"],
}


def _accept(response: dict[str, Any], **body: Any) -> Any:
    return accept(required("r1", response=response), answer_from_wire(body))


def test_blank_feedback_approves_where_the_request_allows_it() -> None:
    assert _accept({}, human_feedback="").decision == "approve"
    assert _accept({}, human_feedback=" \n").decision == "approve"
    assert _accept({}).decision == "approve"


def test_text_without_a_decision_responds() -> None:
    accepted = _accept({}, human_feedback="shorter")
    assert (accepted.decision, accepted.human_feedback) == ("respond", "shorter")


def test_blank_feedback_is_refused_where_approve_is_not_allowed() -> None:
    with pytest.raises(InvalidAnswer) as refused:
        _accept({"decisions": ["respond", "reject"]}, human_feedback=" ")
    assert refused.value.details["field"] == "human_feedback"


def test_responding_with_nothing_is_refused_so_that_blank_never_turns_into_approval() -> None:
    with pytest.raises(InvalidAnswer, match="must not be blank"):
        _accept({}, decision="respond", human_feedback="")


def test_a_decision_that_the_request_does_not_offer_is_refused_by_name() -> None:
    with pytest.raises(InvalidAnswer, match="does not offer `edit`") as refused:
        _accept({}, decision="edit", human_feedback="x")
    assert refused.value.details["field"] == "decision"


def test_an_option_is_a_response() -> None:
    response = {"decisions": ["respond"], "options": ["yes", "no"]}
    assert _accept(response, option="no").options == ("no",)
    assert _accept(response, options=["yes"]).options == ("yes",)
    assert _accept(response, human_feedback="yes").options == ("yes",)


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({"option": "maybe"}, "options.0"),
        ({"options": ["yes", "no"]}, "options"),
        ({"human_feedback": "perhaps"}, "options"),
        ({"option": "yes", "options": ["no"]}, "option"),
        ({"option": 7}, "option"),
    ],
)
def test_a_wrong_choice_names_its_field(body: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidAnswer) as refused:
        _accept({"decisions": ["respond"], "options": ["yes", "no"]}, **body)
    assert refused.value.details["field"] == field


def test_a_text_may_stand_beside_a_form_that_is_for_editing() -> None:
    response = {"decisions": ["approve", "respond", "edit"], "schema": FORM}
    assert _accept(response, human_feedback="ask the owner first").decision == "respond"
    assert _accept(response, decision="edit", values={"table": "t"}).values == {"table": "t"}
    for body in ({"decision": "edit"}, {"decision": "respond", "values": {"rows": 0}}):
        with pytest.raises(InvalidAnswer) as refused:
            _accept(response, **body)
        assert refused.value.details["field"].startswith("values")


def test_several_options_are_taken_where_the_request_says_multiple() -> None:
    response = {"decisions": ["respond"], "options": ["a", "b", "c"], "multiple": True}
    assert _accept(response, options=["a", "c"]).options == ("a", "c")


def test_options_to_a_request_without_any_are_refused() -> None:
    with pytest.raises(InvalidAnswer, match="no options"):
        _accept({}, options=["a"])


def test_a_filled_form_is_accepted() -> None:
    values = {"table": "t", "rows": 3, "mail": "a@b.org", "tags": ["a"]}
    accepted = _accept({"decisions": ["respond"], "schema": FORM}, values=values)
    assert accepted.values == values


@pytest.mark.parametrize(
    ("values", "field"),
    [
        ({}, "values.table"),
        ({"table": "t", "rows": 0}, "values.rows"),
        ({"table": "t", "rows": "many"}, "values.rows"),
        ({"table": "t", "mail": "nobody"}, "values.mail"),
        ({"table": "t", "tags": ["z"]}, "values.tags.0"),
    ],
)
def test_a_wrong_field_of_a_form_is_named(values: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidAnswer) as refused:
        _accept({"decisions": ["respond"], "schema": FORM}, values=values)
    assert [error["field"] for error in refused.value.details["errors"]] == [field]


@pytest.mark.parametrize(
    ("form_format", "value", "said"),
    [
        ("email", "ada", "must be an email address"),
        ("uri", "no uri", "https://"),
        ("date", "1 May", "2026-05-01"),
        ("date-time", "2026-05-01T10:00:00", "zone"),
        ("time", "10:00:00", "zone"),
        ("date-time-local", "2026-02-30T10:00", "2026-05-01T10:00"),
        ("date-time-local", "10:00", "2026-05-01T10:00"),
        ("time-local", "25:00", "10:00"),
    ],
)
def test_a_wrong_format_says_what_fits(form_format: str, value: str, said: str) -> None:
    form = {"type": "object", "properties": {"it": {"type": "string", "format": form_format}}}
    with pytest.raises(InvalidAnswer, match=said):
        _accept({"schema": form}, values={"it": value})


@pytest.mark.parametrize(
    ("form_format", "value"),
    [
        ("date-time-local", "2026-05-01T10:00"),
        ("date-time-local", "2026-05-01 10:00:30.25"),
        ("date-time-local", "2026-05-01T10:00:00Z"),
        ("time-local", "10:00"),
        ("time-local", "10:00:00+02:00"),
    ],
)
def test_a_local_moment_needs_no_zone(form_format: str, value: str) -> None:
    form = {"type": "object", "properties": {"it": {"type": "string", "format": form_format}}}
    assert _accept({"schema": form}, values={"it": value}).values == {"it": value}


def test_an_optional_field_may_be_left_empty_and_a_required_one_may_not() -> None:
    values = {"table": "t", "rows": None, "tags": None}
    accepted = _accept({"decisions": ["respond"], "schema": FORM}, values=values)
    assert accepted.values == values
    with pytest.raises(InvalidAnswer, match=r"table.*is required"):
        _accept({"decisions": ["respond"], "schema": FORM}, values={"table": None})


def test_values_to_a_request_without_a_form_are_refused() -> None:
    with pytest.raises(InvalidAnswer, match="no form"):
        _accept({}, values={"a": 1})


def test_the_header_wins_over_the_body_for_the_idempotency_key() -> None:
    assert answer_from_wire({"idempotency_key": "b"}, "h").idempotency_key == "h"


@pytest.mark.parametrize("raw", [None, 7, [], "yes", {"human_feedback": 7}, {"decision": "maybe"}])
def test_what_is_no_answer_is_refused(raw: object) -> None:
    with pytest.raises(InvalidAnswer):
        answer_from_wire(raw)


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=5), inner),
    max_leaves=5,
)


@given(
    st.fixed_dictionaries(
        {},
        optional={
            "human_feedback": _JSON,
            "decision": _JSON | st.sampled_from(["approve", "respond", "edit", "reject"]),
            "option": _JSON,
            "options": _JSON,
            "values": _JSON,
        },
    )
)
def test_whatever_is_sent_a_request_without_approve_is_never_approved(body: dict[str, Any]) -> None:
    question = required("r1", response={"decisions": ["respond", "reject"]})
    with contextlib.suppress(InvalidAnswer):
        accepted = accept(question, answer_from_wire(body))
        assert accepted.decision in ("respond", "reject")
        assert accepted.decision == "reject" or accepted.human_feedback.strip()
