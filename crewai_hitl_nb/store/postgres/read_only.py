"""Reads the trail of a log in PostgreSQL that servers may have open, without writing to it.

It shows the content of the tables, independent of the servers, and needs only the right to read.
"""

from collections.abc import Iterator
from contextlib import closing, contextmanager

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.postgres import files, reading, schema
from crewai_hitl_nb.store.postgres.connections import Session, Target
from crewai_hitl_nb.store.postgres.errors import NO_ANSWER, unavailable
from crewai_hitl_nb.store.trail import StoredTrail, TrailPage


@contextmanager
def looking_at(target: Target) -> Iterator[StoredTrail]:
    """Open the log for reading.

    Raises:
        StoreUnavailable: There is no log, or it has another version or cannot be read.
    """
    try:
        with closing(target.connect()) as log:
            version = schema.version_of(log) or 0
            if version < schema.VERSION:  # a newer one has what this version reads
                raise StoreUnavailable(
                    f"{target} has no log of schema {schema.VERSION}, which this version reads; "
                    "check the database and `?schema=NAME` in the URL, and which version the "
                    "servers have"
                )
            yield StoredTrail(
                lambda after, limit: _page(log, after, limit),
                reading.state(log).mark,
                lambda: files.lost(log),
            )
    except NO_ANSWER as error:
        raise unavailable("cannot read", target, error, opening=True) from error


def _page(log: Session, after: int, limit: int) -> tuple[str, TrailPage]:
    page = reading.trail(log, after=after, limit=limit)
    return reading.state(log).epoch, page
