"""``make chaos``: thousands of seeded runs, as many as were asked for or as time allows.

    python -m tests.chaos --runs 3000 --minutes 30     # seeds from the clock on
    python -m tests.chaos --kind server --seed 17      # the same run again
    python -m tests.chaos --kind team --runs 100       # several servers over one database

Ends with 0 when every promise held, with 1 and the seed when one did not.
"""

import argparse
import sys
from collections import Counter

from tests.chaos.batch import KINDS, play, play_many


def main() -> int:
    """Run what the command line says."""
    options = _parser().parse_args()
    if options.seed is not None:
        wrong, faults = play(options.kind or "store", options.seed)
        print("\n".join(wrong) or "every promise held")
        _print_counted(faults)
        return 1 if wrong else 0
    done, faults, broken = play_many(options.runs, options.minutes * 60, options.kind, print)
    kinds = ", ".join(f"{number} {kind}" for kind, number in sorted(done.items()))
    print(f"{done.total()} runs ({kinds}): {broken} broken promises")
    _print_counted(faults)
    return 1 if broken else 0


def _print_counted(faults: Counter[str]) -> None:
    if faults:
        print(", ".join(f"{number} {what}" for what, number in sorted(faults.items())))


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m tests.chaos")
    parser.add_argument("--runs", type=int, default=3000)
    parser.add_argument("--minutes", type=float, default=30)
    parser.add_argument("--kind", choices=sorted(KINDS))
    parser.add_argument("--seed", type=int, help="play this one run")
    return parser


if __name__ == "__main__":
    sys.exit(main())
