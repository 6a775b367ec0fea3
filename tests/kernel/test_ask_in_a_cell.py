"""Asking from a cell: `hitl.ask()`, gates and hooks in a real kernel."""

from collections.abc import Iterator

import pytest

from crewai_hitl_nb.client import Client
from tests.jupyter_process import REPOSITORY
from tests.kernel.conftest import next_question, wait_until_closed
from tests.kernel.crews import EVERY_KICKOFF
from tests.kernel.running_kernel import RunningKernel

CREW_WITH_A_TOOL = """\
from crewai.tools import tool
from tests.kernel.tool_crews import ReActLLM

deleted = []

@tool("Delete file")
def delete_file(path: str) -> str:
    "Delete a file."
    deleted.append(path)
    return "deleted " + path

def make_keeper(*tools, name="delete_file", arguments='{"path": "/tmp/a"}'):
    lines = [
        f"Thought: I use it.\\nAction: {name}\\nAction Input: {arguments}",
        "Thought: I know\\nFinal Answer: Done",
    ]
    llm = ReActLLM(model="scripted", lines=lines)
    keeper = Agent(role="Keeper", goal="-", backstory="-", llm=llm, tools=list(tools))
    return Crew(
        agents=[keeper],
        tasks=[Task(description="Tidy up", expected_output="Order", agent=keeper)],
    )
"""

ASK = {
    "sync": "print(repr(hitl.ask('Which table?')))",
    "async": "print(repr(await hitl.ask_async('Which table?')))",
}


@pytest.fixture
def keeper(kernel: RunningKernel) -> RunningKernel:
    """The shared kernel with a crew whose agent calls a tool."""
    kernel.run(f"import sys; sys.path.append({str(REPOSITORY)!r})\n{CREW_WITH_A_TOOL}")
    return kernel


@pytest.mark.parametrize("way", ASK)
def test_a_cell_gets_the_answer_and_shows_a_card(
    kernel: RunningKernel, client: Client, way: str
) -> None:
    cell = kernel.begin(ASK[way])
    card = cell.wait_for_card()
    question = next_question(client)
    client.answer(question.request_id, "sales")

    assert card["request_id"] == question.request_id
    assert cell.finish().text == "'sales'\n"


@pytest.mark.parametrize("way", ASK)
def test_the_stop_button_ends_the_wait_and_withdraws_the_question(
    kernel: RunningKernel, client: Client, way: str
) -> None:
    cell = kernel.begin(ASK[way])
    question = next_question(client)
    kernel.interrupt()

    error = cell.finish().error
    assert error is not None
    assert error[0] in ("KeyboardInterrupt", "CancelledError")
    request = wait_until_closed(client, question.request_id)
    assert request.status == "cancelled"


def test_a_gate_set_in_one_cell_holds_in_the_later_ones(
    keeper: RunningKernel, client: Client
) -> None:
    keeper.run("gate = hitl.approve_tools('delete_*')")
    for kickoff in ("kickoff()", "kickoff_async()", "akickoff()"):
        awaited = "" if kickoff == "kickoff()" else "await "
        cell = keeper.begin(f"deleted.clear(); print({awaited}make_keeper(delete_file).{kickoff})")
        question = next_question(client)
        assert question.kind == "tool_approval"
        client.answer(question.request_id, decision="edit", values={"path": "/tmp/b"})
        assert cell.finish().error is None
        assert keeper.run("print(deleted)").text == "['/tmp/b']\n"
    keeper.run("gate.remove()")


INTERRUPTED = {
    "gate": "with hitl.approve_tools('delete_*'): make_keeper(delete_file).kickoff()",
    "tool": (
        "make_keeper(hitl.AskHumanTool(if_unanswered='tell_agent'), name='ask_a_human', "
        'arguments=\'{"question": "Why?"}\').kickoff()'
    ),
    "awaited gate": (
        "with hitl.approve_tools('delete_*'): await make_keeper(delete_file).kickoff_async()"
    ),
}


