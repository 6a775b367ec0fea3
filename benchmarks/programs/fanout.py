"""Fan-out: from one publish to the last of N subscribers.

The limit is the bare loop plus one durable commit, both measured in the same repetition.
"""

import statistics

from benchmarks.commit import CommitClock
from benchmarks.load.generator import Generator
from benchmarks.processes import cpu_seconds
from benchmarks.program import Bench, Program
from benchmarks.results import PRODUCT, Row, Samples, at_most
from benchmarks.targets import base, start
from benchmarks.targets.base import Target, Transport

_SIZES = (100, 1000, 5000)
_QUICK_SIZES = (100, 1000)
_WARM_UP = 5
_COMMIT = "commit"
_LIMIT = "bare loop"


def events_each(size: int) -> int:
    """Return how many events one repetition sends: fewer where each takes long."""
    return 20 if size <= 1000 else 8


def run(bench: Bench) -> list[Row]:
    """Measure every size over every transport."""
    sizes = bench.plan.sizes or (_QUICK_SIZES if bench.plan.quick else _SIZES)
    targets = [*start.product(bench), *start.peers(bench), *start.limit(bench)]
    clock = bench.scope.owns(CommitClock(bench.folder("commit")))
    rows = []
    for transport in bench.plan.transports:
        rows += [_case(bench, targets, clock, transport, size) for size in sizes]
    return rows


def _case(
    bench: Bench, targets: list[Target], clock: CommitClock, transport: Transport, size: int
) -> Row:
    samples, busy, cpu = Samples(), Samples(), Samples()
    events = events_each(size)
    publishes = _WARM_UP + events * bench.plan.repetitions
    generators: dict[str, Generator] = {}
    pids = {target.name: target.pid for target in targets}
    with bench.fresh() as scope:
        for target in targets:
            load = base.load(target, transport, size, publishes=publishes)
            generators[target.name] = scope.owns(Generator(load))
            generators[target.name].open()
        for generator in generators.values():
            generator.quiet()
            generator.publish(_WARM_UP)
        for _ in bench.repetitions():
            samples.add(_COMMIT, 1000 * clock.median())
            for name, generator in generators.items():
                before = cpu_seconds(pids[name])
                report = generator.publish(events)
                cpu.add(name, 1000 * (cpu_seconds(pids[name]) - before) / events)
                samples.add(name, 1000 * statistics.median(report.latencies))
                busy.add(name, report.busy)
        for generator in generators.values():
            generator.quiet()
    bench.say(f"{transport} {size}: {_shown(samples.medians())}")
    return Row(
        program=PROGRAM.name,
        case=f"{size:,} subscribers, {transport.upper()}",
        unit="ms",
        figures=samples.medians(),
        goals=[
            *at_most(1.2 if size >= 5000 else 1.3, samples, PRODUCT, _LIMIT, _COMMIT),
            *at_most(1.0, samples, PRODUCT, "nchan"),
            *at_most(0.35 if transport == "ws" else 0.2, samples, PRODUCT, "FastAPI"),
        ],
        note=f"server CPU per event, ms: {_shown(cpu.medians())}; "
        f"the generator's at most {max(busy.medians().values()):.0%} of the time",
    )


def _shown(figures: dict[str, float]) -> str:
    return " · ".join(f"{name} {figure:.3g}" for name, figure in figures.items())


PROGRAM = Program("fanout", "from one publish to the last of N subscribers", run)
