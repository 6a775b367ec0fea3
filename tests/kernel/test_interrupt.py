"""An interrupt ends the cell promptly and withdraws the question; nothing is wedged."""

import time
from collections.abc import Callable

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.events import HumanInputCancelled
from tests.kernel.conftest import next_question, wait_until_closed
from tests.kernel.crews import EVERY_KICKOFF, KICKOFF
from tests.kernel.running_kernel import RunningKernel


@pytest.mark.parametrize("kickoff", EVERY_KICKOFF)
def test_an_interrupt_cancels_the_question_and_ends_the_cell_promptly(
    kernel: RunningKernel,
    client: Client,
    kickoff: str,
    record_property: Callable[[str, object], None],
) -> None:
    cell = kernel.begin(kickoff)
    question = next_question(client)

    began = time.monotonic()
    kernel.interrupt()
    cell.finish()
    record_property("interrupt_to_end_of_cell_seconds", time.monotonic() - began)

    request = wait_until_closed(client, question.request_id)
    assert cell.error is not None
    assert cell.error[0] in ("KeyboardInterrupt", "CancelledError")
    assert "# A note on tea" not in cell.text  # never an approval
    assert isinstance(request.completion, HumanInputCancelled)
    assert request.completion.reason == "interrupted"


def test_the_next_crew_works_after_an_interrupt(kernel: RunningKernel, client: Client) -> None:
    interrupted = kernel.begin(KICKOFF)
    first = next_question(client)
    kernel.interrupt()
    interrupted.finish()
    wait_until_closed(client, first.request_id)

    cell = kernel.begin(KICKOFF)
    client.answer(next_question(client).request_id)
    cell.finish()

    assert cell.error is None
    assert "# A note on tea" in cell.text


@pytest.mark.parametrize("kickoff", EVERY_KICKOFF)
def test_an_interrupted_crew_begins_no_further_task(
    kernel: RunningKernel, client: Client, kickoff: str
) -> None:
    kernel.run(
        "began = []\n"
        "def make_pair():\n"
        "    first, second = make_crew('One'), make_crew('Two')\n"
        "    first.tasks[0].callback = lambda output: began.append('first ended')\n"
        "    second.tasks[0].callback = lambda output: began.append('second ended')\n"
        "    return Crew(agents=[*first.agents, *second.agents],\n"
        "                tasks=[*first.tasks, *second.tasks])"
    )
    cell = kernel.begin(kickoff.replace("make_crew", "make_pair"))
    question = next_question(client)
    kernel.interrupt()
    cell.finish()
    wait_until_closed(client, question.request_id)

    assert kernel.run("print(began)").text == "[]\n"
    assert client.pending() == []


def test_a_question_outside_of_any_crew_goes_with_its_interrupted_cell(
    kernel: RunningKernel, client: Client
) -> None:
    """As a flow's: it runs on a thread that knows no crew's run."""
    cell = kernel.begin(
        "import asyncio\ntask = make_crew().tasks[0]\nawait asyncio.to_thread(task.execute_sync)"
    )
    question = next_question(client)
    kernel.interrupt()
    cell.finish()

    request = wait_until_closed(client, question.request_id)
    assert cell.error is not None
    assert request.status == "cancelled"


@pytest.mark.parametrize("ask", ["hitl.ask(name)", "asyncio.run(hitl.ask_async(name))"])
def test_an_interrupt_ends_a_cell_that_waits_for_threads_which_ask(
    ask: str, kernel: RunningKernel, client: Client
) -> None:
    """Leaving the `with` waits for the threads, and they wait for a person."""
    cell = kernel.begin(
        "import asyncio\n"
        "from concurrent.futures import ThreadPoolExecutor\n"
        "with ThreadPoolExecutor(2) as pool:\n"
        f"    list(pool.map(lambda name: {ask}, ['a', 'b']))"
    )
    asked = {cell.wait_for_card()["request_id"], cell.wait_for_card()["request_id"]}
    kernel.interrupt()
    cell.finish()

    assert cell.error is not None
    ended = [wait_until_closed(client, request_id) for request_id in asked]
    assert [request.status for request in ended] == ["cancelled", "cancelled"]


SYNCHRONOUS = {
    "a crew": "make_crew().kickoff()",
    "a question": "hitl.ask('Well?')",
    "a run": "hitl.start(make_crew()).result()",
    "a stream": "read()",
}


