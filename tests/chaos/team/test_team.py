"""Three servers over one database, and everybody who uses them, while processes are killed, stopped
and cut off: what each was told agrees with the log."""

import asyncio
from collections.abc import Iterator
from itertools import islice
from pathlib import Path
from random import Random
from typing import get_args

import pytest

from tests.chaos import batch
from tests.chaos.team import run, strikes
from tests.postgres import Cluster, cluster

SEEDS = (29, 48, 99)


@pytest.fixture(scope="module")
def database() -> Iterator[Cluster]:
    with cluster(run.SETTINGS) as running:
        yield running


@pytest.mark.timeout(2 * run.RUN_SECONDS)  # a run that hangs says more by itself
@pytest.mark.parametrize("seed", SEEDS)
def test_what_several_servers_promised_holds_whatever_fails(
    seed: int, tmp_path: Path, database: Cluster
) -> None:
    plan = strikes.schedule(Random(f"{seed}/faults"), run.NEAR, run.AT)
    played = asyncio.run(run.play(seed, tmp_path, database, plan))
    assert played.violations == [], f"python -m tests.chaos --kind team --seed {seed}"
    assert played.faults[run.KILLS] == strikes.kills(plan)
    assert played.faults[run.CUTS] >= strikes.cuts(plan)


def test_these_runs_have_every_fault_and_enough_of_them() -> None:
    plans = [strikes.schedule(Random(f"{seed}/faults"), run.NEAR, run.AT) for seed in SEEDS]
    assert sum(map(strikes.kills, plans)) >= 30
    assert sum(map(strikes.cuts, plans)) >= 300
    assert {strike.kind for plan in plans for one in plan for strike in one} == {
        *strikes.NEAR_REPLICAS,
        *strikes.AT_DATABASE,
    }


@pytest.mark.parametrize(("kind", "runs"), [(None, 400), ("team", 12)])
@pytest.mark.parametrize("first_seed", [0, 1_796_043_810])
def test_a_batch_reaches_every_mode(kind: str | None, runs: int, first_seed: int) -> None:
    planned = islice(batch.plan(kind, first_seed), runs)
    assert {run.mode(seed) for name, seed in planned if name == "team"} == {*get_args(run.Mode)}


def test_the_command_that_a_failed_run_names_plays_it_again() -> None:
    assert {run.mode(seed) for seed in SEEDS} == {"faults"}


def test_a_seed_always_gives_the_same_faults() -> None:
    assert strikes.schedule(Random("1"), 9, 9) == strikes.schedule(Random("1"), 9, 9)


@pytest.mark.timeout(2 * run.RUN_SECONDS)
def test_a_synchronous_standby_takes_over_without_losing_anything(tmp_path: Path) -> None:
    played = run.fail_over(1, tmp_path, loses=False)
    assert played.violations == []
    assert len(played.history.epochs) == 1


@pytest.mark.timeout(2 * run.RUN_SECONDS)
def test_what_an_asynchronous_standby_lost_when_it_took_over_is_told_to_everybody(
    tmp_path: Path,
) -> None:
    played = run.fail_over(1, tmp_path, loses=True)
    assert played.violations == []
    assert len(played.history.epochs) > 1
