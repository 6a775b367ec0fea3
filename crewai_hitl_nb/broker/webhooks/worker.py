"""Delivers the events of the log to webhooks, at least once and across restarts.

The log itself is the outbox. An endpoint is a reader like any other, whose cursor is kept
as metadata: it reads the events after its cursor from the store, in order, posts each
(``call``), and continues as ``retries`` decides. Nothing is stored twice, and every committed
event is sent, if need be after a restart.

Guarantees to the layer above:

* **They delay no stream.** A commit only sets a flag; the rest happens in separate tasks:
  one for each endpoint, with one call at a time and one event in memory.
* **Order**: an endpoint gets the events in offset order; an event that keeps failing is given
  up after its attempts, so that the next ones are sent.
* **At least once**: the cursor moves after the receiver's 2xx. A crash in between sends
  the event again, under the same ``webhook-id``.

An endpoint begins with the first event after it was configured. Removing its URL from the
configuration deletes its cursor; where several servers share the log, a week later, because their
configurations differ while one after the other is changed. Events that retention drops before they
could be delivered are not delivered.
"""

import asyncio
import logging
from collections import Counter
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from crewai_hitl_nb.broker.broker import Broker, utc_now
from crewai_hitl_nb.broker.delivery.subscription import Closed, SlowReader, Start
from crewai_hitl_nb.broker.webhooks import retries
from crewai_hitl_nb.broker.webhooks.call import Post, SignedPost
from crewai_hitl_nb.broker.webhooks.config import DOCUMENT_TYPES, Endpoint, WebhookSettings
from crewai_hitl_nb.broker.webhooks.retries import Progress, Retries
from crewai_hitl_nb.protocol.errors import StoreUnavailable, TooMany
from crewai_hitl_nb.protocol.log_lines import logger, note, note_fault
from crewai_hitl_nb.store.base import Match, Record
from crewai_hitl_nb.store.coordination import Coordination, Tenure
from crewai_hitl_nb.store.metadata import MetadataStore

_log = logger(__name__)

_NOTE_PREFIX: Final = "webhook/"

_LONGEST_WAIT_SECONDS: Final = 3600.0
"""A pause checks the wall clock at least this often: see ``deadlines.py``."""

_TROUBLE_SECONDS: Final = 5.0
"""Pause of an endpoint after a fault of our own (for example, the store cannot be read)."""

_UNUSED: Final = timedelta(days=7)
"""How long servers that share a log keep the cursor of an endpoint that none of them uses."""

_DUTY_SECONDS: Final = 1.0
"""How often a server looks whether delivering is its duty, where several share the log."""

Sleep = Callable[[float], Awaitable[object]]


