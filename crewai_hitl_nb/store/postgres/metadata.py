"""The documents beside a log in PostgreSQL: see ``store/metadata.py``."""

from typing import Final

from crewai_hitl_nb.store.coordination import Tenure
from crewai_hitl_nb.store.metadata import NotOnDuty
from crewai_hitl_nb.store.postgres.connections import Session
from crewai_hitl_nb.store.postgres.reading import only

_LASTING: Final = (
    "SELECT FROM log.duties"
    " WHERE name = %(duty)s AND fence = %(number)s AND expires > clock_timestamp()"
)
"""A row if a tenure lasts by the database's clock."""

_ANOTHER: Final = "another server does this now"


def get(log: Session, prefix: str) -> dict[str, bytes]:
    """Return the documents whose name begins with the prefix."""
    return dict(
        log.execute(
            "SELECT name, body FROM log.notes WHERE starts_with(name, %(prefix)s) ORDER BY name",
            {"prefix": prefix},
        ).fetchall()
    )


def put(log: Session, name: str, body: bytes) -> None:
    """Write a document; it replaces an older one."""
    log.execute(
        "INSERT INTO log.notes (name, body) VALUES (%(name)s, %(body)s)"
        " ON CONFLICT (name) DO UPDATE SET body = excluded.body",
        {"name": name, "body": body},
    )


def put_on_duty(log: Session, name: str, body: bytes, tenure: Tenure) -> None:
    """Write a document in a tenure, if it lasts by the database's clock.

    Raises:
        NotOnDuty: Another replica has the duty, or none.
    """
    written = log.execute(
        f"INSERT INTO log.notes (name, body) SELECT %(name)s, %(body)s FROM ({_LASTING}) AS duty"  # noqa: S608 - constants only
        " ON CONFLICT (name) DO UPDATE SET body = excluded.body",
        {"name": name, "body": body, "duty": tenure.duty, "number": tenure.number},
    )
    if not written.rowcount:
        raise NotOnDuty(_ANOTHER)


def put_once(log: Session, name: str, body: bytes) -> bytes:
    """Write a document unless there is one; return the one that is kept."""
    values = {"name": name, "body": body}
    log.execute(
        "INSERT INTO log.notes (name, body) VALUES (%(name)s, %(body)s) ON CONFLICT DO NOTHING",
        values,
    )
    row = log.execute("SELECT body FROM log.notes WHERE name = %(name)s", values).fetchone()
    return bytes(row[0]) if row else body


def delete(log: Session, name: str) -> None:
    """Delete a document, if there is one."""
    log.execute("DELETE FROM log.notes WHERE name = %(name)s", {"name": name})


def delete_on_duty(log: Session, name: str, tenure: Tenure) -> None:
    """Delete a document in a tenure, if it lasts by the database's clock.

    Raises:
        NotOnDuty: Another replica has the duty, or none.
    """
    lasts = log.execute(
        f"WITH duty AS ({_LASTING}), gone AS (DELETE FROM log.notes"  # noqa: S608 - constants only
        " WHERE name = %(name)s AND EXISTS (SELECT FROM duty)) SELECT EXISTS (SELECT FROM duty)",
        {"name": name, "duty": tenure.duty, "number": tenure.number},
    )
    if not only(lasts)[0]:
        raise NotOnDuty(_ANOTHER)
