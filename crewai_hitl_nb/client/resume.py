"""The rules by which a reader that lost its connection comes back: where, when, and how.

Pure tables: no I/O, and clock and randomness are given. ``stream.py`` drives them with real
connections. ``js/src/client/resume.ts`` has the same rules for a page, and
``tests/fixtures/resume.json`` holds both to the same cases. It knows a transport only by name.

    what ended an attempt or a connection                      ending
    ────────────────────────────────────────────────────────   ───────────────────────────
    no answer, or the connection broke                         unreachable
    it was live and then silent for too long                   unreachable
    it opened, and was silent or lost before it was live       unusable
    a reply with another status than 200                       see ``ending_of_status``
    a WebSocket close                                          see ``ending_of_close``

    ending        means                                               a program       a page
    ───────────   ─────────────────────────────────────────────────   ─────────────   ─────────────
    unreachable   nobody is there now; another transport won't help   tries again     tries again
    unusable      this transport does not get through                 ``Fallback``    falls at once
    forbidden     the credentials do not suffice                      raises          asks seldom
    refused       the request will not do, whoever sends it again     raises          tries again

A page tries again after every ending, because a login in another tab, or a server started
again, makes it right, and nobody is there to start the page's reader again.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Final, Literal, TypeAlias

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import RETRY_STATUSES
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.protocol.frames import Gap

Transport: TypeAlias = Literal["websocket", "sse", "poll"]
Replay: TypeAlias = Literal["pending", "all", "none"]
Ending: TypeAlias = Literal["unreachable", "unusable", "forbidden", "refused"]

TRANSPORTS: Final[tuple[Transport, ...]] = ("websocket", "sse", "poll")
"""Best first."""

TRIES_PER_TRANSPORT: Final = 2
"""One failure may be the server's restart; two are a proxy that lets nothing through."""

CLIMB_SECONDS: Final = 60.0
"""A connection that is lost after this long on a lesser transport is followed by the best one."""

LONGEST_SILENCE_SECONDS: Final = 60.0
"""The usual proxies cut a stream that is silent for longer anyway."""

OVER: Final[frozenset[Ending]] = frozenset({"forbidden", "refused"})
"""The endings after which the same attempt would fail again."""


def ending_of_status(
    status: int, *, transport: Transport, is_own: bool, is_last: bool = False
) -> Ending:
    """Return what a reply with another status than success makes of an attempt.

    Only the server's own words end a stream for good: a reply without our JSON may be a proxy's,
    and about this transport only. The same for 400, which our server says where a proxy has left
    out the upgrade.

        status                        whose words      ending
        ───────────────────────────   ──────────────   ──────────────────────────────────────────
        one of ``RETRY_STATUSES``     any              unreachable; unusable for an upgrade that
                                                       somebody else refused
        another from 500 on           any              unusable; unreachable by the last transport
        401, 403                      ours             forbidden
        400                           any              unusable; refused by the last transport
        another below 500             ours             refused
        401, 403                      somebody else's  unusable; forbidden by the last transport
        another below 500             somebody else's  unusable; refused by the last transport

    Args:
        status: Of the reply.
        transport: What was tried.
        is_own: Whether the body is an error of our server's.
        is_last: Whether there is no lesser transport to try.
    """
    if status in RETRY_STATUSES and (is_own or transport != "websocket"):
        return "unreachable"
    if status in RETRY_STATUSES or status >= 500:
        return "unreachable" if is_last else "unusable"
    if (is_own and status != 400) or is_last:
        return "forbidden" if status in (401, 403) else "refused"
    return "unusable"


_AGAIN: Final = (limits.CLOSE_GOING_AWAY, limits.CLOSE_TRY_AGAIN_LATER, limits.CLOSE_SLOW_READER)


def ending_of_close(code: int | None, *, was_live: bool) -> Ending:
    """Return what the close of an open WebSocket means.

        code                          ending
        ───────────────────────────   ──────────────────────────────────────────────────────────
        none came (1006)              unreachable; unusable when the connection was not live yet:
                                      some proxies let the upgrade through and nothing after it
        4400 to 4499 but for 4408     refused: the server's own codes for "not again"
        1001, 1013 and 4408           unreachable: the server's own codes for "connect again"
        any other                     as none: before it was live, only a proxy closes with it

    Args:
        code: Of the close frame; None when the connection broke without one.
        was_live: Whether the first heartbeat had come.
    """
    if code is not None and 4400 <= code < 4500 and code != limits.CLOSE_SLOW_READER:
        return "refused"
    return "unreachable" if was_live or code in _AGAIN else "unusable"


def ending_of_silence(*, was_live: bool) -> Ending:
    """Return what it means that nothing came for too long; see the table above."""
    return "unreachable" if was_live else "unusable"


