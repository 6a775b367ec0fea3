"""What a delivery costs a team: 5,000 subscribers of three replicas, beside one SQLite server.

The processor time is that of all replicas and of PostgreSQL. The single server has all subscribers.
"""

import statistics

from benchmarks.load.generator import Generator
from benchmarks.processes import SERVER_CORE, cpu_seconds
from benchmarks.program import Bench, Program
from benchmarks.results import PRODUCT, Row, Samples, at_most
from benchmarks.targets import base
from benchmarks.targets.database import Database
from benchmarks.targets.team import REPLICAS, Server, Team

_SIZE = 5000
_QUICK_SIZE = 500
_EVENTS = 8
_WARM_UP = 5
_ONE = "one server, SQLite"


def run(bench: Bench) -> list[Row]:
    """Measure each transport."""
    size = (bench.plan.sizes or [_QUICK_SIZE if bench.plan.quick else _SIZE])[0]
    database = bench.scope.owns(Database())
    team = bench.scope.owns(Team(bench, database.log("team"), cores=SERVER_CORE))
    folder = bench.folder("one-server")
    one = bench.scope.owns(Server(folder, str(folder / "log.db"), name=_ONE, cores=SERVER_CORE))
    publishes = _WARM_UP + _EVENTS * bench.plan.repetitions
    rows = []
    for transport in bench.plan.transports:
        cpu, latency, of_database = Samples(), Samples(), Samples()
        with bench.fresh() as scope:
            loads = {
                PRODUCT: base.load(
                    team.replicas[0], transport, size, publishes=publishes, ports=team.ports
                ),
                _ONE: base.load(one, transport, size, publishes=publishes),
            }
            generators = {name: scope.owns(Generator(load)) for name, load in loads.items()}
            for generator in generators.values():
                generator.open()
                generator.quiet()
                generator.publish(_WARM_UP)
            for _ in bench.repetitions():
                for name, generator in generators.items():
                    before = _used(name, team, database, one)
                    report = generator.publish(_EVENTS)
                    after = _used(name, team, database, one)
                    deliveries = _EVENTS * size
                    cpu.add(name, 1e6 * (sum(after) - sum(before)) / deliveries)
                    of_database.add(name, 1e6 * (after[1] - before[1]) / deliveries)
                    latency.add(name, 1000 * statistics.median(report.latencies))
            for generator in generators.values():
                generator.quiet()
        last = " · ".join(f"{name} {value:.3g}" for name, value in latency.medians().items())
        rows.append(
            Row(
                program=PROGRAM.name,
                case=f"{size:,} subscribers of {REPLICAS} replicas, {transport.upper()}",
                unit="µs of the servers for each delivery",
                figures=cpu.medians(),
                goals=at_most(1.15, cpu, PRODUCT, _ONE),
                note=f"PostgreSQL's share is {of_database.median(PRODUCT):.2g} µs; the last "
                f"subscriber has the event after, ms: {last}",
            )
        )
    return rows


def _used(name: str, team: Team, database: Database, one: Server) -> tuple[float, float]:
    """Return the processor time so far of a target's servers and of its database."""
    if name == _ONE:
        return cpu_seconds(one.pid), 0.0
    return team.cpu_seconds(), database.cpu_seconds()


PROGRAM = Program(
    "team-fanout", "what a delivery costs three replicas, beside one server", run, quick=False
)
