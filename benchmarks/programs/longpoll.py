"""Long-poll: 1,000 calls are held open; one event ends them all."""

import time

from benchmarks.load.generator import Generator
from benchmarks.processes import cpu_seconds
from benchmarks.program import Bench, Program
from benchmarks.results import PRODUCT, Row, Samples, at_most
from benchmarks.targets import base, start

_HELD_SECONDS = 0.1
_HELD_CPU = 0.005


def run(bench: Bench) -> list[Row]:
    """Measure until the last caller has the event."""
    size = (bench.plan.sizes or [1000])[0]
    targets = [*start.product(bench), *start.peers(bench)]
    samples, busy = Samples(), Samples()
    generators: dict[str, Generator] = {}
    for target in targets:
        load = base.load(target, "poll", size, publishes=1 + bench.plan.repetitions)
        generators[target.name] = bench.scope.owns(Generator(load))
        generators[target.name].open()
        await_idle(target.pid)
        generators[target.name].publish(1)
    for _ in bench.repetitions():
        for target in targets:
            generators[target.name].ask()
            await_idle(target.pid)
            report = generators[target.name].publish(1)
            samples.add(target.name, 1000 * report.latencies[0])
            busy.add(target.name, report.busy)
    return [
        Row(
            program=PROGRAM.name,
            case=f"{size:,} waiting callers",
            unit="ms",
            figures=samples.medians(),
            goals=at_most(12, samples, PRODUCT, "nchan"),
            note=f"the generator was busy at most {max(busy.medians().values()):.0%} of the time",
        )
    ]


def await_idle(pid: int) -> None:
    """Return when a server has taken everything that was sent: it uses no processor any more."""
    before = -1.0
    while cpu_seconds(pid) - before > _HELD_CPU:
        before = cpu_seconds(pid)
        time.sleep(_HELD_SECONDS)


PROGRAM = Program("longpoll", "from one publish to the last of 1,000 held calls", run)
