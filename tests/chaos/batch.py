"""Many runs, several at a time, for as long as they may take: what ``make chaos`` plays."""

import os
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice
from multiprocessing import get_context
from pathlib import Path
from typing import TypeAlias

from tests.chaos import kernel_run, server_run, store_run
from tests.chaos.ledger import Ledger, Log, violations
from tests.chaos.team import run as team_run

Played: TypeAlias = tuple[list[str], Counter[str]]
"""Every promise that was broken, and how often what was done, if that was counted."""

Play = Callable[[int, Path], Played]
"""Plays the run of a seed in a folder."""


def _checked(run: Callable[[int, Path], tuple[Ledger, Log]]) -> Play:
    return lambda seed, folder: (violations(*run(seed, folder)), Counter())


KINDS: dict[str, Play] = {
    "store": _checked(store_run.run),
    "server": _checked(server_run.run),
    "kernel": _checked(kernel_run.run),
    "team": team_run.run,
}
ONE_IN = {"kernel": 100, "team": 30, "server": 10}
"""How often the dear kinds come; the others are runs of the store."""

AHEAD = 4
"""Runs handed to the workers at a time, for each of them."""


def play(kind: str, seed: int) -> Played:
    """Play one run."""
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        try:
            return KINDS[kind](seed, Path(folder))
        except Exception as error:  # noqa: BLE001 - one run must not hide the others' outcome
            return [f"it failed: {error!r}"], Counter()


def play_many(
    runs: int, seconds: float, kind: str | None, say: Callable[[str], None]
) -> tuple[Counter[str], Counter[str], int]:
    """Play runs of fresh seeds.

    Returns:
        How many of each kind, how often what was done in them, and how many promises broke.
    """
    deadline, wrong = time.monotonic() + seconds, 0
    done, counted = Counter[str](), Counter[str]()
    planned, workers = islice(plan(kind, int(time.time())), runs), os.cpu_count() or 1
    with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
        while time.monotonic() < deadline:
            several = list(islice(planned, AHEAD * workers))
            if not several:
                break
            playing = {pool.submit(play, *which): which for which in several}
            for run in as_completed(playing):
                name, seed = playing[run]
                done[name] += 1
                broken, faults = run.result()
                counted += faults
                wrong += len(broken)
                for words in broken:
                    say(f"--kind {name} --seed {seed}: {words}")
    return done, counted, wrong


def plan(kind: str | None, first_seed: int) -> Iterator[tuple[str, int]]:
    """Return the kinds and seeds of a batch without end.

    Args:
        kind: The only one; None for a mixture of all.
        first_seed: Of those that follow each other; the first run has the next one.
    """
    seed = first_seed
    while True:
        seed += 1
        rare = (name for name, often in ONE_IN.items() if seed % often == 0)
        yield kind or next(rare, "store"), seed
