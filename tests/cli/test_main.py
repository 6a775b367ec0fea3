"""The whole: quick to start, the same everywhere, and as documented."""

import ast
import re
import subprocess
import sys
import time
from pathlib import Path

import click
import pytest

from crewai_hitl_nb import __version__
from crewai_hitl_nb.cli import main
from crewai_hitl_nb.cli.exits import Exit, exit_of
from crewai_hitl_nb.protocol import errors
from tests.cli.command import PROGRAM, Commands, clean_env
from tests.cli.conftest import Asks
from tests.jupyter_process import REPOSITORY

CLI = REPOSITORY / "crewai_hitl_nb" / "cli"
HEAVY = ("httpx", "rich", "tornado", "jupyter_server", "crewai", "ipywidgets")


def test_help_is_there_in_under_half_a_second(tmp_path: Path) -> None:
    def seconds() -> float:
        began = time.perf_counter()
        subprocess.run([*PROGRAM, "--help"], env=env, check=True, capture_output=True)
        return time.perf_counter() - began

    env = clean_env(tmp_path)
    assert min(seconds() for _ in range(3)) < 0.5  # the best of three: the machine is shared


def test_the_commands_are_known_without_importing_what_is_heavy() -> None:
    code = f"import sys, crewai_hitl_nb.cli.main; print(*(sys.modules.keys() & {set(HEAVY)}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_only_serve_knows_the_server_half() -> None:
    halves = ("server", "broker", "store", "kernel", "widget")
    knows = set()
    for file in CLI.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            module = getattr(node, "module", None) or ""
            if module.startswith(tuple(f"crewai_hitl_nb.{half}" for half in halves)):
                knows.add((file.name, module.split(".")[1]))
    assert knows == {("serve.py", "server")}


@pytest.mark.parametrize("name", sorted(main.commands.commands))
def test_every_command_takes_json_and_says_what_it_does(cli: Commands, name: str) -> None:
    command = main.commands.commands[name]
    assert any("--json" in param.opts for param in command.params)
    assert command.get_short_help_str(limit=60).endswith(".")
    shown = cli(name, "--help")
    assert shown.exit_code == 0
    assert "\n\n\n" not in shown.output


def test_shared_options_may_stand_before_or_after_the_command(
    tmp_path: Path, url: str, ask: Asks
) -> None:
    ask(execution_id="run-before-and-after")
    cli = Commands(clean_env(tmp_path))
    server = ("--url", url, "--token", "a-key-for-tests", "--json")
    pending = ("pending", "--execution", "run-before-and-after")
    before, after = cli(*server, *pending), cli(*pending, *server)
    assert before.exit_code == 0
    assert before.stdout.startswith("{")
    assert before.stdout == after.stdout


def test_the_version_is_that_of_the_package(cli: Commands) -> None:
    assert cli("--version").stdout == f"crewai-hitl {__version__}\n"


def test_the_installed_program_is_this_one() -> None:
    pyproject = (REPOSITORY / "pyproject.toml").read_text()
    assert 'crewai-hitl = "crewai_hitl_nb.cli.main:main"' in pyproject
    assert callable(main.main)
    assert isinstance(main.commands, click.Group)


def test_no_server_is_exit_code_3_with_what_to_do(tmp_path: Path) -> None:
    result = Commands(clean_env(tmp_path))("pending")
    assert result.exit_code == 3
    assert "CREWAI_HITL_URL" in result.stderr


def test_a_url_of_something_else_is_exit_code_3(tmp_path: Path, url: str) -> None:
    result = Commands(clean_env(tmp_path))("pending", "--url", f"{url}elsewhere/")
    assert result.exit_code == 3


def test_what_is_no_url_is_a_usage_error(cli: Commands) -> None:
    assert cli("pending", "--url", "localhost:8888").exit_code == 2


def test_every_refusal_of_a_closed_request_is_a_conflict() -> None:
    closed = (errors.AlreadyAnswered, errors.RequestCancelled, errors.RequestExpired)
    assert {exit_of(error("-")) for error in closed} == {Exit.CONFLICT}
    assert exit_of(errors.StoreUnavailable("-")) is Exit.FAILURE


def test_the_documented_exit_codes_are_the_real_ones() -> None:
    document = (REPOSITORY / "docs" / "cli.md").read_text()
    documented = [int(code) for code in re.findall(r"^\| (\d) \|", document, re.MULTILINE)]
    assert documented == list(Exit)


def test_the_shell_completes_commands_and_the_ids_of_pending_questions(
    env: dict[str, str], ask: Asks
) -> None:
    ask("complete-me-1")

    def completed(words: str, place: int) -> str:
        asked = {"_CREWAI_HITL_COMPLETE": "bash_complete", "COMP_WORDS": words}
        return subprocess.run(
            [sys.executable, "-c", "from crewai_hitl_nb.cli.main import main; main()"],
            env={**env, **asked, "COMP_CWORD": str(place)},
            capture_output=True,
            text=True,
            check=False,
        ).stdout

    assert completed("crewai-hitl pen", 1) == "plain,pending\n"
    assert completed("crewai-hitl answer complete-", 2) == "plain,complete-me-1\n"
