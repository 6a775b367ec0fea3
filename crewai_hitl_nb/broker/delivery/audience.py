"""An audience: live readers that want the same events in the same bytes.

A broadcast encodes the waiting events once and gives the bytes to every reader. A reader joins
with everything that was committed until then, so of the events that still wait for a broadcast it
gets only newer ones.

Above: ``fanout.py``, which decides when a broadcast is due and how far it gets in one turn of the
loop. Below: the sinks of the server, one for each connection. It knows no transport: an encoder
makes the bytes, a sink sends them.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from crewai_hitl_nb.broker.delivery.buffers import Buffers
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.frames import Gap, Heartbeat
from crewai_hitl_nb.store.base import Match, Record, page


class Encoder(Protocol):
    """Encodes events and frames for one transport in one dialect. It is hashable."""

    def events(self, records: Sequence[Record]) -> bytes:
        """Return the bytes of these records, one after the other."""

    def frame(self, frame: Heartbeat | Gap) -> bytes:
        """Return the bytes of a control frame."""


class Sink:
    """One live reader. It takes bytes without waiting and raises nothing.

    Attributes:
        audience: The one that it is in; None before it joined and after it left.
        since: It was given everything up to this offset before it joined.
        left: Called once with the reason when it leaves.
        most_events: Most events that wait for a slow reader.
        most_bytes: Most bytes that wait for a slow reader.
        buffers: The budget of all readers, in which waiting bytes count.
    """

    __slots__ = ("__weakref__", "audience", "buffers", "left", "most_bytes", "most_events", "since")

    def __init__(self) -> None:
        self.audience: Audience | None = None
        self.since = 0
        self.buffers: Buffers | None = None
        self.left: Callable[[Exception], None] = _ignore
        self.most_events = limits.BUFFER_EVENTS
        self.most_bytes = limits.BUFFER_BYTES

    def take(self, data: bytes, events: int) -> None:
        """Send the bytes, or queue them behind those that wait already.

        Args:
            data: What to send.
            events: How many events they are; 0 for a heartbeat.
        """
        raise NotImplementedError

    def end(self, reason: Exception) -> None:
        """Leave, and tell the reader why."""
        raise NotImplementedError

    def leave(self, reason: Exception) -> None:
        """Leave the audience; a second time has no effect."""
        audience, self.audience = self.audience, None
        if audience is not None:
            audience.discard(self)
            self.left(reason)


def _ignore(reason: Exception) -> None:
    """Do nothing: nobody listens yet for when a sink leaves."""


class Audience:
    """Some sinks, and the events that wait for their next broadcast."""

    def __init__(
        self,
        match: Match,
        encoder: Encoder,
        heartbeat: Callable[[], Heartbeat],
        left: Callable[["Audience"], None],
        wants: Callable[["Audience"], None],
    ) -> None:
        """Begin without sinks.

        Args:
            match: Which events they want.
            encoder: Makes the bytes of those.
            heartbeat: Makes a heartbeat, which names the log's top.
            left: Called when the last sink left.
            wants: Called when a broadcast is due, and again with more events that wait for it.

        Attributes:
            waits: Whether it waits for its broadcast; the caller of :meth:`broadcast` keeps this.
            behind_bytes: How many bytes wait for a broadcast.
        """
        self.match = match
        self.encoder = encoder
        self._heartbeat = heartbeat
        self._left = left
        self._wants = wants
        self._sinks: dict[Sink, None] = {}
        self._pending: list[Record] = []
        self.behind_bytes = 0
        self.waits = False

    def __len__(self) -> int:
        return len(self._sinks)

    @property
    def behind(self) -> int:
        """How many events wait for a broadcast."""
        return len(self._pending)

    def add(self, sink: Sink, top: int) -> None:
        """Add a reader that was given everything up to the top."""
        sink.audience, sink.since = self, top
        self._sinks[sink] = None

    def discard(self, sink: Sink) -> None:
        """Remove a reader that leaves."""
        del self._sinks[sink]
        if not self._sinks:
            self._pending.clear()
            self.behind_bytes = 0
            self._left(self)

    def end(self, reason: Exception) -> None:
        """End every reader."""
        for sink in tuple(self._sinks):
            sink.end(reason)

    def offer(self, records: Sequence[Record]) -> None:
        """Keep the records that its readers want for the next broadcast."""
        wanted = list(filter(self.match, records))
        self._pending += wanted
        self.behind_bytes += sum([len(record.body) for record in wanted])
        if self._pending:
            self._wants(self)

    def broadcast(self) -> "Broadcast":
        """Begin to give every reader the waiting events, or a heartbeat if there are none."""
        records = self._page()
        if self._pending:
            self._wants(self)
        data = self.encoder.events(records) if records else self.encoder.frame(self._heartbeat())
        return Broadcast(self, tuple(self._sinks), records, data)

    def _page(self) -> list[Record]:
        """Take as many waiting events as are written at once."""
        taken = page(self._pending, limits.PAGE_EVENTS)
        self._pending = self._pending[len(taken) :]
        self.behind_bytes -= sum([len(record.body) for record in taken])
        return taken


class Broadcast:
    """The same bytes for every reader of an audience, given to some of them at a time.

    Time may pass in between. Events that come meanwhile wait for the next broadcast, and so do
    readers that join. A reader that left gets nothing more.

    Attributes:
        audience: The readers' audience.
        size: How many bytes each of them is given; none counts as one.
    """

    def __init__(
        self, audience: Audience, sinks: Sequence[Sink], records: Sequence[Record], data: bytes
    ) -> None:
        """Begin before the first reader.

        Args:
            audience: The readers' audience.
            sinks: The readers in it now.
            records: The events; none for a heartbeat.
            data: Their bytes.
        """
        self.audience = audience
        self.size = max(1, len(data))
        self._sinks = sinks
        self._reached = 0
        self._records = records
        self._first = records[0].offset if records else self._never
        self._data = data

    _never = 1 << 63
    """Above every offset, so that a heartbeat goes to all."""

    @property
    def over(self) -> bool:
        """Whether every reader was reached."""
        return self._reached == len(self._sinks)

    def give(self, most: int) -> int:
        """Give the bytes to at most ``most`` further readers; return to how many."""
        part = self._sinks[self._reached : self._reached + most]
        self._reached += len(part)
        # Local names, and nothing but this in the loop: it runs for each reader of each event.
        audience, first, data, events = self.audience, self._first, self._data, len(self._records)
        for sink in part:
            if sink.audience is not audience:
                continue  # it left since the broadcast began
            if sink.since < first:
                sink.take(data, events)
            else:
                self._give_newer(sink)
        return len(part)

    def _give_newer(self, sink: Sink) -> None:
        """Give only the events that came after the reader joined."""
        if new := [record for record in self._records if record.offset > sink.since]:
            sink.take(self.audience.encoder.events(new), len(new))
