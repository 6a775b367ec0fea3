"""A flow that waits in a cell: it can be stopped, and it leaves the kernel's loop alone."""

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.events import HumanInputCancelled
from tests.kernel.conftest import (
    next_question,
    questions_since,
    top_of_the_log,
    wait_until_closed,
)
from tests.kernel.flows import ENABLE_FLOWS, KICKOFFS, kicked_off
from tests.kernel.running_kernel import RunningKernel


@pytest.fixture
def kernel(kernel: RunningKernel) -> RunningKernel:
    """The shared kernel, which knows the flows."""
    kernel.run(ENABLE_FLOWS)
    return kernel


@pytest.mark.parametrize("how", KICKOFFS)
@pytest.mark.parametrize("flow", ["Skippable()", "Asks()", "AsksOnItsLoop()"])
def test_an_interrupt_withdraws_the_question_and_ends_the_cell(
    kernel: RunningKernel, client: Client, how: str, flow: str
) -> None:
    cell = kernel.begin(kicked_off(how, flow))
    question = next_question(client)
    kernel.interrupt()
    cell.finish()

    request = wait_until_closed(client, question.request_id)
    assert cell.error is not None
    assert cell.error[0] in ("KeyboardInterrupt", "CancelledError")
    assert isinstance(request.completion, HumanInputCancelled)
    assert request.completion.reason == "interrupted"
    assert kernel.run("print(reached)").text == "[]\n"


@pytest.mark.parametrize("how", KICKOFFS)
def test_the_next_flow_works_after_an_interrupt(
    kernel: RunningKernel, client: Client, how: str
) -> None:
    interrupted = kernel.begin(kicked_off(how, "Review()"))
    first = next_question(client)
    kernel.interrupt()
    interrupted.finish()
    wait_until_closed(client, first.request_id)

    cell = kernel.begin(kicked_off(how, "Review()"))
    client.answer(next_question(client).request_id, "Fine")

    assert "sent with 'Fine'" in cell.finish().text


@pytest.mark.parametrize("flow", ["Asks()", "AsksOnItsLoop()", "Review()"])
def test_the_kernels_loop_keeps_running_while_a_flow_waits(
    kernel: RunningKernel, client: Client, flow: str
) -> None:
    """The question is answered by a task on that very loop: it would wait for ever."""
    cell = kernel.begin(
        "reached.clear()\n"
        "async def answer():\n"
        "    async with hitl.AsyncClient() as client:\n"
        "        async for event in client.events(types=['human_input_required']):\n"
        "            await client.answer(event.request_id, 'from the loop')\n"
        "            return\n"
        "answering = asyncio.create_task(answer())\n"
        f"print(await {flow}.kickoff_async())\n"
        "await answering"
    )

    assert "'from the loop'" in cell.finish().text
    assert cell.error is None


def test_a_flow_that_asks_nothing_on_its_loop_stays_on_its_callers(
    kernel: RunningKernel,
) -> None:
    """Objects that belong to the user's loop go on working in it."""
    cell = kernel.run(
        "class OnMyLoop(Flow):\n"
        "    @start()\n"
        "    async def begin(self):\n"
        "        return asyncio.get_running_loop()\n"
        "print(await OnMyLoop().kickoff_async() is asyncio.get_running_loop())"
    )

    assert "True" in cell.text


@pytest.mark.parametrize("how", KICKOFFS)
def test_crewais_timeout_of_ask_returns_none(
    kernel: RunningKernel, client: Client, how: str
) -> None:
    mark = top_of_the_log(client)
    cell = kernel.begin(kicked_off(how, "Asks(timeout=0.3)"))
    question = next(questions_since(client, mark))

    assert "said None" in cell.finish().text
    assert wait_until_closed(client, question.request_id).status == "expired"


def test_crewais_timeout_does_not_turn_a_cancelled_question_into_none(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin(kicked_off(KICKOFFS[0], "Asks(timeout=60)"))
    client.cancel(next_question(client).request_id)
    cell.finish()

    assert cell.error is not None
    assert cell.error[0] == "NotAnswered"
    assert kernel.run("print(reached)").text == "[]\n"


def test_questions_and_answers_are_in_the_flows_history(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin(
        "flow = Asks(metadata={'channel': 'mine'})\nflow.kickoff()\n"
        "print(flow._input_history[0]['response'],"
        " flow._input_history[0]['metadata'],"
        " flow._input_history[0]['response_metadata']['request_id'])"
    )
    question = next_question(client)
    client.answer(question.request_id, "Tea")

    assert f"Tea {{'channel': 'mine'}} {question.request_id}" in cell.finish().text
