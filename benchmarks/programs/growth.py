"""Growth: what one durable append costs while the log grows, in events and in executions.

Each log is filled before its server opens it. 64 publishers then append single events of all its
executions over WebSockets; one subscriber reads everything. ``--sizes 10000,10000000`` chooses the
numbers of stored events (ten million take some minutes and 9 GB to prepare).
"""

import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

from benchmarks.load.generator import Generator, Load
from benchmarks.processes import BenchError, cpu_seconds
from benchmarks.program import Bench, Program
from benchmarks.results import Goal, Row, Samples
from benchmarks.scope import Scope
from benchmarks.targets import base
from benchmarks.targets.product import Product

_SIZES = (10_000, 1_000_000)
_QUICK_SIZES = (10_000, 100_000)
_FEW, _MANY = 10, 10_000
_PUBLISHERS = 64
_APPENDS = 3000
_FLAT = 1.25
_KEEP_ALL = "--HumanInputApp.retain_events=1000000000"


@dataclass(frozen=True)
class Case:
    """A log of some size."""

    events: int
    executions: int

    @property
    def name(self) -> str:
        """For people."""
        return f"{self.events:,} events of {self.executions:,} executions"


def run(bench: Bench) -> list[Row]:
    """Measure every log in turn, on servers side by side."""
    sizes = bench.plan.sizes or (_QUICK_SIZES if bench.plan.quick else _SIZES)
    cases = [*(Case(size, _FEW) for size in sizes), Case(sizes[-1], _MANY)]
    appends = _APPENDS // (4 if bench.plan.quick else 1)
    cost, rates = Samples(), Samples()
    with bench.fresh() as scope:
        servers = {case.name: _prepared(bench, scope, case, appends) for case in cases}
        for _ in bench.repetitions():
            for name, (product, generator) in servers.items():
                before = cpu_seconds(product.pid)
                report = generator.publish(appends, outstanding=_PUBLISHERS)
                cost.add(name, 1e6 * (cpu_seconds(product.pid) - before) / appends)
                rates.add(name, appends / report.seconds)
        for _, generator in servers.values():
            generator.quiet()
    return [_row("append", "µs of the server", cost), _row("append", "events/s", rates)]


def _prepared(bench: Bench, scope: Scope, case: Case, appends: int) -> tuple[Product, Generator]:
    bench.say(f"prepares {case.name}")
    folder = bench.folder("growth")
    log = folder / "log" / "human_input.db"
    _fill(log, case)
    options = (_KEEP_ALL, f"--HumanInputApp.store_path={log}")
    product = scope.owns(Product(folder, options=options))
    product.publish_as_kernel()
    count = appends * (bench.plan.repetitions + 1)
    load = Load(
        ports=(product.port,),
        kind="ws",
        connections=1,
        subscribe=[product.subscribe("ws", "")],
        publisher="ws",
        greeting=product.greeting(),
        publish=[_publish(product, case, number) for number in range(count)],
        publishers=_PUBLISHERS,
    )
    generator = scope.owns(Generator(load))
    generator.open()
    generator.publish(appends, outstanding=_PUBLISHERS)
    return product, generator


def _publish(product: Product, case: Case, number: int) -> bytes:
    said = base.mark(number % _PUBLISHERS, number // _PUBLISHERS)
    execution = f"run-{number % case.executions}"
    return product.publish(said, [base.event(said, execution, "step")])


def _fill(log: Path, case: Case) -> None:
    command = [sys.executable, "-m", "benchmarks.servers.fill", log, case.events, case.executions]
    done = subprocess.run(list(map(str, command)), capture_output=True, text=True, check=False)
    if done.returncode:
        raise BenchError(f"the log could not be filled:\n{done.stderr[-1000:]}")


def _row(case: str, unit: str, samples: Samples) -> Row:
    small, *large = samples.each
    cheap = "µs" in unit
    goals = [Goal(f"that of {small}", "at most", _FLAT, samples.ratio(one, small)) for one in large]
    return Row(
        program=PROGRAM.name,
        case=case,
        unit=unit,
        figures=samples.medians(),
        goals=goals if cheap else [],
        lower_is_better=cheap,
    )


PROGRAM = Program("growth", "what an append costs while the log grows", run, quick=False)
