"""The faults of a run: which, when and for how long follows from the dice alone.

Sequences run side by side: one for each replica and its network, and one for the database. So
faults overlap, but nothing is stopped or restarted twice at a time.
"""

import asyncio
import contextlib
import os
import random
import signal
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

import psycopg

from crewai_hitl_nb.store.postgres import reading
from crewai_hitl_nb.store.postgres.connections import parse
from tests.chaos.team.replicas import (
    AHEAD,
    BEHIND,
    PAUSE_SECONDS,
    REPLICAS,
    RIGHT,
    Replica,
    Team,
    continue_process,
    stop_process,
)


@dataclass(frozen=True)
class Strike:
    """One fault.

    Attributes:
        kind: A name in :data:`KINDS`.
        replica: The one that it hits.
        after: Seconds since the one before it ended.
        lasts: Seconds; without meaning for a kill.
    """

    kind: str
    replica: int
    after: float
    lasts: float


async def _kill(team: Team, strike: Strike) -> None:
    """SIGKILL a replica, once it runs; it is started again."""
    while not _hit(team, strike).send_signal(signal.SIGKILL):  # noqa: ASYNC110 - another process
        await asyncio.sleep(PAUSE_SECONDS)
    team.kills += 1


async def _stop(team: Team, strike: Strike) -> None:
    """SIGSTOP a replica: a paused machine, which wakes up and believes that no time passed."""
    hit = _hit(team, strike)
    hit.send_signal(signal.SIGSTOP)
    await asyncio.sleep(strike.lasts)
    hit.send_signal(signal.SIGCONT)


async def _drop(team: Team, strike: Strike) -> None:
    """Break the connections of a replica to the database, those of a replica at work at least."""
    relay = _hit(team, strike).relay
    enough = relay.broken + CONNECTIONS
    while relay.broken < enough:
        while relay.carries < CONNECTIONS:  # noqa: ASYNC110 - the condition is another process's
            await asyncio.sleep(PAUSE_SECONDS)
        await asyncio.to_thread(relay.drop)


async def _cut(team: Team, strike: Strike) -> None:
    """Cut a replica off from the database."""
    relay = _hit(team, strike).relay
    await asyncio.to_thread(relay.cut)
    await asyncio.sleep(strike.lasts)
    await asyncio.to_thread(relay.restore)


async def _slow(team: Team, strike: Strike) -> None:
    """Slow the network of a replica down."""
    relay = _hit(team, strike).relay
    relay.slow(0.03)
    await asyncio.sleep(strike.lasts)
    relay.slow(0.0)


async def _freeze(team: Team, strike: Strike) -> None:
    """Let the network of a replica swallow everything, and then break its connections."""
    relay = _hit(team, strike).relay
    relay.freeze()
    await asyncio.sleep(strike.lasts)
    await asyncio.to_thread(relay.drop)
    await asyncio.to_thread(relay.restore)


async def _ahead(team: Team, strike: Strike) -> None:
    """Set the clock of a replica forwards, and then right again."""
    await _set_clock(team, strike, AHEAD)


async def _behind(team: Team, strike: Strike) -> None:
    """Set the clock of a replica backwards, and then right again."""
    await _set_clock(team, strike, BEHIND)


async def _set_clock(team: Team, strike: Strike, signal_number: int) -> None:
    hit = _hit(team, strike)
    while not hit.send_clock(signal_number):  # noqa: ASYNC110 - another process
        await asyncio.sleep(PAUSE_SECONDS)
    await asyncio.sleep(strike.lasts)
    hit.send_clock(RIGHT)


async def _backend(team: Team, strike: Strike) -> None:
    """SIGKILL a process of PostgreSQL: it ends all others and recovers from its log."""
    while not _kill_one(_backends(team.cluster.pid), strike.replica):  # noqa: ASYNC110 - another process
        await asyncio.sleep(PAUSE_SECONDS)
    team.kills += 1


async def _terminate(team: Team, strike: Strike) -> None:
    """End some sessions, as an administrator does."""
    with contextlib.suppress(psycopg.Error):
        await asyncio.to_thread(_terminate_some, team.cluster.url(), 3)


async def _crash(team: Team, strike: Strike) -> None:
    """Stop the database as a power cut does, and start it again."""
    await asyncio.to_thread(team.cluster.stop, "immediate")
    await asyncio.sleep(strike.lasts)
    await asyncio.to_thread(team.cluster.start)


async def _stop_database(team: Team, strike: Strike) -> None:
    """SIGSTOP every process of PostgreSQL."""
    postmaster = team.cluster.pid
    stopped = [postmaster, *_children(postmaster)]
    for pid in stopped:
        with contextlib.suppress(ProcessLookupError):
            stop_process(pid)
    await asyncio.sleep(strike.lasts)
    for pid in stopped:
        continue_process(pid)


async def _crowd(team: Team, strike: Strike) -> None:
    """Take every connection that the database has left, and break those of one replica."""
    crowd = await asyncio.to_thread(_take_all, team.cluster.url())
    try:
        await asyncio.to_thread(_hit(team, strike).relay.drop)
        await asyncio.sleep(strike.lasts)
    finally:
        for connection in crowd:
            connection.close()


async def _fall_behind(team: Team, strike: Strike) -> None:
    """Cut the standby off, and wait until the database has commits that the standby has not."""
    assert team.standby is not None
    await _some_events(team)
    await asyncio.to_thread(team.standby.replication.cut)
    await _some_events(team)


