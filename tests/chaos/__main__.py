"""``make chaos``: thousands of seeded runs, as many as were asked for or as time allows.

    python -m tests.chaos --runs 3000 --minutes 30     # seeds from the clock on
    python -m tests.chaos --kind server --seed 17      # the same run again

Ends with 0 when every promise held, with 1 and the seed when one did not.
"""

import argparse
import os
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable, Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from itertools import islice
from multiprocessing import get_context
from pathlib import Path

from tests.chaos import server_run, store_run
from tests.chaos.ledger import Ledger, Log, violations

KINDS: dict[str, Callable[[int, Path], tuple[Ledger, Log]]] = {
    "store": store_run.run,
    "server": server_run.run,
}
ONE_IN = {"server": 10}
"""How often the dear kinds come; the others are runs of the store."""

AHEAD = 4
"""Runs handed to the workers at a time, for each of them."""


def main() -> int:
    """Run what the command line says."""
    options = _parser().parse_args()
    if options.seed is not None:
        wrong = _play(options.kind or "store", options.seed)
        print("\n".join(wrong) or "every promise held")
        return 1 if wrong else 0
    return _batch(options.runs, options.minutes * 60, options.kind)


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos", description=__doc__)
    parser.add_argument("--runs", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--kind", choices=sorted(KINDS))
    parser.add_argument("--seed", type=int, help="play this one run")
    return parser


def _batch(runs: int, seconds: float, kind: str | None) -> int:
    deadline, done, wrong = time.monotonic() + seconds, Counter[str](), 0
    plan = islice(_plan(kind, int(time.time())), runs)
    with ProcessPoolExecutor(os.cpu_count(), mp_context=get_context("spawn")) as pool:
        while time.monotonic() < deadline:
            several = list(islice(plan, AHEAD * (os.cpu_count() or 1)))
            if not several:
                break
            playing = {pool.submit(_play, *which): which for which in several}
            for run in as_completed(playing):
                which = playing[run]
                done[which[0]] += 1
                for words in run.result():
                    wrong += 1
                    print(f"--kind {which[0]} --seed {which[1]}: {words}", flush=True)
            print(f"{done.total()} runs, {wrong} broken promises", file=sys.stderr, flush=True)
    print(f"{done.total()} runs ({dict(done)}), {wrong} broken promises")
    return 1 if wrong else 0


def _plan(kind: str | None, first_seed: int) -> Iterator[tuple[str, int]]:
    seed = first_seed
    while True:
        seed += 1
        rare = (name for name, often in ONE_IN.items() if seed % often == 0)
        yield kind or next(rare, "store"), seed


def _play(kind: str, seed: int) -> list[str]:
    with tempfile.TemporaryDirectory(prefix="chaos-") as folder:
        try:
            return violations(*KINDS[kind](seed, Path(folder)))
        except Exception as error:  # noqa: BLE001 - one run must not hide the others' outcome
            return [f"it failed: {error!r}"]


if __name__ == "__main__":
    sys.exit(main())
