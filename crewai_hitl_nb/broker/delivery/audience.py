"""An audience: live readers that want the same events in the same bytes.

The bytes are made once for a round and given to everybody. A reader that joins has everything
that was committed until then; what it finds still waiting for a round it is not given again.

Above: ``fanout``, which says when a round is due and how far it goes in one turn of the loop.
Below: the sinks of the server, one for each connection. It knows no transport: a form writes, a
sink sends.
"""

from collections.abc import Callable, Sequence
from typing import Protocol

from crewai_hitl_nb.broker.delivery.buffers import Buffers
from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.frames import Gap, Heartbeat
from crewai_hitl_nb.store.base import Match, Record, page


class Form(Protocol):
    """How events and frames are written for one transport, in one dialect; hashable."""

    def events(self, records: Sequence[Record]) -> bytes:
        """Return the records as they are sent, one after the other."""

    def frame(self, frame: Heartbeat | Gap) -> bytes:
        """Return a control frame as it is sent."""


class Sink:
    """One live reader. It takes what it is given at once and raises nothing.

    Attributes:
        audience: Where it belongs; None before it joined and after it left.
        since: Everything up to this offset was given to it before it joined.
        left: Called once with the reason when it leaves.
        most_events: Most events that wait for a slow reader.
        most_bytes: Most bytes that wait for a slow reader.
        buffers: Where that counts together with what waits for others.
    """

    __slots__ = ("__weakref__", "audience", "buffers", "left", "most_bytes", "most_events", "since")

    def __init__(self) -> None:
        self.audience: Audience | None = None
        self.since = 0
        self.buffers: Buffers | None = None
        self.left: Callable[[Exception], None] = _nobody
        self.most_events = limits.BUFFER_EVENTS
        self.most_bytes = limits.BUFFER_BYTES

    def take(self, data: bytes, events: int) -> None:
        """Send the bytes, or keep them behind those that wait already.

        Args:
            data: What to send.
            events: How many events that is; a heartbeat is none.
        """
        raise NotImplementedError

    def end(self, reason: Exception) -> None:
        """Leave, and tell who reads."""
        raise NotImplementedError

    def leave(self, reason: Exception) -> None:
        """Be given nothing more; a second time has no effect."""
        audience, self.audience = self.audience, None
        if audience is not None:
            audience.discard(self)
            self.left(reason)


def _nobody(reason: Exception) -> None:
    """Stand in until the sink is told whom to tell."""


class Audience:
    """Some sinks, and what waits to be given to them."""

    def __init__(
        self,
        match: Match,
        form: Form,
        heartbeat: Callable[[], Heartbeat],
        left: Callable[["Audience"], None],
        wants: Callable[["Audience"], None],
    ) -> None:
        """Begin without sinks.

        Args:
            match: Which events they want.
            form: How those are written.
            heartbeat: Makes a sign of life, which names the log's top.
            left: Called when the last one left.
            wants: Called when a round is due, and again while more comes to wait for it.

        Attributes:
            waits: Whether it waits for its round; whoever calls :meth:`round` keeps this.
            behind_bytes: How many bytes wait for a round.
        """
        self.match = match
        self.form = form
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
        """How many events wait for a round."""
        return len(self._pending)

    def add(self, sink: Sink, top: int) -> None:
        """Let a reader join that has everything up to the top."""
        sink.audience, sink.since = self, top
        self._sinks[sink] = None

    def discard(self, sink: Sink) -> None:
        """A reader left."""
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
        """Keep what is wanted for the next round."""
        wanted = list(filter(self.match, records))
        self._pending += wanted
        self.behind_bytes += sum([len(record.body) for record in wanted])
        if self._pending:
            self._wants(self)

    def round(self) -> "Round":
        """Begin to give what waits to everybody, or a heartbeat if nothing does."""
        records = self._page()
        if self._pending:
            self._wants(self)
        data = self.form.events(records) if records else self.form.frame(self._heartbeat())
        return Round(self, tuple(self._sinks), records, data)

    def _page(self) -> list[Record]:
        """Take as much as is written at once."""
        taken = page(self._pending, limits.PAGE_EVENTS)
        self._pending = self._pending[len(taken) :]
        self.behind_bytes -= sum([len(record.body) for record in taken])
        return taken


class Round:
    """The same bytes for everybody in an audience, given to some of them at a time.

    Time may pass in between: what is offered meanwhile waits for the next round, and so does
    who joins. Who leaves is given nothing more.

    Attributes:
        audience: Whose round it is.
        size: How many bytes each of them is given; a form that has nothing to say counts as one.
    """

    def __init__(
        self, audience: Audience, sinks: Sequence[Sink], records: Sequence[Record], data: bytes
    ) -> None:
        """Begin with nobody given anything.

        Args:
            audience: Whose round it is.
            sinks: Its readers now.
            records: What they are given; nothing for a heartbeat.
            data: The same, as it is sent.
        """
        self.audience = audience
        self.size = max(1, len(data))
        self._sinks = sinks
        self._reached = 0
        self._records = records
        self._first = records[0].offset if records else self._never
        self._data = data

    _never = 1 << 63
    """Above every offset: a heartbeat is for all."""

    @property
    def over(self) -> bool:
        """Whether everybody was reached."""
        return self._reached == len(self._sinks)

    def give(self, most: int) -> int:
        """Go on with the next ones, at most so many; return how many they were."""
        part = self._sinks[self._reached : self._reached + most]
        self._reached += len(part)
        # Local names, and nothing but this in the loop: it runs for each reader of each event.
        audience, first, data, events = self.audience, self._first, self._data, len(self._records)
        for sink in part:
            if sink.audience is not audience:
                continue  # it left since the round began
            if sink.since < first:
                sink.take(data, events)
            else:
                self._give_newer(sink)
        return len(part)

    def _give_newer(self, sink: Sink) -> None:
        """Leave out what it had before it joined."""
        if new := [record for record in self._records if record.offset > sink.since]:
            sink.take(self.audience.form.events(new), len(new))
