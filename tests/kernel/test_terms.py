"""How long a question may wait: what was said for it, over what holds for all."""

from datetime import datetime, timezone
from typing import Any

import msgspec
import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.kernel.questions.terms import NO_TERMS, Terms
from crewai_hitl_nb.protocol.events import HumanInputRequired
from tests.kernel.conftest import next_question
from tests.kernel.crews import KICKOFF
from tests.kernel.running_kernel import RunningKernel

ASKED = datetime(2026, 11, 22, tzinfo=timezone.utc)
QUESTION = HumanInputRequired(event_id="q", request_id="q", timestamp=ASKED, prompt="Well?")
APPROVE = {"decision": "approve"}


@pytest.mark.parametrize(
    ("own", "bridge", "merged"),
    [
        (NO_TERMS, Terms(timeout=9, remind_after=3), Terms(timeout=9, remind_after=3)),
        (Terms(timeout=5), Terms(timeout=9, remind_after=3), Terms(timeout=5, remind_after=3)),
        (
            Terms(on_expiry="fail"),
            Terms(9, on_expiry="default", default=APPROVE),
            Terms(9, on_expiry="fail"),
        ),
        (
            Terms(default="Go on"),
            Terms(9, on_expiry="wait"),
            Terms(9, default="Go on"),
        ),
        (NO_TERMS, Terms(9, default=APPROVE), Terms(9, default=APPROVE)),
    ],
    ids=["nothing", "a time", "a policy", "a default", "the bridge's default"],
)
def test_a_questions_own_terms_win_and_a_default_never_mixes_with_another_policy(
    own: Terms, bridge: Terms, merged: Terms
) -> None:
    assert own.over(bridge) == merged


def test_times_count_from_when_it_was_asked() -> None:
    question = Terms(timeout=60, remind_after=20, on_expiry="wait").applied(QUESTION)

    assert question.expires_at is not None
    assert question.remind_at is not None
    assert (question.expires_at - ASKED).total_seconds() == 60
    assert (question.remind_at - ASKED).total_seconds() == 20
    assert question.response.on_expiry == "wait"


def test_a_question_without_terms_waits_until_it_is_answered() -> None:
    question = NO_TERMS.applied(QUESTION)

    assert (question.expires_at, question.remind_at) == (None, None)
    assert (question.response.on_expiry, question.response.default) == ("fail", None)
    assert msgspec.structs.replace(question, response=QUESTION.response) == QUESTION


def test_a_default_that_is_given_is_meant() -> None:
    response = Terms(timeout=60, default="Go on").applied(QUESTION).response

    assert (response.on_expiry, response.default) == ("default", "Go on")


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"timeout": 0}, "timeout must be a number of seconds above 0"),
        ({"timeout": float("nan")}, "timeout must be a number of seconds above 0"),
        ({"remind_after": -1}, "remind_after must be a number of seconds above 0"),
        ({"on_expiry": "approve"}, "on_expiry must be 'fail', 'default' or 'wait'"),
        ({"on_expiry": "default"}, "needs an explicit default"),
    ],
)
def test_terms_that_make_no_sense_are_refused_at_once(wrong: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        Terms(**wrong)


def test_a_reminder_reaches_readers_and_the_question_keeps_waiting(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run("hitl.enable(remind_after=0.5)")
    cell = kernel.begin(KICKOFF)
    question = next_question(client)
    reminders = client.events(types=["human_input_reminded"], replay="all")
    told = (event.request_id for event in reminders if hasattr(event, "request_id"))

    assert question.request_id in told  # waits for it: the stream has no end
    assert client.request(question.request_id).status == "pending"
    client.answer(question.request_id)
    assert cell.finish().error is None
    kernel.run("hitl.disable()")
