"""Plain scripts: crewAI's console without a server, the bridge with one."""

import json
import os
import signal
from pathlib import Path

import pytest

from crewai_hitl_nb.client import Client
from tests.jupyter_process import JupyterProcess
from tests.kernel.conftest import next_question, pending_questions, wait_until_closed
from tests.kernel.crews import ENABLE
from tests.kernel.plain_script import Start, address_of, start_with

KINDS = """
import asyncio

RUNS = [
    lambda: make_crew().kickoff(),
    lambda: asyncio.run(make_crew().kickoff_async()),
    lambda: asyncio.run(make_crew().akickoff()),
]
"""
EACH = f"{KINDS}\nfor run in RUNS: print(run(), flush=True)"
EACH_INTERRUPTED = f"""{KINDS}
for run in RUNS:
    try:
        print(run())
    except KeyboardInterrupt:
        print('interrupted', flush=True)
"""
RUN_COUNT = 3


start = start_with(ENABLE)


def test_without_a_server_the_console_asks_as_before(start: Start) -> None:
    script = start("print(make_crew().kickoff())")
    out, errors = script.communicate("Shorter\n\n", timeout=60)

    assert script.returncode == 0, errors
    assert "Human Feedback Required" in out
    assert "- Shorter" in out


def test_without_a_server_the_console_asks_in_a_loop_as_before(start: Start) -> None:
    script = start("import asyncio; print(asyncio.run(make_crew().akickoff()))")
    out, errors = script.communicate("\n", timeout=60)

    assert script.returncode == 0, errors
    assert "Human Feedback Required" in out
    assert "# A note on tea" in out


def test_a_script_is_answered_on_the_running_server_of_its_user(
    start: Start, server: JupyterProcess, client: Client
) -> None:
    script = start(EACH, JUPYTER_RUNTIME_DIR=server.env["JUPYTER_RUNTIME_DIR"])
    for _ in range(RUN_COUNT):
        client.answer(next_question(client).request_id, "Shorter")
        client.answer(next_question(client).request_id)
    out, errors = script.communicate(timeout=60)

    assert script.returncode == 0, errors
    assert out.count("- Shorter") == RUN_COUNT
    assert "Human Feedback Required" not in out
    assert f"Answer at {server.prefix}" in errors


def test_control_c_ends_each_kind_of_run_promptly_and_withdraws_its_question(
    start: Start, server: JupyterProcess, client: Client
) -> None:
    script = start(EACH_INTERRUPTED, **address_of(server))
    assert script.stdout is not None
    for _ in range(RUN_COUNT):
        question = next_question(client)
        script.send_signal(signal.SIGINT)

        lines = iter(script.stdout.readline, "")  # crewAI says a word of its own before
        assert "interrupted\n" in lines
        assert wait_until_closed(client, question.request_id).status == "cancelled"

    _, errors = script.communicate(timeout=30)
    assert script.returncode == 0, errors


APP = """
import asyncio

async def handler(run):
    try:
        return str(await run())
    except RuntimeError as refused:
        return f'refused: {refused}'

async def kickoff():
    return make_crew().kickoff()

async def kickoff_for_each():
    return make_crew().kickoff_for_each([{}])

async def serve():
    for run in (kickoff, kickoff_for_each, make_crew().akickoff):
        print(await handler(run), flush=True)
"""


def test_the_loop_of_an_application_is_never_blocked_by_a_crew(
    start: Start, server: JupyterProcess, client: Client
) -> None:
    script = start(
        f"{APP}\nasyncio.run(serve())",
        **address_of(server),
    )
    client.answer(next_question(client).request_id)  # the one of akickoff
    out, errors = script.communicate(timeout=60)

    assert script.returncode == 0, errors
    assert out.count("refused: Agent execution was invoked synchronously") == 2
    assert errors.count("crewAI asks") == 1
    assert "# A note on tea" in out


POOL = """
import asyncio, threading
from concurrent.futures import ThreadPoolExecutor

def waiting_inside():
    with ThreadPoolExecutor(2) as pool:
        list(pool.map(lambda name: make_crew(name).kickoff(), 'abc'))

async def in_threads():
    await asyncio.gather(*(asyncio.to_thread(make_crew(n).kickoff) for n in 'ab'))

def asking_beside_an_interrupt():
    try:
        raise KeyboardInterrupt
    except KeyboardInterrupt:
        print(hitl.ask('Really stop?'), flush=True)
"""
ENDS = {
    "waiting_inside()": 2,
    "asyncio.run(in_threads())": 2,
    "pool = ThreadPoolExecutor(1); pool.submit(make_crew().kickoff); hitl.ask('Go on?')": 2,
}
"""How a script may end by Ctrl-C while threads of it ask, and how many questions it asks."""


@pytest.mark.parametrize("code", ENDS)
def test_control_c_ends_a_script_whose_threads_ask_and_withdraws_their_questions(
    code: str, start: Start, server: JupyterProcess, client: Client
) -> None:
    script = start(f"{POOL}\n{code}", **address_of(server))
    asked = pending_questions(client, ENDS[code])
    script.send_signal(signal.SIGINT)
    script.communicate(timeout=60)

    assert script.returncode != 0
    for question in asked:
        assert wait_until_closed(client, question.request_id).status == "cancelled"


def test_a_script_that_took_an_interrupt_may_ask_about_it(
    start: Start, server: JupyterProcess, client: Client
) -> None:
    script = start(
        f"{POOL}\nasking_beside_an_interrupt()",
        **address_of(server),
    )
    client.answer(next_question(client).request_id, "no")
    out, errors = script.communicate(timeout=60)

    assert (script.returncode, out) == (0, "no\n"), errors


def test_a_script_that_ends_while_it_asks_takes_its_question_back(
    start: Start, server: JupyterProcess, client: Client
) -> None:
    code = (
        "import sys, threading\n"
        "threading.Thread(target=make_crew().kickoff, daemon=True).start()\n"
        "sys.stdin.readline()"
    )
    script = start(code, **address_of(server))
    question = next_question(client)
    script.communicate("end\n", timeout=30)

    request = wait_until_closed(client, question.request_id)
    assert request.status == "cancelled"


def test_the_file_that_names_a_server_is_for_its_user_only(server: JupyterProcess) -> None:
    (path,) = Path(server.env["JUPYTER_RUNTIME_DIR"]).glob("crewai-hitl-*.json")

    assert path.stat().st_mode & 0o777 == 0o600
    assert set(json.loads(path.read_text())) >= {"url", "key", "pid"}
    assert path.stat().st_uid == os.geteuid()