async def _promote(team: Team, strike: Strike) -> None:
    """Let the database die, and its standby take over, as whatever watches over them does."""
    assert team.standby is not None
    await _some_events(team)
    await asyncio.to_thread(team.cluster.stop, "immediate")
    await asyncio.sleep(strike.lasts)
    await asyncio.to_thread(team.standby.promote)
    team.cluster, team.standby = team.standby, None


_Blow: TypeAlias = Callable[[Team, Strike], Awaitable[None]]

NEAR_REPLICAS: dict[str, _Blow] = {
    "kill": _kill,
    "stop": _stop,
    "drop": _drop,
    "cut": _cut,
    "slow": _slow,
    "freeze": _freeze,
    "ahead": _ahead,
    "behind": _behind,
}
AT_DATABASE: dict[str, _Blow] = {
    "backend": _backend,
    "terminate": _terminate,
    "crash": _crash,
    "stop_database": _stop_database,
    "crowd": _crowd,
}
AT_STANDBY: dict[str, _Blow] = {"fall_behind": _fall_behind, "promote": _promote}
KINDS = {**NEAR_REPLICAS, **AT_DATABASE, **AT_STANDBY}

LONGEST_SECONDS = 0.5
CONNECTIONS = 4
"""Of a replica at work: one writes, one reads, one follows the log, one listens."""

SOME = 20
"""Events before a standby takes over, and events that it may lack."""

SLEEP_SECONDS = 6.0
"""Longer than the database waits for a replica that stopped while it held the lock."""

_NEAR_WEIGHTS = (6, 2, 16, 1, 1, 1, 1, 1)
_AT_WEIGHTS = (2, 4, 1, 2, 2)
_KILLS = ("kill", "backend")


def schedule(dice: random.Random, near: int, at: int) -> list[list[Strike]]:
    """Return the sequences.

    Args:
        dice: Of everything in them.
        near: How many faults hit each replica and its network.
        at: How many hit the database.
    """
    sequences = [
        [
            _strike(dice, kind, number)
            for kind in dice.choices([*NEAR_REPLICAS], _NEAR_WEIGHTS, k=near)
        ]
        for number in range(REPLICAS)
    ]
    kinds = dice.choices([*AT_DATABASE], _AT_WEIGHTS, k=at)
    return [*sequences, [_strike(dice, kind, dice.randrange(REPLICAS)) for kind in kinds]]


def failover(dice: random.Random, *, loses: bool) -> list[Strike]:
    """Return the one sequence of a run in which the standby takes over.

    Args:
        dice: Of how long everything takes.
        loses: Whether the standby lacks the last commits.
    """
    kinds = ("fall_behind", "promote") if loses else ("promote",)
    return [_strike(dice, kind, 0) for kind in kinds]


def _strike(dice: random.Random, kind: str, replica: int) -> Strike:
    sleeps = kind == "stop" and dice.random() < 0.1
    lasts = SLEEP_SECONDS if sleeps else dice.uniform(0, LONGEST_SECONDS)
    return Strike(kind, replica, dice.uniform(0, LONGEST_SECONDS), lasts)


def kills(sequences: Sequence[Sequence[Strike]]) -> int:
    """Return how many processes are killed."""
    return sum(strike.kind in _KILLS for strikes in sequences for strike in strikes)


def cuts(sequences: Sequence[Sequence[Strike]]) -> int:
    """Return how many connections are broken at least."""
    drops = sum(strike.kind == "drop" for strikes in sequences for strike in strikes)
    return CONNECTIONS * drops


async def fall(team: Team, strikes: Sequence[Strike]) -> None:
    """Let faults happen one after the other."""
    for strike in strikes:
        await asyncio.sleep(strike.after)
        await KINDS[strike.kind](team, strike)


async def _some_events(team: Team) -> None:
    """Wait until some more events are stored."""
    url = team.cluster.url(schema=team.schema)
    top = await asyncio.to_thread(_top, url)
    while await asyncio.to_thread(_top, url) < top + SOME:  # noqa: ASYNC110 - the database's
        await asyncio.sleep(PAUSE_SECONDS)


def _hit(team: Team, strike: Strike) -> Replica:
    return team.replicas[strike.replica]


def _children(pid: int) -> list[int]:
    return [int(name) for name in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]


def _backends(postmaster: int) -> list[int]:
    """Return the processes of PostgreSQL that serve somebody."""
    found = []
    for pid in _children(postmaster):
        with contextlib.suppress(OSError):
            if b"127.0.0.1(" in Path(f"/proc/{pid}/cmdline").read_bytes():
                found.append(pid)
    return found


def _kill_one(processes: Sequence[int], number: int) -> bool:
    """Kill one of some processes; return whether there was one that still ran."""
    if not processes:
        return False
    with contextlib.suppress(ProcessLookupError):
        os.kill(processes[number % len(processes)], signal.SIGKILL)
        return True
    return False


def _terminate_some(url: str, most: int) -> None:
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'crewai-hitl' ORDER BY random() LIMIT %s",
            (most,),
        )


def _top(url: str) -> int:
    """Return the last offset of a log."""
    log = parse(url).connect()
    try:
        return reading.state(log).head.offset
    finally:
        log.close()


def _take_all(url: str) -> list[psycopg.Connection[tuple[object, ...]]]:
    taken = []
    with contextlib.suppress(psycopg.Error):
        while True:
            taken.append(psycopg.connect(url))
    return taken
