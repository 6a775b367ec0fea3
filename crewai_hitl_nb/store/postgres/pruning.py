"""Drops old events of a log in PostgreSQL, in batches, so that appends hardly wait.

Each batch is a transaction of its own that moves the end of what was pruned by some thousands of
offsets; between two batches the log is whole. Two servers that prune at once would do the same work
twice, so the second one leaves it to the first.
"""

from typing import Final

import msgspec

from crewai_hitl_nb.store import ownership
from crewai_hitl_nb.store.ownership import Origin
from crewai_hitl_nb.store.postgres import metadata, reading, replicas
from crewai_hitl_nb.store.postgres.connections import Session

_OFFSETS: Final = 5000
"""Offsets in one batch."""

_LOCK: Final = "SELECT pg_try_advisory_xact_lock(hashtextextended(%(name)s, 0))"

_OLD: Final = """
    "offset" <= %(through)s AND (request_id IS NULL OR request_id IN
    (SELECT request_id FROM log.requests WHERE closed_at <= %(through)s))
"""


def prune(log: Session, *, keep: int, before: float) -> int:
    """Drop old events and return how many; see ``Store.prune``.

    A request's events are dropped only together, and never those of a pending one.
    """
    young = log.execute(
        'SELECT "offset" FROM log.events WHERE stored_at >= %(before)s ORDER BY "offset" LIMIT 1',
        {"before": before},
    ).fetchone()
    top = reading.state(log).head.offset
    end = max(top - keep, young[0] - 1 if young else top)
    dropped = 0
    for through in _steps(reading.pruned_through(log), end):
        with log.connection.transaction():
            if not _is_locked(log):
                return dropped
            dropped += _prune_through(log, through)
    _drop_spent_origins(log, before)
    replicas.forget(log)
    return dropped


def _steps(begin: int, end: int) -> list[int]:
    """Return the ends of the batches; one at least, because old requests may have ended since."""
    return [*range(begin + _OFFSETS, end, _OFFSETS), end]


def _is_locked(log: Session) -> bool:
    row = log.execute(_LOCK, {"name": f"crewai-hitl prune {log.schema}"}).fetchone()
    return bool(row and row[0])


def _prune_through(log: Session, through: int) -> int:
    _keep_digests(log, through)
    _keep_origins(log, through)
    gone = log.execute(f"DELETE FROM log.events WHERE {_OLD}", {"through": through}).rowcount  # noqa: S608 - constants only
    log.execute("DELETE FROM log.requests WHERE closed_at <= %(through)s", {"through": through})
    if gone:
        log.execute(
            "UPDATE log.retention SET pruned_through = greatest(pruned_through, %(through)s)",
            {"through": through},
        )
    return gone


def _keep_digests(log: Session, through: int) -> None:
    """Keep the digests and seals that the chain needs of the events to drop: see ``trail.py``.

    That is a digest for each event after the oldest one that stays, and of those before it
    only the last one.
    """
    row = log.execute(
        f'SELECT "offset" FROM log.events WHERE NOT ({_OLD}) ORDER BY "offset" LIMIT 1',  # noqa: S608 - constants only
        {"through": through},
    ).fetchone()
    names = {"through": through, "oldest": row[0] if row else _NEVER}
    log.execute(
        'INSERT INTO log.pruned ("offset", digest, seal)'  # noqa: S608 - constants only
        f' SELECT "offset", sha256(body), seal FROM log.events WHERE {_OLD} AND "offset" >='
        f' coalesce((SELECT max("offset") FROM log.events WHERE {_OLD}'
        ' AND "offset" < %(oldest)s), 0)',
        names,
    )
    log.execute(
        'DELETE FROM log.pruned WHERE "offset" <'
        ' (SELECT max("offset") FROM log.pruned WHERE "offset" < %(oldest)s)',
        names,
    )


_NEVER: Final = 2**63 - 1
"""An offset beyond every other: no event stays."""


def _keep_origins(log: Session, through: int) -> None:
    """Store the owners whose first events are about to be dropped: see ``ownership.py``."""
    for scope, owner in ownership.SCOPES:
        gone = log.execute(
            f"SELECT DISTINCT ON ({scope}) {scope}, {owner}, (SELECT max(stored_at)"  # noqa: S608 - constants only
            f" FROM log.events AS last WHERE last.{scope} = first.{scope}"
            ' AND last."offset" <= %(through)s)'
            f" FROM log.events AS first WHERE {_OLD} AND {scope} IS NOT NULL"
            f' ORDER BY {scope}, "offset"',
            {"through": through},
        ).fetchall()
        for name, owned_by, last in gone:
            # Read before they are dropped: the first event may be one that stays.
            known = reading.origin(log, scope, name)
            origin = ownership.with_later(known, Origin(owned_by, last))
            metadata.put(log, ownership.note_name(scope, name), msgspec.json.encode(origin))


def _drop_spent_origins(log: Session, before: float) -> None:
    for scope, _ in ownership.SCOPES:
        start = ownership.note_name(scope, "")
        for note, body in metadata.get(log, start).items():
            name = note.removeprefix(start)
            old = msgspec.json.decode(body, type=Origin).last < before
            if old and not reading.is_kept(log, scope, name):
                metadata.delete(log, note)
