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
from typing import IO, Any, TypeAlias

import pexpect
from click.testing import CliRunner, Result

from crewai_hitl_nb.cli.main import commands
from tests.terminal import end

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


class Lines:
    """The lines of a pipe, as they come."""

    def __init__(self, pipe: IO[str]) -> None:
        self._pipe = pipe
        self._queue: queue.SimpleQueue[str | None] = queue.SimpleQueue()
        self._reader = threading.Thread(target=self._read, daemon=True)
        self._reader.start()

    def next(self) -> str:
        """Return the next line; it must come."""
        line = self._queue.get(timeout=PATIENCE_SECONDS)
        assert line is not None, "no line came: the program ended"
        return line

    def rest(self) -> list[str]:
        """Return the lines up to the end of the program."""
        return list(iter(lambda: self._queue.get(timeout=PATIENCE_SECONDS), None))

    def close(self) -> None:
        self._reader.join(PATIENCE_SECONDS)
        self._pipe.close()

    def _read(self) -> None:
        for line in self._pipe:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)


class Running:
    """The program, running."""

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
        assert self.process.stdout is not None
        assert self.process.stderr is not None
        self.out = Lines(self.process.stdout)
        self.err = Lines(self.process.stderr)

    def json(self) -> Json:
        """Return the next JSON line."""
        line: Json = json.loads(self.out.next())
        return line

    def end(self, number: signal.Signals = signal.SIGINT) -> int:
        """Send the signal and return the exit code."""
        self.process.send_signal(number)
        return self.process.wait(PATIENCE_SECONDS)

    def close(self) -> None:
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.out.close()
        self.err.close()


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
        end(child)
