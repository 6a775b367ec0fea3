"""What a rule allows: exactly what the person chose, and in doubt nothing."""

import json
from datetime import timedelta
from enum import IntEnum
from pathlib import Path
from typing import Any, get_args

import pytest

from crewai_hitl_nb.protocol import rules
from crewai_hitl_nb.protocol.errors import InvalidAnswer, InvalidEvent
from crewai_hitl_nb.protocol.events import (
    AnsweredBy,
    HumanInputCompleted,
    HumanInputRequired,
    RuleScope,
)
from crewai_hitl_nb.protocol.ids import new_event_id
from crewai_hitl_nb.protocol.wire import event_from_wire, stored_event
from tests.events import NOON, completed, required

GOLDEN = json.loads((Path(__file__).parent.parent / "fixtures" / "rules.json").read_text())
SOURCE = {"notebook": "a.ipynb", "agent_role": "Clerk"}


def gated(request_id: str = "q", **fields: Any) -> HumanInputRequired:
    """Return the question whether a tool may be called."""
    given: dict[str, Any] = {
        "kind": "tool_approval",
        "execution_id": "run-1",
        "source": SOURCE,
        "response": {"decisions": ["approve", "reject", "edit"]},
        "call": {"tool": "send", "arguments": '{"to":"bob"}'},
        **fields,
    }
    return required(request_id, **{k: v for k, v in given.items() if v is not None})


def standing(scope: RuleScope, **fields: Any) -> rules.Standing:
    """Return a rule that ada made at noon."""
    asked = gated(**fields)
    made = HumanInputCompleted(
        event_id=new_event_id(),
        timestamp=NOON,
        request_id="q",
        decision="approve",
        answered_by=AnsweredBy(name="ada"),
        rule=rules.made(asked, scope, "the asker"),
    )
    found = rules.standing(asked, made)
    assert found is not None
    return found


def allowed(one: rules.Standing, asker: str = "the asker", hours: float = 1, **fields: Any) -> bool:
    return rules.allows(one, gated("q2", **fields), asker, NOON + timedelta(hours=hours))


def test_each_scope_allows_the_same_call_again() -> None:
    for scope in rules.scopes(gated()):
        assert allowed(standing(scope)), scope


OTHER_ARGUMENTS = {"call": {"tool": "send", "arguments": '{"to":"eve"}'}}
OTHER_RUN = {"execution_id": "run-2"}


@pytest.mark.parametrize(
    ("scope", "fields", "is_allowed"),
    [
        ("run", OTHER_ARGUMENTS, True),
        ("run", {"source": {"agent_role": "Other"}}, True),
        ("run", OTHER_RUN, False),
        ("run", {"execution_id": None}, False),
        ("arguments", OTHER_ARGUMENTS, False),
        ("arguments", {"call": {"tool": "send"}}, False),
        ("arguments", OTHER_RUN, False),
        ("notebook", OTHER_RUN, True),
        ("notebook", OTHER_ARGUMENTS, True),
        ("notebook", {"source": {**SOURCE, "notebook": "b.ipynb"}}, False),
        ("notebook", {"source": {**SOURCE, "agent_role": "Other"}}, False),
        ("notebook", {"source": {"agent_role": "Clerk"}}, False),
    ],
)
def test_a_rule_reaches_as_far_as_its_scope(
    scope: RuleScope, fields: dict[str, Any], is_allowed: bool
) -> None:
    assert allowed(standing(scope), **fields) is is_allowed


@pytest.mark.parametrize(
    "fields",
    [
        {"assignee": "bob"},
        {"kind": "question"},
        {"call": None},
        {"call": {"tool": "send_all", "arguments": '{"to":"bob"}'}},
        {"response": {"decisions": ["reject", "edit"]}},
    ],
)
def test_no_rule_decides_what_is_another_persons_or_another_question(
    fields: dict[str, Any],
) -> None:
    for scope in rules.scopes(gated()):
        assert not allowed(standing(scope), **fields)


def test_no_rule_allows_the_call_of_another_asker() -> None:
    for scope in rules.scopes(gated()):
        assert not allowed(standing(scope), asker="another")


