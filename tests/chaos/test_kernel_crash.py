"""A real kernel with a real crew, killed under its question, as its server is."""

from pathlib import Path

import pytest

from tests.chaos import kernel_run
from tests.chaos.ledger import violations

SEEDS = (6, 33)
"""One of them kills kernel and server, the other the server only; `make chaos` plays more."""


@pytest.mark.slow
@pytest.mark.parametrize("seed", SEEDS)
def test_every_crew_has_its_answer_or_knows_that_none_comes(seed: int, tmp_path: Path) -> None:
    assert violations(*kernel_run.run(seed, tmp_path)) == []