@pytest.mark.parametrize("what", INTERRUPTED)
def test_an_interrupt_ends_the_run_and_no_tool_runs(
    keeper: RunningKernel, client: Client, what: str
) -> None:
    cell = keeper.begin(f"deleted.clear()\n{INTERRUPTED[what]}")
    question = next_question(client)
    keeper.interrupt()

    error = cell.finish().error
    assert error is not None
    assert error[0] in ("KeyboardInterrupt", "CancelledError")
    assert wait_until_closed(client, question.request_id).status == "cancelled"
    assert keeper.run("print(deleted)").text == "[]\n"
    assert client.pending() == []


MODEL_HOOKED = """\
from crewai.hooks import InterceptionPoint, register_hook, unregister_hook

def model_hook(context):
    context.request_human_input("Call the model?")

register_hook(InterceptionPoint.PRE_MODEL_CALL, model_hook)
try:
    print({kickoff})
finally:
    unregister_hook(InterceptionPoint.PRE_MODEL_CALL, model_hook)
"""


@pytest.mark.parametrize("kickoff", EVERY_KICKOFF, ids=["kickoff", "kickoff_async", "akickoff"])
def test_a_hook_before_a_model_call_is_answered_and_interrupted_in_every_kickoff(
    kernel: RunningKernel, client: Client, kickoff: str
) -> None:
    run = kickoff.removeprefix("print(").removesuffix(")").replace("make_crew()", "crew")
    code = "crew = make_crew()\ncrew.tasks[0].human_input = False\n"
    cell = kernel.begin(code + MODEL_HOOKED.format(kickoff=run))
    client.answer(next_question(client).request_id, decision="approve")
    assert cell.finish().error is None

    cell = kernel.begin(code + MODEL_HOOKED.format(kickoff=run))
    question = next_question(client)
    kernel.interrupt()
    error = cell.finish().error
    assert error is not None
    assert error[0] in ("KeyboardInterrupt", "CancelledError")
    assert wait_until_closed(client, question.request_id).status == "cancelled"


def test_running_the_cell_again_asks_once(kernel: RunningKernel, client: Client) -> None:
    for _ in range(2):
        cell = kernel.begin(ASK["sync"])
        question = next_question(client)
        kernel.interrupt()
        cell.finish()
        wait_until_closed(client, question.request_id)

    assert client.pending() == []


@pytest.fixture
def lonely_keeper(keeper: RunningKernel) -> Iterator[RunningKernel]:
    """The same, for a while without any server that it could find."""
    keeper.run(
        "import os, tempfile\n"
        "hitl.disable()\n"
        "kept = dict(os.environ)\n"
        "del os.environ['CREWAI_HITL_KERNEL_URL']\n"
        "os.environ['JUPYTER_RUNTIME_DIR'] = tempfile.mkdtemp()\n"
        "hitl.enable()"
    )
    yield keeper
    keeper.run("hitl.disable(); os.environ.update(kept)")


HOOKED = """\
from crewai.hooks import InterceptionPoint, register_hook, unregister_hook

def hook(context):
    context.request_human_input("May it?")

register_hook(InterceptionPoint.PRE_TOOL_CALL, hook)
try:
    make_keeper(delete_file).kickoff()
finally:
    unregister_hook(InterceptionPoint.PRE_TOOL_CALL, hook)
"""

WITHOUT_A_SERVER = {
    "ask": "hitl.ask('Which table?', default='sales')",
    "ask_async": "await hitl.ask_async('Which table?')",
    "gate": INTERRUPTED["gate"],
    "tool": INTERRUPTED["tool"],
    "hook": HOOKED,
}


@pytest.mark.parametrize("what", WITHOUT_A_SERVER)
def test_a_kernel_without_a_server_approves_nothing_and_says_what_to_do(
    lonely_keeper: RunningKernel, what: str
) -> None:
    cell = lonely_keeper.begin(f"deleted.clear()\n{WITHOUT_A_SERVER[what]}").finish()

    assert cell.error is not None
    assert cell.error[0] == "NotAnswered"
    assert "no server was found" in cell.error[1]
    assert lonely_keeper.run("print(deleted)").text == "[]\n"
