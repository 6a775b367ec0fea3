"""The guides keep their word: each of their examples runs, answered as a reader would answer it."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import httpx
import pytest
from colleague import Answer, Colleague
from traitlets.config import Config

import crewai_hitl_nb as hitl
from crewai_hitl_nb.cli.main import commands
from crewai_hitl_nb.server.extension import HumanInputApp
from tests.jupyter_process import REPOSITORY, JupyterProcess, free_port, jupyter_process
from tests.test_docs import MY_PROJECT, code_blocks

DOCS = REPOSITORY / "docs"
GUIDES = [DOCS / f"{name}.md" for name in ("start", "answering", "asking", "server", "security")]

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    scratch = tmp_path_factory.mktemp("guides")
    with jupyter_process(scratch) as server:
        (server.root / "my_project.py").write_text(MY_PROJECT)
        yield server


def run(server: JupyterProcess, code: str, answers: list[Answer]) -> str:
    """Run an example beside a server and a colleague; return what it prints."""
    colleague = Colleague(server.prefix, server.token, answers)
    colleague.start()
    path = os.pathsep.join([str(server.root), server.env["PYTHONPATH"]])
    address = {"CREWAI_HITL_URL": server.prefix, "CREWAI_HITL_TOKEN": server.token}
    result = subprocess.run(
        [sys.executable, "-c", code],
        env={**server.env, **address, "PYTHONPATH": path},
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert result.returncode == 0, result.stderr
    assert colleague.left == []
    return result.stdout


def example(name: str, words: str) -> str:
    """Return the one example of a guide that has these words."""
    (found,) = [block for block in code_blocks(DOCS / f"{name}.md", "python") if words in block]
    return found


def test_the_start_turns_the_bridge_on(server: JupyterProcess) -> None:
    run(server, example("start", "enable()"), [])


def test_a_crew_asks_and_goes_on(server: JupyterProcess) -> None:
    said = [{"human_feedback": "Name the price"}, {"decision": "approve"}]
    assert "Name the price" in run(server, example("asking", "my_project"), said)


def test_a_person_is_a_function_with_typed_values(server: JupyterProcess) -> None:
    said: list[Answer] = [
        {"to": "Which table?", "options": ["orders"]},
        {"to": "How much", "values": {"rows": 5, "target": "staging"}},
    ]
    assert run(server, example("asking", "hitl.ask("), said).strip() == "orders 5 staging"


def test_a_gate_stands_before_tools(server: JupyterProcess) -> None:
    run(server, example("asking", "approve_tools"), [])


def test_a_server_of_ones_own_says_where_it_is(server: JupyterProcess) -> None:
    port = free_port()
    code = example("asking", "HumanInputServer").replace("8000", str(port))
    assert f"Answer at http://127.0.0.1:{port}/" in run(server, code, [])


def test_the_inbox_is_one_line(server: JupyterProcess) -> None:
    run(server, example("answering", "hitl.inbox()"), [])


def test_a_script_answers_all_that_waits(server: JupyterProcess) -> None:
    question = {"type": "human_input_required", "execution_id": "guide", "prompt": "Good?"}
    with hitl.Client(server.prefix, server.token) as client:
        (asked,) = client.publish(question)
        run(server, example("answering", "hitl.Client()"), [])
        assert client.request(str(asked.request_id)).status == "answered"


def test_a_server_is_started_by_a_script(server: JupyterProcess) -> None:
    port = free_port()
    code = example("server", "server.start()").replace("8000", str(port))
    process = subprocess.Popen([sys.executable, "-c", code], env=server.env)
    try:
        transport = httpx.HTTPTransport(retries=8)  # with pauses, until it listens
        with httpx.Client(transport=transport, base_url=f"http://localhost:{port}/") as http:
            headers = {"Authorization": "Bearer your-api-key"}
            assert http.get("requests", headers=headers).json()["requests"] == []
    finally:
        process.terminate()
        process.wait()


def test_every_setting_of_the_server_is_documented_and_those_shown_exist() -> None:
    page = (DOCS / "server.md").read_text()
    own = set(HumanInputApp.class_own_traits(config=True))
    rows = re.findall(r"^\| (`.+?`) \|", page, re.MULTILINE)
    documented = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert own == documented
    c = Config()
    exec(example("server", "c.HumanInputApp"), {"c": c})
    assert set(c.HumanInputApp) <= own


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_commands_name_what_the_command_line_has(guide: Path) -> None:
    for line in "".join(code_blocks(guide, "sh")).splitlines():
        program, *words = line.split()
        if program != "crewai-hitl":
            continue
        command: click.Command = commands
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        options = {option for p in command.params for option in p.opts}
        assert {word for word in words if word.startswith("--")} <= options
