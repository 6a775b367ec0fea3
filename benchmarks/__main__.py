"""``python -m benchmarks [PROGRAM ...]``: run programs and print what they found.

``--quick`` does everything small; ``--sizes``, ``--transports``, ``--targets`` and
``--repetitions`` narrow it down.
"""

import argparse
import shutil
import signal
import sys
import tempfile
import time
import traceback
from collections.abc import Sequence
from pathlib import Path

from benchmarks import machine, printing, report
from benchmarks.processes import BenchError
from benchmarks.program import Bench, Plan, Program
from benchmarks.programs import PROGRAMS
from benchmarks.results import Row
from benchmarks.scope import Scope

_LATE_SECONDS = 300.0


def _words(text: str) -> list[str]:
    return [word.strip() for word in text.split(",") if word.strip()]


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("programs", nargs="*", help="; ".join(p.name for p in PROGRAMS))
    parser.add_argument("--quick", action="store_true", help="everything small")
    parser.add_argument("--repetitions", type=int, help="how often each target is measured")
    parser.add_argument("--sizes", type=_words, default=[], help="numbers of subscribers")
    parser.add_argument("--transports", type=_words, default=[], help="of ws and sse")
    parser.add_argument("--targets", type=_words, default=[], help="only these, by their names")
    parser.add_argument("--option", action="append", default=[], help="name=value, for a program")
    parser.add_argument("--report", action="store_true", help="write docs/performance.md")
    return parser


def _repetitions(arguments: argparse.Namespace, elapsed: float) -> int:
    """Return how often to measure: a run that is late on a busy machine still ends in time."""
    if arguments.repetitions:
        return int(arguments.repetitions)
    if arguments.quick:
        return 2
    return 3 if elapsed > _LATE_SECONDS else 5


def _plan(arguments: argparse.Namespace, elapsed: float = 0.0) -> Plan:
    return Plan(
        quick=arguments.quick,
        repetitions=_repetitions(arguments, elapsed),
        sizes=[int(size) for size in arguments.sizes],
        transports=arguments.transports or (["ws"] if arguments.quick else ["ws", "sse"]),
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


def _try(program: Program, plan: Plan) -> tuple[list[Row], str]:
    """Return a program's rows, or why there are none."""
    try:
        return run(program, plan), ""
    except BenchError as error:
        return [], str(error)
    except Exception as error:  # noqa: BLE001 - one that breaks must not cost the others' results
        traceback.print_exc()
        return [], f"{type(error).__name__}: {error}"


def _chosen(arguments: argparse.Namespace) -> list[Program]:
    """Return the programs to run.

    Raises:
        BenchError: There is no program of a name.
    """
    known = {program.name: program for program in PROGRAMS}
    unknown = [name for name in arguments.programs if name not in known]
    if unknown:
        raise BenchError(f"no such program: {', '.join(unknown)}; there are {', '.join(known)}")
    if arguments.programs:
        return [known[name] for name in arguments.programs]
    return [program for program in PROGRAMS if program.quick or not arguments.quick]


def main(argv: Sequence[str] | None = None) -> int:
    """Run what the command line names; return the exit code."""
    arguments = _parser().parse_args(argv)
    try:
        programs = _chosen(arguments)
    except BenchError as error:
        print(error)
        return 2
    rows: list[Row] = []
    failures: dict[str, str] = {}
    repetitions = set()
    started = time.monotonic()
    for program in programs:
        began = time.monotonic()
        print(f"\n{program.name}: {program.about}", flush=True)
        plan = _plan(arguments, began - started)
        repetitions.add(plan.repetitions)
        found, failure = _try(program, plan)
        rows += found
        if failure:
            failures[program.name] = failure
        print(f"   FAILED: {failure}" if failure else printing.table(found))
        print(f"   ({time.monotonic() - began:.0f} s)", flush=True)
    if arguments.report:
        counts = " or ".join(map(str, sorted(repetitions)))
        report.write(report.Run(programs, rows, failures, machine.facts(counts)))
        print(f"\nwritten: {report.PAGE.name}, {report.CHART.name}")
    return 1 if failures else 0


def _end(signal_number: int, frame: object) -> None:
    raise SystemExit(128 + signal_number)  # through every scope: what was started is stopped


if __name__ == "__main__":
    signal.signal(signal.SIGTERM, _end)
    sys.exit(main())
