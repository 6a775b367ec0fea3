"""Processes that die while they wait, in every way: their questions are cancelled soon after.

All of them die at once, since what takes long is the birth of each.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import ExitStack
from datetime import datetime, timezone
from functools import partial
from itertools import islice
from typing import TypeAlias

import pytest

from crewai_hitl_nb.client import Client, Request
from crewai_hitl_nb.protocol.events import HumanInputCancelled, HumanInputRequired
from crewai_hitl_nb.protocol.limits import PRESENCE_GRACE_SECONDS
from tests.jupyter_process import JupyterProcess, scratch_env
from tests.kernel.conftest import PROMISED_SECONDS, next_question, wait_until_closed
from tests.kernel.crews import ENABLE, KICKOFF
from tests.kernel.running_kernel import RunningKernel, running_kernel

pytestmark = pytest.mark.timeout(300)  # ten processes that import crewAI, on whatever machine

Deaths: TypeAlias = dict[str, tuple[Request, float]]
"""The request of each that died, and the seconds from its death to the cancellation."""

NAMED = "crew = make_crew(); crew.name = {!r}; crew.kickoff()"

KERNELS: dict[str, Callable[[RunningKernel, int], None]] = {
    "restarted": lambda kernel, pid: kernel.restart(),
    "shut down": lambda kernel, pid: kernel.shut_down(),
    "killed, as for want of memory": lambda kernel, pid: os.kill(pid, signal.SIGKILL),
    "aborted": lambda kernel, pid: os.kill(pid, signal.SIGABRT),
    "crashed": lambda kernel, pid: os.kill(pid, signal.SIGSEGV),
}

IN_THE_BACKGROUND = (
    "import sys, threading\n"
    "threading.Thread(target=lambda: make().kickoff(), daemon=True).start()\n"
    "sys.stdin.readline()\n"
)
SCRIPTS: dict[str, tuple[str, Callable[["subprocess.Popen[str]"], object]]] = {
    "killed": ("make().kickoff()", lambda script: script.kill()),
    "terminated": ("make().kickoff()", lambda script: script.terminate()),
    "ended": (IN_THE_BACKGROUND, lambda script: script.communicate("\n")),
    "ended by sys.exit": (
        f"{IN_THE_BACKGROUND}sys.exit(3)",
        lambda script: script.communicate("\n"),
    ),
    "ended in a thread": (
        "import os, sys, threading\n"
        "threading.Thread(target=lambda: (sys.stdin.readline(), os._exit(3))).start()\n"
        "make().kickoff()",
        lambda script: script.communicate("\n"),
    ),
}


def all_die(client: Client, deaths: dict[str, Callable[[], object]]) -> Deaths:
    """Wait until all of them ask, let all of them die, and wait until all are reported."""
    asked = islice(client.events(types=["human_input_required"], replay="pending"), len(deaths))
    questions = [event for event in asked if isinstance(event, HumanInputRequired)]
    named = {str(question.source.crew_name): question for question in questions}
    assert set(named) == set(deaths)
    died: Deaths = {}
    times = {}
    for name, die in deaths.items():
        times[name] = datetime.now(timezone.utc)
        die()
    for name, question in named.items():
        request = wait_until_closed(client, question.request_id)
        assert request.completion is not None
        died[name] = (request, (request.completion.timestamp - times[name]).total_seconds())
    return died


@pytest.fixture(scope="module")
def person(server: JupyterProcess) -> Iterator[Client]:
    with Client(server.prefix, server.token) as client:
        yield client


@pytest.fixture(scope="module")
def kernels_died(server: JupyterProcess, person: Client) -> Iterator[Deaths]:
    with ExitStack() as stack:
        kernels = {name: stack.enter_context(running_kernel(server)) for name in KERNELS}
        for kernel in kernels.values():
            kernel.begin(f"import os; print(os.getpid())\n{ENABLE}")
        pids = {}
        for name, kernel in kernels.items():
            pids[name] = kernel.pid()
            kernel.begin(NAMED.format(name))
        yield all_die(
            person,
            {name: partial(KERNELS[name], kernels[name], pids[name]) for name in KERNELS},
        )


@pytest.fixture(scope="module")
def scripts_died(
    server: JupyterProcess, person: Client, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Deaths]:
    folder = tmp_path_factory.mktemp("scripts")
    address = {"CREWAI_HITL_URL": server.prefix, "CREWAI_HITL_TOKEN": server.token}
    scripts: dict[str, subprocess.Popen[str]] = {}
    for name, (code, _) in SCRIPTS.items():
        path = folder / f"{name}.py"
        path.write_text(
            f"{ENABLE}\ndef make():\n    crew = make_crew(); crew.name = {name!r}\n"
            f"    return crew\n{code}\n"
        )
        scripts[name] = subprocess.Popen(
            [sys.executable, str(path)],
            env=scratch_env(folder) | address,
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            text=True,
        )
    try:
        yield all_die(person, {name: partial(SCRIPTS[name][1], scripts[name]) for name in SCRIPTS})
    finally:
        for script in scripts.values():
            script.kill()
            script.communicate()


def check(died: tuple[Request, float], record: Callable[[str, object], None]) -> None:
    request, seconds = died
    record("death_to_cancelled_seconds", round(seconds, 2))
    assert isinstance(request.completion, HumanInputCancelled)
    # Jupyter interrupts a kernel that it shuts down before it does.
    assert request.completion.reason in ("source_lost", "interrupted")
    assert PRESENCE_GRACE_SECONDS < PROMISED_SECONDS


@pytest.mark.parametrize("way", KERNELS)
def test_a_kernels_question_is_cancelled_within_ten_seconds_of_its_death(
    kernels_died: Deaths, way: str, record_property: Callable[[str, object], None]
) -> None:
    check(kernels_died[way], record_property)


@pytest.mark.parametrize("way", SCRIPTS)
def test_a_scripts_question_is_cancelled_within_ten_seconds_of_its_death(
    scripts_died: Deaths, way: str, record_property: Callable[[str, object], None]
) -> None:
    check(scripts_died[way], record_property)


@pytest.mark.parametrize("how", ["interrupted", "killed"])
def test_a_cell_that_is_run_again_never_shows_two_questions(
    server: JupyterProcess, client: Client, how: str
) -> None:
    with running_kernel(server) as kernel:
        pid = kernel.pid()
        kernel.run(ENABLE)
        cell = kernel.begin(KICKOFF)
        first = next_question(client)
        if how == "interrupted":
            kernel.interrupt()
            cell.finish()
        else:
            os.kill(pid, signal.SIGKILL)
            kernel.wait_until_back()
            kernel.run(ENABLE)
        kernel.begin(KICKOFF)
        second = _other(client, first)

        # What was asked first goes within the grace of a lost waiter, without anybody's doing.
        closed = wait_until_closed(client, first.request_id)
        assert closed.status == "cancelled"
        assert [request.request_id for request in client.pending()] == [second.request_id]
        client.answer(second.request_id)


def _other(client: Client, than: HumanInputRequired) -> HumanInputRequired:
    """Wait for another question."""
    for event in client.events(types=["human_input_required"], replay="all"):
        if not isinstance(event, HumanInputRequired):
            continue
        if (event.offset or 0) > (than.offset or 0):
            return event
    raise AssertionError("a stream never ends by itself")
