"""`hitl.start()`: runs in the background, their results, ends and what they tell of themselves."""

import asyncio
import threading
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from crewai.flow.async_feedback.types import HumanFeedbackPending, PendingFeedbackContext
from crewai.flow.flow import Flow, listen
from crewai.flow.flow import start as begins
from crewai.flow.human_feedback import human_feedback

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.runs import RunCancelled, RunFailed, RunFinished, RunStarted, type_of
from tests.jupyter_process import JupyterProcess
from tests.kernel.background import BusyLLM, Notebooks, failing_crew, make_crew, told, types_told
from tests.kernel.conftest import next_question, wait_until_closed

pytestmark = pytest.mark.usefixtures("bridge")

LONG = 60.0


def test_a_crew_runs_in_the_background_and_returns_its_result(client: Client) -> None:
    run = hitl.start(make_crew("A note on {drink}"), inputs={"drink": "tea"})
    question = next_question(client)

    assert question.execution_id == run.execution_id
    before: str = run.state
    assert before in ("running", "waiting")
    client.answer(question.request_id)

    assert "# A note on tea" in str(run.result(LONG))
    assert run.state == "finished"
    assert "finished" in repr(run)


def test_a_run_publishes_its_steps_under_the_execution_id_of_its_questions(client: Client) -> None:
    run = hitl.start(make_crew("One", "Two"))
    for _ in range(2):
        client.answer(next_question(client).request_id)
    run.result(LONG)

    events = list(told(client, run.execution_id))
    begun, *steps, ended = events
    assert isinstance(begun, RunStarted)
    assert (begun.name, begun.kind) == ("Notes", "crew")
    assert [(step.name, step.agent) for step in begun.tasks] == [
        ("note 1", "Writer"),
        ("note 2", "Writer"),
    ]
    ids = [step.id for step in begun.tasks]
    assert [getattr(step, "task_id", None) for step in steps] == [ids[0], ids[0], ids[1], ids[1]]
    assert isinstance(ended, RunFinished)
    assert ended.result.startswith("# Two")


def test_a_flow_publishes_its_methods_and_the_tasks_of_its_crews(client: Client) -> None:
    run = hitl.start(Notebooks())
    client.answer(next_question(client).request_id)

    assert run.result(LONG)["note"].startswith("# A note on tea")
    events = list(told(client, run.execution_id))
    names = [event.task_name for event in events if hasattr(event, "task_name")]
    assert names == ["draft", "note 1", "note 1", "draft", "send", "send"]
    assert isinstance(events[-1], RunFinished)
    assert events[-1].result.startswith("```json\n{")


def test_several_runs_wait_at_once_and_each_gets_its_own_answer(client: Client) -> None:
    runs = [hitl.start(make_crew(f"Note {n}")) for n in range(3)]
    for _ in range(2 * len(runs)):
        question = next_question(client)
        feedback = f"For {question.execution_id}" if question.round == 1 else ""
        client.answer(question.request_id, feedback)

    for n, run in enumerate(runs):
        assert f"# Note {n}" in str(run.result(LONG))
        assert f"- For {run.execution_id}" in str(run.result())


def test_one_crew_in_two_runs_is_refused_at_once(client: Client) -> None:
    crew = make_crew()
    run = hitl.start(crew)
    with pytest.raises(RuntimeError, match=run.execution_id):
        hitl.start(crew)
    client.answer(next_question(client).request_id)
    run.result(LONG)

    again = hitl.start(crew)
    client.answer(next_question(client).request_id)
    assert "# A note on tea" in str(again.result(LONG))


def test_one_agent_in_two_runs_is_refused_at_once(client: Client) -> None:
    one, two = make_crew(), make_crew()
    two.tasks[0].agent = one.agents[0]
    run = hitl.start(one)
    with pytest.raises(RuntimeError, match="'Writer'"):
        hitl.start(two)
    client.answer(next_question(client).request_id)
    run.result(LONG)


def test_what_is_neither_a_crew_nor_a_flow_is_refused_with_a_hint() -> None:
    with pytest.raises(TypeError, match="instance of the class"):
        hitl.start(Notebooks)  # type: ignore[arg-type]


def test_cancelling_withdraws_the_question_and_is_no_approval(client: Client) -> None:
    run = hitl.start(make_crew())
    question = next_question(client)

    assert run.cancel()
    with pytest.raises(hitl.NotAnswered):
        run.result(LONG)

    assert run.state == "cancelled"
    assert not run.cancel()
    assert wait_until_closed(client, question.request_id).status == "cancelled"
    end = list(told(client, run.execution_id))[-1]
    assert isinstance(end, RunCancelled)
    assert end.reason == "withdrawn"


def test_a_run_cancelled_while_its_model_works_ends_at_the_next_step(client: Client) -> None:
    llm = BusyLLM(model="busy")
    run = hitl.start(make_crew(llm=llm))
    llm.await_call()
    assert run.cancel()
    llm.let_go()

    with pytest.raises(hitl.NotAnswered):
        run.result(LONG)
    assert types_told(client, run.execution_id)[-1] == "run_cancelled"
    assert client.pending() == []  # it did not go on to ask


def test_a_question_cancelled_elsewhere_cancels_its_run(client: Client) -> None:
    run = hitl.start(make_crew())
    client.cancel(next_question(client).request_id)

    with pytest.raises(hitl.NotAnswered):
        run.result(LONG)
    assert run.state == "cancelled"