class Webhooks:
    """The webhooks of one log. Start it after the broker and close it before."""

    def __init__(
        self,
        store: MetadataStore,
        broker: Broker,
        settings: WebhookSettings,
        *,
        retries: Retries | None = None,
        post: Post | None = None,
        clock: Callable[[], datetime] = utc_now,
        sleep: Sleep = asyncio.sleep,
    ) -> None:
        """Take the store that the broker starts.

        Raises:
            BadWebhook: A URL or a secret is not valid; one line says which and why.
        """
        self._store = store
        self._broker = broker
        self._endpoints = settings.endpoints()
        self._match = Match(types=frozenset(settings.types or DOCUMENT_TYPES))
        self._signers = settings.signers() if self._endpoints else ()
        self._allow_private = settings.allow_private
        self._post = post
        self._retries = retries or Retries()
        self._clock = clock
        self._sleep = sleep
        self.results: Counter[str] = Counter()
        """Calls, by their outcome for the event: delivered, retrying, failed."""
        self._lines: list[_Line] = []
        self._tasks: list[asyncio.Task[None]] = []
        self._watch: asyncio.Task[None] | None = None
        self._tenure: Tenure | None = None

    async def start(self) -> None:
        """Continue every endpoint from its cursor, and delete those no longer configured.

        Of several servers of one log, the one that has the duty does so.

        Raises:
            StoreUnavailable: The metadata cannot be read or written.
        """
        if self._store.coordination is None:
            await self._begin()
        else:
            self._watch = asyncio.ensure_future(self._work_on_duty(self._store.coordination))

    async def _work_on_duty(self, coordination: Coordination) -> None:
        while True:
            tenure = coordination.tenure("webhooks")
            if tenure != self._tenure:
                await self._end()
                try:
                    if tenure is not None:
                        await self._begin(tenure)
                    self._tenure = tenure
                except StoreUnavailable as error:
                    _log.warning("webhooks are waiting: %s", error)
                except Exception as error:  # noqa: BLE001 - nobody else has the duty
                    note_fault(_log, "webhooks_not_begun", error)
            await asyncio.sleep(_DUTY_SECONDS)

    async def _begin(self, tenure: Tenure | None = None) -> None:
        notes = await self._store.get_metadata(_NOTE_PREFIX)
        for name in notes.keys() - {_note_name(endpoint) for endpoint in self._endpoints}:
            await self._let_go(name, notes[name], tenure)
        if not self._endpoints:
            return
        standing = [
            _progress(endpoint, notes.get(_note_name(endpoint)), top=self._store.top)
            for endpoint in self._endpoints
        ]
        for endpoint, progress in zip(self._endpoints, standing, strict=True):
            note_name, body = _note_name(endpoint), msgspec.json.encode(progress)
            await self._store.put_metadata(note_name, body, tenure=tenure)
        self._post = self._post or SignedPost(self._signers, allow_private=self._allow_private)
        around = _Surroundings(
            self._store,
            self._match,
            self._post,
            self._retries,
            self._clock,
            self._sleep,
            self.results,
            tenure,
        )
        self._lines = [
            _Line(endpoint, progress, around)
            for endpoint, progress in zip(self._endpoints, standing, strict=True)
        ]
        self._tasks = [asyncio.ensure_future(line.run()) for line in self._lines]
        self._tasks.append(asyncio.ensure_future(self._ring_forever()))

    async def _let_go(self, name: str, note: bytes, tenure: Tenure | None) -> None:
        """Delete the progress of an endpoint that is not configured here, or note since when."""
        coordination = self._store.coordination
        progress = _read(note)
        if coordination is not None and progress is not None and progress.disabled_at is None:
            now = coordination.now()
            if progress.unused_since is None:
                unused = msgspec.structs.replace(progress, unused_since=now)
                body = msgspec.json.encode(unused)
                await self._store.put_metadata(name, body, tenure=tenure)
                return
            if now < progress.unused_since + _UNUSED:
                return
        await self._store.delete_metadata(name, tenure=tenure)
        _log.info("%s is no longer configured and is forgotten", name)

    async def close(self) -> None:
        """Stop all calls; their events are sent again after the next start."""
        if self._watch is not None:
            self._watch.cancel()
            await asyncio.wait([self._watch])
        await self._end()
        if self._post is not None:
            await self._post.close()

    async def _end(self) -> None:
        tasks, self._tasks, self._lines = self._tasks, [], []
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    async def report(self) -> list[Mapping[str, Any]]:
        """Return the state of each endpoint, for people; see ``docs/webhooks.md``.

        Raises:
            StoreUnavailable: Another server delivers, and its notes cannot be read.
        """
        if self._store.coordination is None or self._lines:
            return [line.report() for line in self._lines]
        notes = await self._store.get_metadata(_NOTE_PREFIX)
        return [
            _report(endpoint, _progress(endpoint, notes.get(_note_name(endpoint)), top=0))
            for endpoint in self._endpoints
        ]

    async def _ring_forever(self) -> None:
        """Wake the endpoints at every commit with events that they send."""
        while await self._ring_while_on_time():
            _log.debug("subscribing again; missed events are read from the log")

    async def _ring_while_on_time(self) -> bool:
        """Wake the endpoints until the subscription ends; return whether to subscribe again."""
        try:
            bell = self._broker.subscribe(self._match, Start(replay="none"))
        except TooMany:
            await self._sleep(_TROUBLE_SECONDS)
            return True
        try:
            while True:
                for line in self._lines:
                    line.ring()
                await bell.next()
        except SlowReader:  # The loop was blocked for very long.
            return True
        except Closed:
            return False
        except Exception as error:  # noqa: BLE001 - without a bell nothing more is delivered
            note_fault(_log, "webhooks_not_rung", error)
            await self._sleep(_TROUBLE_SECONDS)
            return True
        finally:
            bell.close()


