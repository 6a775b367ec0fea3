"""From one replica to another: published at A, received by a subscriber of B.

The limit is what PostgreSQL needs for it when nothing else is done: one `NOTIFY` until a connection
that listens has it, plus one commit of an event, both measured in the same repetition. There is a
pause before each: a replica notifies the others at once of an event that comes alone, but of those
that follow it closely only after 10 ms.
"""

import statistics
import time
from collections.abc import Callable, Sequence

from benchmarks.load.generator import Generator
from benchmarks.processes import LOAD_CORE, pinned
from benchmarks.program import Bench, Program
from benchmarks.results import PRODUCT, Row, Samples, at_most
from benchmarks.targets import base
from benchmarks.targets.database import Database
from benchmarks.targets.insert_notify import Listener
from benchmarks.targets.team import Team

_EVENTS = 100
_WARM_UP = 20
_PAUSE_SECONDS = 0.02
_NOTIFY = "NOTIFY to LISTEN"
_COMMIT = "commit"


def run(bench: Bench) -> list[Row]:
    """Measure both in turn."""
    events = _EVENTS // (4 if bench.plan.quick else 1)
    database = bench.scope.owns(Database())
    a, b, _ = bench.scope.owns(Team(bench, database.log("team"))).replicas
    listener = bench.scope.owns(Listener(database))
    publishes = _WARM_UP + events * bench.plan.repetitions
    load = bench.scope.owns(
        Generator(base.load(a, "ws", 1, publishes=publishes, kind="step", ports=(b.port, a.port)))
    )
    load.open()
    load.quiet()
    load.publish(_WARM_UP)
    took, worst = Samples(), Samples()
    for _ in bench.repetitions():
        with pinned(LOAD_CORE):
            took.add(_NOTIFY, _median_ms(_with_pauses(listener.notified, events)))
            took.add(_COMMIT, _median_ms(_with_pauses(listener.committed, events)))
        report = load.publish(events, gap=_PAUSE_SECONDS)
        took.add(PRODUCT, _median_ms(report.latencies))
        worst.add(PRODUCT, 1000 * statistics.quantiles(report.latencies, n=100)[-1])
    load.quiet()
    return [
        Row(
            program=PROGRAM.name,
            case="from a replica to a subscriber of another one",
            unit="ms",
            figures=took.medians(),
            goals=at_most(2.0, took, PRODUCT, _NOTIFY, _COMMIT),
            note=f"99 of 100 events within {worst.median(PRODUCT):.3g} ms; the commit is that of "
            "PostgreSQL",
        )
    ]


def _with_pauses(measure: Callable[[], float], times: int) -> list[float]:
    found = []
    for _ in range(times):
        time.sleep(_PAUSE_SECONDS)
        found.append(measure())
    return found


def _median_ms(seconds: Sequence[float]) -> float:
    return 1000 * statistics.median(seconds)


PROGRAM = Program("team-latency", "from one replica to a subscriber of another one", run)
