"""The store alone, killed anywhere: hundreds of seeded runs, and proof that they can fail."""

from functools import partial
from pathlib import Path

import pytest

from crewai_hitl_nb.store.postgres.connections import parse
from crewai_hitl_nb.store.postgres.store import PostgresStore
from tests.chaos import store_run
from tests.chaos.ledger import violations

SEEDS = range(200)


@pytest.mark.parametrize("seed", SEEDS)
def test_what_the_store_promised_holds_wherever_it_dies(seed: int, tmp_path: Path) -> None:
    assert violations(*store_run.run(seed, tmp_path)) == []


@pytest.mark.parametrize("seed", range(30))
def test_what_a_log_in_postgresql_promised_holds_wherever_its_server_dies(
    seed: int, log_url: str
) -> None:
    assert violations(*store_run.play(seed, partial(PostgresStore, parse(log_url)))) == []
