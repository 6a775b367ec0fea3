"""`AskHumanTool`: an agent asks a person, in both ways of calling tools."""

import asyncio
import pickle
from typing import Any

import pytest
from crewai.tools import tool

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from tests.kernel.conftest import next_question
from tests.kernel.tool_crews import WAYS, started, tool_crew

pytestmark = pytest.mark.usefixtures("bridge")

NAME = "ask_a_human"
CALL = (NAME, {"question": "Which year?", "reason": "missing field"})


@pytest.mark.parametrize("way", WAYS)
def test_the_agent_gets_the_answer(way: str, client: Client) -> None:
    with tool_crew(way, [CALL], hitl.AskHumanTool()) as crew, started(crew):
        question = next_question(client)
        client.answer(question.request_id, "The year 1905")
        assert crew.result.result() == "Done"

    assert question.kind == "question"
    assert question.prompt == "Which year?"
    assert question.reason_flags == {"clarification": True, "missing_field": True}
    assert (question.source.crew_name, question.source.agent_role) == ("Keepers", "Keeper")
    assert (question.source.task_name, question.source.tool_name) == ("tidy", None)
    assert question.task_id is not None
    assert question.execution_id is not None
    assert "The year 1905" in crew.heard()[-1]


@pytest.mark.parametrize("way", WAYS)
def test_the_agents_options_are_buttons_with_none_of_these(way: str, client: Client) -> None:
    call = (NAME, {"question": "Which?", "options": ["a", "a ", "", "b"]})
    with tool_crew(way, [call], hitl.AskHumanTool()) as crew, started(crew):
        question = next_question(client)
        assert question.response.options == ("a", "b", "None of these")
        client.answer(question.request_id, "Take the third", options=("None of these",))
        assert crew.result.result() == "Done"

    assert "None of these" in crew.heard()[-1]
    assert "Take the third" in crew.heard()[-1]


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("end", ["expired", "cancelled"])
def test_without_an_answer_the_run_ends_and_nobody_is_asked_again(
    way: str, end: str, client: Client
) -> None:
    asking = hitl.AskHumanTool(timeout=0.2 if end == "expired" else None)
    with tool_crew(way, [CALL, CALL], asking) as crew, started(crew):
        if end == "cancelled":
            client.cancel(next_question(client).request_id)
        with pytest.raises(hitl.NotAnswered) as ended:
            crew.result.result()

    assert ended.value.ending == end
    assert len(crew.heard()) == 1
    (*_, asked) = client.requests(status=end)  # type: ignore[arg-type]
    assert len(client.requests(execution_id=asked.execution_id)) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_tool_with_tell_agent_tells_the_agent_that_nobody_answered(
    way: str, client: Client
) -> None:
    asking = hitl.AskHumanTool(timeout=0.2, if_unanswered="tell_agent")
    with tool_crew(way, [CALL], asking) as crew, started(crew):
        assert crew.result.result() == "Done"

    assert "Nobody answered the question" in crew.heard()[-1]


def test_the_tools_last_word_is_never_the_result_without_an_answer(client: Client) -> None:
    asking = hitl.AskHumanTool(result_as_answer=True)
    with tool_crew("native", [CALL], asking) as crew, started(crew):
        client.cancel(next_question(client).request_id)
        with pytest.raises(hitl.NotAnswered):
            crew.result.result()


def test_the_same_question_is_asked_anew_rather_than_answered_from_a_cache(
    client: Client,
) -> None:
    with tool_crew("native", [CALL, CALL], hitl.AskHumanTool()) as crew, started(crew):
        for year in ("1905", "1906"):
            client.answer(next_question(client).request_id, year)
        assert crew.result.result() == "Done"

    assert "1906" in crew.heard()[-1]


def test_a_stopped_run_ends_even_with_tell_agent(client: Client) -> None:
    asking = hitl.AskHumanTool(if_unanswered="tell_agent")
    with tool_crew("native", [CALL, CALL], asking) as crew:
        run = asyncio.run(_cancelled(crew.crew, client))

    assert run == "cancelled"
    assert len(crew.heard()) == 1


async def _cancelled(crew: Any, client: Client) -> str:
    running = asyncio.ensure_future(crew.kickoff_async())
    await asyncio.to_thread(next_question, client)
    running.cancel()
    try:
        await running
    except asyncio.CancelledError:
        return "cancelled"
    return "went on"


@pytest.mark.parametrize("way", WAYS)
def test_a_tool_of_the_users_that_asks_ends_the_run_alike(way: str, client: Client) -> None:
    @tool("Pick a table")
    def pick() -> str:
        """Pick a table."""
        return str(hitl.ask("Which table?"))

    with tool_crew(way, [("pick_a_table", {})], pick) as crew, started(crew):
        question = next_question(client)
        client.cancel(question.request_id)
        with pytest.raises(hitl.NotAnswered):
            crew.result.result()

    assert len(client.requests(execution_id=question.execution_id)) == 1


@pytest.mark.parametrize("way", WAYS)
def test_a_tool_that_catches_not_answered_continues_and_may_ask_again(
    way: str, client: Client
) -> None:
    @tool("Pick a table")
    def pick() -> str:
        """Pick a table."""
        try:
            return str(hitl.ask("Which table?", timeout=0.2))
        except hitl.NotAnswered:
            return str(hitl.ask("Nobody answered. Does anybody else know the table?"))

    with tool_crew(way, [("pick_a_table", {})], pick) as crew, started(crew):
        for event in client.events(types=["human_input_required"], replay="pending"):
            if getattr(event, "prompt", "").startswith("Nobody"):
                client.answer(str(getattr(event, "request_id", "")), "sales")
                break
        assert crew.result.result() == "Done"

    assert "sales" in crew.heard()[-1]


def test_a_delegated_agent_without_an_answer_ends_the_whole_run(client: Client) -> None:
    delegate = (
        "delegate_work_to_coworker",
        {"task": "Find the year", "context": "-", "coworker": "Keeper"},
    )
    with (
        tool_crew("native", [CALL], hitl.AskHumanTool()) as inner,
        tool_crew("react", [delegate, delegate], allow_delegation=True) as crew,
    ):
        crew.crew.agents.append(inner.crew.agents[0])
        crew.crew.agents[0].role = "Chief"
        with started(crew):
            question = next_question(client)
            client.cancel(question.request_id)
            with pytest.raises(hitl.NotAnswered):
                crew.result.result()

    assert len(inner.heard()) == 1
    assert len(client.requests(execution_id=question.execution_id)) == 1


def test_the_tool_works_without_any_crew(client: Client) -> None:
    async def ask_and_answer() -> str:
        asking = asyncio.ensure_future(hitl.AskHumanTool().arun(question="Which year?"))
        question = await asyncio.to_thread(next_question, client)
        await asyncio.to_thread(client.answer, question.request_id, "1905")
        return str(await asking)

    assert asyncio.run(ask_and_answer()) == "1905"


def test_wrong_times_are_refused_when_the_tool_is_made() -> None:
    with pytest.raises(ValueError, match="timeout"):
        hitl.AskHumanTool(timeout=-1)


def test_a_stored_crew_finds_the_tool_again_wherever_its_file_is() -> None:
    assert f"{hitl.AskHumanTool.__module__}.{hitl.AskHumanTool.__qualname__}" == (
        "crewai_hitl_nb.AskHumanTool"
    )
    assert pickle.loads(pickle.dumps(hitl.AskHumanTool)) is hitl.AskHumanTool
