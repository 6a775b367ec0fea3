"""Sustained delivery: many publishers keep many events under way, to 1,000 subscribers.

Each target publishes as its fastest client would: the product over WebSockets, nchan and FastAPI
by pipelined HTTP. A publish counts as under way until every subscriber has it. The bare loop
sends each event by itself; the joined one sends what waits at once, and shows what the load
generator takes.
"""

from benchmarks.load.generator import Generator
from benchmarks.program import Bench, Program
from benchmarks.programs.lag import lag_row
from benchmarks.results import PRODUCT, Row, Samples, at_least
from benchmarks.targets import base, start
from benchmarks.targets.bare import BareLoop
from benchmarks.targets.base import Target, Transport
from benchmarks.targets.product import Product

_PUBLISHERS = 16
_OUTSTANDING = 512
_JOINED = "joined loop"
_EVENTS = {PRODUCT: 1600, "nchan": 160, "FastAPI": 32, "bare loop": 160, _JOINED: 1600}
_SHARE = {True: 4, False: 1}


def run(bench: Bench) -> list[Row]:
    """Measure both transports."""
    size = (bench.plan.sizes or [1000])[0]
    targets = [*start.product(bench, sampled=True), *start.peers(bench), *start.limit(bench)]
    if bench.plan.wants(_JOINED):
        joined = BareLoop(bench.folder("joined"), joined=True, name=_JOINED)
        targets.append(bench.scope.owns(joined))
    rows = []
    for transport in bench.plan.transports:
        rows += _case(bench, targets, transport, size)
    return rows


def _case(bench: Bench, targets: list[Target], transport: Transport, size: int) -> list[Row]:
    samples, busy = Samples(), Samples()
    events = {name: count // _SHARE[bench.plan.quick] for name, count in _EVENTS.items()}
    generators: dict[str, Generator] = {}
    with bench.fresh() as scope:
        for target in targets:
            load = base.load(
                target,
                transport,
                size,
                publishes=_PUBLISHERS + events[target.name] * bench.plan.repetitions,
                publishers=_PUBLISHERS,
                kind="step",
            )
            generators[target.name] = scope.owns(Generator(load))
            generators[target.name].open()
        for generator in generators.values():
            generator.quiet()
            generator.publish(_PUBLISHERS)
        products = [target for target in targets if isinstance(target, Product)]
        for product in products:
            product.lag(reset=True)
        for _ in bench.repetitions():
            for name, generator in generators.items():
                report = generator.publish(events[name], outstanding=_OUTSTANDING)
                samples.add(name, events[name] * size / report.seconds)
                busy.add(name, report.busy)
        lags = [product.lag() for product in products]
        for generator in generators.values():
            generator.quiet()
    case = f"{size:,} subscribers, {transport.upper()}"
    rows = [_row(case, samples, busy)]
    return rows + [lag_row(f"sustained delivery, {case}", lag) for lag in lags]


def _row(case: str, samples: Samples, busy: Samples) -> Row:
    shares = " · ".join(f"{name} {share:.0%}" for name, share in busy.medians().items())
    return Row(
        program=PROGRAM.name,
        case=case,
        unit="deliveries/s",
        figures=samples.medians(),
        goals=[
            *at_least(5, samples, PRODUCT, "nchan"),
            *at_least(30, samples, PRODUCT, "FastAPI"),
        ],
        lower_is_better=False,
        note=f"the generator was busy: {shares}",
    )


PROGRAM = Program("sustained", "deliveries per second with many publishes under way", run)
