"""From a flow's step to its question, and from an answer to what crewAI is told; no kernel."""

from dataclasses import replace
from datetime import datetime, timezone
from typing import Any

import pytest
from crewai.flow.async_feedback.types import PendingFeedbackContext
from crewai.flow.flow import Flow, start
from pydantic import BaseModel

from crewai_hitl_nb.kernel.asking import NotAnswered
from crewai_hitl_nb.kernel.flows.outcome import ChosenOutcome, feedback_for
from crewai_hitl_nb.kernel.flows.question import feedback_question, settings_in, shown_output
from crewai_hitl_nb.kernel.questions.question import Waiter
from crewai_hitl_nb.kernel.questions.terms import Terms
from crewai_hitl_nb.kernel.runs.method_loop import blocks_its_loop
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import Decision, HumanInputCompleted, HumanInputRequired

OUTCOMES = ["publish", "revise"]


class Tea(BaseModel):
    kind: str = "green"


class Letters(Flow[Any]):
    @start()
    def write(self) -> str:
        return "x"


STEP = PendingFeedbackContext(
    flow_id="flow-1",
    flow_class="tests.Letters",
    method_name="write",
    method_output="# Tea",
    message="Good?",
    execution_uuid="run-1",
)


def question(**step: Any) -> HumanInputRequired:
    context = replace(STEP, **step)
    shown = shown_output(context.method_output)
    return feedback_question(context, shown, Letters(), Waiter("source-1"), Terms())


def answer(text: str = "", decision: Decision | None = None, *options: str) -> HumanInputCompleted:
    return HumanInputCompleted(
        event_id="event-1",
        timestamp=datetime.now(timezone.utc),
        request_id="request-1",
        human_feedback=text,
        decision=decision,
        options=options or None,
    )


@pytest.mark.parametrize(
    ("output", "context"),
    [
        ("# Tea", "# Tea"),
        (None, ""),
        ({"kind": "green"}, '```json\n{\n  "kind": "green"\n}\n```'),
        (Tea(), '```json\n{\n  "kind": "green"\n}\n```'),
        (7, "7"),
    ],
)
def test_a_steps_output_is_shown_in_a_form_that_fits_its_type(output: Any, context: str) -> None:
    assert question(method_output=output).context == context


def test_a_long_output_is_cut_and_says_so() -> None:
    context = question(method_output="x" * 10 * limits.MAX_CONTEXT_CHARS).context

    assert len(context) <= limits.MAX_CONTEXT_CHARS
    assert "cut here" in context


def test_a_step_is_named_by_its_flow_its_method_and_its_run() -> None:
    asked = question()

    assert asked.source.flow_name == "Letters"
    assert asked.source.task_name == "write"
    assert asked.task_id is None
    assert asked.execution_id == "run-1"
    assert asked.reason_flags == {"review": True}


def test_a_flows_own_metadata_does_not_change_the_question() -> None:
    wishes = settings_in({"channel": "#tea", "user_id": 4})

    assert wishes == settings_in(None)


@pytest.mark.parametrize(
    ("metadata", "named"),
    [
        ({"assignee": 4}, "assignee"),
        ({"reason_flags": "ambiguity"}, "reason_flags"),
        ({"options": [1, 2]}, "options"),
        ({"timeout": -1}, "timeout"),
        ({"on_expiry": "default"}, "default"),
    ],
)
def test_an_invalid_setting_in_metadata_is_named(metadata: dict[str, Any], named: str) -> None:
    with pytest.raises(ValueError, match=named):
        settings_in(metadata)


@pytest.mark.parametrize(
    ("given", "outcome", "comment"),
    [
        (answer("", "respond", "revise"), "revise", ""),
        (answer("Shorter", "respond", "revise"), "revise", "Shorter"),
        (answer("revise", "respond", "revise"), "revise", ""),
        (answer("revise"), "revise", ""),  # a publisher that knows no options
        (answer("", "approve"), "publish", ""),
        (answer("Fine", "approve"), "publish", "Fine"),
    ],
)
def test_a_chosen_outcome_is_used_unchanged(
    given: HumanInputCompleted, outcome: str, comment: str
) -> None:
    chosen = feedback_for(given, OUTCOMES, default_outcome="publish")

    assert isinstance(chosen, ChosenOutcome)
    assert isinstance(str(chosen), ChosenOutcome)  # crewAI calls str() on it
    assert (chosen.outcome, chosen.comment) == (outcome, comment)
    assert chosen.strip()  # blank would be the first outcome to a crewAI without the patches


def test_a_text_that_is_no_outcome_stays_a_text() -> None:
    said = feedback_for(answer("Rather not"), OUTCOMES, default_outcome=None)

    assert said == "Rather not"
    assert not isinstance(said, ChosenOutcome)


@pytest.mark.parametrize(
    ("given", "emit"),
    [
        (answer("", "approve"), OUTCOMES),
        (answer(""), OUTCOMES),
        (answer("", "respond"), OUTCOMES),
        (answer("", "reject"), OUTCOMES),
        (answer("No", "reject"), None),
        (answer("x", "edit"), None),
        (answer("  "), None),
    ],
)
def test_an_unclear_answer_is_never_treated_as_one(
    given: HumanInputCompleted, emit: list[str] | None
) -> None:
    with pytest.raises(NotAnswered):
        feedback_for(given, emit, default_outcome=None)


def test_without_outcomes_an_approval_is_blank_and_a_text_is_the_text() -> None:
    assert feedback_for(answer("", "approve"), None, None) == ""
    assert feedback_for(answer("Shorter", "respond"), None, None) == "Shorter"


class AsksInAWorker(Flow[Any]):
    @start()
    def begin(self) -> Any:
        return self.ask("What?")


class AsksBesideALoop(Flow[Any]):
    @start()
    def begin(self) -> Any:
        return self.ask("What?")

    @start()
    async def wait(self) -> None:
        return None


class AsksOnItsLoop(Flow[Any]):
    @start()
    async def begin(self) -> list[Any]:
        return [self.ask(text) for text in ("What?", "Why?")]


class AsksInAHelperOnItsLoop(Flow[Any]):
    @start()
    async def begin(self) -> Any:
        return self.question()

    def question(self) -> Any:
        return self.ask("What?")


@pytest.mark.parametrize(
    ("flow", "blocks"),
    [
        (Letters, False),
        (AsksInAWorker, False),
        (AsksBesideALoop, False),
        (AsksOnItsLoop, True),
        (AsksInAHelperOnItsLoop, True),
    ],
)
def test_only_a_flow_that_asks_on_its_loop_needs_one_of_its_own(
    flow: type[Flow[Any]], blocks: bool
) -> None:
    assert blocks_its_loop(flow()) is blocks
