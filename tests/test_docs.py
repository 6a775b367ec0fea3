"""The documents keep their word: their examples run, their commands and files exist."""

import os
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

import crewai_hitl_nb as hitl
from crewai_hitl_nb.protocol import errors
from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.server.error_replies import _host_error
from tests.jupyter_process import REPOSITORY, jupyter_process

DOCUMENTS = sorted(
    [*REPOSITORY.glob("*.md"), *REPOSITORY.glob("*/*.md"), *REPOSITORY.glob(".github/**/*.md")]
)

HOST = (400, 401, 403, 404, 405, 500)
"""The statuses of errors that a host raises itself."""

MY_PROJECT = """
from crewai import Agent, Crew, Task
from scripted_llm import ScriptedLLM

writer = Agent(role="Writer", goal="Be brief", backstory="-", llm=ScriptedLLM(model="scripted"))
task = Task(description="A note", expected_output="A note", agent=writer, human_input=True)
crew = Crew(agents=[writer], tasks=[task])
"""


def code_blocks(document: Path, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", document.read_text(), re.DOTALL | re.MULTILINE)


@pytest.mark.slow
def test_the_examples_of_the_readme_run_together(tmp_path: Path) -> None:
    asking, answering = code_blocks(REPOSITORY / "README.md", "python")
    (tmp_path / "my_project.py").write_text(MY_PROJECT)
    with jupyter_process(tmp_path) as server, hitl.Client(server.prefix, server.token) as client:
        path = os.pathsep.join([str(tmp_path), server.env["PYTHONPATH"]])
        address = {"CREWAI_HITL_URL": server.prefix, "CREWAI_HITL_TOKEN": server.token}
        env = {**server.env, **address, "PYTHONPATH": path}
        crew = subprocess.Popen(
            [sys.executable, "-c", asking],
            env=env,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
        )
        try:
            questions = (e for e in client.events() if isinstance(e, HumanInputRequired))
            assert next(questions).round == 1
            subprocess.run([sys.executable, "-c", answering], env=env, check=True)
            again = next(questions)
            assert "Shorter, please" in again.context
            client.answer(again.request_id)
            printed, _ = crew.communicate(timeout=60)
        finally:
            crew.kill()
            crew.wait()
    assert crew.returncode == 0
    assert "Shorter, please" in printed


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_python_examples_use_only_public_names(document: Path) -> None:
    for block in code_blocks(document, "python"):
        compile(block, str(document), "exec")
        assert set(re.findall(r"\bhitl\.(\w+)", block)) <= set(hitl.__all__)


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_links_lead_to_files_that_exist(document: Path) -> None:
    links = re.findall(r"\]\((?!https?://|#|attachment:|data:)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_commands_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    shell = "\n".join(code_blocks(document, "sh"))
    commands = re.findall(r"^make ([a-z-]+)", shell, re.MULTILINE)
    commands += re.findall(r"`make ([a-z-]+)", document.read_text())
    assert set(commands) <= targets


def every_error(error: type[errors.HitlError]) -> Iterator[type[errors.HitlError]]:
    yield error
    for below in error.__subclasses__():
        yield from every_error(below)


def test_the_table_of_errors_is_all_that_the_server_can_say() -> None:
    page = (REPOSITORY / "docs" / "protocol.md").read_text()
    said = re.findall(r"^\| (\d{3}) \| `(\w+)` \|", page, re.MULTILINE)
    branches = {errors.HitlError, errors.Settled, errors._InvalidFields}  # nothing raises them
    tree = {error for error in every_error(errors.HitlError) if error.__module__ == errors.__name__}
    own = {(str(error.status), error.code) for error in tree - branches}
    of_the_host = {(str(status), _host_error(status, None)["error"]) for status in HOST}
    assert len(said) == len(set(said))
    assert set(said) == own | of_the_host
    every_other = {_host_error(status, None)["error"] for status in range(400, 600)}
    assert every_other <= {code for _, code in said}


def test_every_page_that_the_code_names_exists() -> None:
    source = [*REPOSITORY.glob("crewai_hitl_nb/**/*.py"), *REPOSITORY.glob("js/s*/**/*.[tm]*")]
    named = {
        name
        for path in [*source, *REPOSITORY.glob("tests/**/*.py"), REPOSITORY / "Makefile"]
        if "node_modules" not in path.parts
        for name in re.findall(r"\bdocs/[\w-]+\.md", path.read_text())
    }
    assert named
    assert [name for name in sorted(named) if not (REPOSITORY / name).exists()] == []
