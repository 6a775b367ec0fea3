"""The fan-out: offers each commit to whom it concerns, in slices of the event loop.

Recipients are indexed by what they read, so that an event of one execution costs nothing for the
readers of another. A recipient is a subscription, which queues an event at once and writes it in a
task of its own, or an audience (``audience.py``), whose live readers get the same bytes by
broadcast.

A broadcast to thousands would hold the event loop, so it is cut into slices, and other work of the
loop runs between two of them. What is committed meanwhile joins the audience's next broadcast: the
further delivery is behind, the more events travel in one write. When it is far behind, publishers
wait in :meth:`Fanout.room` (backpressure).

Above: the broker. Below: the audiences. It knows neither stores nor sockets.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from crewai_hitl_nb.broker.delivery.audience import Audience, Broadcast, Encoder, Sink
from crewai_hitl_nb.broker.delivery.heartbeats import Heartbeats
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.frames import Heartbeat
from crewai_hitl_nb.protocol.log_lines import logger, note_fault
from crewai_hitl_nb.store.base import Match, Record
from crewai_hitl_nb.store.histograms import Histogram

_log = logger(__name__)

_SECONDS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5)


class Recipient(Protocol):
    """A subscription or an audience."""

    @property
    def match(self) -> Match:
        """Which events it wants; it never changes."""

    def offer(self, records: Sequence[Record]) -> None:
        """Take newly committed records, in offset order; ignore those that do not match."""

    def end(self, reason: Exception) -> None:
        """Take no more records, and tell its readers why."""


class Fanout:
    """Offers commits to recipients. It lives on one event loop."""

    def __init__(
        self,
        heartbeat: Callable[[], Heartbeat],
        *,
        heartbeat_seconds: float = limits.HEARTBEAT_SECONDS,
        slice_sends: int = limits.SLICE_SENDS,
        slice_bytes: int = limits.SLICE_BYTES,
        ahead_events: int = limits.AHEAD_EVENTS,
    ) -> None:
        """Begin without recipients.

        Args:
            heartbeat: Makes a heartbeat.
            heartbeat_seconds: Seconds without an event after which an audience gets one.
            slice_sends: The sends after which other work of the loop runs.
            slice_bytes: The bytes after which other work of the loop runs.
            ahead_events: Events that may wait for a broadcast before publishers wait, too.
        """
        self._heartbeat = heartbeat
        self._most_sends = slice_sends
        self._most_bytes = slice_bytes
        self._most_ahead = ahead_events
        self._recipients = _Index()
        self._audiences: dict[tuple[Match, Encoder], Audience] = {}
        self._heartbeats = Heartbeats(self._on_heartbeat_due, heartbeat_seconds)
        self._waiting: deque[Audience] = deque()
        self._crowded: set[Audience] = set()
        self._under_way: Broadcast | None = None
        self._offered_at: float | None = None
        self.seconds = Histogram(_SECONDS)
        """From a commit to the last send to a reader in an audience."""
        self._room = asyncio.Event()
        self._room.set()

    @property
    def sinks(self) -> int:
        """How many readers are in audiences."""
        return sum(map(len, self._audiences.values()))

    # ---- recipients

    def add(self, recipient: Recipient) -> None:
        """Offer it commits from now on."""
        self._recipients.add(recipient)

    def discard(self, recipient: Recipient) -> None:
        """Offer it nothing more."""
        self._recipients.discard(recipient)

    def join(self, sink: Sink, match: Match, encoder: Encoder, top: int) -> None:
        """Give a live reader the events after the log's top. It leaves by ``sink.leave()``."""
        audience = self._audiences.get((match, encoder))
        if audience is None:
            audience = Audience(match, encoder, self._heartbeat, self._on_left, self._on_wants)
            self._audiences[match, encoder] = audience
            self._recipients.add(audience)
            self._heartbeats.restart(audience)
        audience.add(sink, top)

    def end_recipients(self, reason: Exception) -> None:
        """End every recipient; others may come."""
        for recipient in self._recipients.all():
            recipient.end(reason)

    def end(self, reason: Exception) -> None:
        """End every recipient, for good."""
        self.end_recipients(reason)
        self._heartbeats.close()

    def _on_left(self, audience: Audience) -> None:
        del self._audiences[audience.match, audience.encoder]
        self._recipients.discard(audience)
        self._heartbeats.discard(audience)

    # ---- commits and broadcasts

    def offer(self, records: Sequence[Record]) -> None:
        """Offer records to whom they concern, and send the first slice of the broadcasts."""
        self._recipients.offer(records)
        if self._offered_at is None and self._waiting:
            self._offered_at = time.perf_counter()
        self._begin()

    async def room(self) -> None:
        """Wait while broadcasts are far behind what is committed."""
        await self._room.wait()

    def _on_heartbeat_due(self, audience: Audience) -> None:
        self._on_wants(audience)
        self._begin()

    def _on_wants(self, audience: Audience) -> None:
        if not audience.waits:
            audience.waits = True
            self._waiting.append(audience)
        if audience.behind > self._most_ahead or audience.behind_bytes > limits.AHEAD_BYTES:
            self._crowded.add(audience)
            self._room.clear()

    def _begin(self) -> None:
        if self._under_way is None and self._waiting:
            self._slice()

    def _slice(self) -> None:
        """Continue broadcasts until a slice is full; the rest follows in the loop's next turn."""
        sends, size = self._most_sends, self._most_bytes
        while (current := self._current_broadcast()) is not None:
            if sends <= 0 or size <= 0:
                asyncio.get_running_loop().call_soon(self._slice)
                break
            given = self._give(current, min(sends, size // current.size + 1))
            sends -= given
            size -= given * current.size
        else:
            if self._offered_at is not None:
                self.seconds.observe(time.perf_counter() - self._offered_at)
                self._offered_at = None
        if not self._crowded:
            self._room.set()

    def _current_broadcast(self) -> Broadcast | None:
        """Return the broadcast that is under way, or the next; None when no audience waits."""
        if self._under_way is not None and self._under_way.over:
            self._under_way = None
        while self._under_way is None and self._waiting:
            audience = self._waiting.popleft()
            audience.waits = False
            self._crowded.discard(audience)
            if not audience:
                continue  # all readers left while it waited
            self._heartbeats.restart(audience)
            try:
                self._under_way = audience.broadcast()
            except Exception as error:  # noqa: BLE001 - isolates one audience from all others
                self._break_off(audience, error)
        return self._under_way

    def _give(self, current: Broadcast, most: int) -> int:
        try:
            return current.give(most)
        except Exception as error:  # noqa: BLE001 - as above
            self._break_off(current.audience, error)
            self._under_way = None
            return most

    @staticmethod
    def _break_off(audience: Audience, error: Exception) -> None:
        _log.exception("an audience of %d readers is ended", len(audience))
        audience.end(error)


class _Index:
    """Recipients by the one id that selects most: of an execution, else of a crew."""

    def __init__(self) -> None:
        self._of_executions: dict[str, dict[Recipient, None]] = {}
        self._of_crews: dict[str, dict[Recipient, None]] = {}
        self._others: dict[Recipient, None] = {}

    def add(self, recipient: Recipient) -> None:
        index, name = self._place(recipient.match)
        recipients = self._others if index is None else index.setdefault(name, {})
        recipients[recipient] = None

    def discard(self, recipient: Recipient) -> None:
        """Forget the recipient, if it is there."""
        index, name = self._place(recipient.match)
        recipients = self._others if index is None else index.get(name, {})
        recipients.pop(recipient, None)
        if index is not None and not recipients:
            index.pop(name, None)

    def _place(self, match: Match) -> tuple[dict[str, dict[Recipient, None]] | None, str]:
        if match.execution_id is not None:
            return self._of_executions, match.execution_id
        if match.crew_id is not None:
            return self._of_crews, match.crew_id
        return None, ""

    def all(self) -> list[Recipient]:
        """Return every recipient."""
        named = (*self._of_executions.values(), *self._of_crews.values())
        return [one for recipients in (self._others, *named) for one in recipients]

    def offer(self, records: Sequence[Record]) -> None:
        """Offer each recipient the records of its id; some recipients may leave meanwhile."""
        for recipient in tuple(self._others):
            _give(recipient, records)
        if self._of_executions:
            _offer(self._of_executions, ((r.execution_id, r) for r in records))
        if self._of_crews:
            _offer(self._of_crews, ((r.crew_id, r) for r in records))


def _offer(
    index: dict[str, dict[Recipient, None]], named: Iterable[tuple[str | None, Record]]
) -> None:
    concerned: dict[str, list[Record]] = {}
    for name, record in named:
        if name in index:
            concerned.setdefault(str(name), []).append(record)
    for name, records in concerned.items():
        for recipient in tuple(index[name]):
            _give(recipient, records)


def _give(recipient: Recipient, records: Sequence[Record]) -> None:
    """Offer records to one recipient; end it if it fails, since an event would be missing."""
    try:
        recipient.offer(records)
    except Exception as error:  # noqa: BLE001 - isolates one recipient from all others
        note_fault(_log, "reader_failed", error, offset=records[-1].offset)
        recipient.end(StoreUnavailable("an event could not be delivered; connect again and resume"))
