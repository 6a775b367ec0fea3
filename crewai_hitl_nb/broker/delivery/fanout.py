"""The fan-out: whom a commit concerns, and when each of them is given it.

Readers are indexed by what they read, so that an event of one execution costs nothing for those
who read another. A reader is a subscription, which takes an event at once and writes it in a
task of its own, or an audience (``audience.py``): live readers that want the same events in the
same bytes, who are given them in rounds.

A round to thousands would hold the event loop, so it is cut into slices, and other work of the
loop runs between two of them. What is committed meanwhile joins the audience's next round: the
further delivery is behind, the more events travel in one write. Who publishes waits for
:meth:`Fanout.room` when it is far behind.

Above: the broker. Below: nothing. It knows neither stores nor sockets.
"""

import asyncio
import time
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from typing import Final, Protocol

from crewai_hitl_nb.broker.delivery.audience import Audience, Form, Round, Sink
from crewai_hitl_nb.broker.delivery.heartbeats import Heartbeats
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.frames import Heartbeat
from crewai_hitl_nb.protocol.log_lines import logger, note_fault
from crewai_hitl_nb.store.base import Match, Record
from crewai_hitl_nb.store.histograms import Histogram

_log = logger(__name__)

_SECONDS: Final = (0.0001, 0.0005, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5)


class Reader(Protocol):
    """Whoever is told of commits."""

    @property
    def match(self) -> Match:
        """Which events it wants; it never changes."""

    def offer(self, records: Sequence[Record]) -> None:
        """Take newly committed records, in offset order; leave out what is not wanted."""

    def end(self, reason: Exception) -> None:
        """Take no more, and tell who reads."""


class Fanout:
    """Tells readers of commits. It lives on one event loop."""

    def __init__(
        self,
        heartbeat: Callable[[], Heartbeat],
        *,
        heartbeat_seconds: float = limits.HEARTBEAT_SECONDS,
        slice_sends: int = limits.SLICE_SENDS,
        slice_bytes: int = limits.SLICE_BYTES,
        ahead_events: int = limits.AHEAD_EVENTS,
    ) -> None:
        """Begin without readers.

        Args:
            heartbeat: Makes a sign of life.
            heartbeat_seconds: An audience is given one after so many seconds of silence.
            slice_sends: Sends after which other work of the loop has its turn.
            slice_bytes: The same in bytes.
            ahead_events: Events that may wait for a round before publishers wait, too.
        """
        self._heartbeat = heartbeat
        self._most_sends = slice_sends
        self._most_bytes = slice_bytes
        self._most_ahead = ahead_events
        self._readers = _Index()
        self._audiences: dict[tuple[Match, Form], Audience] = {}
        self._heartbeats = Heartbeats(self._on_silence, heartbeat_seconds)
        self._waiting: deque[Audience] = deque()
        self._crowded: set[Audience] = set()
        self._round: Round | None = None
        self._offered_at: float | None = None
        self.seconds = Histogram(_SECONDS)
        """From a commit to the last send to those who read live."""
        self._room = asyncio.Event()
        self._room.set()

    @property
    def sinks(self) -> int:
        """How many readers there are in audiences."""
        return sum(map(len, self._audiences.values()))

    # ---- who reads

    def add(self, reader: Reader) -> None:
        """Tell this one of commits from now on."""
        self._readers.add(reader)

    def discard(self, reader: Reader) -> None:
        """Tell it no more."""
        self._readers.discard(reader)

    def join(self, sink: Sink, match: Match, form: Form, top: int) -> None:
        """Give a live reader what comes after the log's top. It leaves by ``sink.leave()``."""
        audience = self._audiences.get((match, form))
        if audience is None:
            audience = Audience(match, form, self._heartbeat, self._on_left, self._on_wants)
            self._audiences[match, form] = audience
            self._readers.add(audience)
            self._heartbeats.spoke(audience)
        audience.add(sink, top)

    def end(self, reason: Exception) -> None:
        """End every reader."""
        for reader in self._readers.all():
            reader.end(reason)
        self._heartbeats.close()

    def _on_left(self, audience: Audience) -> None:
        del self._audiences[audience.match, audience.form]
        self._readers.discard(audience)
        self._heartbeats.discard(audience)

    # ---- what they are given

    def offer(self, records: Sequence[Record]) -> None:
        """Tell everybody concerned; audiences take the first slice of their rounds now."""
        self._readers.offer(records)
        if self._offered_at is None and self._waiting:
            self._offered_at = time.perf_counter()
        self._begin()

    async def room(self) -> None:
        """Wait while rounds are far behind what is committed."""
        await self._room.wait()

    def _on_silence(self, audience: Audience) -> None:
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
        if self._round is None and self._waiting:
            self._slice()

    def _slice(self) -> None:
        """Go on with the rounds until a slice is full; the rest comes in the loop's next turn."""
        sends, size = self._most_sends, self._most_bytes
        while (current := self._current_round()) is not None:
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

    def _current_round(self) -> Round | None:
        """Return the round that is under way, or the next one; None when nobody waits."""
        if self._round is not None and self._round.over:
            self._round = None
        while self._round is None and self._waiting:
            audience = self._waiting.popleft()
            audience.waits = False
            self._crowded.discard(audience)
            if not audience:
                continue  # all left while it waited
            self._heartbeats.spoke(audience)
            try:
                self._round = audience.round()
            except Exception as error:  # noqa: BLE001 - isolates one audience from all others
                self._break_off(audience, error)
        return self._round

    def _give(self, current: Round, most: int) -> int:
        try:
            return current.give(most)
        except Exception as error:  # noqa: BLE001 - as above
            self._break_off(current.audience, error)
            self._round = None
            return most

    @staticmethod
    def _break_off(audience: Audience, error: Exception) -> None:
        _log.exception("an audience of %d readers is ended", len(audience))
        audience.end(error)


