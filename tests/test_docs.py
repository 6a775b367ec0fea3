"""The documents keep their word: their examples run, their commands and files exist."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

import crewai_hitl_nb as hitl
from crewai_hitl_nb.protocol.events import HumanInputRequired
from tests.jupyter_process import REPOSITORY, jupyter_process

DOCUMENTS = [REPOSITORY / "README.md", *sorted((REPOSITORY / "docs").glob("*.md"))]

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
    links = re.findall(r"\]\((?!https?://|#)([^)#]+)", document.read_text())
    assert [link for link in links if not (document.parent / link).exists()] == []


@pytest.mark.parametrize("document", DOCUMENTS, ids=lambda path: path.name)
def test_make_commands_exist(document: Path) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (REPOSITORY / "Makefile").read_text(), re.MULTILINE))
    shell = "\n".join(code_blocks(document, "sh"))
    commands = re.findall(r"^make ([a-z-]+)", shell, re.MULTILINE)
    commands += re.findall(r"`make ([a-z-]+)", document.read_text())
    assert set(commands) <= targets
