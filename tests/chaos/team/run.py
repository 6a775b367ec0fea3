"""One run of a team: everybody acts at once while faults happen, and the history is checked.

The faults follow from the seed, and so does what everybody says and to whom; the operating system
decides the rest.
"""

import asyncio
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Literal, TypeAlias

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
from tests.chaos.team.strikes import Strike
from tests.postgres import Cluster, Standby, cluster, standby

RUN_SECONDS = 240.0
"""No run may hang; far above what one takes."""

PUBLISHERS = 4
ASKERS = 2
READERS = 2
"""For each transport."""

NEAR, AT = 15, 9
"""Faults in a run: of each replica, and of the database."""

SETTINGS = {"max_connections": "40"}
"""Of the database: few connections, so that they can be used up."""

FORGETFUL = {**SETTINGS, "synchronous_commit": "off", "wal_writer_delay": "2s"}
"""Of a database that loses its last commits when it crashes."""

SYNCHRONOUS = {"synchronous_standby_names": "*"}
"""Of a database that acknowledges no commit that its standby does not have."""

KILLS, CUTS = "processes killed", "connections cut"

Mode: TypeAlias = Literal["faults", "forgetful", "promotes", "promotes and loses"]
"""What happens in a run: faults everywhere, crashes of a database that forgets its last commits, or
a standby that takes over, with all commits or without the last ones."""

_MODES: Sequence[Mode] = (
    *("faults", "faults", "forgetful", "promotes", "promotes and loses", "faults"),
)


def mode(seed: int) -> Mode:
    """Return the mode of a run.

    Runs of the other kinds are between those of a team, so that its seeds are the multiples of 30
    in a batch (``batch.py``). They reach every mode, and so do seeds that follow each other.
    """
    return _MODES[(seed + seed // 30) % len(_MODES)]


@dataclass(frozen=True)
class Played:
    """A run that is over.

    Attributes:
        history: What everybody saw.
        log: The log at its end.
        faults: How many processes were killed on purpose, and connections to the database broken.
    """

    history: History
    log: Log
    faults: Counter[str]

    @property
    def violations(self) -> list[str]:
        """Every promise that was broken."""
        return violations(self.history, self.log)


def run(seed: int, folder: Path) -> tuple[list[str], Counter[str]]:
    """Play one run on a database of its own.

    Returns:
        Every promise that was broken, and :attr:`Played.faults`.
    """
    dice = Random(f"{seed}/faults")
    match mode(seed):
        case "forgetful":
            with cluster(FORGETFUL) as database:
                plan = strikes.schedule(dice, 0, AT)
                played = asyncio.run(play(seed, folder, database, plan, may_lose_history=True))
        case "promotes":
            played = fail_over(seed, folder, loses=False)
        case "promotes and loses":
            played = fail_over(seed, folder, loses=True)
        case "faults":
            with cluster(SETTINGS) as database:
                played = asyncio.run(play(seed, folder, database, strikes.schedule(dice, NEAR, AT)))
    return played.violations, played.faults


def fail_over(seed: int, folder: Path, *, loses: bool) -> Played:
    """Play one run in which a standby takes over from the database, and no replica is killed.

    What only killed replicas have seen would be lost without a sign.

    Args:
        seed: Of everything that happens.
        folder: For what the replicas write.
        loses: Whether the standby lacks the last commits.
    """
    dice = Random(f"{seed}/faults")
    plan = [strikes.failover(dice, loses=loses)]
    with cluster({} if loses else SYNCHRONOUS) as primary, standby(primary) as second:
        return asyncio.run(play(seed, folder, primary, plan, second=second, may_lose_history=loses))


async def play(
    seed: int,
    folder: Path,
    database: Cluster,
    plan: Sequence[Sequence[Strike]],
    *,
    second: Standby | None = None,
    may_lose_history: bool = False,
) -> Played:
    """Play one run.

    Args:
        seed: Of everything that happens.
        folder: For what the replicas write.
        database: A running server; it is crashed, and running again when this returns.
        plan: The faults.
        second: Its standby.
        may_lose_history: Whether the faults lose commits: readers must then be told.
    """
    schema = f"log_{uuid.uuid4().hex}"
    async with running(database, folder, schema, second) as team:
        cast = Cast(team, History(may_lose_history=may_lose_history), seed)
        try:
            with anyio.fail_after(RUN_SECONDS):
                await _play(cast, plan)
        except TimeoutError as error:
            raise AssertionError(f"it hangs: {_waiting(cast)}\n{await team.told()}") from error
        faults = Counter({KILLS: team.kills, CUTS: team.broken_connections})
        url = team.cluster.url(schema=schema)
    log = await store_run.read_log(PostgresStore(parse(url)))
    return Played(cast.history, log, faults)


async def _play(cast: Cast, plan: Sequence[Sequence[Strike]]) -> None:
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
        await asyncio.gather(*(strikes.fall(cast.team, one) for one in plan))
        cast.is_over = True
        await cast.team.all_serve()
        await asyncio.gather(*publishing)
        await _settle(cast)
        await cast.publish(cast.dice("last"), {"type": "note", "event_id": LAST})
        await asyncio.gather(*reading)
        for replica in cast.team.replicas:
            health = await replica.client.health()
            cast.history.saw_epoch(health.epoch or "", time.monotonic())
    finally:
        for task in (*everybody, *cast.answering):
            task.cancel()
        await asyncio.gather(*everybody, *cast.answering, return_exceptions=True)


async def _settle(cast: Cast) -> None:
    """Wait until no request is open and every answerer knows how its request ended."""

    async def nothing_is_open(replica: Replica) -> bool:
        pending = await replica.client.pending()
        for request in pending:
            cast.answer(request.request_id, again=True)
        return not pending

    await actors.until(nothing_is_open, cast.team, cast.dice("settling"))
    while cast.answering:
        await asyncio.wait(cast.answering)


def _waiting(cast: Cast) -> str:
    """Say who is not done, for whoever looks into a run that hangs."""
    reading = [name for name, reader in cast.history.readers.items() if not reader.has_read_all]
    answering = len(cast.answering)
    return f"faults over: {cast.is_over}, {answering} answers on their way, reading {reading}"
