"""Crews and flows with ``stream=True``: nothing of them runs before their stream is read."""

from typing import Any

import pytest
from crewai.crews.crew_output import CrewOutput
from crewai.flow.async_feedback.types import HumanFeedbackPending
from crewai.flow.flow import Flow, start
from crewai.flow.human_feedback import human_feedback

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.runs import RunFinished
from tests.kernel.background import failing_crew, make_crew, told
from tests.kernel.conftest import next_question, wait_until_closed
from tests.kernel.flows import ENABLE_FLOWS
from tests.kernel.running_kernel import RunningKernel

LONG = 60.0


def streamed_crew() -> Any:
    """Return a crew that asks, and streams what its model says."""
    crew = make_crew()
    crew.stream = True
    return crew


class StreamedReview(Flow[Any]):
    """Streams, and asks whether its draft is good."""

    stream = True

    @start()
    @human_feedback(message="Good?")
    def draft(self) -> str:
        """Return a draft."""
        return "# Draft"


class ReturnsAStream(Flow[Any]):
    """Leaves the stream of its crew to whoever runs the flow."""

    @start()
    def draft(self) -> Any:
        """Return the stream, unread."""
        return streamed_crew().kickoff()


def streams_both() -> Any:
    """Return a flow that streams, and returns a stream."""
    flow = ReturnsAStream()
    flow.stream = True
    return flow


class ReturnsAnAsynchronousStream(Flow[Any]):
    """Leaves a stream that only its own loop could read."""

    @start()
    async def draft(self) -> Any:
        """Return the stream, unread."""
        return await streamed_crew().kickoff_async()


@pytest.mark.usefixtures("bridge")
@pytest.mark.parametrize("make", [streamed_crew, ReturnsAStream, streams_both])
def test_a_started_run_that_streams_asks_and_gives_its_result(client: Client, make: Any) -> None:
    run = hitl.start(make())
    question = next_question(client)
    before: str = run.state
    client.answer(question.request_id)

    assert question.execution_id == run.execution_id
    assert before in ("running", "waiting")
    result = run.result(LONG)
    assert isinstance(result, CrewOutput)
    assert result.raw.startswith("# A note on tea")
    end = list(told(client, run.execution_id))[-1]
    assert isinstance(end, RunFinished)
    assert end.result.startswith("# A note on tea")


@pytest.mark.usefixtures("bridge")
def test_a_started_flow_that_streams_asks_and_gives_its_result(client: Client) -> None:
    run = hitl.start(StreamedReview())
    client.answer(next_question(client).request_id, "Fine")

    assert run.result(LONG).feedback == "Fine"
    assert run.state == "finished"


@pytest.mark.usefixtures("bridge")
def test_a_streamed_flow_that_pauses_is_paused(
    client: Client, monkeypatch: pytest.MonkeyPatch, tmp_path: Any
) -> None:
    monkeypatch.chdir(tmp_path)  # crewAI stores the flow there

    class Pausing(Flow[Any]):
        stream = True

        @start()
        @human_feedback(message="Good?", provider=hitl.DurableFeedback())
        def draft(self) -> str:
            return "# Draft"

    run = hitl.start(Pausing())

    assert isinstance(run.result(LONG), HumanFeedbackPending)
    assert run.state == "paused"


@pytest.mark.usefixtures("bridge")
def test_cancelling_a_streamed_run_withdraws_its_question(client: Client) -> None:
    run = hitl.start(streamed_crew())
    question = next_question(client)
    assert run.cancel()

    with pytest.raises(hitl.NotAnswered):
        run.result(LONG)
    assert run.state == "cancelled"
    assert wait_until_closed(client, question.request_id).status == "cancelled"


@pytest.mark.usefixtures("bridge")
def test_an_error_of_a_streamed_run_is_raised_unchanged() -> None:
    crew = failing_crew()
    crew.stream = True
    run = hitl.start(crew)

    with pytest.raises(ValueError, match="too long"):
        run.result(LONG)
    assert run.state == "failed"


@pytest.mark.usefixtures("bridge")
def test_a_stream_that_can_no_longer_be_read_fails_the_run() -> None:
    run = hitl.start(ReturnsAnAsynchronousStream())

    with pytest.raises(RuntimeError, match="has not run"):
        run.result(LONG)
    assert run.state == "failed"


def test_a_streamed_flow_that_asks_on_its_loop_leaves_the_cells_loop_alone(
    kernel: RunningKernel, client: Client
) -> None:
    """Its stream belongs to the cell's loop, and the flow to a loop of its own."""
    kernel.run(ENABLE_FLOWS)
    cell = kernel.begin(
        "flow = AsksOnItsLoop()\n"
        "flow.stream = True\n"
        "stream = await flow.kickoff_async()\n"
        "print(any([frame.type == 'flow_started' async for frame in stream]), stream.result)"
    )
    client.answer(next_question(client).request_id, "tea")

    assert "True" in cell.finish().text
    assert "tea" in cell.text
    assert cell.error is None
