"""Replay: one subscriber reads a long log, while another one is live.

A peer gets so many seconds for a replay; its rate is what came until then, and it is stopped
(nchan goes on working for a reader that has left, on the core that the others are measured on).
FastAPI's list takes part in the short one only. The live subscriber's latency is measured alone and
meanwhile, in turn.
"""

import itertools
import statistics
from collections.abc import Iterator

from benchmarks.load.generator import Generator, Load, Report
from benchmarks.program import Bench, Program
from benchmarks.programs.lag import lag_row
from benchmarks.results import PRODUCT, Goal, Row, Samples, at_least, at_most
from benchmarks.scope import Scope
from benchmarks.targets import base, documented, nchan
from benchmarks.targets.base import Target
from benchmarks.targets.documented import Documented
from benchmarks.targets.nchan import Nchan
from benchmarks.targets.product import Product

_LENGTHS = (10_000, 100_000)
_QUICK_LENGTHS = (10_000,)
_BATCH = 100
_NCHAN_GAP = 0.005
"""nchan numbers the messages of one second with 15 bits; beyond 32,768 it delivers nothing more."""
_PEER_SECONDS = 4.0
_PRODUCT_SECONDS = 60.0
_BY_WS = "product, WS"
_LIVE_EXECUTION = "run-that-is-live"
_LIVE_EVENTS = 60
_LIVE_GAP = 0.005
_ALONE, _MEANWHILE = "alone", "meanwhile"


def run(bench: Bench) -> list[Row]:
    """Measure every length; the longest one beside a live subscriber."""
    lengths = bench.plan.sizes or (_QUICK_LENGTHS if bench.plan.quick else _LENGTHS)
    return [row for length in lengths for row in _length(bench, length)]


def _length(bench: Bench, length: int) -> list[Row]:
    samples = Samples()
    with bench.fresh() as scope:
        targets = list(_targets(bench, scope, length))
        for target in targets:
            _fill(target, length)
        stuck: dict[str, float] = {}
        for _ in bench.repetitions():
            for target in targets:
                for name, request in _requests(target):
                    samples.add(name, stuck.get(name) or _rate(target, request, length))
                    if samples.each[name][-1] < length / _PEER_SECONDS:
                        stuck[name] = samples.each[name][-1]
                        target.stop()
        rows = [_row(length, samples)]
        for target in targets:
            if isinstance(target, Product):
                rows += _beside_live(bench, target, length)
    return rows


def _targets(bench: Bench, scope: Scope, length: int) -> Iterator[Target]:
    if bench.plan.wants(PRODUCT):
        yield scope.owns(Product(bench.folder(PRODUCT), sampled=True))
    if bench.plan.wants(Nchan.name) and nchan.installed():
        yield scope.owns(Nchan(bench.folder("nchan"), keep=2 * length))
    if length == _LENGTHS[0] and bench.plan.wants(Documented.name) and documented.installed():
        yield scope.owns(Documented(bench.folder("fastapi")))


def _requests(target: Target) -> list[tuple[str, bytes]]:
    if isinstance(target, Product):
        query = "replay=all"
        return [
            (PRODUCT, target.subscribe("sse", base.EXECUTION, query)),
            (_BY_WS, target.subscribe("ws", base.EXECUTION, query)),
        ]
    assert isinstance(target, Nchan | Documented)
    return [(target.name, target.replay(base.EXECUTION))]


def _fill(target: Target, length: int) -> None:
    """Publish the log; one live subscriber sees that it is whole."""
    load = base.load(target, "sse", 1, publishes=length // _BATCH, batch=_BATCH, kind="step")
    with Scope() as scope:
        generator = scope.owns(Generator(load))
        generator.open()
        generator.quiet()
        gap = _NCHAN_GAP if isinstance(target, Nchan) else 0.0
        generator.publish(length // _BATCH, outstanding=8, gap=gap)


def _read(target: Target, request: bytes, length: int) -> Report:
    """Read the log from its beginning as one subscriber."""
    kind = "ws" if b"Sec-WebSocket" in request else "sse"
    seconds = _PRODUCT_SECONDS if isinstance(target, Product) else _PEER_SECONDS
    with Scope() as scope:
        generator = scope.owns(Generator(Load((target.port,), kind, 1, [request], publishers=0)))
        return generator.open(length, seconds)


def _rate(target: Target, request: bytes, length: int) -> float:
    report = _read(target, request, length)
    return report.delivered / report.seconds


def _row(length: int, samples: Samples) -> Row:
    goals = [
        *at_least(50 if length >= _LENGTHS[1] else 1, samples, PRODUCT, Nchan.name),
        *at_least(1, samples, PRODUCT, Documented.name),
    ]
    if samples.has(PRODUCT) and length >= _LENGTHS[1]:
        goals.append(Goal("", "at least", 250_000, samples.median(PRODUCT), unit="events/s"))
    return Row(
        program=PROGRAM.name,
        case=f"{length:,} events, SSE",
        unit="events/s",
        figures=samples.medians(),
        goals=goals,
        lower_is_better=False,
        note=f"a peer is given {_PEER_SECONDS:g} s for each replay",
    )


def _beside_live(bench: Bench, product: Product, length: int) -> list[Row]:
    samples = Samples()
    publishes = 1 + 2 * _LIVE_EVENTS * bench.plan.repetitions
    marks = itertools.islice(base.numbered(kind="step", execution=_LIVE_EXECUTION), publishes)
    live = Load(
        ports=(product.port,),
        kind="ws",
        connections=1,
        subscribe=[product.subscribe("ws", _LIVE_EXECUTION)],
        publisher=product.publisher,
        greeting=product.greeting(),
        publish=[product.publish(said, events) for said, events in marks],
    )
    replay = product.subscribe("sse", base.EXECUTION, "replay=all")
    with bench.fresh() as scope:
        generator = scope.owns(Generator(live))
        generator.open()
        generator.publish(1)
        product.lag(reset=True)
        for _ in bench.repetitions():
            alone = generator.publish(_LIVE_EVENTS, gap=_LIVE_GAP)
            samples.add(_ALONE, 1000 * statistics.median(alone.latencies))
            generator.begin(_LIVE_EVENTS, gap=_LIVE_GAP)
            _read(product, replay, length)
            meanwhile = generator.end()
            samples.add(_MEANWHILE, 1000 * statistics.median(meanwhile.latencies))
        lag = product.lag()
    row = Row(
        program=PROGRAM.name,
        case=f"a live subscriber while {length:,} events are replayed to another",
        unit="ms",
        figures=samples.medians(),
        goals=at_most(2, samples, _MEANWHILE, _ALONE),
    )
    return [row, lag_row(f"replay of {length:,} events", lag)]


PROGRAM = Program("replay", "a long log, read from its beginning", run)
