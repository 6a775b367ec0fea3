"""Durable publishes to a team: three replicas over one PostgreSQL, beside a loop written by hand.

The peer is the loop of `INSERT` and `NOTIFY` in one transaction (``servers/insert_notify.py``), in
the same cluster and on the same cores. Nobody listens to it; each replica of the product has a
subscriber, which reads what all replicas take and sees that nothing is lost, doubled or reordered,
and that all see one order. A publisher sends its next publish when the last one is acknowledged:
durable, and announced by the replica that took it.
"""

from dataclasses import dataclass

from benchmarks.load.generator import Generator
from benchmarks.printing import figures
from benchmarks.program import Bench, Program
from benchmarks.results import PRODUCT, Row, Samples, at_least, at_most
from benchmarks.scope import Scope
from benchmarks.targets import base
from benchmarks.targets.database import Database
from benchmarks.targets.insert_notify import Writers
from benchmarks.targets.team import REPLICAS, Team

_PEER = "INSERT + NOTIFY"
_BATCH = 50


@dataclass(frozen=True)
class Case:
    """One way to publish.

    Attributes:
        name: For people.
        publishers: How many, each with one publish under way.
        batch: Events in one publish.
        publishes: How many make a repetition.
        writers: How many the peer has.
        stored: How many events it stores in a repetition.
        bound: The goal: at least so many times the peer's rate; of a lone publisher, at most so
            many times its time.
    """

    name: str
    publishers: int
    batch: int
    publishes: int
    writers: int
    stored: int
    bound: float

    @property
    def is_lone(self) -> bool:
        """Whether the time of one publish counts, and not the rate."""
        return self.publishers == 1


_CASES = (
    Case(f"batches of {_BATCH}, 16 publishers", 16, _BATCH, 800, 16, 3200, 8.0),
    Case("single events, 64 publishers", 64, 1, 12_000, 16, 3200, 4.0),
    Case("one event, 1 publisher", 1, 1, 600, 1, 600, 2.5),
)


def run(bench: Bench) -> list[Row]:
    """Measure every way."""
    database = bench.scope.owns(Database())
    team = bench.scope.owns(Team(bench, database.log("team")))
    rows = []
    for case in _CASES:
        rows.append(_case(bench, case, team, database))
        bench.say(f"{case.name}: {figures(rows[-1].figures)}")
    return rows


def _case(bench: Bench, case: Case, team: Team, database: Database) -> Row:
    share = 4 if bench.plan.quick else 1
    publishes, stored = case.publishes // share, case.stored // share
    took, cpu, busy = Samples(), Samples(), Samples()
    with bench.fresh() as scope:
        load = _generator(scope, team, case, publishes, bench.plan.repetitions)
        writers = scope.owns(Writers(database, case.writers))
        writers.write(stored // 4)
        for _ in bench.repetitions():
            took.add(_PEER, writers.write(stored) / stored)
            before = team.cpu_seconds(), database.cpu_seconds()
            report = load.store(publishes, outstanding=case.publishers)
            events = publishes * case.batch
            took.add(PRODUCT, report.seconds / events)
            cpu.add("replicas", 1e6 * (team.cpu_seconds() - before[0]) / events)
            cpu.add("PostgreSQL", 1e6 * (database.cpu_seconds() - before[1]) / events)
            busy.add(PRODUCT, report.busy)
        load.quiet()
    return _row(case, took, cpu, busy)


def _generator(scope: Scope, team: Team, case: Case, publishes: int, repetitions: int) -> Generator:
    warm_up = publishes // 4
    load = scope.owns(
        Generator(
            base.load(
                team.replicas[0],
                "ws",
                REPLICAS,
                publishes=warm_up + publishes * repetitions,
                publishers=case.publishers,
                batch=case.batch,
                kind="step",
                ports=team.ports,
            )
        )
    )
    load.open()
    load.quiet()
    load.store(warm_up, outstanding=case.publishers)
    return load


def _row(case: Case, took: Samples, cpu: Samples, busy: Samples) -> Row:
    used = " · ".join(f"{name} {value:.3g}" for name, value in cpu.medians().items())
    note = (
        f"processor time per event, µs: {used}; "
        f"the generator was busy {busy.median(PRODUCT):.0%} of the time"
    )
    name = f"{case.name}, {REPLICAS} replicas"
    rates = Samples({n: [1 / seconds for seconds in each] for n, each in took.each.items()})
    if case.is_lone:
        shown = {n: 1000 * seconds for n, seconds in took.medians().items()}
        goals = at_most(case.bound, took, PRODUCT, _PEER)
        return Row(PROGRAM.name, name, "ms", shown, goals, note=note)
    goals = at_least(case.bound, rates, PRODUCT, _PEER)
    return Row(PROGRAM.name, name, "events/s", rates.medians(), goals, False, note)


PROGRAM = Program("team-append", "durable publishes to three replicas over one PostgreSQL", run)
