"""Every way of running a crew asks through the bridge: in a cell, and in a script alike."""

import os
import subprocess
import sys
from collections.abc import Iterator
from itertools import islice
from pathlib import Path

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.protocol.events import HumanInputRequired
from tests.jupyter_process import JupyterProcess, scratch_env
from tests.kernel.conftest import next_question
from tests.kernel.crews import ENABLE
from tests.kernel.running_kernel import RunningKernel

PREPARED = """\
import asyncio, threading
from crewai import Process
from crewai.flow.flow import Flow, listen, start

INPUTS = [{"what": "tea"}, {"what": "coffee"}]

def note():
    return make_crew("A note on {what}")

def async_tasks():
    first, second = make_crew("A note on tea"), make_crew("A note on coffee")
    tasks = [first.tasks[0], second.tasks[0]]
    for task in tasks:
        task.async_execution = True
    last = Task(description="Sum up", expected_output="-", agent=first.agents[0])
    return Crew(agents=[*first.agents, *second.agents], tasks=[*tasks, last])

def hierarchical():
    crew = make_crew()
    return Crew(
        name="Notes", agents=crew.agents, tasks=crew.tasks,
        process=Process.hierarchical, manager_llm=ScriptedLLM(model="scripted"),
    )

class Sync(Flow):
    @start()
    def write(self):
        return make_crew().kickoff()

class Async(Flow):
    @start()
    async def write(self):
        return await make_crew().akickoff()

class Mixed(Flow):
    @start()
    async def write(self):
        return await make_crew("A note on tea").kickoff_async()

    @listen(write)
    def write_on(self):
        return make_crew("A note on coffee").kickoff()

def streamed(what="A note on tea"):
    crew = make_crew(what)
    crew.stream = True
    return crew

class Streamed(Flow):
    stream = True

    @start()
    def write(self):
        return streamed_in_full(streamed().kickoff())

def streamed_in_full(stream):
    chunks = list(stream)
    return stream.result

async def awaited_in_full(stream):
    chunks = [chunk async for chunk in stream]
    return stream.result

def in_threads(*crews):
    results = []
    run = lambda crew: results.append(crew.kickoff())
    threads = [threading.Thread(target=run, args=[crew]) for crew in crews]
    for thread in threads: thread.start()
    for thread in threads: thread.join()
    return results

async def together(*crews):
    return await asyncio.gather(*(crew.akickoff() for crew in crews))
"""

PREPARE = f"{ENABLE}\n{PREPARED}"

WAYS = {
    "kickoff": ("make_crew().kickoff()", 1),
    "kickoff_async": ("await make_crew().kickoff_async()", 1),
    "akickoff": ("await make_crew().akickoff()", 1),
    "kickoff_for_each": ("note().kickoff_for_each(inputs=INPUTS)", 2),
    "kickoff_for_each_async": ("await note().kickoff_for_each_async(inputs=INPUTS)", 2),
    "akickoff_for_each": ("await note().akickoff_for_each(inputs=INPUTS)", 2),
    "async_execution": ("async_tasks().kickoff()", 2),
    "async_execution in akickoff": ("await async_tasks().akickoff()", 2),
    "hierarchical": ("hierarchical().kickoff()", 1),
    "hierarchical in akickoff": ("await hierarchical().akickoff()", 1),
    "in a flow": ("Sync().kickoff()", 1),
    "in an async flow": ("Async().kickoff()", 1),
    "in an awaited flow": ("await Async().kickoff_async()", 1),
    "two in a flow": ("Mixed().kickoff()", 2),
    "streamed": ("streamed_in_full(streamed().kickoff())", 1),
    "streamed in kickoff_async": ("await awaited_in_full(await streamed().kickoff_async())", 1),
    "streamed in akickoff": ("await awaited_in_full(await streamed().akickoff())", 1),
    "streamed for each": (
        "[streamed_in_full(one) for one in streamed('A note on {what}').kickoff_for_each(INPUTS)]",
        2,
    ),
    "streamed in a flow": ("streamed_in_full(Streamed().kickoff())", 1),
    "streamed in an awaited flow": ("await awaited_in_full(await Streamed().kickoff_async())", 1),
    "in bare threads": ("in_threads(make_crew('A note on tea'), make_crew('On coffee'))", 2),
    "several at once": ("await together(make_crew('A note on tea'), make_crew('On coffee'))", 2),
    "on an executor": ("await asyncio.to_thread(make_crew().kickoff)", 1),
}
"""Code that runs a crew in some way, and how many questions it asks."""


def revise_each_once(client: Client, count: int) -> list[HumanInputRequired]:
    """Ask for a change of every first draft, accept every second one; return all questions."""
    asked = client.events(types=["human_input_required"], replay="pending")
    questions = []
    for event in islice(asked, 2 * count):
        assert isinstance(event, HumanInputRequired)
        questions.append(event)
        client.answer(event.request_id, "Shorter" if event.round == 1 else "")
    return questions


