"""Flows in plain scripts: crewAI's console without a server, the bridge with one."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from crewai_hitl_nb.client import Client
from tests.jupyter_process import JupyterProcess, scratch_env
from tests.kernel.conftest import next_question, wait_until_closed
from tests.kernel.flows import ENABLE_FLOWS

FLOWS = ("Skippable()", "Asks()", "AsksOnItsLoop()")
RUNS = "\n".join(
    f"runs.append(lambda: {how})"
    for flow in FLOWS
    for how in (f"{flow}.kickoff()", f"asyncio.run({flow}.kickoff_async())")
)
EACH_INTERRUPTED = f"""\
runs = []
{RUNS}
for run in runs:
    try:
        print(run(), flush=True)
    except KeyboardInterrupt:
        print("interrupted", len(reached), flush=True)
"""
RUN_COUNT = 2 * len(FLOWS)

Start = Callable[..., "subprocess.Popen[str]"]


@pytest.fixture
def start(tmp_path: Path) -> Iterator[Start]:
    """Start a script that has the flows and ends with the given code."""
    scripts: list[subprocess.Popen[str]] = []

    def start(code: str, **env: str) -> "subprocess.Popen[str]":
        path = tmp_path / "script.py"
        path.write_text(f"{ENABLE_FLOWS}\n{code}\n")
        pipe = subprocess.PIPE
        script = subprocess.Popen(
            [sys.executable, str(path)],
            env=scratch_env(tmp_path) | env,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
        )
        scripts.append(script)
        return script

    yield start
    for script in scripts:
        script.kill()
        script.communicate()


def test_without_a_server_the_console_asks_as_before(start: Start) -> None:
    script = start("print(Review().kickoff()); print(Asks(timeout=30).kickoff())")
    out, errors = script.communicate("Shorter\nTea\n", timeout=60)

    assert script.returncode == 0, errors
    assert "OUTPUT FOR REVIEW" in out
    assert "sent with 'Shorter'" in out
    assert "said 'Tea'" in out


def test_without_a_server_a_durable_flow_asks_on_the_console(start: Start) -> None:
    script = start("hitl.enable(durable_flows=True); print(Review().kickoff())")
    out, errors = script.communicate("Shorter\n", timeout=60)

    assert script.returncode == 0, errors
    assert "sent with 'Shorter'" in out


def test_control_c_ends_each_kind_of_flow_and_withdraws_its_question(
    start: Start, server: JupyterProcess, client: Client
) -> None:
    address = {"CREWAI_HITL_URL": server.prefix, "CREWAI_HITL_TOKEN": server.token}
    script = start(EACH_INTERRUPTED, **address)
    assert script.stdout is not None
    for _ in range(RUN_COUNT):
        question = next_question(client)
        script.send_signal(signal.SIGINT)

        assert "interrupted 0\n" in iter(script.stdout.readline, "")
        assert wait_until_closed(client, question.request_id).status == "cancelled"

    _, errors = script.communicate(timeout=30)
    assert script.returncode == 0, errors
