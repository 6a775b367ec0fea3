"""A guardrail refuses what a person accepted or wrote: the review goes on, nothing is forgotten."""

import asyncio
import json
from collections.abc import Callable
from typing import Any

import pytest
from crewai import Crew, Task
from pydantic import PrivateAttr

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.kernel.questions.question import REFUSED
from crewai_hitl_nb.protocol.events import Decision
from tests.kernel.background import make_crew
from tests.kernel.conftest import Background, next_question

from scripted_llm import ScriptedLLM  # isort: skip - from notebooks/, which background.py adds

pytestmark = pytest.mark.usefixtures("bridge")

LONG = 60.0
REASON = "it needs an apple"
REFUSAL = f"Refused by a guardrail: {REASON}"

Run = Callable[[Crew], Any]


class JudgingLLM(ScriptedLLM):
    """Writes notes, and judges them where crewAI asks it to."""

    def call(self, messages: Any, *args: Any, **kwargs: Any) -> str:
        """Return a draft, or a judgement."""
        conversation = str(messages)
        if "Guardrail:" not in conversation:
            return super().call(messages, *args, **kwargs)
        valid = "apple" in conversation.partition("Task result:")[2].partition("Guardrail:")[0]
        judgement = {"valid": valid, "feedback": None if valid else REASON}
        return f"Thought: I now can give a great answer\nFinal Answer: {json.dumps(judgement)}"


class StumblingLLM(ScriptedLLM):
    """Fails at its second call."""

    _calls: int = PrivateAttr(default=0)

    def call(self, *args: Any, **kwargs: Any) -> str:
        """Return a draft, or fail."""
        self._calls += 1
        if self._calls == 2:
            raise ValueError("the model stumbled")
        return str(super().call(*args, **kwargs))


def needs_an_apple(output: Any) -> tuple[bool, str]:
    """Accept only what speaks of an apple."""
    return (True, output.raw) if "apple" in output.raw else (False, REASON)


def needs_a_pear(output: Any) -> tuple[bool, str]:
    """Accept only what speaks of a pear."""
    return (True, output.raw) if "pear" in output.raw else (False, "it needs a pear")


def guarded(llm: Any = None, **task: Any) -> Crew:
    """Return a crew whose task has guardrails."""
    crew = make_crew(llm=llm or ScriptedLLM(model="scripted"))
    crew.tasks = [
        Task(
            description="A note on tea",
            expected_output="A short note",
            agent=crew.agents[0],
            human_input=True,
            **task,
        )
    ]
    return crew


def asynchronously(crew: Crew) -> Any:
    """Run a crew on a loop."""
    return asyncio.run(crew.akickoff())


def beside(crew: Crew) -> Any:
    """Run a crew whose task is executed on a thread of its own."""
    crew.tasks[0].async_execution = True
    return crew.kickoff()


@pytest.mark.parametrize("run", [Crew.kickoff, asynchronously, beside])
@pytest.mark.parametrize(
    "guardrail",
    [
        {"guardrail": needs_an_apple},
        {"guardrails": [needs_an_apple]},
        {"guardrail": "It speaks of an apple"},
    ],
)
def test_a_person_who_accepted_a_draft_sees_why_a_guardrail_refused_it(
    client: Client, background: Background, run: Run, guardrail: dict[str, Any]
) -> None:
    ended = background(run, guarded(JudgingLLM(model="scripted"), **guardrail))
    first = next_question(client)
    client.answer(first.request_id)
    second = next_question(client)
    client.answer(second.request_id, "an apple", decision="edit")

    assert (first.round, second.round) == (1, 2)
    assert [(said.draft, said.feedback) for said in second.history] == [(first.draft, REFUSAL)]
    assert second.prompt.startswith(REFUSED)
    assert REFUSAL in (second.context or "")
    assert ended.result(LONG).raw == "an apple"


@pytest.mark.parametrize("run", [Crew.kickoff, asynchronously])
def test_a_person_whose_text_a_guardrail_refused_sees_it_again(
    client: Client, background: Background, run: Run
) -> None:
    ended = background(run, guarded(guardrail=needs_an_apple))
    client.answer(next_question(client).request_id, "MY OWN TEXT", decision="edit")
    second = next_question(client)
    client.answer(second.request_id, "MY OWN apple", decision="edit")

    assert [(said.draft, said.feedback) for said in second.history] == [("MY OWN TEXT", REFUSAL)]
    assert "MY OWN TEXT" in (second.context or "")
    assert ended.result(LONG).raw == "MY OWN apple"


def test_all_rounds_of_all_attempts_are_one_review(client: Client, background: Background) -> None:
    ended = background(Crew.kickoff, guarded(guardrails=[needs_an_apple, needs_a_pear]))
    questions = []
    answers: list[tuple[str, Decision]] = [
        ("Shorter", "respond"),
        ("", "approve"),
        ("Warmer", "respond"),
        ("an apple", "edit"),
        ("an apple and a pear", "edit"),
    ]
    for feedback, decision in answers:
        questions.append(next_question(client))
        client.answer(questions[-1].request_id, feedback, decision=decision)

    assert [question.round for question in questions] == [1, 2, 3, 4, 5]
    assert [said.feedback for said in questions[-1].history] == [
        "Shorter",
        REFUSAL,
        "Warmer",
        "Refused by a guardrail: it needs a pear",
    ]
    refused_just_now = [question.prompt.startswith(REFUSED) for question in questions]
    assert refused_just_now == [False, False, True, False, True]
    assert ended.result(LONG).raw == "an apple and a pear"


def test_the_next_execution_of_the_task_begins_a_new_review(
    client: Client, background: Background
) -> None:
    crew = guarded(guardrail=needs_an_apple)
    for _ in range(2):
        ended = background(Crew.kickoff, crew)
        rounds = []
        for feedback in ("no fruit", "an apple"):
            question = next_question(client)
            rounds.append(question.round)
            client.answer(question.request_id, feedback, decision="edit")

        assert ended.result(LONG).raw == "an apple"
        assert rounds == [1, 2]


def test_feedback_from_before_a_failed_attempt_is_not_lost(
    client: Client, background: Background
) -> None:
    """CrewAI begins the task anew then, and its agent has not heard the feedback."""
    ended = background(Crew.kickoff, guarded(StumblingLLM(model="scripted")))
    client.answer(next_question(client).request_id, "Shorter")
    second = next_question(client)
    client.answer(second.request_id)

    assert (second.round, [said.feedback for said in second.history]) == (2, ["Shorter"])
    assert ended.result(LONG).raw.startswith("# A note on tea")


def test_a_refused_training_result_is_asked_about_with_its_reason(
    client: Client, background: Background, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)  # training writes its files there
    ended = background(guarded(guardrail=needs_an_apple).train, 1, "trained.pkl")
    client.answer(next_question(client).request_id, "Shorter")
    second = next_question(client)
    client.answer(second.request_id, "Speak of an apple")
    ended.result(LONG)

    assert [said.feedback for said in second.history] == ["Shorter", REFUSAL]
    assert second.kind == "training_feedback"
