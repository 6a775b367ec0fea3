"""The guides keep their word: each of their examples runs, answered as a reader would answer it."""

import inspect
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
from crewai_hitl_nb.protocol.records import FIELDS
from crewai_hitl_nb.server.extension import HumanInputApp
from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.jupyter_process import REPOSITORY, JupyterProcess, free_port, jupyter_process
from tests.test_docs import MY_PROJECT, code_blocks

DOCS = REPOSITORY / "docs"
GUIDES = sorted(page for page in DOCS.glob("*.md") if page.stem not in ("api", "cli"))

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
    assert "Name the price" in run(server, example("review-a-task", "my_project"), said)


def test_a_person_is_a_function_with_typed_values(server: JupyterProcess) -> None:
    said: list[Answer] = [
        {"to": "Which table?", "options": ["orders"]},
        {"to": "How much", "values": {"rows": 5, "target": "staging"}},
    ]
    assert run(server, example("asking", "hitl.ask("), said).strip() == "orders 5 staging"


def test_a_gate_stands_before_tools(server: JupyterProcess) -> None:
    run(server, example("approve-tools", "approve_tools"), [])


def test_a_server_of_ones_own_says_where_it_is(server: JupyterProcess) -> None:
    port = free_port()
    code = example("scripts", "HumanInputServer").replace("8000", str(port))
    assert f"Answer at http://127.0.0.1:{port}/" in run(server, code, [])


def test_the_inbox_is_one_line(server: JupyterProcess) -> None:
    run(server, example("answering", "hitl.inbox()"), [])


def test_a_script_answers_all_that_waits(server: JupyterProcess) -> None:
    question = {"type": "human_input_required", "execution_id": "guide", "prompt": "Good?"}
    with hitl.Client(server.prefix, server.token) as client:
        (asked,) = client.publish(question)
        run(server, example("answering", "hitl.Client()"), [])
        assert client.request(str(asked.request_id)).status == "answered"


def test_what_people_decided_is_data(server: JupyterProcess) -> None:
    question = {"type": "human_input_required", "execution_id": "data", "prompt": "Good?"}
    review = {**question, "kind": "task_feedback", "source": {"agent_role": "Author"}}
    with hitl.Client(server.prefix, server.token) as client:
        client.publish({**review, "request_id": "draft-1"}, {**review, "request_id": "draft-2"})
        client.answer("draft-1", decision="approve")
        client.answer("draft-2", "Name the source", decision="respond")
    printed = run(server, example("answers-as-data", "timedelta"), [])
    assert re.search(r"^pass at once: 0\.\d+$", printed, re.M)
    assert re.search(r"^usual seconds: \d", printed, re.M)
    printed = run(server, example("answers-as-data", "back.groupby"), [])
    assert re.search(r"Author +Name the source +1", printed)


def test_the_fields_of_history_are_all_described() -> None:
    page = (DOCS / "answers-as-data.md").read_text()
    rows = re.findall(r"^\| ((?:`\w+`(?:, )?)+) \|", page, re.M)
    named = {name for row in rows for name in re.findall(r"`(\w+)`", row)}
    assert named >= set(FIELDS) | set(inspect.signature(hitl.history).parameters) - {"url", "token"}


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


def table(heading: str) -> list[list[str]]:
    """Return the cells of the table below a heading of the page about the server."""
    _, _, rest = (DOCS / "server.md").read_text().partition(f"### {heading}\n")
    rows = re.findall(r"^\| (`.*) \|$", re.split("^##", rest, flags=re.M)[0], re.M)
    return [re.split(r" ?\| ?", row) for row in rows]


def default(cell: str) -> object:
    """Return the default that a cell of such a table names; None for none."""
    words = {"none": None, "yes": True, "no": False}
    if cell in words:
        return words[cell]
    return cell.strip("`") if "`" in cell else float(cell.replace(",", ""))


def in_words(value: object) -> object:
    """Return a default of the code as the tables have it."""
    return value if value or isinstance(value, bool | float | int) else None


def test_every_setting_of_the_extension_has_its_real_default_in_the_table() -> None:
    traits = HumanInputApp.class_own_traits(config=True)
    real = {name: in_words(trait.default()) for name, trait in traits.items()}
    rows = table("Settings of `HumanInputApp`")
    assert {name.strip("`"): default(said) for name, said, _ in rows} == real


def test_every_parameter_of_the_server_has_its_real_default_in_the_table() -> None:
    parameters = inspect.signature(HumanInputServer).parameters.values()
    real = {parameter.name: in_words(parameter.default) for parameter in parameters}
    rows = table("Settings of `HumanInputServer`")
    assert {name.strip("`"): default(said) for name, said, _, _ in rows} == real
    options = {
        option for parameter in commands.commands["serve"].params for option in parameter.opts
    }
    assert {option.strip("`") for _, _, option, _ in rows if option} <= options


def test_the_settings_shown_exist() -> None:
    c = Config()
    exec(example("server", "c.HumanInputApp"), {"c": c})
    assert set(c.HumanInputApp) <= set(HumanInputApp.class_own_traits(config=True))


@pytest.mark.parametrize("guide", GUIDES, ids=lambda path: path.name)
def test_commands_name_what_the_command_line_has(guide: Path) -> None:
    for line in "".join(code_blocks(guide, "sh")).splitlines():
        program, *words = line.split()
        if program != "crewai-hitl":
            continue
        command: click.Command = commands
        while isinstance(command, click.Group) and words[0] in command.commands:
            command = command.commands[words.pop(0)]
        options = {option for p in command.params for option in p.opts}
        assert {word for word in words if word.startswith("--")} <= options
