"""What the servers of one log in PostgreSQL agree on: who is alive, who does what, what time it is.

Each server is a *replica* and has a **lease**: a row that it renews on the database's clock. While
its lease is live, the processes that are connected to it count as connected (``holders``). A
**duty** (deadlines, presence, webhooks) is a lease of its own that one replica holds for
all of them. Leases only save work: whether a request expires or is cancelled is decided by the
transaction that would store it (``appending.py``), so a replica that slept through its lease does
no harm.

A lease that ran out because the database was away must cancel nothing. So the replica that
cancels the requests of lost processes first holds that duty for the grace period, and for as long
as a lease: by then every other replica has renewed its own.
"""

import threading
import time
import uuid
from collections.abc import Awaitable, Callable
from datetime import datetime, timezone
from typing import Any, Final, get_args

from crewai_hitl_nb.store.coordination import Duty, Process, Tenure
from crewai_hitl_nb.store.postgres.connections import Session
from crewai_hitl_nb.store.postgres.reading import only
from crewai_hitl_nb.store.postgres.schema import VERSION

DUTIES: Final[tuple[Duty, ...]] = get_args(Duty)

LEASE_SECONDS: Final = 10.0
"""A replica that does not renew its lease for this long counts as gone."""

_RENEW_SECONDS: Final = 2.0

_RELIED_ON_SECONDS: Final = 6.0
"""A replica relies on its duties for this long after it renewed them.

After a longer pause it counts as having just begun: the pause may be that of the database, in which
no replica could renew its lease. In a shorter one no lease of another replica ends.
"""

_FORGOTTEN_SECONDS: Final = 3600.0
"""Rows of processes and replicas that are gone for this long are deleted."""


class Replicas:
    """This server's lease, its duties, and the processes connected to it.

    Args:
        flush_soon: Has :meth:`flush` called on the writer's thread.
        read: Calls a function with a session that reads, and returns what that returns.
    """

    def __init__(
        self,
        flush_soon: Callable[[], None],
        read: Callable[[Callable[[Session], Any]], Awaitable[Any]],
    ) -> None:
        self.id = uuid.uuid4()
        self._flush_soon = flush_soon
        self._read = read
        self._lock = threading.Lock()
        self._present: set[Process] = set()
        self._changed: dict[Process, bool] = {}
        self._renewed = -LEASE_SECONDS
        self._tenures: dict[Duty, int] = {}
        self._watching_since = 0.0
        self._flushing = threading.Lock()
        self._apart = 0.0
        self._renewed_by: Session | None = None

    # ---- on the loop

    def now(self) -> datetime:
        """Return the time by the database's clock, which all replicas share."""
        return datetime.fromtimestamp(time.monotonic() + self._apart, timezone.utc)

    def tenure(self, duty: Duty) -> Tenure | None:
        """Return this replica's tenure of a duty, while it renews its lease in time."""
        number = self._tenures.get(duty)
        in_time = time.monotonic() < self._renewed + _RELIED_ON_SECONDS
        return Tenure(duty, number) if number is not None and in_time else None

    def arrived(self, process: Process) -> None:
        """Record that a process is connected to this server."""
        self._change(process, present=True)

    def left(self, process: Process) -> None:
        """Record that its last connection here has closed."""
        self._change(process, present=False)

    async def is_near(self, process: Process, grace: float) -> bool:
        """Return whether a process is connected, or was until ``grace`` seconds ago."""
        caller, source = process
        values = {"caller": caller, "source": source, "grace": grace}
        (held,) = await self._read(lambda log: log.execute(IS_HELD, values).fetchone())
        return bool(held)

    async def lost(self, grace: float, limit: int) -> list[str]:
        """Return the ids of open requests whose process is not near, and that are as old."""
        since = self._watching_since
        settled = time.monotonic() >= since + max(grace, LEASE_SECONDS)
        if self.tenure("presence") is None or not settled:
            return []
        values = {"id": self.id, "grace": grace, "limit": limit}
        rows = await self._read(lambda log: log.execute(LOST, values).fetchall())
        if since != self._watching_since:
            return []  # meanwhile it turned out that the leases had run out
        return [request_id for (request_id,) in rows]

    @property
    def has_settled(self) -> bool:
        """Whether all others had time to renew their leases since this server began.

        After an outage of the database it begins anew.
        """
        return time.monotonic() >= self._watching_since + LEASE_SECONDS

    def _change(self, process: Process, *, present: bool) -> None:
        with self._lock:
            (self._present.add if present else self._present.discard)(process)
            first = not self._changed
            self._changed[process] = present
        if first:
            self._flush_soon()

    # ---- on a thread, with a session

    def renew(self, log: Session) -> None:
        """Renew the lease and take or keep the duties, if it is time to.

        Raises:
            psycopg.Error: The database is away; the lease may run out.
        """
        begun = time.monotonic()
        if begun < self._renewed + _RENEW_SECONDS:
            return
        names = {
            "id": self.id,
            "version": VERSION,
            "seconds": LEASE_SECONDS,
            "duties": list(DUTIES),
        }
        now, was_live, duties, fences = only(log.execute(_RENEW, names))
        self._apart = now - (begun + time.monotonic()) / 2
        tenures = dict(zip(duties or (), fences or (), strict=True))
        # By the database's clock as well: it runs while a machine sleeps, and may be set.
        paused = not was_live or begun > self._renewed + _RELIED_ON_SECONDS
        if paused or tenures.get("presence") != self._tenures.get("presence"):
            self._watching_since = begun
        self._tenures, self._renewed = tenures, begun
        # A new connection may be to a standby that took over without the last rows.
        anew = paused or log is not self._renewed_by
        self._flush(log, anew=anew)
        self._renewed_by = log

    def flush(self, log: Session) -> None:
        """Write which processes came and left; in order, whichever thread calls it."""
        self._flush(log, anew=False)

    def _flush(self, log: Session, *, anew: bool) -> None:
        with self._flushing:
            with self._lock:
                changed, self._changed = self._changed, {}
                if anew:
                    changed.update(dict.fromkeys(self._present, True))
            values = {
                "id": self.id,
                "callers": [caller or "" for caller, _ in changed],
                "sources": [source for _, source in changed],
                "present": list(changed.values()),
            }
            try:
                if changed:
                    log.execute(_FLUSH, values)
                if anew:
                    log.execute(_OTHERS_LEFT, values)
            except BaseException:
                with self._lock:  # the next renewal writes it, unless it changed again
                    self._changed = {**changed, **self._changed}
                raise

    def leave(self, log: Session) -> None:
        """Give up the lease and the duties at a regular stop; processes then count as leaving."""
        log.execute(_LEAVE, {"id": self.id})


