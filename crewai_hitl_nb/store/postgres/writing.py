"""Writes the groups of appends of this server, on the writer's thread.

It owns the connection that writes. A connection that breaks costs no append: a group that was not
sent is written by a new one, and a group whose commit was not confirmed is looked up.
"""

import math
import time
from collections.abc import Callable, Sequence
from contextlib import suppress
from itertools import groupby
from typing import Final

import psycopg

from crewai_hitl_nb.protocol.errors import HitlError, OutcomeUnknown, StoreUnavailable
from crewai_hitl_nb.store.base import Commit
from crewai_hitl_nb.store.group_writer import Job
from crewai_hitl_nb.store.metadata import NotOnDuty
from crewai_hitl_nb.store.postgres import appending
from crewai_hitl_nb.store.postgres.appending import CommitInDoubt, Group
from crewai_hitl_nb.store.postgres.connections import Session, Target
from crewai_hitl_nb.store.postgres.errors import NO_ANSWER, unavailable
from crewai_hitl_nb.store.postgres.following import Following
from crewai_hitl_nb.store.postgres.history import FellBehind, HistoryLost
from crewai_hitl_nb.store.postgres.tail import CHANNEL, NOTIFY
from crewai_hitl_nb.store.postgres.watchdog import Watchdog
from crewai_hitl_nb.store.rows import Batch

_NOTIFY_SECONDS: Final = 0.01
"""At most one notification in this time. The first one goes out at once."""