@pytest.mark.parametrize("way", WAYS)
def test_in_a_cell(kernel: RunningKernel, client: Client, way: str) -> None:
    code, count = WAYS[way]
    kernel.run(PREPARED)
    cell = kernel.begin(f"ended = {code}")
    questions = revise_each_once(client, count)
    cell.finish()

    assert cell.error is None, cell.error
    assert sorted(question.round for question in questions) == [1] * count + [2] * count
    assert len({question.request_id for question in questions}) == 2 * count
    assert all("- Shorter" in question.context for question in questions if question.round == 2)
    assert len(cell.cards()) == 2 * count
    assert client.pending() == []


@pytest.fixture(scope="module")
def script(
    server: JupyterProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator["subprocess.Popen[str]"]:
    """A script that runs every way, one after the other; for all of them in one go."""
    folder = tmp_path_factory.mktemp("script")
    lines = [PREPARE, "import sys"]
    for code, _ in WAYS.values():
        lines += ["async def run():", f"    return {code}"] if "await" in code else []
        lines += [f"print({'asyncio.run(run())' if 'await' in code else code}, flush=True)"]
    (folder / "script.py").write_text("\n".join(lines))
    address = {"CREWAI_HITL_URL": server.prefix, "CREWAI_HITL_TOKEN": server.token}
    script = subprocess.Popen(
        [sys.executable, str(folder / "script.py")],
        env=scratch_env(folder) | address,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
    )
    yield script
    script.kill()
    script.communicate()


def test_in_a_script(script: "subprocess.Popen[str]", client: Client) -> None:
    for _, count in WAYS.values():
        revise_each_once(client, count)
    printed, _ = script.communicate(timeout=60)

    assert script.returncode == 0, printed
    assert client.pending() == []


def test_enabled_in_an_await_cell_it_holds_for_later_cells_of_every_sort(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run("hitl.disable()")
    kernel.run("import asyncio\nawait asyncio.to_thread(hitl.enable)")
    for code in ("make_crew().kickoff()", "await make_crew().akickoff()"):
        cell = kernel.begin(f"ended = {code}")
        client.answer(next_question(client).request_id)
        assert cell.finish().error is None


LISTED = """\
import crewai, importlib, pkgutil, types
from crewai.hooks import InterceptionPoint, get_hooks
from crewai.core.providers.human_input import get_provider
from crewai.flow.flow_config import flow_config
from crewai.events import crewai_event_bus

def everything():
    "Every attribute of every class and module of crewAI that is loaded, by identity."
    import sys
    found = {}
    for name, module in sorted(sys.modules.items()):
        if name.split(".")[0] != "crewai" or module is None:
            continue
        for key, value in vars(module).items():
            if isinstance(value, (types.FunctionType, type)):
                found[name, key] = id(value)
            if isinstance(value, type) and value.__module__.startswith("crewai"):
                for attribute, held in vars(value).items():
                    if not attribute.startswith(("_abc_", "__pydantic", "__annotations")):
                        found[value.__module__, value.__qualname__, attribute] = id(held)
    hooks = {str(point): [id(hook) for hook in get_hooks(point)] for point in InterceptionPoint}
    flows = {key: repr(value) for key, value in vars(flow_config).items()}
    return found, hooks, flows, type(get_provider()).__name__
"""


def test_disabling_puts_every_patched_attribute_and_hook_of_crewai_back(
    kernel: RunningKernel, client: Client
) -> None:
    kernel.run(f"hitl.disable()\n{PREPARED}\n{LISTED}\nbefore = everything()")
    kernel.run("hitl.enable()\nbetween = everything()")
    for code in ("make_crew().kickoff()", "Sync().kickoff()"):
        cell = kernel.begin(f"ended = {code}")
        client.answer(next_question(client).request_id)
        assert cell.finish().error is None
    compared = kernel.run(
        "hitl.disable()\nafter = everything()\n"
        "print(sorted(k for k, v in before[0].items() if after[0].get(k) != v))\n"
        "print(after[1:] == before[1:], between[0] != before[0], between[1] != before[1])"
    )

    assert compared.text.splitlines() == ["[]", "True True True"]


def test_a_script_without_a_bridge_of_its_own_has_the_users_provider(
    server: JupyterProcess, tmp_path: Path
) -> None:
    own = (
        "from crewai.core.providers.human_input import SyncHumanInputProvider, set_provider\n"
        "class Own(SyncHumanInputProvider):\n"
        "    @staticmethod\n"
        "    def _prompt_input(crew): return ''\n"
        "set_provider(Own())\n"
        "print(make_crew().kickoff())"
    )
    (tmp_path / "script.py").write_text(f"{ENABLE}\n{own}")
    address = {"CREWAI_HITL_URL": server.prefix, "CREWAI_HITL_TOKEN": server.token}
    ran = subprocess.run(
        [sys.executable, str(tmp_path / "script.py")],
        env=scratch_env(tmp_path) | address | {"COLUMNS": os.environ.get("COLUMNS", "100")},
        capture_output=True,
        text=True,
        timeout=60,
        check=True,
    )
    assert "# A note on tea" in ran.stdout
