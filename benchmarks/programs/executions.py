"""Executions: what one delivery costs while ever more other executions are stored and read.

One hundred subscribers read one execution; the others are stored in the log, and up to 2,000 of
them have a reader each. The figure is the server's processor time for one delivered event.
"""

import itertools

from benchmarks.load.generator import Generator, Load
from benchmarks.processes import cpu_seconds
from benchmarks.program import Bench, Program
from benchmarks.results import Goal, Row, Samples
from benchmarks.scope import Scope
from benchmarks.targets import base
from benchmarks.targets.product import Product

_EXECUTIONS = (10, 1000, 10_000)
_QUICK_EXECUTIONS = (10, 1000)
_READERS = 100
_OTHERS = 2000
_EVENTS = 60
_FLAT = 1.25


def run(bench: Bench) -> list[Row]:
    """Measure each number of executions in turn, on servers side by side."""
    numbers = bench.plan.sizes or (_QUICK_EXECUTIONS if bench.plan.quick else _EXECUTIONS)
    samples = Samples()
    with bench.fresh() as scope:
        cases = {f"{n:,}": _case(bench, scope, n) for n in numbers}
        for _ in bench.repetitions():
            for name, (product, generator) in cases.items():
                before = cpu_seconds(product.pid)
                generator.publish(_EVENTS)
                used = cpu_seconds(product.pid) - before
                samples.add(name, 1e6 * used / (_EVENTS * _READERS))
    first, *_, last = cases
    return [
        Row(
            program=PROGRAM.name,
            case=f"{_READERS} subscribers, by the number of executions",
            unit="µs of the server for each delivery",
            figures=samples.medians(),
            goals=[Goal(f"that with {first}", "at most", _FLAT, samples.ratio(last, first))],
        )
    ]


def _case(bench: Bench, scope: Scope, executions: int) -> tuple[Product, Generator]:
    product = scope.owns(Product(bench.folder(f"executions-{executions}")))
    others = [f"run-{number}" for number in range(executions - 1)]
    _store(product, others)
    readers = [product.subscribe("ws", base.EXECUTION)] * _READERS
    readers += [product.subscribe("ws", other) for other in others[:_OTHERS]]
    load = Load(
        ports=(product.port,),
        kind="ws",
        connections=len(readers),
        readers=_READERS,
        subscribe=readers,
        publisher=product.publisher,
        greeting=product.greeting(),
        publish=[
            product.publish(said, events)
            for said, events in itertools.islice(
                base.numbered(), 5 + _EVENTS * bench.plan.repetitions
            )
        ],
    )
    generator = scope.owns(Generator(load))
    generator.open()
    generator.quiet()
    generator.publish(5)
    return product, generator


def _store(product: Product, executions: list[str]) -> None:
    """Put one event of each execution into the log; a reader of all of them sees it there."""
    events = [
        (said := base.mark(0, number), base.event(said, execution, "step"))
        for number, execution in enumerate(executions)
    ]
    load = Load(
        ports=(product.port,),
        kind="ws",
        connections=1,
        subscribe=[product.subscribe("ws", "")],
        publisher=product.publisher,
        greeting=product.greeting(),
        publish=[product.publish(said, [event]) for said, event in events],
    )
    with Scope() as scope:
        generator = scope.owns(Generator(load))
        generator.open()
        generator.publish(len(events), outstanding=64)


PROGRAM = Program(
    "executions", "what a delivery costs beside ever more executions", run, quick=False
)