class Writing:
    """See the module.

    Args:
        target: Where the log is.
        following: Told of what was written.
        watchdog: Ends a connection that does not answer.
        read_others: Has what other servers wrote before a commit of this one read, so that the
            commit can be announced.
        clock: Unix time; None for the database's clock.

    Attributes:
        process_id: Of the database's process that serves the connection; None behind a pooler.
    """

    def __init__(
        self,
        target: Target,
        following: Following,
        watchdog: Watchdog,
        read_others: Callable[[], None],
        clock: Callable[[], float] | None,
    ) -> None:
        self._target = target
        self._following = following
        self._watchdog = watchdog
        self._read_others = read_others
        self._clock = clock
        self.process_id: int | None = None
        self._session: Session | None = None
        self._beginning, self._epoch = 0, ""  # those before the last group was written
        self._failed = -math.inf
        self._notified = 0.0
        self._to_notify = False

    def connected(self) -> Session:
        """Return the connection, a new one if need be.

        Raises:
            psycopg.Error: The database cannot be reached, or is an old primary.
        """
        if self._session is None:
            session = self._target.connect(self._watchdog.watching)
            try:
                with self._watchdog.watching(session):
                    self._following.recognize(session)
            except BaseException:
                session.close()
                raise
            self._session = session
            if not session.is_pooled:
                self.process_id = session.connection.info.backend_pid
        return self._session

    def disconnect(self) -> None:
        """Close the connection; the next write makes a new one."""
        session, self._session, self.process_id = self._session, None, None
        if session is not None:
            session.close()

    def write(self, jobs: list[Job]) -> Exception | None:
        """Write the jobs: the appends that follow each other in one transaction."""
        failure = None
        for together, some in groupby(jobs, lambda job: job.batch is not None):
            run = list(some)
            for part in [run] if together else [[job] for job in run]:
                failure = self._write_part(part) or failure
        self._failed = -math.inf if failure is None else time.monotonic()
        return failure

    def failed_within(self, seconds: float) -> bool:
        """Return whether the last write failed, no longer ago than this."""
        return time.monotonic() < self._failed + seconds

    def notify_others(self) -> float | None:
        """Wake the other servers; return the seconds after which to do it, if not now."""
        if not self._to_notify:
            return None
        now = time.monotonic()
        if now < self._notified + _NOTIFY_SECONDS:
            return self._notified + _NOTIFY_SECONDS - now
        self._to_notify, self._notified = False, now
        with suppress(psycopg.Error):  # they look once a second, too
            log = self.connected()
            with self._watchdog.watching(log):
                log.execute(NOTIFY, {"channel": CHANNEL, "schema": log.schema})
        return None

    def unavailable(self, error: Exception) -> StoreUnavailable:
        """Return what to tell the callers of a failed write."""
        if isinstance(error, StoreUnavailable):
            return error
        return unavailable("nothing was stored, cannot write", self._target, error)

    def _write_part(self, jobs: list[Job]) -> Exception | None:
        """Write some appends, or one other job."""
        try:
            try:
                self._write_by(self.connected(), jobs)
            except psycopg.OperationalError:
                if self._session is None or not self._session.is_broken:
                    raise
                self.disconnect()  # it was from before the database was restarted
                self._write_by(self.connected(), jobs)
        except NotOnDuty as refusal:  # a reply of a database that works
            jobs[0].error = refusal
        except Exception as error:  # noqa: BLE001 - the writer must outlive it: callers wait for it
            for job in jobs:
                job.error = self.unavailable(error)
            if self._session is not None and self._session.is_broken:
                self.disconnect()
            return error
        return None

    def _write_by(self, log: Session, jobs: list[Job]) -> None:
        run = jobs[0].run
        if run is None:
            self._append_all(log, jobs)
            return
        with self._watchdog.watching(log):
            jobs[0].result = run(log)

    def _append_all(self, log: Session, jobs: list[Job]) -> None:
        batches = [job.batch for job in jobs if job.batch is not None]
        group = self._append_surely(log, batches)
        if group is None:  # nothing is stored: the connection broke, and a new one is there
            group = self._append_surely(self.connected(), batches)
        if group is None:
            raise StoreUnavailable(
                f"nothing was stored: the connection to {self._target} broke; send it again"
            )
        for job, result in zip(jobs, group.results, strict=True):
            if isinstance(result, HitlError):
                job.error = result
            else:
                job.result = result
        if group.commits:  # from here on they are stored: nothing may make errors of them
            self._following.saw(group.head, self._epoch)
            self._following.announcer.add(
                self._beginning, group.first - 1, group.head.offset, group.commits
            )
            self._to_notify = True
            if self._following.announcer.has_hole:
                self._read_others()

    def _append_surely(self, log: Session, batches: Sequence[Batch]) -> Group | None:
        """Append, and return what was written; None if the connection broke and nothing was."""
        try:
            with self._watchdog.watching(log):
                return self._append_group(log, batches)
        except CommitInDoubt as doubt:
            self.disconnect()
            return self._settled(doubt)

    def _append_group(self, log: Session, batches: Sequence[Batch]) -> Group:
        seen, announcer = self._following.seen, self._following.announcer
        (self._beginning, _), self._epoch = announcer.position, seen.epoch
        expected: list[Commit] = []

        def expect(commits: Sequence[Commit]) -> None:
            expected.extend(commits)
            announcer.expect(commits)

        try:
            return appending.write(log, batches, seen, self._clock, expect)
        except (HistoryLost, FellBehind) as reason:
            self._following.begin_again(log, seen, reason)
            return self._append_group(log, batches)
        except CommitInDoubt:
            raise
        except BaseException:
            announcer.forget(expected)
            raise

    def _settled(self, doubt: CommitInDoubt) -> Group | None:
        """Find out whether a commit took place whose confirmation was lost; None if not."""
        try:
            log = self.connected()
            with self._watchdog.watching(log):
                if appending.is_written(log, doubt.group):
                    return doubt.group
        except NO_ANSWER as error:
            self.disconnect()
            self._following.announcer.forget(doubt.group.commits)
            raise OutcomeUnknown(
                f"the connection to {self._target} broke during the commit; it is not known "
                "whether the events are stored. Send them again with the same event ids"
            ) from error
        self._following.announcer.forget(doubt.group.commits)
        return None
