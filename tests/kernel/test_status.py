"""What a kernel says of itself while a crew waits in a cell."""

from crewai_hitl_nb.client import Client
from tests.kernel.conftest import next_question
from tests.kernel.running_kernel import RunningKernel

ASK = """
import crewai_hitl_nb as hitl
print(hitl.ask("Which colour?"))
"""

ASK_AFTER_ANOTHER = f"""
get_ipython().run_cell("1 + 1")
{ASK}"""

ASK_AND_AWAIT = """
import crewai_hitl_nb as hitl
print(await hitl.ask_async("Which colour?"))
"""


def test_a_kernel_whose_crew_waits_is_busy_whatever_else_it_is_asked(
    kernel: RunningKernel, client: Client
) -> None:
    """Otherwise JupyterLab shows "Idle", and Jupyter's culler ends the waiting crew."""
    for code in (ASK, ASK_AFTER_ANOTHER, ASK_AND_AWAIT):
        cell = kernel.begin(code)
        cell.wait_for_card()
        assert kernel.ask_the_debugger() == ["busy", "idle", "busy with the cell"]
        client.answer(next_question(client).request_id, "green")
        assert "green" in cell.finish().text
        assert kernel.ask_the_debugger() == ["busy", "idle"]


def test_a_question_names_the_cell_that_asks_it(kernel: RunningKernel, client: Client) -> None:
    cell = kernel.begin(ASK, cell_id="cell-7")
    question = next_question(client)
    assert question.source.cell_id == "cell-7"
    assert cell.wait_for_card()["event"]["source"]["cell_id"] == "cell-7"
    client.answer(question.request_id, "green")
    cell.finish()
