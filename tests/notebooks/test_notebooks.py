"""The notebooks run from top to bottom under nbval, with a real server and somebody who answers.

nbval cannot click. A colleague answers through the public API instead: what they say stands in
the notebook's metadata (`notebooks/colleague.py`).
"""

from pathlib import Path

import pytest

from tests.notebooks.conftest import NOTEBOOKS, Runs

pytestmark = [pytest.mark.slow, pytest.mark.timeout(300)]


@pytest.mark.parametrize("notebook", NOTEBOOKS, ids=lambda path: path.name)
def test_a_notebook_runs_from_top_to_bottom(notebook: Path, runs: Runs) -> None:
    ran = runs.of(notebook)
    assert ran.code == 0, ran.said
    assert ran.left == []
