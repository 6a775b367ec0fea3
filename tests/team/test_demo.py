"""`make demo-team` plays through by itself, and shows what the documentation shows."""

import os
import re
import signal
import subprocess
import sys
from contextlib import suppress
from itertools import takewhile
from pathlib import Path
from urllib.parse import urlsplit

import httpx
import psutil
import pytest

from examples.team.balancer import CONFIGURATION
from examples.team.programs import running
from tests.jupyter_process import REPOSITORY
from tests.test_docs import code_blocks

DEMO = (sys.executable, "-m", "examples.team")


def play(**env: str) -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [*DEMO, "--headless"],
        cwd=REPOSITORY,
        env={**os.environ, **env},
        capture_output=True,
        text=True,
        check=False,
    )


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_the_demo_survives_the_death_of_a_server_and_gives_each_question_one_answer() -> None:
    played = play(http_proxy="http://127.0.0.1:9", no_proxy="")  # reaches no server of the demo
    said = played.stdout
    assert played.returncode == 0, said + played.stderr
    assert "Killed with SIGKILL: server" in said
    assert said.count("gets 409 already_answered: ") == 1
    assert said.count("Answered, says server") == 2
    assert played.stderr == ""


@pytest.mark.slow
@pytest.mark.timeout(240)
def test_both_people_may_open_their_inbox_and_ctrl_c_leaves_nothing_behind() -> None:
    demo = subprocess.Popen(DEMO, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True)
    try:
        assert demo.stdout is not None
        lines = list(takewhile(lambda line: "Ctrl-C" not in line, demo.stdout))
        said = "".join(lines)
        inboxes = re.findall(r"inbox: (\S+)", said)
        assert [urlsplit(url).hostname for url in inboxes] == ["127.0.0.1", "localhost"]
        for url in inboxes:
            headers = {"Accept": "text/html"}
            page = httpx.get(url, headers=headers, follow_redirects=True, timeout=30)
            assert page.status_code == 200
        pids = [int(pid) for pid in re.findall(r"kill -9 (\d+)", said)]
        assert [psutil.pid_exists(pid) for pid in pids] == [True] * 3
        demo.send_signal(signal.SIGINT)
        assert demo.wait() == 0
    finally:
        demo.kill()
        demo.communicate()
    assert [psutil.pid_exists(pid) for pid in pids] == [False] * 3
    with pytest.raises(httpx.ConnectError):
        httpx.get(inboxes[0])


def test_ctrl_c_while_the_database_starts_leaves_nothing_behind() -> None:
    demo = subprocess.Popen(
        DEMO, cwd=REPOSITORY, stdout=subprocess.PIPE, text=True, start_new_session=True
    )
    try:
        while not (starting := [one for one in commands_of(demo.pid) if "start" in one]):
            assert demo.poll() is None
        (command,) = starting
        data = command[command.index("-D") + 1]
        os.killpg(demo.pid, signal.SIGINT)  # as a terminal does
        demo.wait()
    finally:
        demo.kill()
        demo.communicate()
    assert demo.returncode == 0
    running = [one.info["cmdline"] or [] for one in psutil.process_iter(["cmdline"])]
    assert [command for command in running if data in command] == []
    assert not Path(data).parent.exists()


def test_ctrl_c_while_a_program_starts_ends_that_program() -> None:
    program = ("sleep", "60.25")

    def interrupt() -> None:  # in the new process, while its parent still starts it
        os.kill(os.getppid(), signal.SIGINT)

    with pytest.raises(KeyboardInterrupt), running(program, preexec_fn=interrupt):
        pass
    assert list(program) not in commands_of(os.getpid())


def commands_of(parent: int) -> list[list[str]]:
    """Return the commands of a process's children."""
    found = []
    for child in psutil.Process(parent).children():
        with suppress(psutil.NoSuchProcess):
            found.append(child.cmdline())
    return found


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