def test_somebody_elsewhere_can_ask_for_a_run_to_be_cancelled(client: Client) -> None:
    run = hitl.start(make_crew())
    next_question(client)
    client.publish({"type": "run_cancel_requested", "execution_id": run.execution_id, "via": "api"})

    with pytest.raises(hitl.NotAnswered):
        run.result(LONG)
    assert types_told(client, run.execution_id)[-1] == "run_cancelled"


def test_an_error_is_raised_unchanged_and_published_with_its_cause(client: Client) -> None:
    run = hitl.start(failing_crew(KeyError("length")))

    with pytest.raises(ValueError, match="too long") as raised:
        run.result(LONG)
    assert isinstance(raised.value.__cause__, KeyError)
    assert run.state == "failed"
    end = list(told(client, run.execution_id))[-1]
    assert isinstance(end, RunFailed)
    assert (end.error, end.cause) == ("ValueError: the note is too long", "KeyError: 'length'")


class Unspeakable:
    """A result that has no text."""

    def __str__(self) -> str:
        """Refuse."""
        raise ValueError("I have no words")

    __repr__ = __str__


class Silent(Flow[Any]):
    """Returns what cannot be told."""

    @begins()
    def work(self) -> Unspeakable:
        """Return it."""
        return Unspeakable()


def test_a_result_that_cannot_be_published_is_still_returned(client: Client) -> None:
    run = hitl.start(Silent())

    assert isinstance(run.result(LONG), Unspeakable)
    assert run.state == "finished"
    end = list(told(client, run.execution_id))[-1]
    assert isinstance(end, RunFinished)
    assert end.result == "(no text: Unspeakable)"


def test_a_result_that_does_not_come_in_time_leaves_the_run_alone(client: Client) -> None:
    run = hitl.start(make_crew())
    question = next_question(client)
    with pytest.raises(TimeoutError, match="still running"):
        run.result(timeout=0.01)
    client.answer(question.request_id)
    assert "# A note on tea" in str(run.result(LONG))


def test_a_run_can_be_awaited_by_several_and_cancelling_one_wait_leaves_it_alone(
    client: Client,
) -> None:
    async def wait_twice() -> Any:
        run = hitl.start(make_crew())
        waits = [asyncio.ensure_future(_wait_for(run)) for _ in range(2)]
        question = await asyncio.to_thread(next_question, client)
        waits[0].cancel()
        client.answer(question.request_id)
        return await waits[1]

    assert "# A note on tea" in str(asyncio.run(wait_twice()))


async def _wait_for(run: hitl.StartedRun) -> Any:
    return await run


def test_disabling_the_bridge_ends_every_run_and_says_so(client: Client) -> None:
    run = hitl.start(make_crew())
    next_question(client)
    hitl.disable()

    with pytest.raises(hitl.NotAnswered):
        run.result(LONG)
    end = list(told(client, run.execution_id))[-1]
    assert isinstance(end, RunCancelled)
    assert end.reason == "source_lost"


class Later:
    """A provider of the user's that stores the flow instead of waiting."""

    def request_feedback(self, context: PendingFeedbackContext, flow: Flow[Any]) -> str:
        """Pause the flow."""
        raise HumanFeedbackPending(context=context)


class Pausing(Flow[Any]):
    """Asks later."""

    @begins()
    @human_feedback(message="Good?", provider=Later())
    def draft(self) -> str:
        """Return a draft."""
        return "# Draft"


def test_a_flow_that_pauses_says_so_and_returns_what_it_waits_for(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # crewAI stores the flow there
    run = hitl.start(Pausing())

    assert isinstance(run.result(LONG), HumanFeedbackPending)
    assert run.state == "paused"
    assert not run.cancel()
    assert types_told(client, run.execution_id)[-1] == "run_paused"


class Letter(Flow[Any]):
    """Asks whether its draft is good, and sends it."""

    @begins()
    @human_feedback(message="Good?")
    def draft(self) -> str:
        """Return a draft."""
        return "# Draft"

    @listen(draft)
    def send(self, review: Any) -> str:
        """Return what was sent."""
        return "sent"


def test_a_paused_run_continues_in_the_log_when_its_flow_is_resumed(
    server: JupyterProcess, client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.chdir(tmp_path)  # crewAI stores the flow there
    hitl.enable(server.prefix, server.token, durable_flows=True)
    run = hitl.start(Letter())
    run.result(LONG)
    asked = next_question(client).request_id
    client.answer(asked)
    # Other tests' flows of this name may be in the log; they are stored elsewhere.
    (resumed,) = (one for one in hitl.resume_pending(Letter) if one.request_id == asked)

    assert (run.state, resumed.status) == ("paused", "finished")
    types = [type_of(event) for event in told(client, run.execution_id, until=RunFinished)]
    assert types[-3:] == ["run_paused", "run_started", "run_finished"]


def test_two_threads_that_start_one_crew_get_one_run(client: Client) -> None:
    crew = make_crew()
    runs: list[hitl.StartedRun] = []
    refusals: list[RuntimeError] = []

    def begin() -> None:
        try:
            runs.append(hitl.start(crew))
        except RuntimeError as error:
            refusals.append(error)

    _at_once(begin, begin)

    assert (len(runs), len(refusals)) == (1, 1)
    client.answer(next_question(client).request_id)
    runs[0].result(LONG)


def _at_once(*calls: Callable[[], None]) -> None:
    threads = [threading.Thread(target=call) for call in calls]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(LONG)
