"""The rules for reconnecting: when, over which transport, and after which event a reader resumes.

Pure tables: no I/O, and clock and randomness are given. ``stream.py`` drives them with real
connections. ``js/src/client/resume.ts`` has the same rules for a page, and
``tests/fixtures/resume.json`` checks both with the same cases. It knows a transport only by name.

A connection is live from its first heartbeat on, which ends the replay.

    what ended an attempt or a connection                      ending
    ────────────────────────────────────────────────────────   ───────────────────────────
    no reply, or the connection broke                          unreachable
    it was live and then silent for too long                   unreachable
    it opened, and was silent or lost before it was live       unusable
    a reply with a status other than 200                       see ``ending_of_status``
    a WebSocket close                                          see ``ending_of_close``

    ending        means                                               a program       a page
    ───────────   ─────────────────────────────────────────────────   ─────────────   ─────────────
    unreachable   the server is away; another transport won't help    tries again     tries again
    unusable      this transport does not get through                 ``Fallback``    falls at once
    forbidden     the credentials are not sufficient                  raises          rarely retries
    refused       the same request will always be refused             raises          tries again

A page tries again after every ending, because a login in another tab or a restarted server may
help, and nobody is there to start the page's reader again.
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
"""One failure may be a restart of the server; two mean a proxy that lets nothing through."""

CLIMB_SECONDS: Final = 60.0
"""After this long on a lesser transport, the next attempt uses the best one again."""

LONGEST_SILENCE_SECONDS: Final = 60.0
"""Usual proxies close a stream that is silent for longer."""

OVER: Final[frozenset[Ending]] = frozenset({"forbidden", "refused"})
"""The endings after which the same attempt would fail again."""


def ending_of_status(
    status: int, *, transport: Transport, is_own: bool, is_last: bool = False
) -> Ending:
    """Return the ending of an attempt whose reply does not have a success status.

    Only a reply of our server ends a stream for good. A reply without our JSON may come from a
    proxy and concern this transport only. The same holds for 400, which our server also replies
    when a proxy has removed the upgrade.

        status                        who replied      ending
        ───────────────────────────   ──────────────   ──────────────────────────────────────────
        one of ``RETRY_STATUSES``     any              unreachable; unusable for an upgrade that
                                                       somebody else refused
        another from 500 on           any              unusable; unreachable with the last transport
        401, 403                      our server       forbidden
        400                           any              unusable; refused with the last transport
        another below 500             our server       refused
        401, 403                      somebody else    unusable; forbidden with the last transport
        another below 500             somebody else    unusable; refused with the last transport

    Args:
        status: The status of the reply.
        transport: The transport that was tried.
        is_own: Whether the body is an error of our server.
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
    """Return the ending of an open WebSocket that was closed.

        code                          ending
        ───────────────────────────   ──────────────────────────────────────────────────────────
        no code (1006)                unreachable; unusable when the connection was not live yet:
                                      some proxies let the upgrade through and nothing after it
        4400 to 4499 except 4408      refused: the server's own codes for "do not reconnect"
        1001, 1013 and 4408           unreachable: the server's own codes for "reconnect"
        any other                     as for no code: before it was live, only a proxy sends it

    Args:
        code: The code of the close frame; None when the connection broke without one.
        was_live: Whether the first heartbeat had come.
    """
    if code is not None and 4400 <= code < 4500 and code != limits.CLOSE_SLOW_READER:
        return "refused"
    return "unreachable" if was_live or code in _AGAIN else "unusable"


def ending_of_silence(*, was_live: bool) -> Ending:
    """Return the ending of a connection that was silent for too long; see the table above."""
    return "unreachable" if was_live else "unusable"


