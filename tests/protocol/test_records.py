"""Answers as data: the row of each question that has ended, and pairs for preference tuning."""

from datetime import timedelta
from typing import Any

import pytest

from crewai_hitl_nb.protocol.events import (
    AnsweredBy,
    HumanInputCancelled,
    HumanInputCompleted,
    HumanInputExpired,
    HumanInputRequired,
    Round,
)
from crewai_hitl_nb.protocol.ids import new_event_id
from crewai_hitl_nb.protocol.records import CUT_MARK, Preference, preferences_of, record_of
from tests.events import NOON, required

LATER = NOON + timedelta(seconds=90.5)
SOURCE = {
    "crew_name": "Notes",
    "agent_role": "Writer",
    "task_name": "note",
    "tool_name": "send",
    "notebook": "a.ipynb",
}


def answer(request_id: str, **fields: Any) -> HumanInputCompleted:
    by = fields.pop("answered_by", AnsweredBy(name="ada", via="card"))
    return HumanInputCompleted(
        event_id=new_event_id(), timestamp=LATER, request_id=request_id, answered_by=by, **fields
    )


def review(draft: str, *history: Round, details: str = "**Task**\n\nWrite") -> HumanInputRequired:
    """Return the review of a draft, with the context that the bridge gives it."""
    earlier = [{"draft": one.draft, "feedback": one.feedback} for one in history]
    context = f"{draft}\n\n---\n\n{details}"
    return required("q", draft=draft, context=context, history=earlier, round=len(history) + 1)


def pairs(request: HumanInputRequired, **fields: Any) -> list[tuple[str, str, str]]:
    found = preferences_of(request, answer("q", **fields))
    return [(one.chosen, one.rejected, one.feedback) for one in found]


def test_a_row_has_who_what_when_and_how_long() -> None:
    record = record_of(
        required("q", source=SOURCE, execution_id="run", draft="Tea."),
        answer("q", human_feedback="Shorter", decision="respond"),
    )
    assert (record.question, record.draft, record.round) == ("Good?", "Tea.", 1)
    assert (record.decision, record.words, record.edit) == ("respond", "Shorter", None)
    assert (record.person, record.via, record.status) == ("ada", "card", "answered")
    assert (record.crew, record.agent, record.task) == ("Notes", "Writer", "note")
    assert (record.tool, record.notebook, record.execution_id) == ("send", "a.ipynb", "run")
    assert (record.asked_at, record.closed_at, record.seconds) == (NOON, LATER, 90.5)


def test_the_text_of_an_edit_is_no_feedback() -> None:
    record = record_of(required("q"), answer("q", human_feedback="Mine", decision="edit"))
    assert (record.words, record.edit) == ("", "Mine")


def test_changed_arguments_are_values_and_no_text() -> None:
    record = record_of(
        required("q", kind="tool_approval"), answer("q", decision="edit", values={"n": 1})
    )
    assert (record.edit, record.values) == (None, {"n": 1})


@pytest.mark.parametrize("kind", ["cancelled", "expired"])
def test_a_question_without_an_answer_has_a_row_without_a_decision(kind: str) -> None:
    fields: dict[str, Any] = {"event_id": new_event_id(), "timestamp": LATER, "request_id": "q"}
    closing = (
        HumanInputCancelled(**fields, reason="source_lost")
        if kind == "cancelled"
        else HumanInputExpired(**fields)
    )
    record = record_of(required("q"), closing)
    assert record.status == kind
    assert (record.decision, record.person, record.words) == (None, None, "")
    assert record.reason == ("source_lost" if kind == "cancelled" else None)


def test_an_edit_is_preferred_to_its_draft_and_to_earlier_ones() -> None:
    found = list(
        preferences_of(
            review("Second", Round(draft="First", feedback="Shorter")),
            answer("q", human_feedback="Mine", decision="edit"),
        )
    )
    assert found == [
        Preference(
            prompt="**Task**\n\nWrite",
            chosen="Mine",
            rejected=rejected,
            feedback=feedback,
            request_id="q",
        )
        for rejected, feedback in (("First", "Shorter"), ("Second", ""))
    ]


def test_an_accepted_draft_is_preferred_to_those_that_were_sent_back() -> None:
    request = review("Second", Round(draft="First", feedback="Shorter"))
    assert pairs(request, decision="approve") == [("Second", "First", "Shorter")]


def test_the_prompt_has_neither_the_draft_nor_the_feedback() -> None:
    work = "**Task**\n\nWrite\n\n**Expected output**\n\nA note"
    details = f"{work}\n\n**Rounds so far**\n\n1. Shorter"
    request = review("Second", Round(draft="First", feedback="Shorter"), details=details)
    (found,) = preferences_of(request, answer("q", decision="approve"))
    assert found.prompt == work


def test_what_no_person_preferred_makes_no_pair() -> None:
    request = review("Second", Round(draft="First", feedback="Shorter"))
    assert pairs(request, decision="respond", human_feedback="Again") == []
    assert pairs(request, decision="reject") == []
    default = AnsweredBy(name="default", via="default")
    assert pairs(request, decision="approve", answered_by=default) == []
    assert pairs(request, decision="approve", answered_by=None) == []
    assert pairs(review("Same"), decision="edit", human_feedback="Same") == []
    assert pairs(review("First"), decision="approve") == []
    assert pairs(required("q", kind="tool_approval"), decision="edit", human_feedback="x") == []


def test_a_draft_that_the_bridge_cut_is_not_learned_from() -> None:
    cut = Round(draft=f"long{CUT_MARK}500,000 characters in all)", feedback="Shorter")
    assert pairs(review("Short", cut), decision="approve") == []


def test_after_a_refusal_neither_the_refused_text_nor_its_reason_is_in_the_prompt() -> None:
    details = (
        "**Why this is asked again**\n\nToo long\n\n**The refused version**\n\nOld text\n\n"
        "**Task**\n\nWrite"
    )
    request = review("Second", Round(draft="Old text", feedback="Too long"), details=details)
    (found,) = preferences_of(request, answer("q", decision="approve"))
    assert (found.prompt, found.rejected) == ("**Task**\n\nWrite", "Old text")


def test_a_draft_that_cannot_be_told_from_the_work_makes_no_pair() -> None:
    request = required(
        "q", draft="long text", context=f"long{CUT_MARK}9 characters in all)", round=1
    )
    assert pairs(request, decision="edit", human_feedback="Mine") == []
