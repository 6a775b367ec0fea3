"""The whole: quick to start, the same everywhere, and as documented."""

import ast
import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from crewai_hitl_nb import __version__
from crewai_hitl_nb.cli import main
from crewai_hitl_nb.cli.exit_codes import Exit, exit_of
from crewai_hitl_nb.protocol import errors
from tests.cli.command import Commands, clean_env
from tests.cli.conftest import Asks
from tests.jupyter_process import REPOSITORY

CLI = REPOSITORY / "crewai_hitl_nb" / "cli"
HEAVY = ("httpx", "rich", "tornado", "jupyter_server", "crewai", "ipywidgets")


def test_the_commands_are_known_without_importing_what_is_heavy() -> None:
    code = f"import sys, crewai_hitl_nb.cli.main; print(*(sys.modules.keys() & {set(HEAVY)}))"
    done = subprocess.run([sys.executable, "-c", code], check=True, capture_output=True, text=True)
    assert done.stdout.split() == []


def test_only_commands_that_run_on_the_servers_machine_import_the_server_half() -> None:
    knows = set()
    for file in CLI.glob("*.py"):
        for node in ast.walk(ast.parse(file.read_text())):
            part = (getattr(node, "module", None) or "").removeprefix("crewai_hitl_nb.")
            if part.split(".")[0] in ("server", "broker", "store", "kernel", "widget"):
                knows.add((file.name, part.split(".")[0]))
    assert ("serve.py", "server") in knows
    beside = {"serve.py": {"server", "store"}, "keys.py": {"server"}, "salvage.py": {"store"}}
    beside["trail.py"] = {"server", "store"}
    beside["database_checks.py"] = {"store"}
    for name in ("audit.py", "copy.py", "stored_log.py"):  # they open a log themselves
        beside[name] = {"store"}
    assert knows <= {(file, part) for file, parts in beside.items() for part in parts}


def leaves(group: click.Group, *path: str) -> Iterator[tuple[str, ...]]:
    for name, command in sorted(group.commands.items()):
        if isinstance(command, click.Group):
            yield from leaves(command, *path, name)
        else:
            yield (*path, name)


@pytest.mark.parametrize("path", list(leaves(main.commands)), ids=" ".join)
def test_every_command_takes_json_and_says_what_it_does(
    cli: Commands, path: tuple[str, ...]
) -> None:
    shown = cli(*path, "--help")
    assert shown.exit_code == 0
    assert "--json" in shown.output
    usage, what, *_ = shown.output.split("\n\n")
    assert usage.startswith(f"Usage: crewai-hitl {' '.join(path)} ")
    assert what.strip().endswith(".")


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


def test_an_invalid_url_is_a_usage_error(cli: Commands) -> None:
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