def forget(log: Session) -> None:
    """Delete what is known of replicas and processes that have long been gone."""
    for statement in _FORGET:
        log.execute(statement, {"seconds": _FORGOTTEN_SECONDS})


_RENEW: Final = """
    WITH mine AS (
        SELECT expires > clock_timestamp() AS live FROM log.replicas WHERE id = %(id)s::uuid
    ), lease AS (
        INSERT INTO log.replicas (id, version, expires)
        VALUES (%(id)s::uuid, %(version)s::integer,
            clock_timestamp() + make_interval(secs => %(seconds)s::float8))
        ON CONFLICT (id) DO UPDATE SET expires = excluded.expires
    ), held AS (
        INSERT INTO log.duties AS duty (name, holder, expires)
        SELECT name, %(id)s::uuid, clock_timestamp() + make_interval(secs => %(seconds)s::float8)
        FROM unnest(%(duties)s::text[]) AS name
        WHERE (SELECT oldest_writer FROM log.state) <= %(version)s::integer
        ON CONFLICT (name) DO UPDATE SET
            holder = excluded.holder,
            expires = excluded.expires,
            fence = duty.fence + (duty.holder <> excluded.holder)::int
        WHERE duty.holder = excluded.holder OR duty.expires < clock_timestamp()
        RETURNING name, fence
    )
    SELECT extract(epoch FROM clock_timestamp())::float8,
        coalesce((SELECT live FROM mine), false), array_agg(name), array_agg(fence)
    FROM held
"""

_FLUSH: Final = """
    INSERT INTO log.holders (replica, caller, source_id, left_at)
    SELECT %(id)s::uuid, caller, source_id, CASE WHEN present THEN NULL ELSE clock_timestamp() END
    FROM unnest(%(callers)s::text[], %(sources)s::text[], %(present)s::boolean[])
        AS new (caller, source_id, present)
    ON CONFLICT (replica, caller, source_id) DO UPDATE SET left_at = excluded.left_at
"""

_OTHERS_LEFT: Final = """
    UPDATE log.holders SET left_at = clock_timestamp()
    WHERE replica = %(id)s::uuid AND left_at IS NULL AND (caller, source_id) NOT IN
        (SELECT * FROM unnest(%(callers)s::text[], %(sources)s::text[]))
"""

_LEAVE: Final = """
    WITH duties AS (
        UPDATE log.duties SET expires = clock_timestamp() WHERE holder = %(id)s
    )
    UPDATE log.replicas SET expires = clock_timestamp() WHERE id = %(id)s
"""

_FORGET: Final = tuple(
    f"{delete} < clock_timestamp() - make_interval(secs => %(seconds)s::float8)"
    for delete in (
        "DELETE FROM log.holders WHERE left_at",
        "DELETE FROM log.replicas WHERE expires",
    )
)

_HELD: Final = """
    SELECT FROM log.holders JOIN log.replicas ON replicas.id = holders.replica
    WHERE holders.source_id = {source} AND ({caller} IS NULL OR holders.caller = {caller})
    AND least(holders.left_at, replicas.expires)
        > clock_timestamp() - make_interval(secs => %(grace)s::float8)
"""
"""Whether a process is connected somewhere, or was until a moment ago. (``least`` ignores NULL.)"""

IS_HELD: Final = f"SELECT EXISTS ({_HELD.format(source='%(source)s', caller='%(caller)s::text')})"
"""Whether one process is."""

LOST: Final = f"""
    SELECT requests.request_id FROM log.requests
    JOIN log.events AS asked ON asked."offset" = requests.asked_at
    WHERE requests.status = 'pending' AND requests.source_id IS NOT NULL
    AND EXISTS (SELECT FROM log.replicas WHERE id = %(id)s::uuid AND expires > clock_timestamp())
    AND asked.stored_at < extract(epoch FROM clock_timestamp()) - %(grace)s::float8
    AND NOT EXISTS ({_HELD.format(source="requests.source_id", caller="requests.asked_by")})
    ORDER BY requests.asked_at LIMIT %(limit)s::bigint
"""  # noqa: S608 - constants only
"""The open requests whose process is gone; none if the lease of the one who looks has run out."""
