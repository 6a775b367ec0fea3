"""Notices that the log is not the one that this server has seen before.

A database may go back in time: it was restored from a backup, or its standby took over without the
last commits. Events that readers were given are then gone, and other events get their offsets. So
each server keeps the last place that it has seen, and compares it with the log before it writes and
about once a second. The first one that finds a difference gives the log a new epoch.
"""

import uuid
from collections.abc import Collection
from typing import Final

import msgspec

from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.store.postgres import reading
from crewai_hitl_nb.store.postgres.connections import Session
from crewai_hitl_nb.store.postgres.reading import STATE, STATE_COLUMNS, State, only, state_of


class HistoryLost(Exception):
    """The log does not have what this server has seen of it: the database went back in time."""


class FellBehind(Exception):
    """The last event that this server has seen was pruned, and maybe others after it."""


class Seen(msgspec.Struct, frozen=True):
    """What a server knows of the log before it writes.

    Attributes:
        epoch: The log's name.
        head: The last place that the server has seen.
    """

    epoch: str
    head: Head


SEAL_AT: Final = (
    'SELECT seal FROM log.events WHERE "offset" = %(offset)s'
    ' UNION ALL SELECT seal FROM log.pruned WHERE "offset" = %(offset)s'
)
"""The seal at an offset."""


def check(log: Session, seen: Seen) -> State:
    """Compare the log with what this server has seen of it, and return how it stands.

    Raises:
        HistoryLost: The database went back in time.
        FellBehind: It cannot be compared.
    """
    found = reading.state(log)
    row = log.execute(SEAL_AT, {"offset": seen.head.offset}).fetchone()
    compare(found, seen, row[0] if row else None, reading.pruned_through(log))
    return found


def compare(found: State, seen: Seen, seal: bytes | None, pruned: int) -> None:
    """Compare the log's row with what this server has seen.

    Args:
        found: The log's row.
        seen: What this server has seen.
        seal: What :data:`SEAL_AT` found; None if nothing.
        pruned: How far the log was pruned.

    Raises:
        HistoryLost: The database went back in time.
        FellBehind: It cannot be compared.
    """
    if (found.epoch, found.head) == (seen.epoch, seen.head):
        return  # the log has no row at its end if a salvaged file without its end was copied here
    if found.epoch != seen.epoch or found.head.offset < seen.head.offset:
        raise HistoryLost
    if not seen.head.offset:
        return
    if seal is None:
        raise FellBehind if pruned >= seen.head.offset else HistoryLost
    if seal != seen.head.seal:
        raise HistoryLost


def new_epoch(log: Session, past: Collection[str]) -> State:
    """Give the log a new epoch, unless another server has done so, and return how it stands.

    Args:
        log: A session that writes.
        past: The epochs that this server knows. A database that went back in time may have lost
            the last one, and has an earlier one again.
    """
    with log.connection.transaction():
        # A database that forgets commits may not forget this one.
        log.execute("SELECT set_config('synchronous_commit', 'on', true)")
        found = state_of(only(log.execute(f"{STATE} FOR UPDATE")))
        if found.epoch not in past:
            return found
        changed = log.execute(
            f"UPDATE log.state SET epoch = %(epoch)s RETURNING {STATE_COLUMNS}",  # noqa: S608 - constants only
            {"epoch": str(uuid.uuid4())},
        )
        return state_of(only(changed))
