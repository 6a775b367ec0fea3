"""``python -m benchmarks [PROGRAM ...]``: run programs and print what they found.

``--quick`` does everything small; ``--sizes``, ``--transports``, ``--targets`` and
``--repetitions`` narrow it down.
"""

import argparse
import shutil
import sys
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path

from benchmarks import printing
from benchmarks.processes import BenchError
from benchmarks.program import Bench, Plan, Program
from benchmarks.programs import PROGRAMS
from benchmarks.results import Row
from benchmarks.scope import Scope


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("programs", nargs="*", help="; ".join(p.name for p in PROGRAMS))
    parser.add_argument("--quick", action="store_true", help="everything small")
    parser.add_argument("--repetitions", type=int, help="how often each target is measured")
    parser.add_argument("--sizes", type=_words, default=[], help="numbers of subscribers")
    parser.add_argument("--transports", type=_words, default=["ws", "sse"])
    parser.add_argument("--targets", type=_words, default=[], help="only these, by their names")
    parser.add_argument("--option", action="append", default=[], help="name=value, for a program")
    return parser


def _plan(arguments: argparse.Namespace) -> Plan:
    return Plan(
        quick=arguments.quick,
        repetitions=arguments.repetitions or (3 if arguments.quick else 5),
        sizes=[int(size) for size in arguments.sizes],
        transports=arguments.transports,
        targets=arguments.targets,
        options=dict(option.split("=", 1) for option in arguments.option),
    )


def run(program: Program, plan: Plan) -> list[Row]:
    """Run one program; everything it started has ended when this returns."""
    scratch = Path(tempfile.mkdtemp(prefix="bench-"))
    try:
        with Scope() as scope:
            return program.run(Bench(plan, scratch, scope))
    finally:
        shutil.rmtree(scratch, ignore_errors=True)


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line names; return the exit code."""
    arguments = _parser().parse_args(argv)
    known = {program.name: program for program in PROGRAMS}
    unknown = [name for name in arguments.programs if name not in known]
    if unknown:
        print(f"no such program: {', '.join(unknown)}; there are {', '.join(known)}")
        return 2
    failed = 0
    for name in arguments.programs or known:
        began = time.monotonic()
        print(f"\n{name}: {known[name].about}", flush=True)
        try:
            rows = run(known[name], _plan(arguments))
        except BenchError as error:
            print(f"   FAILED: {error}")
            failed += 1
            continue
        print(printing.table(rows))
        print(f"   ({time.monotonic() - began:.0f} s)", flush=True)
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main())
