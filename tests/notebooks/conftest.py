"""Notebooks under nbval, each run once however many tests look at it."""

import os
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from colleague import Answer, Colleague, answers_of

from tests.jupyter_process import REPOSITORY, JupyterProcess, jupyter_process

OF_THEIR_OWN = {"nested_loops.ipynb"}  # brings its server: test_nested_loops.py
NOTEBOOKS = sorted(
    path for path in (REPOSITORY / "notebooks").glob("*.ipynb") if path.name not in OF_THEIR_OWN
)

NBVAL = [
    *("--nbval-lax", "--nbval-cell-timeout=60", "-p", "no:cacheprovider", "-o", "addopts="),
    *("-p", "tests.notebooks.keep_outputs"),
]


@dataclass(frozen=True)
class Ran:
    """How a notebook went: what nbval said, and which answers nobody asked for."""

    code: int
    said: str
    left: list[Answer]


@dataclass
class Runs:
    """Runs notebooks on one server and keeps them, with their outputs, in a folder."""

    server: JupyterProcess
    executed: Path
    _known: dict[Path, Ran] = field(default_factory=dict)

    def of(self, notebook: Path) -> Ran:
        """Run a notebook from top to bottom, unless it was run before."""
        if notebook not in self._known:
            self._known[notebook] = self._run(notebook)
        return self._known[notebook]

    def _run(self, notebook: Path) -> Ran:
        server = self.server
        colleague = Colleague(server.prefix, server.token, answers_of(notebook))
        colleague.start()
        path = os.pathsep.join([str(REPOSITORY), server.env["PYTHONPATH"]])
        address = {"CREWAI_HITL_URL": server.prefix, "CREWAI_HITL_TOKEN": server.token}
        result = subprocess.run(
            [sys.executable, "-m", "pytest", "-q", *NBVAL, str(notebook)],
            env={**server.env, **address, "PYTHONPATH": path, "EXECUTED": str(self.executed)},
            capture_output=True,
            text=True,
            check=False,
        )
        return Ran(result.returncode, result.stdout + result.stderr, colleague.left)


@pytest.fixture(scope="module")
def runs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Runs]:
    """The notebooks' server, and the runs on it."""
    executed = tmp_path_factory.mktemp("executed")
    with jupyter_process(tmp_path_factory.mktemp("notebooks")) as server:
        yield Runs(server, executed)
