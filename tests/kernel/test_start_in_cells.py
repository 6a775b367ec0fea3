"""`hitl.start()` in cells of a real kernel: its view, waiting for it, interrupts, running again."""

from collections.abc import Iterator
from typing import Any

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.runs import RunCancelled
from tests.jupyter_process import JupyterProcess
from tests.kernel.background import told, types_told
from tests.kernel.conftest import next_question, wait_until_closed
from tests.kernel.crews import AKICKOFF, ENABLE
from tests.kernel.running_kernel import Cell, RunningKernel, running_kernel

START = "run = hitl.start(make_crew())"
CELL_ID = "the-cell"


def runs_shown(cell: Cell) -> list[str]:
    """Return the execution ids of the runs that are shown under a cell."""
    payloads = [card["application/vnd.crewai-hitl.request+json"] for card in cell.cards()]
    return [payload["execution_id"] for payload in payloads if payload.get("mode") == "run"]


@pytest.fixture
def other_kernel(server: JupyterProcess) -> Iterator[RunningKernel]:
    """A kernel that a test may end."""
    with running_kernel(server) as kernel:
        kernel.run(ENABLE)
        yield kernel


def test_starting_shows_the_run_once_and_leaves_the_kernel_free(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.run(f"{START}\nrun")
    question = next_question(client)

    assert runs_shown(cell) == [question.execution_id]
    (card,) = cell.cards()
    payload: dict[str, Any] = card["application/vnd.crewai-hitl.request+json"]
    assert payload["event"]["tasks"][0]["agent"] == "Writer"
    assert "Notes" in card["text/plain"]
    assert "waiting" in kernel.run("print(run)").text

    client.answer(question.request_id)
    ended = kernel.run("print(run.result(60))")
    assert "# A note on tea" in ended.text
    assert ended.cards() == []  # the question was shown by the run's view


def test_a_run_as_the_last_expression_of_another_cell_shows_its_view_there(
    kernel: RunningKernel, client: Client
) -> None:
    shown = kernel.run(START)
    again = kernel.run("run")
    client.answer(next_question(client).request_id)
    kernel.run("run.result(60)")

    (bundle,) = [o["data"] for o in again.outputs if o["output_type"] == "execute_result"]
    payload = bundle["application/vnd.crewai-hitl.request+json"]
    assert payload["execution_id"] == runs_shown(shown)[0]
    assert bundle["text/plain"].startswith("<run of the crew")


@pytest.mark.parametrize("wait", ["run.result()", "await run"])
def test_a_cell_that_waits_gets_the_result(
    kernel: RunningKernel, client: Client, wait: str
) -> None:
    kernel.run(START)
    cell = kernel.begin(f"print({wait})")
    client.answer(next_question(client).request_id)
    cell.finish()

    assert cell.error is None
    assert "# A note on tea" in cell.text


def test_a_run_is_cancelled_from_elsewhere_while_the_kernel_is_busy(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run(START)
    cell = kernel.begin("run.result()")
    execution_id = next_question(client).execution_id
    client.publish({"type": "run_cancel_requested", "execution_id": execution_id})
    cell.finish()

    assert cell.error is not None
    assert cell.error[0] == "NotAnswered"


@pytest.mark.parametrize("wait", ["run.result()", "await run"])
def test_interrupting_another_cell_that_waits_leaves_the_run_alone(
    kernel: RunningKernel, client: Client, wait: str
) -> None:
    kernel.run(START)
    cell = kernel.begin(wait)
    question = next_question(client)
    kernel.interrupt()
    cell.finish()
    assert cell.error is not None

    client.answer(question.request_id)
    assert "# A note on tea" in kernel.run("print(run.result(60))").text


@pytest.mark.parametrize("wait", ["run.result()", "await run"])
def test_interrupting_the_cell_where_it_began_cancels_the_run(
    kernel: RunningKernel, client: Client, wait: str
) -> None:
    cell = kernel.begin(f"{START}\n{wait}")
    question = next_question(client)
    kernel.interrupt()
    cell.finish()

    assert wait_until_closed(client, question.request_id).status == "cancelled"
    end = list(told(client, str(question.execution_id)))[-1]
    assert isinstance(end, RunCancelled)
    assert end.reason == "interrupted"


def test_a_run_whose_cell_is_being_interrupted_counts_as_interrupted(
    kernel: RunningKernel, client: Client
) -> None:
    """The thread that asks sees the interrupt before the cell has ended."""
    leaving = f"{START}\ntry:\n    run.result()\nfinally:\n    run.when_ended()"
    cell = kernel.begin(leaving)
    question = next_question(client)
    kernel.interrupt()
    cell.finish()

    end = list(told(client, str(question.execution_id)))[-1]
    assert isinstance(end, RunCancelled)
    assert end.reason == "interrupted"


def test_running_the_cell_again_replaces_its_run(kernel: RunningKernel, client: Client) -> None:
    crew = "crew = make_crew()"
    kernel.run(crew)
    start = "run = hitl.start(crew)"  # the very same crew, too
    kernel.begin(start, CELL_ID).finish()
    first = next_question(client)
    kernel.begin(start, CELL_ID).finish()
    assert wait_until_closed(client, first.request_id).status == "cancelled"
    second = next_question(client)

    assert [pending.request_id for pending in client.pending()] == [second.request_id]
    end = list(told(client, str(first.execution_id)))[-1]
    assert isinstance(end, RunCancelled)
    assert end.reason == "replaced"
    client.answer(second.request_id)
    assert "# A note on tea" in kernel.run("print(run.result(60))").text


def test_one_cell_may_start_several_runs(kernel: RunningKernel, client: Client) -> None:
    cell = kernel.begin("runs = [hitl.start(make_crew(n)) for n in 'AB']", CELL_ID).finish()
    for _ in range(2):
        client.answer(next_question(client).request_id)

    assert len(runs_shown(cell)) == 2
    assert kernel.run("print([run.result(60).raw[:3] for run in runs])").text == "['# A', '# B']\n"


def test_an_awaiting_cell_that_was_interrupted_and_runs_again_asks_once(
    kernel: RunningKernel, client: Client
) -> None:
    interrupted = kernel.begin(AKICKOFF, CELL_ID)
    first = next_question(client)
    kernel.interrupt()
    interrupted.finish()
    wait_until_closed(client, first.request_id)
    again = kernel.begin(AKICKOFF, CELL_ID)
    second = next_question(client)

    assert [pending.request_id for pending in client.pending()] == [second.request_id]
    client.answer(second.request_id)
    assert again.finish().error is None


def test_shutting_the_kernel_down_ends_its_runs_and_says_so(
    other_kernel: RunningKernel, client: Client
) -> None:
    other_kernel.run(START)
    execution_id = str(next_question(client).execution_id)
    other_kernel.shut_down()

    assert types_told(client, execution_id)[-1] == "run_cancelled"
