"""Plain Python scripts, each in a process of its own, with pipes for a console."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

import pytest

from tests.jupyter_process import JupyterProcess, scratch_env

Script: TypeAlias = "subprocess.Popen[str]"
Start = Callable[..., Script]


def start_with(prelude: str) -> Callable[[Path], Iterator[Start]]:
    """Return a fixture that starts scripts with this prelude."""

    @pytest.fixture
    def start(tmp_path: Path) -> Iterator[Start]:
        with scripts(tmp_path, prelude) as start:
            yield start

    return start


def address_of(server: JupyterProcess) -> dict[str, str]:
    """Return the environment in which a script finds the server."""
    return {"CREWAI_HITL_URL": server.prefix, "CREWAI_HITL_TOKEN": server.token}


@contextmanager
def scripts(folder: Path, prelude: str) -> Iterator[Start]:
    """Start scripts that begin with the prelude and end with the code that they are given.

    Their environment knows of no server; what else it should hold is given by name. None
    outlives the `with` block.
    """
    started: list[Script] = []

    def start(code: str, **env: str) -> Script:
        path = folder / "script.py"
        path.write_text(f"{prelude}\n{code}\n")
        pipe = subprocess.PIPE
        script = subprocess.Popen(
            [sys.executable, str(path)],
            env=scratch_env(folder) | env,
            stdin=pipe,
            stdout=pipe,
            stderr=pipe,
            text=True,
        )
        started.append(script)
        return script

    try:
        yield start
    finally:
        for script in started:
            script.kill()
            script.communicate()
