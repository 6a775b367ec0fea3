"""Three servers over one database, and everybody who uses them, while processes are killed, stopped
and cut off: what each was told agrees with the log."""

import asyncio
from collections.abc import Iterator
from pathlib import Path
from random import Random

import pytest

from tests.chaos.team import run, strikes
from tests.postgres import Cluster, cluster

SEEDS = (6, 31, 35)


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    with cluster(run.SETTINGS) as running:
        yield running


@pytest.mark.timeout(2 * run.RUN_SECONDS)  # a run that hangs says more by itself
@pytest.mark.parametrize("seed", SEEDS)
def test_what_several_servers_promised_holds_whatever_fails(
    seed: int, tmp_path: Path, database: Cluster
) -> None:
    played = asyncio.run(run.play(seed, tmp_path, database))
    assert played.violations == [], f"python -m tests.chaos --kind team --seed {seed}"
    assert played.broken_connections > 0


def test_these_runs_have_every_fault_and_kill_some_thirty_processes() -> None:
    plans = [strikes.schedule(Random(f"{seed}/faults"), run.NEAR, run.AT) for seed in SEEDS]
    assert sum(map(strikes.kills, plans)) >= 30
    assert {strike.kind for plan in plans for one in plan for strike in one} == {*strikes.KINDS}


def test_a_seed_always_gives_the_same_faults() -> None:
    assert strikes.schedule(Random("1"), 9, 9) == strikes.schedule(Random("1"), 9, 9)
