"""Every example of docs/cli.md runs as it stands there, against a server like the one it names.

The addresses of the server and of the database are the only things that differ. A command that runs
until Ctrl-C is given it once it has spoken.
"""

import asyncio
import os
import re
import shlex
import stat
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import click
import pytest

from crewai_hitl_nb.cli.main import commands
from tests.chaos.logs import fill
from tests.cli.command import Commands, running
from tests.cli.conftest import KEY, Asks
from tests.cli.test_answer import APPROVAL, FORM, TABLES
from tests.jupyter_process import REPOSITORY

DOCUMENT = (REPOSITORY / "docs" / "cli.md").read_text()
EXAMPLES = re.findall(r"^```sh\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
Say = Callable[[str], str]

ENDLESS = ("serve", "watch")


def shell_lines(endless: bool) -> list[str]:
    lines = [line for block in EXAMPLES for line in block.splitlines() if line]
    return [line for line in lines if (" ".join(shlex.split(line)[1:2]) in ENDLESS) is endless]


@pytest.fixture
def home(env: dict[str, str], tmp_path: Path) -> Path:
    """A folder with what the examples speak of, and the program on the path."""
    program = tmp_path / "bin" / "crewai-hitl"
    program.parent.mkdir()
    program.write_text(f'#!/bin/sh\nexec {sys.executable} -m crewai_hitl_nb.cli "$@"\n')
    program.chmod(program.stat().st_mode | stat.S_IXUSR)
    env["PATH"] = os.pathsep.join([str(program.parent), env["PATH"]])
    (tmp_path / "review.md").write_text("Shorter, please.\n")
    (tmp_path / "scan.pdf").write_bytes(b"%PDF-1.7 scanned")
    (tmp_path / "key.txt").write_text("a-key-for-the-example\n")
    asyncio.run(fill(tmp_path / "human_input.db"))
    return tmp_path


@pytest.fixture
def questions(ask: Asks) -> None:
    """The questions that the examples answer."""
    for request_id in ("draft-42", "draft-43", "draft-44"):
        ask(request_id, execution_id="run-1")
    for request_id in ("deploy-7", "deploy-8"):
        ask(request_id, kind="tool_approval", **APPROVAL)
    ask("table-1", kind="question", **TABLES)
    rows, dry_run = {"type": "integer"}, {"type": "boolean"}
    form = FORM["response"] | {
        "schema": {"type": "object", "properties": {"rows": rows, "dry_run": dry_run}}
    }
    ask("limits-1", kind="question", response=form)
    receipt = {"type": "object", "properties": {"receipt": {"type": "object", "format": "file"}}}
    ask("invoice-3", kind="question", response=FORM["response"] | {"schema": receipt})


@pytest.fixture
def say(
    home: Path, env: dict[str, str], url: str, log_url: str, monkeypatch: pytest.MonkeyPatch
) -> Say:
    """Runs a line as a shell would and returns what it says; without a shell if it needs none."""
    monkeypatch.chdir(home)
    cli = Commands(env)

    def run(line: str) -> str:
        line = line.replace("postgresql://hitl@db/hitl", log_url)
        if not any(mark in line for mark in ("|", "$", "export")):
            result = cli(*shlex.split(line)[1:])
            assert result.exit_code == 0, result.output
            return result.stdout
        line = line.replace("http://127.0.0.1:8000/", url).replace("TOKEN=…", f"TOKEN={KEY}")
        shell = ["bash", "-eu", "-c", line]
        done = subprocess.run(shell, env=env, text=True, capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    return run


@pytest.mark.usefixtures("questions")
def test_the_examples_run_one_after_the_other(say: Say) -> None:
    lines = shell_lines(endless=False)
    said = "".join(map(say, lines))
    assert dict(re.findall(r"^answered (\S+): (\w+)$", said, re.MULTILINE)) == {
        "draft-42": "respond",
        "draft-43": "respond",
        "deploy-7": "approve",
        "deploy-8": "reject",
        "table-1": "respond",
        "limits-1": "respond",
        "invoice-3": "respond",
    }
    assert "cancelled draft-44" in said
    assert said.count("moved 60 events and 24 requests to ") == 2
    assert "kept 60 events, 12 open questions; lost 0 events" in said
    (shown,) = re.findall(r"^```text\n(.*?)^```", DOCUMENT, re.DOTALL | re.MULTILINE)
    assert looked_at(said) == looked_at(shown)


def looked_at(doctor: str) -> list[str]:
    """Return what the doctor says it looked at."""
    return re.findall(r"^(?:ok|note|broken) +([^:]+):", doctor, re.MULTILINE)


@pytest.mark.parametrize("line", shell_lines(endless=True))
def test_an_example_without_an_end_speaks_and_ends_at_ctrl_c(
    home: Path, env: dict[str, str], ask: Asks, line: str
) -> None:
    ask(execution_id="run-1")
    words = shlex.split(line.replace("--port 8000", "--port 0"))
    with running(*words[1:], env=env, program=(str(home / "bin" / words[0]),), cwd=home) as command:
        assert command.out.next()
        assert command.end() == 0


def every(group: click.Group) -> Iterator[click.Command]:
    for command in group.commands.values():
        yield command
        if isinstance(command, click.Group):
            yield from every(command)


def test_every_command_and_option_in_the_document_exists() -> None:
    listed = re.findall(r"^\| `([a-z]+)` \|", DOCUMENT, re.MULTILINE)
    assert set(listed) == set(commands.commands)
    options = {option for command in every(commands) for p in command.params for option in p.opts}
    named = set(re.findall(r"(?<![\w-])--[a-z][a-z-]*", DOCUMENT)) - {"--help"}
    assert named <= options
