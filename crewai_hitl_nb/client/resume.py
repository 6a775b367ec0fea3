"""Pure decisions of a reader that loses its connection: where to go on, when, and how.

Sans-I/O: values in, values out, the clock and the dice are given. ``stream.py`` loops
around it; ``js/src/client/resume.ts`` is the same in the browser. It knows no transport beyond
its name.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.protocol.frames import Gap

Transport: TypeAlias = Literal["websocket", "sse", "poll"]
Replay: TypeAlias = Literal["pending", "all", "none"]

LADDER: Final[tuple[Transport, ...]] = ("websocket", "sse", "poll")
"""Best first."""

TRIES_PER_TRANSPORT: Final = 2
"""One failure may be the server's restart; two are a proxy that lets nothing through."""

CLIMB_SECONDS: Final = 60.0
"""After this long on a lesser transport the best one is tried again."""

LONGEST_SILENCE_SECONDS: Final = 60.0
"""A stream that is silent for longer is cut by the usual proxies anyway."""


@dataclass
class Cursor:
    """How far a reader came.

    Attributes:
        last_event_id: Where to go on; None before the first event.
        offset: The place in the log of the last event; 0 before the first. A heartbeat's
            offset says nothing here: events below it may still be on their way.
    """

    last_event_id: str | None = None
    offset: int = 0

    def takes(self, event: Event) -> bool:
        """Take note of an event; False when it was seen before."""
        if event.offset is not None:
            if event.offset <= self.offset:
                return False
            self.offset = event.offset
        self.last_event_id = event.event_id
        return True

    def gap(self, _: Gap) -> None:
        """Take note that the log starts over: what was seen counts for nothing."""
        self.offset = 0

    def parameters(self, replay: Replay | None) -> dict[str, str]:
        """Return the query parameters that go on from here.

        Args:
            replay: What the reader asked for; asked again until the first event has come.
        """
        if self.last_event_id is not None:
            return {"last_event_id": self.last_event_id}
        return {} if replay is None else {"replay": replay}


@dataclass
class Backoff:
    """Pauses between attempts: doubling, bounded, and spread so that clients do not march.

    Attributes:
        dice: Returns a number from 0 to 1.
    """

    dice: Callable[[], float]
    shortest: float = limits.RECONNECT_MIN_SECONDS
    longest: float = limits.RECONNECT_MAX_SECONDS
    _attempt: int = 0

    def pause(self) -> float:
        """Return the seconds to wait before the next attempt."""
        whole = min(self.longest, self.shortest * 2.0**self._attempt)
        self._attempt = min(self._attempt + 1, 16)
        return float(whole * (0.5 + 0.5 * self.dice()))

    def reset(self) -> None:
        """Start over: the last attempt succeeded."""
        self._attempt = 0


@dataclass
class Patience:
    """How long nothing may come down a connection before it is dead, whatever TCP believes.

    Two heartbeats, of those that the server is seen to make. A server with a slower pulse
    than was thought is lost once or twice, and then it is known; `js/src/client/link.ts` does
    so too.

    Attributes:
        beat: Seconds between two heartbeats, as far as is known beforehand.
    """

    beat: float = limits.HEARTBEAT_SECONDS
    _seconds: float = 0.0
    _beat_at: float | None = None

    @property
    def seconds(self) -> float:
        """The silence to bear."""
        return max(2.0 * self.beat, self._seconds)

    def connecting(self) -> None:
        """Take note of a new connection: the pause before it was none of a heartbeat."""
        self._beat_at = None

    def heartbeat(self, now: float) -> None:
        """Take note of a heartbeat. ``now`` is monotonic, in seconds."""
        if self._beat_at is not None:
            self._seconds = min(2.0 * (now - self._beat_at), LONGEST_SILENCE_SECONDS)
        self._beat_at = now

    def exhausted(self) -> None:
        """Take note that a live connection was given up as silent."""
        self._seconds = min(2.0 * self.seconds, LONGEST_SILENCE_SECONDS)


@dataclass
class Fallback:
    """Which transport to use next.

    what happened                                    then
    ─────────────────────────────────────────────    ─────────────────────────────
    it went live, later it was lost                  the same again
    the server could not be reached                  the same again: no other would do
    so on a lesser one that never went live          the best one again: it is not to blame
    the server was reached, the transport was not    after two such, the next one down
    a minute on a lesser one, and it was lost        the best one again
    """

    transports: tuple[Transport, ...] = LADDER
    _rung: int = 0
    _unusable: int = 0
    _fell_at: float = field(default=0.0)
    _proved: bool = False

    @property
    def is_last(self) -> bool:
        """Whether there is no other transport to fall to."""
        return self._rung + 1 == len(self.transports)

    def choose(self, now: float) -> Transport:
        """Return the transport for the next attempt. ``now`` is monotonic, in seconds."""
        if self._rung > 0 and now - self._fell_at >= CLIMB_SECONDS:
            self._rung = self._unusable = 0
        return self.transports[self._rung]

    def live(self) -> None:
        """Take note that the transport works."""
        self._unusable = 0
        self._proved = True

    def away(self) -> None:
        """Take note that the server could not be reached, or was lost."""
        if not self._proved:
            self._rung = self._unusable = 0

    def unusable(self, now: float) -> None:
        """Take note that the server was reached, but the transport does not get through."""
        self._unusable += 1
        if self._unusable >= TRIES_PER_TRANSPORT and self._rung + 1 < len(self.transports):
            self._rung += 1
            self._unusable = 0
            self._proved = False
            self._fell_at = now
