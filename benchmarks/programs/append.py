"""Durable append: publishes that are acknowledged once they are on the disk.

Single events as HTTP requests with a kernel's key, batches, and single events over WebSockets, from
one publisher and from 64. The limit is one ``fdatasync`` per event of a plain file, measured in the
same repetition; nchan, which keeps its messages in memory, stands beside. One subscriber reads all
of it and sees that nothing is lost, doubled or reordered.
"""

import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from benchmarks.load.generator import Generator
from benchmarks.processes import SERVER_CORE, cpu_seconds, pinned
from benchmarks.program import Bench, Program
from benchmarks.results import PRODUCT, Goal, Row, Samples, at_least
from benchmarks.scope import Scope
from benchmarks.targets import base, start
from benchmarks.targets.base import Target
from benchmarks.targets.product import Product

Way = Literal["ws", "http"]
_WAYS: tuple[Way, ...] = ("ws", "http")
_SYNC = "fdatasync per event"
_MANY = 64
_BATCH = 50
_SYNCS = 100


@dataclass(frozen=True)
class Case:
    """One way to publish.

    Attributes:
        name: For people.
        publisher: Over what.
        publishers: How many, each with one publish under way.
        batch: Events in one publish.
        publishes: How many make a repetition.
        least: The goal, in events per second; 0 for none.
    """

    name: str
    publisher: Way
    publishers: int
    batch: int
    publishes: int
    least: float = 0


_CASES = (
    Case("HTTP requests, 1 publisher", "http", 1, 1, 200),
    Case("HTTP requests, 64 publishers", "http", _MANY, 1, 2000, least=3000),
    Case("WebSocket, 1 publisher", "ws", 1, 1, 300),
    Case("WebSocket, 64 publishers", "ws", _MANY, 1, 4000),
    Case(f"WebSocket, batches of {_BATCH}, 64 publishers", "ws", _MANY, _BATCH, 600, least=20000),
    Case(f"HTTP, batches of {_BATCH}, 64 publishers", "http", _MANY, _BATCH, 400, least=20000),
)


class SyncedFile:
    """A plain file that is synced after each event."""

    def __init__(self, folder: Path) -> None:
        """Open it."""
        self._handle = os.open(folder / "events", os.O_WRONLY | os.O_CREAT | os.O_APPEND, 0o600)

    def rate(self) -> float:
        """Return the events per second, on the servers' core."""
        body = base.event(base.mark(0, 0))
        with pinned(SERVER_CORE):
            began = time.perf_counter()
            for _ in range(_SYNCS):
                os.write(self._handle, body)
                os.fdatasync(self._handle)
            return _SYNCS / (time.perf_counter() - began)

    def stop(self) -> None:
        """Close it."""
        os.close(self._handle)


def run(bench: Bench) -> list[Row]:
    """Measure every way."""
    products = {way: _product(bench, way) for way in _WAYS}
    peers = [target for target in start.peers(bench) if target.name == "nchan"]
    file = bench.scope.owns(SyncedFile(bench.folder("file")))
    rows = []
    for case in _CASES:
        beside = peers if (case.publisher, case.batch) == ("http", 1) else []
        rows.append(_case(bench, case, [products[case.publisher], *beside], file))
    return rows


def _product(bench: Bench, way: Way) -> Product:
    product = bench.scope.owns(Product(bench.folder(PRODUCT), publisher=way))
    product.publish_as_kernel()
    return product


def _case(bench: Bench, case: Case, targets: list[Target], file: SyncedFile) -> Row:
    rates, cpu, busy = Samples(), Samples(), Samples()
    publishes = case.publishes // (4 if bench.plan.quick else 1)
    with bench.fresh() as scope:
        loads = {target: _generator(scope, target, case, publishes, bench) for target in targets}
        for _ in bench.repetitions():
            rates.add(_SYNC, file.rate())
            for target, load in loads.items():
                before = cpu_seconds(target.pid)
                report = load.publish(publishes, outstanding=case.publishers)
                events = publishes * case.batch
                rates.add(target.name, events / report.seconds)
                cpu.add(target.name, 1e6 * (cpu_seconds(target.pid) - before) / events)
                busy.add(target.name, report.busy)
        for load in loads.values():
            load.quiet()
    return _row(case, rates, cpu, busy)


def _generator(scope: Scope, target: Target, case: Case, publishes: int, bench: Bench) -> Generator:
    warm_up = publishes // 4
    load = scope.owns(
        Generator(
            base.load(
                target,
                "ws",
                1,
                publishes=warm_up + publishes * bench.plan.repetitions,
                publishers=case.publishers,
                batch=case.batch,
                kind="step",
            )
        )
    )
    load.open()
    load.quiet()
    load.publish(warm_up, outstanding=case.publishers)
    return load


def _row(case: Case, rates: Samples, cpu: Samples, busy: Samples) -> Row:
    goals = at_least(10.0, rates, PRODUCT, _SYNC) if case.least >= 20_000 else []
    if case.least:
        goals.append(Goal("", "at least", case.least, rates.median(PRODUCT), "events/s"))
    used = " · ".join(f"{name} {value:.3g}" for name, value in cpu.medians().items())
    return Row(
        program=PROGRAM.name,
        case=case.name,
        unit="events/s",
        figures=rates.medians(),
        goals=goals,
        lower_is_better=False,
        note=f"server CPU per event, µs: {used}; "
        f"the generator's at most {max(busy.medians().values()):.0%} of the time",
    )


PROGRAM = Program("append", "durable publishes: requests, batches, WebSockets", run)
