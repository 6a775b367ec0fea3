"""Fan-out: from one publish to the last of N subscribers.

A kernel publishes, over its WebSocket. Where subscribers are few, so that the publish costs more
than the delivery, events are also published by HTTP with the token.

The limit is the bare loop plus one durable commit, both measured in the same repetition. From the
same run comes what a delivery costs the server as N grows, and how late its loop was.
"""

import statistics
from dataclasses import dataclass, field, replace

from benchmarks.commit import CommitClock
from benchmarks.load.generator import Generator
from benchmarks.printing import figures
from benchmarks.processes import cpu_seconds
from benchmarks.program import Bench, Program
from benchmarks.programs.lag import lag_row
from benchmarks.results import PRODUCT, Goal, Row, Samples, at_most
from benchmarks.targets import base, start
from benchmarks.targets.base import Target, Transport
from benchmarks.targets.product import Lag, Product
from benchmarks.targets.start import BY_HTTP

_SIZES = (10, 100, 1000, 5000)
_QUICK_SIZES = (10, 100, 500)
_FEW = 100
_LARGE = 5000
_WARM_UP = 5
_COMMIT = "commit"
_LIMIT = "bare loop"
_FLAT = 1.25


@dataclass
class Case:
    """What was measured with one number of subscribers.

    Attributes:
        latency: Milliseconds to the last subscriber, by target.
        cpu: The server's processor time for one event, in milliseconds.
        busy: The load generator's share of the time.
        lag: How late the product's loop was.
    """

    transport: Transport
    size: int
    latency: Samples = field(default_factory=Samples)
    cpu: Samples = field(default_factory=Samples)
    busy: Samples = field(default_factory=Samples)
    lag: Lag = field(default_factory=Lag)

    @property
    def name(self) -> str:
        """How people call it."""
        return f"{self.size:,} subscribers, {self.transport.upper()}"

    @property
    def events(self) -> int:
        """Events of one repetition: fewer where each takes long."""
        return 20 if self.size <= 1000 else 8


def run(bench: Bench) -> list[Row]:
    """Measure every size over every transport."""
    sizes = bench.plan.sizes or (_QUICK_SIZES if bench.plan.quick else _SIZES)
    products = start.product(bench, sampled=True)
    for product in products:
        product.publish_as_kernel()
    targets = [*products, *start.peers(bench), *start.limit(bench)]
    by_http = start.product_by_http(bench)
    clock = bench.scope.owns(CommitClock(bench.folder("commit")))
    rows = []
    for transport in bench.plan.transports:
        cases = [Case(transport, size) for size in sizes]
        for case in cases:
            _measure(bench, case, [*targets, *(by_http if case.size <= _FEW else [])], clock)
            bench.say(f"{case.name}: {figures(case.latency.medians())}")
        rows += [_row(case) for case in cases]
        if cases[0].cpu.has(PRODUCT):
            many = [case for case in cases if case.size >= _FEW]
            rows += [_growth(many)] if len(many) > 1 else []
            rows.append(lag_row(f"fan-out to {cases[-1].name}", cases[-1].lag))
    return rows


def _measure(bench: Bench, case: Case, targets: list[Target], clock: CommitClock) -> None:
    publishes = _WARM_UP + case.events * bench.plan.repetitions
    generators: dict[str, Generator] = {}
    pids = {target.name: target.pid for target in targets}
    products = [
        target for target in targets if target.name == PRODUCT and isinstance(target, Product)
    ]
    with bench.fresh() as scope:
        for target in targets:
            load = base.load(target, case.transport, case.size, publishes=publishes)
            generators[target.name] = scope.owns(Generator(load))
            generators[target.name].open()
        for generator in generators.values():
            generator.quiet()
            generator.publish(_WARM_UP)
        for product in products:
            product.lag(reset=True)
        for _ in bench.repetitions():
            case.latency.add(_COMMIT, 1000 * clock.median())
            for name, generator in generators.items():
                before = cpu_seconds(pids[name])
                report = generator.publish(case.events)
                case.cpu.add(name, 1000 * (cpu_seconds(pids[name]) - before) / case.events)
                case.latency.add(name, 1000 * statistics.median(report.latencies))
                case.busy.add(name, report.busy)
        for product in products:
            case.lag = product.lag()
        for generator in generators.values():
            generator.quiet()


def _row(case: Case) -> Row:
    latency = case.latency
    goals: list[Goal] = []
    if case.size <= _FEW:
        goals += at_most(1.5, latency, PRODUCT, "nchan", _COMMIT)
        by_http = at_most(3.0, latency, BY_HTTP, "nchan", _COMMIT) if case.size <= 10 else []
        goals += [replace(goal, says=f"{goal.says}, by HTTP") for goal in by_http]
    elif case.size >= _LARGE:
        goals += at_most(1.2, latency, PRODUCT, _LIMIT)
    elif case.size >= 1000:
        goals += at_most(1.3, latency, PRODUCT, _LIMIT, _COMMIT)
    if case.size >= 1000:
        goals += at_most(1.0, latency, PRODUCT, "nchan")
        goals += at_most(0.35 if case.transport == "ws" else 0.2, latency, PRODUCT, "FastAPI")
    return Row(
        program=PROGRAM.name,
        case=case.name,
        unit="ms",
        figures=latency.medians(),
        goals=goals,
        note=f"processor time of the server for one event, ms: {figures(case.cpu.medians())}; "
        f"the generator was busy at most {max(case.busy.medians().values()):.0%} of the time",
    )


def _growth(cases: list[Case]) -> Row:
    """Return the row for what one delivery costs as the subscribers become more."""
    cost = Samples()
    for case in cases:
        for milliseconds in case.cpu.each[PRODUCT]:
            cost.add(f"{case.size:,}", 1000 * milliseconds / case.size)
    few, most = f"{cases[0].size:,}", f"{cases[-1].size:,}"
    return Row(
        program=PROGRAM.name,
        case=f"by the number of subscribers, {cases[0].transport.upper()}",
        unit="µs of the server for each delivery",
        figures=cost.medians(),
        goals=[Goal(f"that with {few}", "at most", _FLAT, cost.ratio(most, few))],
    )


PROGRAM = Program("fanout", "from one publish to the last of N subscribers", run)
