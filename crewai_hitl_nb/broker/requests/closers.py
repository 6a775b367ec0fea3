"""Closes requests at their deadline or when the waiting process is gone; sends reminders.

Above is the broker, which knows when; below is the store, which lets a request end only once. None
of these events approves, except a default answer that the question itself names. A request must not
stay open for ever because the disk was full at its deadline: an event that cannot be stored is
tried again until the server stops, and the next start tries again.
"""

import asyncio
import contextlib
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any, Final

from crewai_hitl_nb.broker.event_names import StableEventIds
from crewai_hitl_nb.broker.requests import answers
from crewai_hitl_nb.broker.requests.presence import Waiter
from crewai_hitl_nb.protocol import ids
from crewai_hitl_nb.protocol.errors import HitlError, Settled, StoreUnavailable, UnknownRequest
from crewai_hitl_nb.protocol.events import (
    CancelReason,
    ClosingEvent,
    HumanInputCancelled,
    HumanInputExpired,
    HumanInputReminded,
    HumanInputRequired,
    about,
)
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.store.base import Condition, ConditionFailed, Store

_log = logger(__name__)


def _at_deadline(required: HumanInputRequired) -> Condition:
    return Condition(not_before=required.expires_at)


def cancelled(
    required: HumanInputRequired, reason: CancelReason, message: str, now: datetime
) -> HumanInputCancelled:
    """Return the event that closes a request without an answer."""
    return HumanInputCancelled(
        event_id=ids.new_event_id(),
        timestamp=now,
        **about(required),
        reason=reason,
        message=message,
    )


RETRY_SECONDS: Final = 5.0
"""Pause before an event that could not be stored is tried again."""

_AT_ONCE: Final = 500
"""Requests that are closed at a time, enough to fill one commit: thousands of processes may be lost
at once, and other work must get its turn between these batches."""


class RequestClosers:
    """Stores the closing events and reminders, each in its own task."""

    def __init__(
        self,
        store: Store,
        clock: Callable[[], datetime],
        names: StableEventIds,
        *,
        retry_seconds: float,
    ) -> None:
        """Take the store.

        Args:
            store: The broker's, which starts and closes it.
            clock: The wall clock, aware.
            names: Makes the ids of events that happen at most once.
            retry_seconds: Pause before an event that could not be stored is tried again.
        """
        self._store = store
        self._clock = clock
        self._names = names
        self._retry_seconds = retry_seconds
        self._closing = asyncio.Event()
        self._turn = asyncio.Semaphore(_AT_ONCE)
        self._tasks: set[asyncio.Task[object]] = set()
        self._lost: set[str] = set()

    def due(self, required: HumanInputRequired) -> None:
        """Expire a request at its deadline, or answer it with the question's default."""
        if required.response.on_expiry == "default":
            self._spawn(self._answer_default(required))
        else:
            self._spawn(self._append(self._expired(required), _at_deadline(required)))

    def remind(self, required: HumanInputRequired) -> None:
        """Publish a reminder."""
        self._spawn(
            self._append(
                HumanInputReminded(
                    # A stable id: a restart that sends the reminder again adds no event.
                    event_id=self._names.of(f"reminded:{required.request_id}"),
                    timestamp=self._clock(),
                    **about(required),
                )
            )
        )

    def lost(self, required: HumanInputRequired, waiter: Waiter, grace: float) -> None:
        """Cancel a request whose process has been gone for ``grace`` seconds.

        It may be found lost again and again while its end waits for the store.
        """
        if required.request_id in self._lost:
            return
        self._lost.add(required.request_id)
        message = "the process that asked is gone"
        event = cancelled(required, "source_lost", message, self._clock())
        self._spawn(self._cancel_lost(event, Condition(without=waiter, grace=grace)))

    async def _cancel_lost(self, event: HumanInputCancelled, condition: Condition) -> None:
        try:
            await self._append(event, condition)
        finally:
            self._lost.discard(event.request_id)

    async def close(self) -> None:
        """Finish the tasks in progress; the next start closes requests that wait for the store."""
        self._closing.set()
        if self._tasks:
            await asyncio.gather(*self._tasks, return_exceptions=True)

    def _expired(self, required: HumanInputRequired) -> HumanInputExpired:
        return HumanInputExpired(
            event_id=ids.new_event_id(),
            timestamp=self._clock(),
            **about(required),
        )

    async def _answer_default(self, required: HumanInputRequired) -> None:
        try:
            asked = await self._asked(required)
            if asked is None:
                return  # the next start tries again
            answer = answers.default_answer(asked)
            event: ClosingEvent = answers.completed(
                asked, answer, "default", self._clock(), self._names
            )
        except HitlError as error:
            # A default that does not fit is a mistake of the crew; it must not approve.
            _log.warning("request %s: its default answer is wrong: %s", required.request_id, error)
            event = self._expired(required)
        try:
            await self._append(event, _at_deadline(required))
        except HitlError as error:  # such as an answer that is too large to be kept
            _log.warning("request %s: its default answer: %s", required.request_id, error)
            await self._append(self._expired(required), _at_deadline(required))

    async def _asked(self, required: HumanInputRequired) -> HumanInputRequired | None:
        """Return a complete question: the broker keeps only a part of a large one.

        Return None if the server stops before the store can be read.
        """
        while True:
            try:
                stored = await self._store.request(required.request_id)
            except StoreUnavailable as error:  # noqa: PERF203 - it waits for the store
                _log.warning("request %s is still open: %s", required.request_id, error)
                await self._pause()
                if self._closing.is_set():
                    return None
            else:
                return required if stored is None else stored.required

    async def _append(
        self, event: ClosingEvent | HumanInputReminded, condition: Condition | None = None
    ) -> None:
        """Append an event; while the store cannot write, or it is too early, try again."""
        while not self._closing.is_set():
            try:
                await self._store.append([event], condition=condition)
            except (Settled, UnknownRequest):
                _log.debug("request %s had already ended", event.request_id)
            except ConditionFailed:
                if condition is not None and condition.not_before is None:
                    return  # its process is connected to another server
                await self._pause()
                continue
            except StoreUnavailable as error:
                _log.warning("request %s is still open: %s", event.request_id, error)
                await self._pause()
                continue
            return

    async def _pause(self) -> None:
        with contextlib.suppress(asyncio.TimeoutError):
            await asyncio.wait_for(self._closing.wait(), self._retry_seconds)

    def _spawn(self, work: Coroutine[Any, Any, None]) -> None:
        task: asyncio.Task[object] = asyncio.ensure_future(self._in_turn(work))
        self._tasks.add(task)
        task.add_done_callback(self._done)

    async def _in_turn(self, work: Coroutine[Any, Any, None]) -> None:
        async with self._turn:
            await asyncio.sleep(0)  # a store in memory never yields to other tasks by itself
            await work

    def _done(self, task: asyncio.Task[object]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            _log.error("a request could not be closed: %s", error)
