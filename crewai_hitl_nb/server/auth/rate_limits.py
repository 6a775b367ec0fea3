"""What each caller may do, and how often: the rates and caps of one identity.

Handlers say in one line what a caller is about to do; whoever does too much of it hears
``TooMany`` with the seconds to wait, which is HTTP 429 with ``Retry-After`` and on a socket
an ``error`` frame. Nothing of the act was done then, so the same again later is safe.

A caller is an identity, whatever it calls from:

    the kernels of this server           one, by the kernel key
    a person who is logged in            one each, by their name
    who holds the server's token         one: a Jupyter server names each such call anew
    an API key                           one each
    who did not say who they are         one for each address, for failed attempts only

Below are the buckets (``token_bucket.py``); the defaults stand in ``protocol/limits.py``, with
their reasons.
"""

import logging
import math
import re
import time
from collections.abc import Callable, Mapping, Sequence
from typing import Any, Final, Literal, TypeAlias

import msgspec
from tornado import web

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.errors import TooMany
from crewai_hitl_nb.protocol.events import Event, HumanInputRequired
from crewai_hitl_nb.protocol.log_lines import logger, note
from crewai_hitl_nb.server.auth import hub
from crewai_hitl_nb.server.auth.token_bucket import MOST_CALLERS, Buckets
from crewai_hitl_nb.server.auth.unidentified import network_of

Act: TypeAlias = Literal["publish", "answer", "open", "read", "fail"]

_SAID: Final[Mapping[Act, str]] = {
    "publish": "too many events in a short time",
    "answer": "too many answers, claims or cancellations in a short time",
    "open": "too many streams and polls opened in a short time",
    "read": "too many listings, requests or pages of the trail asked for in a short time",
    "fail": "too many attempts with wrong credentials from this address",
}

_ANONYMOUS: Final = re.compile(r"[0-9a-f]{32}")
"""A Jupyter server's name for who has its token and no cookie; another one for each call."""


class CallerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one identity may do; 0 sets no limit.

    Attributes:
        publish_per_second: Events.
        answers_per_second: Answers, claims and cancellations.
        streams_per_second: Streams and polls opened.
        reads_per_second: Listings, single requests and pages of the trail asked for.
        failures_per_second: Attempts with wrong credentials, for each address.
        max_streams_per_caller: Streams open at once.
        max_pending_per_caller: Requests open at once.
        max_pending_bytes_per_caller: What those come to in the log.
    """

    publish_per_second: float = limits.PUBLISH_PER_SECOND
    answers_per_second: float = limits.ANSWERS_PER_SECOND
    streams_per_second: float = limits.STREAMS_PER_SECOND
    reads_per_second: float = limits.READS_PER_SECOND
    failures_per_second: float = limits.FAILURES_PER_SECOND
    max_streams_per_caller: int = limits.MAX_STREAMS_PER_CALLER
    max_pending_per_caller: int = limits.MAX_PENDING_PER_CALLER
    max_pending_bytes_per_caller: int = limits.MAX_PENDING_BYTES_PER_CALLER

    @classmethod
    def of(cls, said: Mapping[str, float]) -> "CallerLimits":
        """Return the defaults but for what is said.

        Raises:
            ValueError: A name is none of the limits, or a value is none.
        """
        unknown = ", ".join(sorted(set(said) - set(cls.__struct_fields__)))
        if unknown:
            known = ", ".join(cls.__struct_fields__)
            raise ValueError(f"there is no limit {unknown}; there are {known}")
        try:
            wanted = msgspec.convert(said, cls, strict=False)
        except msgspec.ValidationError as error:
            raise ValueError(f"a limit is a number: {error}") from None
        if not all(math.isfinite(value) and value >= 0 for value in said.values()):
            raise ValueError("a limit is a number, 0 for none")
        return wanted


_NOT_PEOPLE: Final = ("kernel:", "service:", "person:")
"""How the names of callers begin that are no people's."""

_LINES_PER_SECOND: Final = 1 / 60
"""Of the log, on one caller and limit: who is refused a thousand times is told of once."""

_log = logger(__name__)

CALLER_LIMITS: Final = CallerLimits.__struct_fields__
"""Their names: what an operator sets them by."""


class _Asked(dict[str, int]):
    """Requests of one caller that were open when last looked at, and their bytes in the log."""

    look_again_at = 64
    size = 0

    def put(self, name: str, size: int) -> None:
        """Count one, or what it came to."""
        self.size += size - self.get(name, 0)
        self[name] = size

    def with_more(self, asked: Sequence[str]) -> int:
        """Return how many there would be; one that is asked again is the same one."""
        return len(self) + sum(name not in self for name in asked)

    def forget_closed(self, is_pending: Callable[[str], bool], *, now: bool = False) -> None:
        """Look through them each time that they have doubled, or ``now``."""
        if now or len(self) >= self.look_again_at:
            for name in [name for name in self if not is_pending(name)]:
                self.size -= self.pop(name)
            self.look_again_at = max(64, 2 * len(self))


