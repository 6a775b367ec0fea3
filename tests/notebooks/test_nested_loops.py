"""The guide's samples, written with ``asyncio.run``, run unchanged in notebook cells."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests.jupyter_process import REPOSITORY, free_port, scratch_env

NOTEBOOK = REPOSITORY / "notebooks" / "nested_loops.ipynb"
SAMPLES = REPOSITORY / "tests" / "standalone" / "samples"
SANITIZED = Path(__file__).with_name("sanitize.cfg")


def without_trailing_space(code: str) -> str:
    return "\n".join(line.rstrip() for line in code.splitlines())


@pytest.mark.parametrize("sample", sorted(SAMPLES.glob("*.txt")), ids=lambda path: path.stem)
def test_the_notebook_has_the_sample_word_for_word(sample: Path) -> None:
    cells = json.loads(NOTEBOOK.read_text())["cells"]
    codes = [without_trailing_space("".join(cell["source"])) for cell in cells]
    assert without_trailing_space(sample.read_text()) in codes


@pytest.mark.slow
@pytest.mark.timeout(300)
def test_the_samples_run_and_print_what_the_notebook_shows(tmp_path: Path) -> None:
    copy = tmp_path / NOTEBOOK.name
    copy.write_text(NOTEBOOK.read_text().replace("8000", str(free_port())))
    nbval = ["--nbval-lax", "--nbval-cell-timeout=60", "-p", "no:cacheprovider", "-o", "addopts="]
    result = subprocess.run(
        [
            *(sys.executable, "-m", "pytest", "-q", *nbval),
            *(f"--nbval-sanitize-with={SANITIZED}", str(copy)),
        ],
        env={**os.environ, **scratch_env(tmp_path)},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        check=False,
    )
    assert result.returncode == 0, result.stdout + result.stderr