class _Surroundings(msgspec.Struct, frozen=True):
    """The collaborators that the lines of all endpoints share."""

    store: MetadataStore
    match: Match
    post: Post
    retries: Retries
    clock: Callable[[], datetime]
    sleep: Sleep
    results: Counter[str]
    tenure: Tenure | None


class _Line:
    """The events that wait in line for one endpoint."""

    def __init__(self, endpoint: Endpoint, progress: Progress, around: _Surroundings) -> None:
        self._endpoint = endpoint
        self._progress = progress
        self._around = around
        self._bell = asyncio.Event()

    def ring(self) -> None:
        """Signal that there may be a new event."""
        self._bell.set()

    async def run(self) -> None:
        """Deliver one event after the other until the endpoint is disabled."""
        while self._progress.disabled_at is None:
            await self._deliver_one()
        note(_log, logging.WARNING, "webhook_disabled", webhook=self._endpoint.id, status=410)

    async def _deliver_one(self) -> None:
        try:
            await self._deliver(await self._next())
        except StoreUnavailable as error:
            _log.warning("webhook %s is waiting: %s", self._endpoint.id, error)
            await self._around.sleep(_TROUBLE_SECONDS)
        except Exception:  # noqa: BLE001 - isolates: a fault in one call must not end the line
            _log.exception("webhook %s failed", self._endpoint.id)
            await self._around.sleep(_TROUBLE_SECONDS)

    async def _next(self) -> Record:
        """Return the first event after the cursor; wait for it if need be."""
        store = self._around.store
        while True:
            self._bell.clear()
            top = store.top
            page = await store.read(
                self._around.match, after=self._progress.cursor, upto=top, limit=1
            )
            if page:
                return page[0]
            # Not stored: after a restart these few events are read once more.
            self._progress = msgspec.structs.replace(self._progress, cursor=top)
            await self._bell.wait()

    async def _deliver(self, record: Record) -> None:
        self._progress = retries.take(self._progress, record)
        await self._wait_for_its_time()
        attempt = await self._around.post(self._endpoint.url, record, self._around.clock())
        self._progress = retries.after(self._progress, record, attempt, self._around.retries)
        self._around.results[self._progress.deliveries[-1].outcome] += 1
        await self._around.store.put_metadata(
            _note_name(self._endpoint),
            msgspec.json.encode(self._progress),
            tenure=self._around.tenure,
        )

    async def _wait_for_its_time(self) -> None:
        while (due := self._progress.next_attempt) is not None:
            left = (due - self._around.clock()).total_seconds()
            if left <= 0:
                return
            await self._around.sleep(min(left, _LONGEST_WAIT_SECONDS))

    def report(self) -> Mapping[str, Any]:
        """Return the state of the endpoint."""
        return _report(self._endpoint, self._progress)


def _report(endpoint: Endpoint, progress: Progress) -> Mapping[str, Any]:
    last = progress.deliveries[-1].attempts[-1] if progress.deliveries else None
    standing = "retrying" if progress.at_hand else "active"
    return {
        "id": endpoint.id,
        "url": endpoint.shown,
        "status": "disabled" if progress.disabled_at else standing,
        "disabled_at": progress.disabled_at,
        "cursor": progress.cursor,
        "next_attempt": progress.next_attempt,
        "last_status": last.status if last else None,
        "last_error": last.error if last else "",
        "deliveries": progress.deliveries[::-1],
    }


def _note_name(endpoint: Endpoint) -> str:
    return f"{_NOTE_PREFIX}{endpoint.id}"


def _progress(endpoint: Endpoint, note: bytes | None, *, top: int) -> Progress:
    """Return the stored progress of an endpoint, or a new one at the top of the log."""
    stored = None if note is None else _read(note)
    if stored is not None:
        return msgspec.structs.replace(stored, unused_since=None)
    if note is not None:
        _log.error("webhook %s: cursor unreadable, starting at the end", endpoint.id)
    return Progress(url=endpoint.shown, cursor=top)


def _read(note: bytes) -> Progress | None:
    """Return a stored progress; None if it cannot be read."""
    try:
        return msgspec.json.decode(note, type=Progress)
    except msgspec.MsgspecError:
        return None