class _Index:
    """Readers by the one name that says most about what they want."""

    def __init__(self) -> None:
        self._of_executions: dict[str, dict[Reader, None]] = {}
        self._of_crews: dict[str, dict[Reader, None]] = {}
        self._others: dict[Reader, None] = {}

    def add(self, reader: Reader) -> None:
        index, name = self._place(reader.match)
        readers = self._others if index is None else index.setdefault(name, {})
        readers[reader] = None

    def discard(self, reader: Reader) -> None:
        """Forget the reader, if it is there."""
        index, name = self._place(reader.match)
        readers = self._others if index is None else index.get(name, {})
        readers.pop(reader, None)
        if index is not None and not readers:
            index.pop(name, None)

    def _place(self, match: Match) -> tuple[dict[str, dict[Reader, None]] | None, str]:
        if match.execution_id is not None:
            return self._of_executions, match.execution_id
        if match.crew_id is not None:
            return self._of_crews, match.crew_id
        return None, ""

    def all(self) -> list[Reader]:
        """Return every reader."""
        named = (*self._of_executions.values(), *self._of_crews.values())
        return [reader for readers in (self._others, *named) for reader in readers]

    def offer(self, records: Sequence[Record]) -> None:
        """Offer each reader what its name leaves of the records; some may leave over it."""
        for reader in tuple(self._others):
            _give(reader, records)
        if self._of_executions:
            _offer(self._of_executions, ((r.execution_id, r) for r in records))
        if self._of_crews:
            _offer(self._of_crews, ((r.crew_id, r) for r in records))


def _offer(
    index: dict[str, dict[Reader, None]], named: Iterable[tuple[str | None, Record]]
) -> None:
    concerned: dict[str, list[Record]] = {}
    for name, record in named:
        if name in index:
            concerned.setdefault(str(name), []).append(record)
    for name, records in concerned.items():
        for reader in tuple(index[name]):
            _give(reader, records)


def _give(reader: Reader, records: Sequence[Record]) -> None:
    """Offer one reader the records; one that fails is ended, since it would have a hole."""
    try:
        reader.offer(records)
    except Exception as error:  # noqa: BLE001 - isolates one reader from all others
        note_fault(_log, "reader_failed", error, offset=records[-1].offset)
        reader.end(StoreUnavailable("an event could not be delivered; connect again and resume"))
