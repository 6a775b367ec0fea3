"""Adds one line of advice to each error of PostgreSQL.

The database's own message stays in front, because people search for it. Errors are recognized by
their SQLSTATE (PostgreSQL, "Error Codes"). One without a code comes from libpq, from before a
session began or after it broke; these are recognized by their words.
"""

from typing import Final

import psycopg
from psycopg_pool import PoolClosed, PoolTimeout

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.damage import DamagedRow
from crewai_hitl_nb.store.postgres.connections import Target, WrongDatabase
from crewai_hitl_nb.store.postgres.schema import NotOurs, TooOld
from crewai_hitl_nb.store.relocation import OutOfService

NO_ANSWER: Final = (
    psycopg.Error,
    PoolTimeout,
    PoolClosed,
    DamagedRow,
    NotOurs,
    TooOld,
    OutOfService,
    LookupError,
    ValueError,
)
"""What a query can raise: the database's errors, and those of decoding damaged rows."""

_BY_ITSELF: Final = "; the server then continues by itself"
_AWAY: Final = f"start the database, or check host and port in the URL{_BY_ITSELF}"
_RIGHTS: Final = (
    "grant this user the right to create a schema (`GRANT CREATE ON DATABASE`), or make one that "
    "belongs to them (`CREATE SCHEMA … AUTHORIZATION …`)"
)
_TABLES: Final = (
    "connect as the owner of the log's schema, or let the owner grant this user USAGE on it and "
    "SELECT, INSERT, UPDATE and DELETE on its tables"
)
_OWNER: Final = (
    "its tables must be upgraded: start one server of this version as the owner of the log's schema"
)
_LOGIN: Final = "check user and password in the URL, and the database's pg_hba.conf"
_STANDBY: Final = (
    "it is a standby: name its primary in the URL, or all hosts of the cluster "
    "(`postgresql://one,two/database`)"
)
_FEW: Final = "it has too few connections: raise `max_connections`, or run fewer servers"
_SAID: Final = (
    ("authentication failed", _LOGIN),
    ("no password supplied", _LOGIN),
    ("pg_hba.conf", _LOGIN),
    ("database system", _AWAY),  # it starts or stops
    ("role ", _LOGIN),
    ("database ", "create the database (`createdb`), or correct its name in the URL"),
    ("too many clients", _FEW),
    ("connection slots", _FEW),
)
"""Words of libpq, and what to do; the first ones that fit."""

_ADVICE: Final = (
    ("28", _LOGIN),
    ("3D", "create the database (`createdb`), or correct its name in the URL"),
    ("42501", _RIGHTS),
    ("25006", _STANDBY),
    ("42P01", "the tables are gone: restore them, or choose another schema with `?schema=NAME`"),
    ("53100", f"free some space on the database's disk{_BY_ITSELF}"),
    ("53300", _FEW),
    ("53", "the database is short of resources; the server continues by itself when it has more"),
    ("55P03", "another server or a `crewai-hitl copy` holds the log for long; try again later"),
    ("57P", _AWAY),
    ("08", _AWAY),
)
"""The beginning of a code, and what to do; the first one that fits."""


_PLAIN: Final = (psycopg.OperationalError, PoolTimeout, NotOurs, TooOld, OutOfService, DamagedRow)
"""Their messages have no content of a row."""


def unavailable(
    what: str, target: Target, error: BaseException, *, opening: bool = False
) -> StoreUnavailable:
    """Return an error that says what failed with a log, why, and what to do.

    Args:
        what: What failed.
        target: The log.
        error: Why.
        opening: Whether nothing is tried again, because the log was never open.
    """
    advice = _advice(error)
    return StoreUnavailable(
        f"{what} {target}: {advice.removesuffix(_BY_ITSELF) if opening else advice}"
    )


def _advice(error: BaseException) -> str:
    said = _said(error)
    code = getattr(error, "sqlstate", None)
    if code == "42501" and "for database" not in said:
        return f"{said}; {_OWNER if said.startswith('must be owner') else _TABLES}"
    if isinstance(error, WrongDatabase):
        return said
    if code is None:
        if not isinstance(error, psycopg.OperationalError | PoolTimeout):
            return said
        if "session is read-only" in said:
            return f"{said}; {_STANDBY}"
        fatal = said.lower().partition("fatal:")[2]
        return f"{said}; {next((then for words, then in _SAID if words in fatal), _AWAY)}"
    return next((f"{said}; {then}" for start, then in _ADVICE if code.startswith(start)), said)


def _said(error: BaseException) -> str:
    """Return the part of a message that callers and logs may see: never the content of a row."""
    if isinstance(error, psycopg.Error) and error.diag.message_primary:
        return error.diag.message_primary
    if isinstance(error, _PLAIN):
        return " ".join(str(error).split())
    return type(error).__name__
