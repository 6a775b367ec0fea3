"""Server, crews and readers killed at random points of a real server's life."""

from pathlib import Path

import pytest

from tests.chaos import server_run
from tests.chaos.ledger import violations

SEEDS = range(12)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_server_promised_holds_wherever_anybody_dies(seed: int, tmp_path: Path) -> None:
    assert violations(*server_run.run(seed, tmp_path)) == []
