"""A server in the kernel itself, where there is no Jupyter server: a blocked cell stops neither."""

import msgspec
import pytest

from crewai_hitl_nb.client import Client
from tests.kernel.conftest import next_question
from tests.kernel.running_kernel import RunningKernel

BEGIN = """
hitl.disable()
own = hitl.HumanInputServer(port=0, api_key="k")
await own.start_async()
hitl.enable(own.url, "k")
print(own.url)
"""


@pytest.mark.parametrize(
    "ask", ["make_crew().kickoff()", "hitl.ask('Good?', options=['yes'], default='yes')"]
)
def test_a_plain_cell_asks_the_server_that_an_earlier_cell_began(
    kernel: RunningKernel, ask: str
) -> None:
    url = kernel.run(BEGIN).text.split()[-1]
    cell = kernel.begin(f"print({ask})")
    with Client(url, "k") as client:
        question = next_question(client)
        options = ["yes"] if question.kind == "question" else None
        client.answer(question.request_id, options=options)
        cell.finish()
    kernel.run("await own.stop_async(); hitl.disable()")

    assert cell.error is None, cell.error


def test_a_file_is_shown_and_asked_for_by_a_server_in_the_kernel(kernel: RunningKernel) -> None:
    url = kernel.run(BEGIN).text.split()[-1]
    cell = kernel.begin(
        "plan = hitl.File.from_bytes('plan.txt', b'old')\n"
        "file = await hitl.ask_async('The new one?', schema=hitl.File, context=plan)\n"
        "print(file, file.read())"
    )
    with Client(url, "k") as client:
        question = next_question(client)
        (shown,) = question.attachments["file-1"].values()
        assert client.download(question.request_id, shown["sha256"]) == b"old"
        new = client.upload(question.request_id, b"new", name="plan.txt")
        client.answer(question.request_id, values={"file": msgspec.to_builtins(new)})
        cell.finish()
    kernel.run("await own.stop_async(); hitl.disable()")

    assert cell.text == "plan.txt (3 bytes) b'new'\n"
