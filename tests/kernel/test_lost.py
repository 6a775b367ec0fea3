"""Kernels and servers that die: nothing is wedged, nothing is approved, nothing is lost."""

import json
import os
import shutil
import signal
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.events import HumanInputCancelled
from crewai_hitl_nb.protocol.files import FILE
from crewai_hitl_nb.protocol.limits import PRESENCE_GRACE_SECONDS
from tests.jupyter_process import JupyterProcess, jupyter_process
from tests.kernel.conftest import LIGHT, PROMISED_SECONDS, next_question, wait_until_closed
from tests.kernel.crews import AKICKOFF, CREW, ENABLE, KICKOFF
from tests.kernel.running_kernel import RunningKernel, running_kernel
from tests.relay import Relay

PATIENT = ("--KernelManager.shutdown_wait_time=3600",)
"""A kernel that does not end when it is told to is never killed: whoever waits for it hangs."""


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    """A server of this module's own: its death would take the shared kernel along."""
    with jupyter_process(tmp_path_factory.mktemp("mortal"), options=(*LIGHT, *PATIENT)) as server:
        yield server


@pytest.fixture(scope="module")
def outliving_kernelspec(server: JupyterProcess) -> str:
    """A kernel that does not die with its server, as one behind a gateway does not."""
    folder = Path(server.env["JUPYTER_DATA_DIR"]) / "kernels" / "outliving"
    folder.mkdir(parents=True, exist_ok=True)
    launch = ["env", "-u", "JPY_PARENT_PID", sys.executable, "-m", "ipykernel_launcher"]
    spec = {
        "argv": [*launch, "-f", "{connection_file}"],
        "display_name": "Outliving",
        "language": "python",
    }
    (folder / "kernel.json").write_text(json.dumps(spec))
    return "outliving"


@pytest.fixture(scope="module")
def outliving(server: JupyterProcess, outliving_kernelspec: str) -> Iterator[RunningKernel]:
    """A kernel that survives its server, with the bridge on."""
    with running_kernel(server, outliving_kernelspec) as kernel:
        pid = kernel.pid()
        try:
            kernel.run(ENABLE)
            yield kernel
        finally:
            os.kill(pid, signal.SIGKILL)  # a server that was started later does not know it


def test_a_killed_kernels_question_is_cancelled_within_ten_seconds(
    server: JupyterProcess, client: Client
) -> None:
    with running_kernel(server) as kernel:
        kernel.run(ENABLE)
        pid = kernel.pid()
        kernel.begin(KICKOFF)
        question = next_question(client)

        os.kill(pid, signal.SIGKILL)
        request = wait_until_closed(client, question.request_id)

        assert PRESENCE_GRACE_SECONDS < PROMISED_SECONDS
        assert isinstance(request.completion, HumanInputCancelled)
        assert request.completion.reason == "source_lost"
        kernel.wait_until_back()  # Jupyter may wait for ever for a kernel that ends as it starts


@pytest.mark.parametrize("kickoff", [KICKOFF, AKICKOFF])
def test_shutting_a_waiting_kernel_down_takes_its_question_back(
    server: JupyterProcess, client: Client, kickoff: str
) -> None:
    with running_kernel(server) as kernel:
        kernel.run(ENABLE)
        kernel.begin(kickoff)
        question = next_question(client)

    assert wait_until_closed(client, question.request_id).status == "cancelled"


def test_a_crew_on_a_worker_thread_does_not_keep_a_kernel_from_ending(
    server: JupyterProcess, client: Client
) -> None:
    """asyncio's worker threads are joined at exit; one that waits for a human must give up."""
    with running_kernel(server) as kernel:
        kernel.run(ENABLE)
        pid = kernel.pid()
        kernel.run("import asyncio; t = asyncio.create_task(make_crew().kickoff_async())")
        question = next_question(client)

        kernel.shut_down()
        request = wait_until_closed(client, question.request_id)

    assert isinstance(request.completion, HumanInputCancelled)
    assert request.completion.reason == "source_lost"
    with pytest.raises(ProcessLookupError):
        os.kill(pid, 0)


@pytest.mark.parametrize("kickoff", [KICKOFF, AKICKOFF])
def test_an_answer_after_a_server_restart_reaches_the_crew(
    server: JupyterProcess, client: Client, outliving: RunningKernel, kickoff: str
) -> None:
    cell = outliving.begin(kickoff)
    question = next_question(client)

    server.kill()
    server.start()
    assert next_question(client) == question
    client.answer(question.request_id, "After the restart")
    second = next_question(client)
    client.answer(second.request_id)
    cell.finish()

    assert cell.error is None
    assert "After the restart" in cell.text


def test_a_server_that_begins_a_new_log_gets_the_question_with_its_files_again(
    server: JupyterProcess, client: Client, outliving: RunningKernel
) -> None:
    cell = outliving.begin(
        "import crewai_hitl_nb as hitl\n"
        "print(hitl.ask('Good?', context=hitl.File.from_bytes('s.csv', b'1,2')))"
    )
    question = next_question(client)

    server.kill()
    for path in Path(server.env["JUPYTER_DATA_DIR"]).rglob("*.db*"):
        shutil.rmtree(path) if path.is_dir() else path.unlink()
    server.start()
    again = next_question(client)
    file = again.attachments["file-1"][FILE]
    assert again.request_id == question.request_id
    assert client.download(again.request_id, file["sha256"]) == b"1,2"
    client.answer(again.request_id, "Good enough")
    cell.finish()

    assert cell.error is None
    assert "Good enough" in cell.text


def test_an_answer_given_while_the_connection_was_cut_reaches_the_crew(
    server: JupyterProcess, client: Client
) -> None:
    with running_kernel(server) as kernel, Relay(server.port) as relay:
        kernel.run(
            f"{CREW}\nimport os\n"
            "key = os.environ['CREWAI_HITL_KERNEL_KEY']\n"
            f"hitl.enable(url='http://127.0.0.1:{relay.port}/crewai-hitl/', token=key)"
        )
        cell = kernel.begin(KICKOFF)
        question = next_question(client)

        relay.cut()
        client.answer(question.request_id)
        relay.restore()
        cell.finish()

        assert cell.error is None
        assert "# A note on tea" in cell.text


def test_a_question_asked_while_the_server_is_away_is_published_when_it_is_back(
    server: JupyterProcess, client: Client, outliving: RunningKernel
) -> None:
    server.kill()
    cell = outliving.begin(KICKOFF)
    card = cell.wait_for_card()  # it is on screen before the server knows of it

    server.start()
    question = next_question(client)
    client.answer(question.request_id)
    cell.finish()

    assert question.request_id == card["request_id"]
    assert cell.error is None
