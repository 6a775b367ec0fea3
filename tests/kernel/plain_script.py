"""Plain Python scripts, each in a process of its own, with pipes for a console."""

import subprocess
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TypeAlias

from tests.jupyter_process import scratch_env

Script: TypeAlias = "subprocess.Popen[str]"
Start = Callable[..., Script]


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