@dataclass
class Cursor:
    """The last event that a reader saw.

        what came                          last event id    place    is it new
        ────────────────────────────────   ──────────────   ──────   ─────────
        an event behind the place          its id           its      yes
        an event at or before the place    stays            stays    no
        an event without a place           stays            stays    yes
        a gap                              stays            0
        a heartbeat                        stays            stays

    After a gap the whole log follows. If the connection is lost before its first event,
    the old id is sent again and gets the gap again. A heartbeat names the log's top,
    which may be ahead of the events that are still on their way.

    Attributes:
        last_event_id: The event to resume after; None before the first.
        offset: The place in the log of the last event; 0 before the first and after a gap.
    """

    last_event_id: str | None = None
    offset: int = 0

    def takes(self, event: Event) -> bool:
        """Move behind an event; False when the reader has seen it."""
        if event.offset is None:
            return True  # it is in no log, so nothing can be resumed after it
        if event.offset <= self.offset:
            return False
        self.offset = event.offset
        self.last_event_id = event.event_id
        return True

    def gap(self, _: Gap) -> None:
        """Start over: the log follows from its first retained event."""
        self.offset = 0

    def parameters(self, replay: Replay | None) -> dict[str, str]:
        """Return the query parameters that resume here.

        Args:
            replay: What the reader wants first; asked for until the first event has come.
        """
        if self.last_event_id is not None:
            return {"last_event_id": self.last_event_id}
        return {} if replay is None else {"replay": replay}


@dataclass
class Backoff:
    """The pauses between attempts: exponential, capped, and half of each random.

    Attributes:
        random: Returns a number from 0 to 1.
    """

    random: Callable[[], float]
    shortest: float = limits.RECONNECT_MIN_SECONDS
    longest: float = limits.RECONNECT_MAX_SECONDS
    _attempt: int = 0

    def pause(self, retry_after: float = 0.0) -> float:
        """Return the seconds to wait before the next attempt.

        Args:
            retry_after: The seconds that the server asked for, if it did.
        """
        full = min(self.longest, self.shortest * 2.0**self._attempt)
        self._attempt = min(self._attempt + 1, 16)
        return max(full * (0.5 + 0.5 * self.random()), retry_after)

    def reset(self) -> None:
        """Start over: the last attempt succeeded."""
        self._attempt = 0


@dataclass
class IdleTimeout:
    """How long a connection may be silent before it counts as lost, whatever TCP believes.

        what happened                              seconds from now on
        ────────────────────────────────────────   ───────────────────────────────────────────
        nothing yet                                two heartbeats, of the expected interval
        two heartbeats on one connection           twice their distance
        a live connection was lost as silent       twice as many: the server's may be slower

    Never fewer than two expected heartbeats, and never more than a minute. A server with a slower
    heartbeat than expected is lost once or twice before its interval is known.

    Attributes:
        heartbeat_seconds: The expected interval between two heartbeats.
    """

    heartbeat_seconds: float = limits.HEARTBEAT_SECONDS
    _learned: float = 0.0
    _last_heartbeat: float | None = None

    @property
    def seconds(self) -> float:
        """How long to wait for the next frame."""
        return max(2.0 * self.heartbeat_seconds, self._learned)

    def connecting(self) -> None:
        """Begin a new connection: the pause before it says nothing about heartbeats."""
        self._last_heartbeat = None

    def heartbeat(self, now: float) -> None:
        """Learn from a heartbeat. ``now`` is monotonic, in seconds."""
        if self._last_heartbeat is not None:
            self._learned = min(2.0 * (now - self._last_heartbeat), LONGEST_SILENCE_SECONDS)
        self._last_heartbeat = now

    def expired(self) -> None:
        """Allow more: a live connection was lost as silent."""
        self._learned = min(2.0 * self.seconds, LONGEST_SILENCE_SECONDS)


_Move: TypeAlias = Literal["same", "best", "down"]

_MOVES: Final[dict[tuple[bool, bool, Ending], _Move]] = {
    # it worked, its last try: how it ended
    (True, False, "unreachable"): "same",
    (True, True, "unreachable"): "same",
    (False, False, "unreachable"): "best",  # not this transport's fault, so not its turn either
    (False, True, "unreachable"): "best",
    (True, False, "unusable"): "same",
    (False, False, "unusable"): "same",
    (True, True, "unusable"): "down",
    (False, True, "unusable"): "down",
}


@dataclass
class Fallback:
    """Which transport a program uses next: ``_MOVES``, and two rules beside it.

    A transport has ``TRIES_PER_TRANSPORT`` tries to get through; being live gives it them back.
    From the last one there is no way down, and from a lesser one that has been in use for
    ``CLIMB_SECONDS`` the next attempt goes to the best.
    """

    transports: tuple[Transport, ...] = TRANSPORTS
    _rung: int = 0
    _failed: int = 0
    _fell_at: float = field(default=0.0)
    _worked: bool = False

    @property
    def is_last(self) -> bool:
        """Whether there is no lesser transport to try."""
        return self._rung + 1 == len(self.transports)

    def choose(self, now: float) -> Transport:
        """Return the transport for the next attempt. ``now`` is monotonic, in seconds."""
        if self._rung > 0 and now - self._fell_at >= CLIMB_SECONDS:
            self._rung = self._failed = 0
        return self.transports[self._rung]

    def live(self) -> None:
        """Note that the transport works."""
        self._failed = 0
        self._worked = True

    def ended(self, ending: Ending, now: float) -> None:
        """Move to the transport for the next attempt. ``now`` is monotonic, in seconds."""
        is_last_try = self._failed + 1 >= TRIES_PER_TRANSPORT
        move = _MOVES[self._worked, is_last_try, ending]
        if ending == "unusable":
            self._failed += 1
        if move == "best":
            self._rung = self._failed = 0
        elif move == "down" and not self.is_last:
            self._rung += 1
            self._failed = 0
            self._worked = False
            self._fell_at = now