@dataclass
class Cursor:
    """The last event that a reader saw.

        what came                          last event id    offset   is it new
        ────────────────────────────────   ──────────────   ──────   ─────────
        an event with a higher offset      its id           its      yes
        an event with a lower or equal     stays            stays    no
        an event without an offset         stays            stays    yes
        a gap                              stays            0
        a heartbeat of the same epoch      stays            stays
        a heartbeat of another epoch       none             0

    After a gap the complete log follows. If the connection is lost before its first event, the
    old id is sent again and gets the gap again. A heartbeat names the log's top, which may be
    ahead of the events that are still on their way.

    Another epoch without a gap means that the log lost history but has the last event, perhaps
    because it was published again at another offset. Then there may be events before it that the
    reader has not seen, and those after it may look like earlier ones. So the reader connects
    again and asks for the complete log.

    Attributes:
        last_event_id: The event to resume after; None before the first.
        offset: The offset of the last event; 0 before the first and after a gap.
        epoch: The epoch of the log as it was last heard; blank before that.
        begins_again: Whether it asks for the complete log, because the log lost history.
    """

    last_event_id: str | None = None
    offset: int = 0
    epoch: str = ""
    begins_again: bool = False

    def takes(self, event: Event) -> bool:
        """Move the cursor to an event and return True; return False if the reader has seen it."""
        if event.offset is None:
            return True  # it is in no log, so no reader can resume after it
        if event.offset <= self.offset:
            return False
        self.offset = event.offset
        self.last_event_id = event.event_id
        self.begins_again = False
        return True

    def gap(self, gap: Gap) -> None:
        """Reset the offset: all retained events follow, from the first."""
        self.offset = 0
        self.epoch = gap.epoch

    def lost_history(self, epoch: str) -> Gap | None:
        """Take note of a heartbeat's epoch; return a gap if it is another one than before."""
        known, self.epoch = self.epoch, epoch
        if known in ("", epoch) or self.last_event_id is None:
            return None
        gap = Gap(
            reason="unknown_event_id",
            last_event_id=self.last_event_id,
            epoch=epoch,
            message="the log lost history; everything that it retains follows",
        )
        self.last_event_id, self.offset, self.begins_again = None, 0, True
        return gap

    def parameters(self, replay: Replay | None) -> dict[str, str]:
        """Return the query parameters that resume here.

        Args:
            replay: Which earlier events the reader wants; sent until the first event has come.
        """
        if self.last_event_id is not None:
            return {"last_event_id": self.last_event_id}
        if self.begins_again:
            return {"replay": "all"}
        return {} if replay is None else {"replay": replay}


@dataclass
class Backoff:
    """The pauses between attempts: exponential and capped; half of each pause is random.

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
            retry_after: The least seconds to wait, if the server named them.
        """
        full = min(self.longest, self.shortest * 2.0**self._attempt)
        self._attempt = min(self._attempt + 1, 16)
        return max(full * (0.5 + 0.5 * self.random()), retry_after)

    def reset(self) -> None:
        """Start over: the last attempt succeeded."""
        self._attempt = 0


@dataclass
class IdleTimeout:
    """How long a connection may be silent before it counts as lost, even if TCP reports no error.

        what happened                              seconds from now on
        ────────────────────────────────────────   ───────────────────────────────────────────
        nothing yet                                two expected heartbeat intervals
        two heartbeats on one connection           twice the time between them
        a live connection was lost as silent       twice as many, as heartbeats may be slower

    Never less than two expected intervals, and never more than a minute. If the server's
    heartbeat is slower than expected, the connection is lost once or twice before the interval is
    known.

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
        """Note a new connection: the time before it is not an interval between heartbeats."""
        self._last_heartbeat = None

    def heartbeat(self, now: float) -> None:
        """Learn from a heartbeat. ``now`` is monotonic, in seconds."""
        if self._last_heartbeat is not None:
            self._learned = min(2.0 * (now - self._last_heartbeat), LONGEST_SILENCE_SECONDS)
        self._last_heartbeat = now

    def expired(self) -> None:
        """Allow a longer silence: a live connection was lost as silent."""
        self._learned = min(2.0 * self.seconds, LONGEST_SILENCE_SECONDS)


_Move: TypeAlias = Literal["same", "best", "down"]

_MOVES: Final[dict[tuple[bool, bool, Ending], _Move]] = {
    # (was it ever live, was this its last try, how it ended): where to go
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
    """Which transport a program uses next: the table ``_MOVES``, and these rules.

    A transport has ``TRIES_PER_TRANSPORT`` tries to become live; once it is live, it has all of
    them again. The last transport is never left for a lesser one. When a lesser transport has been
    in use for ``CLIMB_SECONDS``, the next attempt uses the best one.
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
