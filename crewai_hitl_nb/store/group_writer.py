"""The writer thread of a database: it groups waiting writes into one transaction.

Many publishers so share one sync to the disk (group commit), and the event loop is woken once per
commit. A write may be awaited on any event loop; its commit is announced on the loop that started
the store. Above are the databases, which give the thread two functions: ``write`` runs on the
thread and ``announce`` on the loop.
"""

import asyncio
import contextlib
import logging
import queue
import threading
import time
from collections.abc import Callable, Sequence
from typing import Any, Final, TypeVar

import msgspec

from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.log_lines import logger, note, note_fault
from crewai_hitl_nb.store.base import Commit
from crewai_hitl_nb.store.histograms import CommitFigures
from crewai_hitl_nb.store.rows import Batch, Written

_GROUP_JOBS: Final = 512
"""The most writes in one commit: bounds how long the first of them waits."""

_GROUP_EVENTS: Final = 1000
"""After this many events a commit takes no further append: their fan-out blocks the loop."""

_log = logger(__name__)

T = TypeVar("T")


class Job(msgspec.Struct):
    """One write and the future that waits for it: an append, or something else.

    Attributes:
        done: Resolved on its own loop.
        batch: The events to append.
        run: Takes the database's connection, on the thread.
        result: ``Written``, or what ``run`` returned.
        error: What the caller is given instead of a result. Unless it is an ``OutcomeUnknown``,
            nothing of it is stored.
    """

    done: asyncio.Future[object]
    batch: Batch | None = None
    run: Callable[[Any], object] | None = None
    result: object = None
    error: Exception | None = None

    @property
    def size(self) -> int:
        """How many events it may write."""
        return 0 if self.batch is None else len(self.batch.events)

    def resolve(self) -> None:
        """Give the caller the result or the error; a caller that was cancelled gets nothing."""
        if self.done.done():  # its events stay in the log
            return
        if self.error is not None:
            self.done.set_exception(self.error)
        else:
            self.done.set_result(self.result)


def commits_of(jobs: Sequence[Job]) -> list[Commit]:
    """Return the events that the jobs stored, in offset order."""
    return [
        commit
        for job in jobs
        if job.error is None and isinstance(job.result, Written)
        for commit in job.result.commits
    ]


class GroupWriter:
    """Runs the writes of one store on a thread of its own.

    Args:
        where: Names the log in messages.
        write: Writes the jobs in one transaction and sets their results; returns the error if
            nothing was stored. Called on the thread.
        announce: Announces the jobs' commits and resolves the jobs. Called on the loop.
        advise: Makes the error of a failed write into one for callers.
        pause: Called on the thread after each group, and again after the seconds that it returns;
            None for not before the next group.

    Attributes:
        figures: Durations, sizes and failures of the commits.
        outage: Why the last write failed, for people; blank if it did not.
    """

    def __init__(
        self,
        where: object,
        write: Callable[[list[Job]], Exception | None],
        announce: Callable[[list[Job]], None],
        advise: Callable[[Exception], StoreUnavailable],
        pause: Callable[[], float | None] = lambda: None,
    ) -> None:
        self.figures = CommitFigures()
        self.outage = ""
        self._where = where
        self._write = write
        self._announce = announce
        self._advise = advise
        self._pause = pause
        self._jobs: queue.SimpleQueue[Job | None] = queue.SimpleQueue()
        self._thread: threading.Thread | None = None
        self._loop: asyncio.AbstractEventLoop | None = None

    @property
    def is_open(self) -> bool:
        """Whether it accepts writes."""
        return self._thread is not None

    def start(self) -> None:
        """Start the thread; commits are announced on the running loop."""
        self._loop = asyncio.get_running_loop()
        self._thread = threading.Thread(target=self._run, name="hitl-write", daemon=True)
        self._thread.start()

    async def append(self, batch: Batch) -> Written:
        """Append events and return what was written when it is durable and announced.

        Raises:
            HitlError: Nothing of it was written.
        """
        written: Written = await self._do(batch, None)
        return written

    async def run(self, write: Callable[[Any], T]) -> T:
        """Call ``write`` with the database's connection, on the thread; return what it returns.

        Raises:
            StoreUnavailable: Nothing was written.
        """
        result: T = await self._do(None, write)
        return result

    async def _do(self, batch: Batch | None, write: Callable[[Any], object] | None) -> Any:
        if self._thread is None or self._loop is None:
            raise StoreUnavailable("the log is closed; the server is starting or stopping")
        running = asyncio.get_running_loop()
        if running is not self._loop:  # a program that embeds the server may have its own loop
            if not self._loop.is_running():
                raise StoreUnavailable(
                    "the log cannot be written: its event loop ended; start the server again"
                )
            there = asyncio.run_coroutine_threadsafe(self._do(batch, write), self._loop)
            return await asyncio.wrap_future(there)
        job = Job(running.create_future(), batch, write)
        self._jobs.put(job)
        return await job.done

    async def close(self) -> None:
        """Finish the writes that wait, and end the thread."""
        thread, self._thread = self._thread, None
        if thread is not None:
            self._jobs.put(None)
            await asyncio.get_running_loop().run_in_executor(None, thread.join)

    # ---- on the thread

    def _run(self) -> None:
        assert self._loop is not None
        last, wait = False, None
        while not last:
            try:
                first = self._jobs.get(timeout=wait)
            except queue.Empty:
                wait = self._pause()
                continue
            if first is None:
                return
            jobs, last = self._gather(first)
            begun = time.perf_counter()
            failure = self._write(jobs)
            self._count(time.perf_counter() - begun, jobs, failure)
            with contextlib.suppress(RuntimeError):  # the loop is closed: nobody is waiting
                self._loop.call_soon_threadsafe(self._announce, jobs)
            wait = self._pause()

    def _gather(self, first: Job) -> tuple[list[Job], bool]:
        """Take the other waiting jobs, within bounds; also return whether the store then closes."""
        jobs, events = [first], first.size
        while len(jobs) < _GROUP_JOBS and events < _GROUP_EVENTS and not self._jobs.empty():
            if (job := self._jobs.get_nowait()) is None:
                return jobs, True
            jobs.append(job)
            events += job.size
        return jobs, False

    def _count(self, seconds: float, jobs: list[Job], failure: Exception | None) -> None:
        """Count a commit; a failure here does not delay the next one."""
        try:
            self.outage = "" if failure is None else self._advise(failure).message
            if any(job.batch is not None for job in jobs):  # metadata and prunings are not events
                self.figures.took(seconds, sum(job.size for job in jobs))
            if not self.figures.turned(failing=failure is not None):
                return
            if failure is None:
                note(_log, logging.WARNING, "store_available", path=self._where)
            else:
                reason = self.outage
                note(_log, logging.WARNING, "store_unavailable", path=self._where, reason=reason)
        except Exception as error:  # noqa: BLE001 - the writer must outlive it
            note_fault(_log, "commit_not_counted", error)