class Limiter:
    """Counts what callers do.

    Args:
        wanted: The limits.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self, wanted: CallerLimits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.wanted = wanted or CallerLimits()
        self.refused: dict[str, int] = {}
        """How often somebody was refused, by what they were about to do."""
        self._clock = clock
        self._asked: dict[str, _Asked] = {}
        self._guesses: set[int] = set()
        self._lines = Buckets(_LINES_PER_SECOND, 1.0)
        quiet = limits.BURST_SECONDS
        self._buckets: Mapping[Act, Buckets] = {
            "publish": _buckets(self.wanted.publish_per_second, quiet),
            "answer": _buckets(self.wanted.answers_per_second, quiet),
            "open": _buckets(self.wanted.streams_per_second, quiet),
            "read": _buckets(self.wanted.reads_per_second, quiet),
            "fail": _buckets(self.wanted.failures_per_second, limits.FAILURE_BURST_SECONDS),
        }

    def take(self, act: Act, caller: str, price: float = 1.0) -> None:
        """Let an act pass.

        Raises:
            TooMany: Not now.
        """
        wait = self._buckets[act].take(caller, price, self._clock())
        if wait > 0:
            raise self._refusal(act, caller, _SAID[act], wait)

    def publish(
        self, caller: str, events: Sequence[Event], is_pending: Callable[[str], bool]
    ) -> None:
        """Let events pass.

        Args:
            caller: Who publishes them.
            events: All of them, or none.
            is_pending: Whether a request is open still.

        Raises:
            TooMany: Not now, or too many of the caller's requests are open.
        """
        asked = [e.request_id for e in events if isinstance(e, HumanInputRequired)]
        if asked:
            self._cap_pending(caller, asked, is_pending)
        self.take("publish", caller, len(events))
        if asked:
            for name in asked:
                self._asked[caller].setdefault(name, 0)

    def stored(self, caller: str, sizes: Mapping[str, int]) -> None:
        """Count what requests came to that a caller was let ask."""
        mine = self._asked.setdefault(caller, _Asked())
        for name, size in sizes.items():
            mine.put(name, size)

    def remember(self, askers: Mapping[str, str], size_of: Callable[[str], int]) -> None:
        """Count the requests that were open when the server began for those who asked them.

        Args:
            askers: The caller of each request.
            size_of: What one comes to in the log.
        """
        for request_id, caller in askers.items():
            self._asked.setdefault(caller, _Asked()).put(request_id, size_of(request_id))

    def failed(self, handler: web.RequestHandler, presented: str) -> None:
        """Note an attempt with a wrong key; the same one again is no further guess.

        So a program whose key was revoked knocks in vain, but takes nothing from others at
        its address.

        Raises:
            TooMany: That is enough.
        """
        guess = hash((address(handler), presented))
        if not presented or guess in self._guesses:
            return
        self.take("fail", address(handler))
        if len(self._guesses) >= MOST_CALLERS:
            self._guesses.clear()
        self._guesses.add(guess)

    def check_guesses(self, handler: web.RequestHandler) -> None:
        """Refuse an address that guessed too often, before its next guess is looked at.

        Raises:
            TooMany: Not now.
        """
        wait = self._buckets["fail"].wait(address(handler), self._clock())
        if wait > 0:
            raise self._refusal("fail", address(handler), _SAID["fail"], wait)

    def cap_streams(self, caller: str, count: int) -> None:
        """Refuse one more stream to a caller who has ``count`` of them open.

        Raises:
            TooMany: That is enough.
        """
        if 0 < self.wanted.max_streams_per_caller <= count:
            raise self._refusal("streams", caller, f"you have {count} streams open; close some", 5)

    def _cap_pending(
        self, caller: str, asked: Sequence[str], is_pending: Callable[[str], bool]
    ) -> None:
        """Count what this caller asked and is open still."""
        if caller not in self._asked and len(self._asked) >= MOST_CALLERS:
            self._asked.clear()  # rather than to grow for ever; the server's own cap holds
        mine = self._asked.setdefault(caller, _Asked())
        mine.forget_closed(is_pending)
        if self._above(mine, asked):
            mine.forget_closed(is_pending, now=True)
        if said := self._above(mine, asked):
            raise self._refusal("pending", caller, f"{said}; answer or cancel some first", 5)

    def _above(self, mine: _Asked, asked: Sequence[str]) -> str:
        """Say which limit a caller would pass, or nothing."""
        if 0 < self.wanted.max_pending_per_caller < mine.with_more(asked):
            return f"{len(mine)} of your requests are open"
        if 0 < self.wanted.max_pending_bytes_per_caller <= mine.size:
            return f"your open requests come to {mine.size >> 20} MB"
        return ""

    def _refusal(
        self, what: Act | Literal["streams", "pending"], caller: str, said: str, wait: float
    ) -> TooMany:
        self.refused[what] = self.refused.get(what, 0) + 1
        if not self._lines.take(f"{what} {caller}", 1.0, self._clock()):
            note(_log, logging.WARNING, "rate_limited", limit=what, caller=caller)
        seconds = max(1, math.ceil(min(wait, limits.MAX_RETRY_AFTER_SECONDS)))
        return TooMany(f"{said}; try again in {seconds} s", retry_after=seconds)


def _buckets(rate: float, burst_seconds: float) -> Buckets:
    return Buckets(rate, rate * burst_seconds)


def caller_name(handler: web.RequestHandler) -> str:
    """Return the identity whose limits count for an authenticated call."""
    user: Any = handler.current_user
    if getattr(handler, "by_kernel", False):
        return str(user.username)
    name = f"service:{user.username}" if hub.is_service(user) else _of_a_person(str(user.username))
    provider: Any = getattr(handler, "identity_provider", None)
    nameless = getattr(handler, "_token_authenticated", False) or not provider.auth_enabled
    return "token" if nameless and _ANONYMOUS.fullmatch(name) else name


def _of_a_person(name: str) -> str:
    """Return a person's name, which may look like that of a kernel, a service or a token."""
    return f"person:{name}" if name == "token" or name.startswith(_NOT_PEOPLE) else name


def address(handler: web.RequestHandler) -> str:
    """Return where an unauthenticated call came from; of IPv6 the network that one host has."""
    return network_of(str(handler.request.remote_ip))
