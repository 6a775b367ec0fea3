"""Idle: what a server with 1,000 subscribers uses while nothing happens."""

import time

from benchmarks.load.generator import Generator
from benchmarks.processes import cpu_seconds
from benchmarks.program import Bench, Program
from benchmarks.programs.longpoll import await_idle
from benchmarks.results import Goal, Row
from benchmarks.scope import Scope
from benchmarks.targets import base
from benchmarks.targets.product import Product

_SIZE = 1000
_SECONDS = 8.0
_QUICK_SECONDS = 3.0
_MOST_PERCENT = 1.0
_NO_HEARTBEAT = ("--HumanInputApp.heartbeat_seconds=3600",)


def run(bench: Bench) -> list[Row]:
    """Measure between heartbeats, and with them as they come by default."""
    size = (bench.plan.sizes or [_SIZE])[0]
    seconds = _QUICK_SECONDS if bench.plan.quick else _SECONDS
    between = _share(bench, size, seconds, _NO_HEARTBEAT)
    rows = [
        Row(
            program=PROGRAM.name,
            case=f"{size:,} subscribers, between heartbeats",
            unit="% of a core",
            figures={"product": between},
            goals=[Goal("", "at most", _MOST_PERCENT, between, unit="%")],
        )
    ]
    if not bench.plan.quick:
        rows.append(
            Row(
                program=PROGRAM.name,
                case=f"{size:,} subscribers, a heartbeat to each every four seconds",
                unit="% of a core",
                figures={"product": _share(bench, size, seconds, ())},
            )
        )
    return rows


def _share(bench: Bench, size: int, seconds: float, options: tuple[str, ...]) -> float:
    with Scope() as scope:
        product = scope.owns(Product(bench.folder("idle"), options=options))
        generator = scope.owns(Generator(base.load(product, "ws", size, publishes=0)))
        generator.open()
        if options:
            await_idle(product.pid)
        before, began = cpu_seconds(product.pid), time.monotonic()
        time.sleep(seconds)
        return 100 * (cpu_seconds(product.pid) - before) / (time.monotonic() - began)


PROGRAM = Program(
    "idle", "what a server with 1,000 subscribers uses while nothing happens", run, quick=False
)
