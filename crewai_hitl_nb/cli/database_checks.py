"""The checks of ``doctor`` on a database that servers keep a log in.

They connect as a server does, and change nothing. The server half is imported only for them.
"""

from collections.abc import Iterator
from typing import TYPE_CHECKING, Final

from crewai_hitl_nb.cli.checks import Check
from crewai_hitl_nb.protocol.errors import StoreUnavailable

if TYPE_CHECKING:
    from crewai_hitl_nb.store.postgres.connections import Target
    from crewai_hitl_nb.store.postgres.inspection import Facts

OLDEST_VERSION: Final = 15
"""The oldest that PostgreSQL itself still supports (14 had its last release in November 2026), and
the oldest that the tests run on. The client, psycopg 3, would accept 10."""

CLOCK_SECONDS: Final = 2.0
"""Deadlines are in the askers' time and expire by the database's clock."""


def store_checks(store: str) -> Iterator[Check]:
    """Check the log that a path or URL names, as far as that needs checking."""
    from crewai_hitl_nb.store.open import locate

    try:
        location = locate(store)
    except StoreUnavailable as error:
        yield _broken("store", error)
        return
    if location.database is None:
        yield Check("store", "note", f"{location}: only a log in PostgreSQL is checked")
        return
    yield from _database(location.database)


def _database(target: "Target") -> Iterator[Check]:
    from crewai_hitl_nb.store.postgres import inspection

    try:
        facts = inspection.examine(target)
    except StoreUnavailable as error:
        yield _broken("database", error)
        return
    yield Check("database", "ok", f"{target} responds")
    yield _version(facts)
    yield _rights(target)
    yield _durability(facts)
    yield _crash_safety(facts)
    yield _notifications(target)
    yield _connections(facts)
    yield _clock(facts)


def _broken(name: str, error: StoreUnavailable) -> Check:
    """Return an error as a check: its message says what happened, then what to do."""
    what, _, then = error.message.partition("; ")
    return Check(name, "broken", what, then or "correct --store or CREWAI_HITL_STORE")


def _version(facts: "Facts") -> Check:
    version = f"PostgreSQL {facts.version // 10_000}.{facts.version % 10_000}"
    if facts.version < OLDEST_VERSION * 10_000:
        fix = f"upgrade the database to PostgreSQL {OLDEST_VERSION} or later"
        return Check("database version", "broken", f"{version} is no longer supported", fix)
    return Check("database version", "ok", version)


def _rights(target: "Target") -> Check:
    from crewai_hitl_nb.store.postgres import inspection

    try:
        inspection.try_rights(target)
    except StoreUnavailable as error:
        return _broken("database rights", error)
    return Check("database rights", "ok", f'this user may write the schema "{target.schema}"')


def _durability(facts: "Facts") -> Check:
    name, value = "synchronous_commit", facts.synchronous_commit
    if value == "off":
        return Check(
            name,
            "broken",
            "off: a crash of the database loses answers that were acknowledged",
            "set `synchronous_commit = on` in postgresql.conf, or for this user with `ALTER ROLE`",
        )
    if value == "local" and facts.standbys:
        return Check(
            name,
            "note",
            "local: a failover to a standby can lose answers that were acknowledged",
            "set `synchronous_commit = on` for this user",
        )
    return Check(name, "ok", value)


def _crash_safety(facts: "Facts") -> Check:
    if not facts.unsafe:
        return Check("fsync", "ok", "on, and so is full_page_writes")
    said = " and ".join(facts.unsafe)
    are = "is" if len(facts.unsafe) == 1 else "are"
    return Check(
        "fsync",
        "note",
        f"{said} {are} off: a power failure can destroy the database",
        f"turn {said} on, unless nobody would miss this log",
    )


def _notifications(target: "Target") -> Check:
    from crewai_hitl_nb.store.postgres import inspection

    try:
        arrive = inspection.notifications_arrive(target)
    except StoreUnavailable as error:
        return _broken("notifications", error)
    if arrive:
        return Check("notifications", "ok", f"arrive at {target.listener or target}")
    return Check(
        "notifications",
        "broken",
        "do not arrive: each server sees the events of the others up to a second late",
        "the URL leads to a pooler; name the database itself with `?listen=HOST:PORT` in the URL",
    )


def _connections(facts: "Facts") -> Check:
    from crewai_hitl_nb.store.postgres.store import CONNECTIONS

    if facts.is_pooled:
        return Check("connections", "note", "a pooler is in front: its pool is the limit")
    free = f"{facts.free_connections} are free; a server takes up to {CONNECTIONS}"
    if facts.free_connections < CONNECTIONS:
        fix = "raise `max_connections` (or the limit of the database or the user)"
        return Check("connections", "broken", free, fix)
    return Check("connections", "ok", free)


def _clock(facts: "Facts") -> Check:
    seconds = facts.clock_ahead
    if abs(seconds) < CLOCK_SECONDS:
        return Check("database clock", "ok", "agrees with this machine's")
    direction = "ahead of" if seconds > 0 else "behind"
    said = f"{abs(seconds):.0f} s {direction} this machine's: deadlines are off by as much"
    fix = "synchronize both clocks (NTP)"
    return Check("database clock", "broken", said, fix)
