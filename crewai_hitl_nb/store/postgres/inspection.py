"""Examines a database before a log is kept in it, and changes nothing.

Each function returns facts; what they mean for people is in ``cli/database_checks.py``.
"""

import time
import uuid
from contextlib import closing
from typing import Final

import msgspec

from crewai_hitl_nb.store.postgres import schema
from crewai_hitl_nb.store.postgres.connections import Session, Target, is_pooled
from crewai_hitl_nb.store.postgres.errors import NO_ANSWER, unavailable

_NOTIFICATION_SECONDS: Final = 3.0
"""How long to wait for a notification, which takes milliseconds."""

_CHANNEL: Final = "crewai_hitl_doctor"

_FREE: Final = """
    SELECT least(
        current_setting('max_connections')::int
            - current_setting('superuser_reserved_connections')::int
            - (SELECT sum(numbackends) FROM pg_stat_database),
        (SELECT datconnlimit - (SELECT count(*) FROM pg_stat_activity WHERE datid = d.oid)
            FROM pg_database AS d WHERE datname = current_database() AND datconnlimit >= 0),
        (SELECT rolconnlimit - (SELECT count(*) FROM pg_stat_activity WHERE usesysid = r.oid)
            FROM pg_roles AS r WHERE rolname = current_user AND rolconnlimit >= 0)
    )::int
"""
"""The tightest of three limits: of the server, of the database, of the user."""


class Facts(msgspec.Struct, frozen=True, kw_only=True):
    """What a database is and how it is configured.

    Attributes:
        version: Its version, as 150018 for 15.18.
        is_pooled: Whether a pooler such as pgbouncer is in front of it.
        synchronous_commit: As it applies to this user.
        standbys: ``synchronous_standby_names``.
        unsafe: Which of ``fsync`` and ``full_page_writes`` are off.
        free_connections: How many more there may be.
        clock_ahead: Seconds that its clock is ahead of this machine's.
    """

    version: int
    is_pooled: bool
    synchronous_commit: str
    standbys: str
    unsafe: tuple[str, ...]
    free_connections: int
    clock_ahead: float


def examine(target: Target) -> Facts:
    """Return the facts about a database.

    Raises:
        StoreUnavailable: It cannot be reached; the message says why and what to do.
    """
    try:
        with closing(target.connect()) as session:
            return Facts(
                version=session.connection.info.server_version,
                is_pooled=is_pooled(session.connection),
                synchronous_commit=_setting(session, "synchronous_commit"),
                standbys=_setting(session, "synchronous_standby_names"),
                unsafe=tuple(
                    name
                    for name in ("fsync", "full_page_writes")
                    if _setting(session, name) == "off"
                ),
                free_connections=int(str(_one(session, _FREE))),
                clock_ahead=_clock_ahead(session),
            )
    except NO_ANSWER as error:
        raise unavailable("cannot use", target, error, opening=True) from error


def try_rights(target: Target) -> None:
    """Try whether this user may make or write the log's tables.

    Raises:
        StoreUnavailable: They may not, or the tables are not this application's.
    """
    try:
        with closing(target.connect()) as session:
            schema.try_out(session)
    except NO_ANSWER as error:
        raise unavailable("cannot use", target, error, opening=True) from error


def notifications_arrive(target: Target) -> bool:
    """Return whether a notification sent to the database arrives where a server listens.

    Raises:
        StoreUnavailable: One of the two cannot be reached.
    """
    listener, payload = target.listener or target, uuid.uuid4().hex
    try:
        with closing(listener.connect()) as listening, closing(target.connect()) as session:
            listening.connection.execute(f"LISTEN {_CHANNEL}")
            values = {"channel": _CHANNEL, "payload": payload}
            session.execute("SELECT pg_notify(%(channel)s, %(payload)s)", values)
            received = listening.connection.notifies(timeout=_NOTIFICATION_SECONDS)
            return any(one.payload == payload for one in received)
    except NO_ANSWER as error:
        raise unavailable("cannot listen at", listener, error, opening=True) from error


def _setting(session: Session, name: str) -> str:
    return str(_one(session, f"SHOW {name}"))


def _one(session: Session, statement: str) -> object:
    row = session.execute(statement).fetchone()
    assert row is not None
    return row[0]


def _clock_ahead(session: Session) -> float:
    """Compare the clocks, at the middle of the call."""
    before = time.time()
    theirs = float(str(_one(session, "SELECT extract(epoch FROM clock_timestamp())::float8")))
    return theirs - (before + time.time()) / 2