@pytest.mark.parametrize("what", SYNCHRONOUS)
@pytest.mark.parametrize("how", ["await main()", "await asyncio.gather(main())"])
def test_an_interrupt_ends_an_await_cell_that_blocks_its_own_loop(
    what: str, how: str, kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin(
        "import asyncio, threading\n"
        "def read():\n"
        "    with hitl.Client() as client:\n"
        "        threading.Thread(target=lambda: hitl.ask('Beside')).start()\n"
        "        next(client.events(types=['none such'], replay='none'))\n"
        f"async def main(): return {SYNCHRONOUS[what]}\n{how}"
    )
    question = next_question(client)
    kernel.interrupt()
    cell.finish()

    assert cell.error is not None
    assert cell.error[0] in ("CancelledError", "KeyboardInterrupt")
    assert wait_until_closed(client, question.request_id).status == "cancelled"
    assert kernel.run("print('alive')").text == "alive\n"


INTERRUPTED_WHILE_SHOWN = """
import asyncio, os, signal
from crewai_hitl_nb.kernel.screens.card_screen import CardScreen
show = CardScreen.show
def interrupted(self, request, cell):
    os.kill(os.getpid(), signal.SIGINT)
    show(self, request, cell)
CardScreen.show = interrupted
async def main(): return hitl.ask('Well?')
"""


@pytest.mark.parametrize("how", ["await main()", "await asyncio.gather(main())", "hitl.ask('So?')"])
def test_an_interrupt_while_the_card_is_drawn_ends_the_cell(
    how: str, kernel: RunningKernel, client: Client
) -> None:
    kernel.run(INTERRUPTED_WHILE_SHOWN)
    try:
        cell = kernel.begin(how)
        question = next_question(client)
        cell.finish()
    finally:
        kernel.run("CardScreen.show = show")

    assert cell.error is not None
    assert cell.error[0] in ("CancelledError", "KeyboardInterrupt")
    assert wait_until_closed(client, question.request_id).status == "cancelled"


def test_an_answer_elsewhere_that_cancels_ends_the_crew_and_is_no_approval(
    kernel: RunningKernel, client: Client
) -> None:
    cell = kernel.begin(KICKOFF)
    client.cancel(next_question(client).request_id, reason="withdrawn")
    cell.finish()

    assert cell.error is not None
    assert cell.error[0] == "NotAnswered"
    assert "withdrawn" in cell.error[1]


SIDE_BY_SIDE = """\
def both():
    crews = [make_crew(what, async_execution=True) for what in ("FIRST", "SECOND")]
    agents, tasks = ([part for crew in crews for part in getattr(crew, name)]
                     for name in ("agents", "tasks"))
    end = Task(description="End", expected_output="End", agent=agents[0])
    return Crew(name="Both", agents=agents, tasks=[*tasks, end])
"""


@pytest.mark.parametrize(
    "run",
    [
        "both().kickoff()",
        "await both().akickoff()",
        "await make_crew().kickoff_for_each_async([{}, {}])",
        "await make_crew().akickoff_for_each([{}, {}])",
    ],
)
def test_a_crew_that_fails_takes_its_other_questions_back(
    run: str, kernel: RunningKernel, client: Client
) -> None:
    """Nobody waits for their answers any more."""
    kernel.run(SIDE_BY_SIDE)
    cell = kernel.begin(run)
    asked = [cell.wait_for_card()["request_id"] for _ in range(2)]
    for request_id in asked:
        wait_until_pending(client, request_id)
    # A blocking crewAI looks at its tasks in their order: at the second after the first.
    of_first = (r.request_id for r in client.pending() if "FIRST" in (r.context or ""))
    first = next(of_first, asked[0])
    client.cancel(first)
    cell.finish()

    assert cell.error is not None
    assert cell.error[0] == "NotAnswered"
    ended = [wait_until_closed(client, request_id).status for request_id in asked]
    assert ended == ["cancelled", "cancelled"]


def wait_until_pending(client: Client, request_id: str) -> None:
    """Wait until the server has a question: a card may be shown before."""
    for event in client.events(types=["human_input_required"], replay="pending"):
        if getattr(event, "request_id", None) == request_id:
            return