def test_a_rule_ends_when_its_time_is_over_and_does_not_begin_before_it_was_made() -> None:
    assert allowed(standing("run"), hours=23.9)
    assert not allowed(standing("run"), hours=24)
    assert allowed(standing("notebook"), hours=167)
    assert not allowed(standing("notebook"), hours=168)
    assert not allowed(standing("run"), hours=-0.1)


def test_a_rule_is_not_made_by_another_rule_nor_by_a_refusal() -> None:
    one = standing("run")
    for made in (
        completed("q", "no"),
        HumanInputCompleted(
            event_id="e",
            timestamp=NOON,
            decision="approve",
            answered_by=AnsweredBy(name="ada", via="rule"),
            rule=one.rule,
            by_rule="another",
        ),
    ):
        assert rules.standing(gated(), made) is None


@pytest.mark.parametrize("golden", [pytest.param(one, id=one["name"]) for one in GOLDEN])
def test_a_question_offers_only_rules_that_it_can_make(golden: dict[str, Any]) -> None:
    question = stored_event(golden["question"])
    assert isinstance(question, HumanInputRequired)
    assert list(rules.scopes(question)) == golden["scopes"]
    for scope in get_args(RuleScope):
        if scope not in golden["scopes"]:
            with pytest.raises(InvalidAnswer, match="leave `rule` out"):
                rules.made(question, scope, "the asker")


def test_no_rule_is_made_for_an_unknown_asker() -> None:
    with pytest.raises(InvalidAnswer, match="possible: none"):
        rules.made(gated(), "run", None)


def test_a_new_field_of_a_question_has_to_say_whether_a_rule_may_decide_it() -> None:
    """An assignee rules rules out, and so must a quorum: decide in ``rules._call``."""
    assert set(HumanInputRequired.__struct_fields__) == {
        *("event_id", "timestamp", "execution_id", "crew_id", "task_id", "agent_id", "offset"),
        *("request_id", "prompt", "context", "reason_flags", "kind", "response", "source"),
        *("round", "expires_at", "remind_at", "assignee", "draft", "history", "pause"),
        *("attachments", "call", "steps"),
    }


class Level(IntEnum):
    HIGH = 1


class Cut(str):
    __slots__ = ()


def test_equal_arguments_have_one_text_and_different_ones_never_share_it() -> None:
    different: list[dict[str, Any]] = [
        *({"a": 1}, {"a": 1.0}, {"a": True}, {"a": "1"}, {"a": None}, {}),
        *({"a": [1]}, {"a": {"1": 1}}, {"a": "é"}, {"a": "e\u0301"}, {"a": -0.0}, {"a": 0.0}),
    ]
    texts = [rules.arguments_text(one) for one in different]
    assert None not in texts
    assert len(set(texts)) == len(different)
    assert rules.arguments_text({"b": 1, "a": 2}) == rules.arguments_text({"a": 2, "b": 1})


@pytest.mark.parametrize(
    "arguments",
    [
        *({"a": object()}, {"a": (1,)}, {1: "a"}, {"a": {1: 2}}, {"a": float("nan")}),
        *({"a": Level.HIGH}, {"a": Cut("x")}, {"a": b"x"}, {"a": "x" * 2000}, None, [1]),
    ],
)
def test_arguments_that_json_cannot_tell_apart_have_no_text(arguments: object) -> None:
    assert rules.arguments_text(arguments) is None


def test_a_tool_without_a_usable_name_is_asked_about_each_time() -> None:
    assert rules.gated_call("", {}) is None
    assert rules.gated_call("x" * 2001, {}) is None


@pytest.mark.parametrize(
    "field",
    [{"rule": {"scope": "run", "tool": "send", "asker": "a", "hours": 9}}, {"by_rule": "r"}],
)
def test_no_publisher_can_write_a_rule(field: dict[str, Any]) -> None:
    raw = {"type": "human_input_completed", "request_id": "q", "decision": "approve", **field}
    with pytest.raises(InvalidEvent, match="only the server writes"):
        event_from_wire(raw, event_id="e", now=NOON)


@pytest.mark.parametrize("type_", [rules.REVOKED_TYPE, "Human_Input_Rule_Revoked"])
def test_no_publisher_can_revoke_one_either(type_: str) -> None:
    with pytest.raises(InvalidEvent, match="reserved"):
        event_from_wire({"type": type_, "rule_id": "r"}, event_id="e", now=NOON)
