"""The notebooks run from top to bottom under nbval, with a real server and somebody who answers.

nbval cannot click. A colleague answers through the public API instead: what they say stands in
the notebook's metadata (`notebooks/colleague.py`).
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest
from colleague import Colleague, answers_of

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


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path, server: JupyterProcess) -> None:
    colleague = Colleague(server.prefix, server.token, answers_of(notebook))
    colleague.start()
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
    assert colleague.left == []
