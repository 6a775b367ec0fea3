"""Memory: what one idle subscriber holds, and what 5,000 of them hold together.

Memory is what no other process shares. A server meets a few subscribers before the base is
measured, so that code loaded on first use is not counted.
"""

from collections.abc import Callable

from benchmarks.load.generator import Generator
from benchmarks.printing import figures
from benchmarks.processes import memory_bytes
from benchmarks.program import Bench, Program
from benchmarks.programs.longpoll import await_idle
from benchmarks.results import PRODUCT, Goal, Row
from benchmarks.targets import base, documented, nchan
from benchmarks.targets.base import Target, Transport
from benchmarks.targets.documented import Documented
from benchmarks.targets.nchan import Nchan
from benchmarks.targets.product import Product

_SIZE = 5000
_QUICK_SIZE = 500
_PEER_SIZE = 1000
_WARM_UP = 100
_MOST_KB: dict[str, float] = {"ws": 12, "sse": 8}
_MOST_MB = 120


def run(bench: Bench) -> list[Row]:
    """Measure each transport, with a new server each time: memory is rarely given back."""
    size = (bench.plan.sizes or [_QUICK_SIZE if bench.plan.quick else _SIZE])[0]
    makers: dict[str, Callable[[], Target]] = {PRODUCT: lambda: Product(bench.folder(PRODUCT))}
    if nchan.installed():
        makers[Nchan.name] = lambda: Nchan(bench.folder(Nchan.name))
    if documented.installed():
        makers[Documented.name] = lambda: Documented(bench.folder(Documented.name))
    rows = []
    for transport in bench.plan.transports:
        held = {
            name: _held(make, transport, size if name == PRODUCT else min(size, _PEER_SIZE))
            for name, make in makers.items()
            if bench.plan.wants(name)
        }
        rows.append(_row(transport, size, held))
        bench.say(f"{transport}: {figures(rows[-1].figures)}")
    return rows


def _held(make: Callable[[], Target], transport: Transport, size: int) -> float:
    """Return the bytes that each subscriber adds."""
    target = make()
    try:
        _connected(target, transport, _WARM_UP)
        before = memory_bytes(target.pid)
        return (_connected(target, transport, size) - before) / size
    finally:
        target.stop()


def _connected(target: Target, transport: Transport, size: int) -> int:
    """Return the server's memory while so many subscribers are there."""
    generator = Generator(base.load(target, transport, size, publishes=0))
    try:
        generator.open()
        await_idle(target.pid)
        return memory_bytes(target.pid)
    finally:
        generator.stop()


def _row(transport: Transport, size: int, held: dict[str, float]) -> Row:
    goals = []
    if PRODUCT in held:
        each = held[PRODUCT]
        goals.append(Goal("", "at most", _MOST_KB[transport], each / 1000, unit="KB"))
        if size == _SIZE:
            goals.append(Goal("", "at most", _MOST_MB, each * size / 1e6, unit="MB in all"))
    return Row(
        program=PROGRAM.name,
        case=f"each of {size:,} idle subscribers, {transport.upper()}",
        unit="KB",
        figures={name: each / 1000 for name, each in held.items()},
        goals=goals,
        note=f"of a peer {min(size, _PEER_SIZE):,} are held",
    )


PROGRAM = Program("memory", "what an idle subscriber holds", run, quick=False)
