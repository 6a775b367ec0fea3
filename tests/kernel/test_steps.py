"""The agent's steps so far travel with its question, with and without `hitl.start()`."""

from concurrent.futures import ThreadPoolExecutor
from contextvars import copy_context
from typing import Any

import pytest
from crewai.tools import BaseTool

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from crewai_hitl_nb.kernel.questions.steps import (
    add_model_call,
    add_tool_call,
    begin_steps,
    steps_so_far,
)
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import AgentStep
from tests.kernel.conftest import next_question
from tests.kernel.tool_crews import WAYS, started, tool_crew


class LookUp(BaseTool):
    """Looks nothing up, but says so."""

    name: str = "Look Up"
    description: str = "Look a word up"

    def _run(self, word: str) -> str:
        return f"{word}:\nnothing\tfound" + " at all" * 100


class Erase(BaseTool):
    """Needs approval."""

    name: str = "Erase"
    description: str = "Erase a word"

    def _run(self, word: str) -> str:
        return f"erased {word}"


class Task:
    """Stands for a task, which is only a key here."""


SCRIPT = [("look_up", {"word": "crew"}), ("erase", {"word": "crew"}), ("erase", {"word": "crews"})]


def shown(steps: tuple[AgentStep, ...]) -> list[tuple[int, str, str]]:
    return [(step.number, step.kind, step.name) for step in steps]


@pytest.mark.usefixtures("bridge")
@pytest.mark.parametrize("way", WAYS)
def test_a_question_has_the_calls_of_its_agent_before_it(way: str, client: Client) -> None:
    with (
        hitl.approve_tools(["erase"]),
        tool_crew(way, SCRIPT, LookUp(), Erase()) as crew,
        started(crew),
    ):
        first = next_question(client)
        (asked, looked_up, again) = first.steps
        assert (asked.kind, again.kind) == ("model", "model")
        assert asked.name in ("openai/stub", "stub", "scripted")
        assert (looked_up.kind, looked_up.name, looked_up.number) == ("tool", "look_up", 2)
        assert looked_up.input == '{ "word": "crew" }'
        assert looked_up.output.startswith("crew: nothing found at all")
        assert len(looked_up.output) == limits.MAX_STEP_CHARS
        client.answer(first.request_id, "Not that one", decision="reject")
        second = next_question(client)
        assert shown(second.steps)[3] == (4, "tool", "erase")
        assert "did not approve" in second.steps[3].output
        client.answer(second.request_id, "", decision="approve")


@pytest.mark.usefixtures("bridge")
def test_code_that_asks_after_a_crew_has_none_of_its_steps(client: Client) -> None:
    with tool_crew("react", SCRIPT[:1], LookUp()) as crew:
        crew.crew.kickoff()
    with ThreadPoolExecutor(1) as pool:
        answer = pool.submit(copy_context().run, lambda: hitl.ask("Well?"))
        question = next_question(client)
        client.answer(question.request_id, "Yes")
        assert answer.result(10) == "Yes"
    assert question.steps == ()


def test_a_task_that_another_one_runs_has_steps_of_its_own_and_so_has_the_other() -> None:
    outer, inner = Task(), Task()
    add_tool_call(outer, "first", {}, "1")
    begin_steps(inner)
    add_tool_call(inner, "within", {}, "2")
    add_tool_call(outer, "second", {}, "3")
    assert [step.name for step in steps_so_far(inner)] == ["within"]
    assert [step.name for step in steps_so_far(outer)] == ["first", "second"]
    assert steps_so_far(Task()) == steps_so_far(None) == steps_so_far("method") == ()
    begin_steps(outer)
    assert steps_so_far(outer) == ()


@pytest.mark.usefixtures("bridge")
def test_a_crew_that_a_guardrail_runs_does_not_mix_with_the_task() -> None:
    seen: list[tuple[str, ...]] = []

    def guard(output: Any) -> tuple[bool, Any]:
        with tool_crew("react", [], LookUp()) as inner:
            inner.crew.kickoff()
        seen.append(tuple(step.name for step in steps_so_far(task)))
        return True, output

    with tool_crew("react", SCRIPT[:1], LookUp()) as outer:
        task = outer.crew.tasks[0]
        task._guardrail = guard
        outer.crew.kickoff()
    assert seen == [("scripted", "look_up", "scripted")]


def test_only_the_latest_steps_travel_with_their_numbers() -> None:
    task = Task()
    for number in range(limits.MAX_STEPS + 5):
        add_tool_call(task, f"call-{number}", {}, "")
    steps = steps_so_far(task)
    assert len(steps) == limits.MAX_STEPS
    assert (steps[0].number, steps[-1].number) == (6, limits.MAX_STEPS + 5)


class Odd(dict[str, int]):
    """Fails whatever one asks of it."""

    def __str__(self) -> str:
        raise RuntimeError("no text")

    def __bool__(self) -> bool:
        raise RuntimeError("neither true nor false")


class OddText(str):
    """Is no text like others."""

    def __getitem__(self, place: Any) -> str:
        raise RuntimeError("no part")


class OddModel:
    """Fails when asked for its name."""

    @property
    def model(self) -> str:
        raise RuntimeError("no name")


def test_what_cannot_be_shown_ends_nothing() -> None:
    task = Task()
    add_tool_call(task, "odd\nname", {"x": object()}, OddText("text"))
    add_tool_call(task, "left out", Odd(), "")
    add_tool_call(task, "shown", {"x": 1}, Odd())
    add_model_call(task, OddModel())
    add_model_call(None, "no task")
    names = [step.name for step in steps_so_far(task)]
    assert names[0] == "odd name"
    assert set(names) <= {"odd name", "shown"}
    assert all("\n" not in step.input + step.output for step in steps_so_far(task))
