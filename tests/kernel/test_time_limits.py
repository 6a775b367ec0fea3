"""A person's time is not the agent's: limits of agents stand still while somebody is asked."""

import asyncio
from collections.abc import Callable
from types import SimpleNamespace
from typing import Any

import pytest
from crewai import Agent, Crew
from crewai.agents.step_executor import StepExecutor
from crewai.utilities.planning_types import TodoItem
from crewai.utilities.step_execution_context import StepExecutionContext
from pydantic import PrivateAttr

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from crewai_hitl_nb.kernel.runs import stopwatch
from crewai_hitl_nb.kernel.runs.stopwatch import asking_a_person, measured
from crewai_hitl_nb.protocol.events import Decision
from tests.kernel.background import BusyLLM, make_crew
from tests.kernel.conftest import Background, next_question, wait_until_closed
from tests.kernel.tool_crews import ReActLLM, started, tool_crew

LONG = 60.0
LIMIT = 1
"""The shortest that crewAI takes, in seconds."""
HOUR = 3600.0

Run = Callable[[Crew], Any]


class Clock:
    """The clock of the stopwatches. It stands still, so that a busy machine counts for nothing."""

    def __init__(self) -> None:
        self.now = 1000.0

    def monotonic(self) -> float:
        """Return its time."""
        return self.now


class SlowLLM(BusyLLM):
    """A model whose calls take their time by the stopwatches' clock."""

    _clock: Clock = PrivateAttr()
    _seconds: float = PrivateAttr()

    def __init__(self, clock: Clock, seconds: float) -> None:
        super().__init__(model="scripted")
        self._clock, self._seconds = clock, seconds

    def call(self, *args: Any, **kwargs: Any) -> str:
        """Take the time, then answer when it is let go."""
        self._clock.now += self._seconds
        return super().call(*args, **kwargs)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The clock that the stopwatches look at."""
    clock = Clock()
    monkeypatch.setattr(stopwatch, "time", SimpleNamespace(monotonic=clock.monotonic))
    return clock


@pytest.fixture
def terms() -> dict[str, Any]:
    """A reminder when the limit has passed."""
    return {"remind_after": 1.2 * LIMIT}


def answer_late(
    client: Client, clock: Clock, text: str = "", decision: Decision | None = None
) -> None:
    """Answer the next question after the limit, by the clock on the wall and by the other one."""
    question = next_question(client)
    for event in client.events(types=["human_input_reminded"], replay="all"):
        if getattr(event, "request_id", None) == question.request_id:
            break
    clock.now += HOUR
    client.answer(question.request_id, text, decision=decision)


def asynchronously(crew: Crew) -> Any:
    """Run a crew on a loop."""
    return asyncio.run(crew.akickoff())


def limited(llm: Any = None) -> Crew:
    """Return a crew whose agent has a limit, and asks."""
    crew = make_crew(llm=llm)
    (agent,) = crew.agents
    assert isinstance(agent, Agent)
    agent.max_execution_time = LIMIT
    return crew


@pytest.mark.usefixtures("bridge")
@pytest.mark.parametrize("run", [Crew.kickoff, asynchronously])
def test_an_answer_that_takes_longer_than_the_agents_limit_is_used(
    client: Client, clock: Clock, background: Background, run: Run
) -> None:
    ended = background(run, limited())
    answer_late(client, clock, "Shorter")
    client.answer(next_question(client).request_id)

    assert "- Shorter" in ended.result(LONG).raw


@pytest.mark.usefixtures("bridge")
def test_a_tool_that_asks_does_not_use_up_its_agents_time(client: Client, clock: Clock) -> None:
    call = ("ask_a_human", {"question": "Which?"})
    tools = tool_crew("react", [call], hitl.AskHumanTool(), max_execution_time=LIMIT)
    with tools as running, started(running):
        answer_late(client, clock, "Tea")

        assert running.result.result(LONG) == "Done"


@pytest.mark.usefixtures("bridge")
def test_a_tool_that_needs_approval_does_not_use_up_its_agents_time(
    client: Client, clock: Clock
) -> None:
    call = ("ask_a_human", {"question": "Which?"})
    tools = tool_crew("react", [call], hitl.AskHumanTool(), max_execution_time=LIMIT)
    with hitl.approve_tools(["ask_*"]), tools as running, started(running):
        answer_late(client, clock, decision="approve")
        client.answer(next_question(client).request_id, "Tea")

        assert running.result.result(LONG) == "Done"


@pytest.mark.usefixtures("bridge")
def test_the_agents_own_time_counts_before_and_after_a_question(
    client: Client, clock: Clock
) -> None:
    llm = SlowLLM(clock, 0.6 * LIMIT)
    llm.let_go()
    run = hitl.start(limited(llm))
    client.answer(next_question(client).request_id, "Shorter")
    client.answer(next_question(client).request_id)

    with pytest.raises(TimeoutError, match="not counting the time that people took"):
        run.result(LONG)


@pytest.mark.usefixtures("bridge")
def test_an_agent_on_a_loop_is_stopped_while_its_model_still_works(clock: Clock) -> None:
    async def run() -> None:
        llm = SlowLLM(clock, LIMIT)
        try:
            await limited(llm).akickoff()
        finally:
            llm.let_go()

    with pytest.raises(TimeoutError, match="timed out after 1 seconds"):
        asyncio.run(run())


@pytest.mark.usefixtures("bridge")
def test_an_unanswered_question_ends_an_agent_with_a_limit_as_any_other(
    client: Client, clock: Clock
) -> None:
    run = hitl.start(limited())
    question = next_question(client)
    clock.now += HOUR
    client.cancel(question.request_id)

    with pytest.raises(hitl.NotAnswered):
        run.result(LONG)
    assert wait_until_closed(client, question.request_id).status == "cancelled"


@pytest.mark.usefixtures("bridge")
def test_a_step_of_a_plan_continues_after_a_late_answer(
    client: Client, clock: Clock, background: Background
) -> None:
    asks = 'Thought: I ask.\nAction: ask_a_human\nAction Input: {"question": "Which?"}'
    lines = [asks, "Thought: I know\nFinal Answer: Tea it is"]
    llm = ReActLLM(model="scripted", lines=lines)
    agent = Agent(role="Keeper", goal="Keep", backstory="Keeps", llm=llm)
    tool = hitl.AskHumanTool()
    step = StepExecutor(llm, [tool.to_structured_tool()], agent, original_tools=[tool])
    todo = TodoItem(step_number=1, description="Ask which")
    context = StepExecutionContext(task_description="Ask", task_goal="A word")
    ended = background(step.execute, todo, context, step_timeout=LIMIT)
    answer_late(client, clock, "Tea")

    assert ended.result(LONG).result == "Tea it is"


def test_a_stopwatch_stands_still_until_the_last_question_is_answered(clock: Clock) -> None:
    with measured() as outer:
        clock.now += 1
        with measured() as inner:
            clock.now += 1
            with asking_a_person():
                clock.now += HOUR
                with asking_a_person():
                    clock.now += HOUR
                clock.now += HOUR
            clock.now += 1

            assert (outer.seconds, inner.seconds) == (3, 2)
    with asking_a_person():
        clock.now += 1
    assert outer.seconds == 4  # it is asked elsewhere
