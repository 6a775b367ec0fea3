"""The store alone, killed anywhere: hundreds of seeded runs, and proof that they can fail."""

from pathlib import Path

import pytest

from tests.chaos import store_run
from tests.chaos.ledger import violations

SEEDS = range(200)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_store_promised_holds_wherever_it_dies(seed: int, tmp_path: Path) -> None:
    assert violations(*store_run.run(seed, tmp_path)) == []
