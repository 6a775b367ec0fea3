"""Flows in plain scripts: crewAI's console without a server, the bridge with one."""

import signal

from crewai_hitl_nb.client import Client
from tests.jupyter_process import JupyterProcess
from tests.kernel.conftest import next_question, wait_until_closed
from tests.kernel.flows import ENABLE_FLOWS
from tests.kernel.plain_script import Start, address_of, start_with

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


start = start_with(ENABLE_FLOWS)


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
    address = address_of(server)
    script = start(EACH_INTERRUPTED, **address)
    assert script.stdout is not None
    for _ in range(RUN_COUNT):
        question = next_question(client)
        script.send_signal(signal.SIGINT)

        assert "interrupted 0\n" in iter(script.stdout.readline, "")
        assert wait_until_closed(client, question.request_id).status == "cancelled"

    _, errors = script.communicate(timeout=30)
    assert script.returncode == 0, errors
