"""The command line as a user meets it: called, running, or on a terminal.

``Commands`` calls it in this process, which takes milliseconds; ``Running`` and ``terminal`` are
the real program. All speak to a real server.
"""

import json
import os
import queue
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeAlias

import pexpect
from click.testing import CliRunner, Result

from crewai_hitl_nb.cli.main import commands

Json: TypeAlias = dict[str, Any]

PROGRAM = (sys.executable, "-m", "crewai_hitl_nb.cli")
PATIENCE_SECONDS = 20.0
"""How long a test waits for what must come; far above what anything takes."""

FOREIGN = ("CREWAI_HITL", "JPY_", "JUPYTER", "NO_COLOR", "FORCE_COLOR")


def clean_env(scratch: Path, **more: str) -> dict[str, str]:
    """Return an environment that names no server, with Jupyter's folders in `scratch`."""
    kept = {name: value for name, value in os.environ.items() if not name.startswith(FOREIGN)}
    folders = ("JUPYTER_RUNTIME_DIR", "JUPYTER_DATA_DIR", "JUPYTER_CONFIG_DIR")
    made = {name: str(scratch / name.lower()) for name in folders}
    return {**kept, **made, "TERM": "xterm", "COLUMNS": "100", **more}


class Commands:
    """Calls commands in this process."""

    def __init__(self, env: Mapping[str, str]) -> None:
        gone = {name: None for name in os.environ if name not in env}
        self._runner = CliRunner(env={**gone, **env})

    def __call__(self, *args: str, stdin: str | bytes | None = None) -> Result:
        return self._runner.invoke(commands, args, input=stdin, prog_name="crewai-hitl")

    def lines(self, *args: str) -> list[Json]:
        """Return the JSON lines of a command that succeeds."""
        result = self(*args, "--json")
        assert result.exit_code == 0, result.output
        return [json.loads(line) for line in result.stdout.splitlines()]


class Running:
    """The program, running, with its lines as they come."""

    def __init__(self, *command: str, env: Mapping[str, str], cwd: Path | None = None) -> None:
        self.process = subprocess.Popen(
            command,
            env=env,
            cwd=cwd,
            text=True,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )
        self._lines: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def line(self) -> str:
        """Return the next line of stdout."""
        line = self._lines.get(timeout=PATIENCE_SECONDS)
        assert line is not None, f"it ended: {self.errors()}"
        return line

    def errors(self) -> str:
        """Return what it said on stderr; it has ended, or closed it."""
        assert self.process.stderr is not None
        return self.process.stderr.read()

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send the signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def _read(self) -> None:
        assert self.process.stdout is not None
        for line in self.process.stdout:
            self._lines.put(line.rstrip("\n"))
        self._lines.put(None)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self._reader.join(PATIENCE_SECONDS)
        for pipe in (self.process.stdout, self.process.stderr):
            assert pipe is not None
            pipe.close()


@contextmanager
def running(
    *args: str,
    env: Mapping[str, str],
    program: tuple[str, ...] = PROGRAM,
    cwd: Path | None = None,
) -> Iterator[Running]:
    """Run the program for the length of a `with` block."""
    command = Running(*program, *args, env=env, cwd=cwd)
    try:
        yield command
    finally:
        command.close()


@contextmanager
def terminal(*args: str, env: Mapping[str, str]) -> Iterator["pexpect.spawn[str]"]:
    """Run the program on a terminal of its own for the length of a `with` block."""
    python, *rest = PROGRAM
    child = pexpect.spawn(
        python, [*rest, *args], env=dict(env), timeout=PATIENCE_SECONDS, encoding="utf-8"
    )
    try:
        yield child
    finally:
        child.close(force=True)
