"""One run of a team: everybody acts at once while faults happen, and the history is checked.

The faults follow from the seed, and so does what everybody says and to whom; the operating system
decides the rest.
"""

import asyncio
import uuid
from dataclasses import dataclass
from pathlib import Path

import anyio

from crewai_hitl_nb.client.resume import TRANSPORTS
from crewai_hitl_nb.store.postgres.connections import parse
from crewai_hitl_nb.store.postgres.store import PostgresStore
from tests.chaos import store_run
from tests.chaos.ledger import Log
from tests.chaos.team import actors, strikes
from tests.chaos.team.actors import LAST, Cast
from tests.chaos.team.histories import History, violations
from tests.chaos.team.replicas import Replica, running
from tests.postgres import Cluster, cluster

RUN_SECONDS = 240.0
"""No run may hang; far above what one takes."""

PUBLISHERS = 4
ASKERS = 2
READERS = 2
"""For each transport."""

NEAR, AT = 18, 9
"""Faults in a run: of each replica, and of the database."""

SETTINGS = {"max_connections": "40"}
"""Of the database: few connections, so that they can be used up."""


@dataclass(frozen=True)
class Played:
    """A run that is over.

    Attributes:
        history: What everybody saw.
        log: The log at its end.
        broken_connections: How many connections to the database were broken on purpose.
        deaths: How often a replica ended.
    """

    history: History
    log: Log
    broken_connections: int
    deaths: int

    @property
    def violations(self) -> list[str]:
        """Every promise that was broken."""
        return violations(self.history, self.log)


def run(seed: int, folder: Path) -> list[str]:
    """Play one run on a database of its own; return every promise that was broken."""
    with cluster(SETTINGS) as database:
        return asyncio.run(play(seed, folder, database)).violations


async def play(
    seed: int, folder: Path, database: Cluster, near: int = NEAR, at: int = AT
) -> Played:
    """Play one run.

    Args:
        seed: Of everything that happens.
        folder: For what the replicas write.
        database: A running server; it is crashed, and running again when this returns.
        near: How many faults hit each replica and its network.
        at: How many hit the database.
    """
    schema = f"log_{uuid.uuid4().hex}"
    async with running(database, folder, schema) as team:
        cast = Cast(team, History(), seed)
        try:
            with anyio.fail_after(RUN_SECONDS):
                await _play(cast, near, at)
        except TimeoutError as error:
            raise AssertionError(f"it hangs: {_waiting(cast)}\n{await team.told()}") from error
        broken = team.broken_connections
        deaths = sum(replica.deaths for replica in team.replicas)
    log = await store_run.read_log(PostgresStore(parse(database.url(schema=schema))))
    return Played(cast.history, log, broken, deaths)


async def _play(cast: Cast, near: int, at: int) -> None:
    """Let everybody act until the faults are over, and bring the log to rest."""
    reading = [
        asyncio.ensure_future(actors.reader(cast, f"{transport}-{n}", transport))
        for transport in TRANSPORTS
        for n in range(READERS)
    ]
    publishing = [
        asyncio.ensure_future(actors.publisher(cast, f"publisher-{n}")) for n in range(PUBLISHERS)
    ]
    asking = [asyncio.ensure_future(actors.asker(cast, f"asker-{n}")) for n in range(ASKERS)]
    everybody = (*reading, *publishing, *asking)
    try:
        sequences = strikes.schedule(cast.dice("faults"), near, at)
        await asyncio.gather(*(strikes.fall(cast.team, one) for one in sequences))
        cast.is_over = True
        await cast.team.all_serve()
        await asyncio.gather(*publishing)
        await _settle(cast)
        await cast.publish(cast.dice("last"), {"type": "note", "event_id": LAST})
        await asyncio.gather(*reading)
    finally:
        for task in (*everybody, *cast.answering):
            task.cancel()
        await asyncio.gather(*everybody, *cast.answering, return_exceptions=True)


async def _settle(cast: Cast) -> None:
    """Wait until no request is open and every answerer knows how its request ended."""

    async def nothing_is_open(replica: Replica) -> bool:
        pending = await replica.client.pending()
        for request in pending:
            cast.answer(request.request_id)
        return not pending

    await actors.until(nothing_is_open, cast.team, cast.dice("settling"))
    while cast.answering:
        await asyncio.wait(set(cast.answering))


def _waiting(cast: Cast) -> str:
    """Say who is not done, for whoever looks into a run that hangs."""
    reading = [name for name, reader in cast.history.readers.items() if not reader.has_read_all]
    answering = len(cast.answering)
    return f"faults over: {cast.is_over}, {answering} answers on their way, reading {reading}"
