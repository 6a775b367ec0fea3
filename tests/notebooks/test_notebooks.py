"""The notebooks run from top to bottom under nbval, with a real server and somebody who answers.

nbval cannot click. A thread answers each question through the public API instead, as a colleague
with a script would: one piece of feedback first, then acceptance.
"""

import os
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path

import pytest

import crewai_hitl_nb as hitl
from crewai_hitl_nb.protocol.events import HumanInputRequired
from tests.jupyter_process import REPOSITORY, JupyterProcess, jupyter_process

OF_THEIR_OWN = {"nested_loops.ipynb"}  # brings its server: test_nested_loops.py
NOTEBOOKS = sorted(
    path for path in (REPOSITORY / "notebooks").glob("*.ipynb") if path.name not in OF_THEIR_OWN
)

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[JupyterProcess]:
    with jupyter_process(tmp_path_factory.mktemp("notebooks")) as server:
        yield server


@pytest.fixture
def answers(server: JupyterProcess) -> list[str]:
    """Two answers that are given, each to the next question; the list says which are left."""
    left = ["Shorter, please", ""]

    def answer() -> None:
        with hitl.Client(server.prefix, server.token) as client:
            for event in client.events(types=["human_input_required"]):
                if isinstance(event, HumanInputRequired):
                    client.answer(event.request_id, left.pop(0))
                if not left:
                    return

    threading.Thread(target=answer, daemon=True).start()
    return left


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_from_top_to_bottom(
    notebook: Path, server: JupyterProcess, answers: list[str]
) -> None:
    address = {"CREWAI_HITL_URL": server.prefix, "CREWAI_HITL_TOKEN": server.token}
    nbval = ["--nbval-lax", "--nbval-cell-timeout=60", "-p", "no:cacheprovider", "-o", "addopts="]
    result = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", *nbval, str(notebook)],
        env={**os.environ, **server.env, **address},
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
    assert answers == []
