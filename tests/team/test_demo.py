"""`make demo-team` plays through by itself, and shows what the documentation shows."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from examples.team.balancer import CONFIGURATION
from tests.jupyter_process import REPOSITORY
from tests.test_docs import code_blocks

DEMO = (sys.executable, "-m", "examples.team", "--headless")


def play(**env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        DEMO,
        cwd=REPOSITORY,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_survives_the_death_of_a_server_and_gives_each_question_one_answer() -> None:
    played = play()
    said = played.stdout
    assert played.returncode == 0, said + played.stderr
    assert "Killed with SIGKILL: server" in said
    assert said.count("gets 409 already_answered: ") == 1
    assert said.count("Answered, says server") == 2
    assert played.stderr == ""


def test_the_demo_names_the_package_of_a_program_that_is_missing(tmp_path: Path) -> None:
    for variables, package in (
        ({"POSTGRES_BIN": str(tmp_path)}, "postgresql"),
        ({"HAPROXY": str(tmp_path / "haproxy")}, "haproxy"),
    ):
        played = play(PATH=str(tmp_path), **variables)
        assert played.returncode == 1
        *_, last = played.stdout.splitlines()
        assert last.endswith(f"is not installed; on Debian: apt-get install {package}")
        assert played.stderr == ""


def test_the_configuration_on_the_page_is_the_one_that_the_demo_and_the_tests_run() -> None:
    page = REPOSITORY / "docs" / "team-server.md"
    assert code_blocks(page, "haproxy") == [CONFIGURATION.read_text()]
