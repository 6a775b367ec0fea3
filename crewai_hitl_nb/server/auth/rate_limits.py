"""Rate limits and caps of each caller.

Handlers say in one line what a caller is about to do. A caller who does too much of it gets
``TooMany`` with the seconds to wait, which is HTTP 429 with ``Retry-After`` and on a socket
an ``error`` frame. Nothing was done then, so trying again later is safe.

A caller is an identity, whatever it calls from:

    the kernels of this server           one, by the kernel key
    a person who is logged in            one each, by their name
    callers with the server's token      one: a Jupyter server names each such call anew
    an API key                           one each
    callers without credentials          one for each address, for failed attempts only

Of the servers that share a log in PostgreSQL each counts for itself, but for open requests; the
first and the third are then one caller for each server.

Below are the buckets (``token_bucket.py``); the defaults are in ``protocol/limits.py``, with
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

Act: TypeAlias = Literal["publish", "answer", "open", "read", "upload", "fail"]

_SAID: Final[Mapping[Act, str]] = {
    "publish": "too many events in a short time",
    "answer": "too many answers, claims or cancellations in a short time",
    "open": "too many streams and polls opened in a short time",
    "read": "too many listings, requests or pages of the trail asked for in a short time",
    "upload": "too many files uploaded in a short time",
    "fail": "too many attempts with wrong credentials from this address",
}

_ANONYMOUS: Final = re.compile(r"[0-9a-f]{32}")
"""A Jupyter server's name for a caller with its token and no cookie; new for each call."""


class CallerLimits(msgspec.Struct, frozen=True, kw_only=True):
    """What one identity may do; 0 sets no limit.

    Attributes:
        publish_per_second: Events.
        answers_per_second: Answers, claims and cancellations.
        streams_per_second: Streams and polls opened.
        reads_per_second: Listings, single requests and pages of the trail asked for.
        uploads_per_second: Files uploaded.
        failures_per_second: Attempts with wrong credentials, for each address.
        max_streams_per_caller: Streams open at once.
        max_pending_per_caller: Requests open at once.
        max_pending_bytes_per_caller: Bytes that those take in the log.
    """

    publish_per_second: float = limits.PUBLISH_PER_SECOND
    answers_per_second: float = limits.ANSWERS_PER_SECOND
    streams_per_second: float = limits.STREAMS_PER_SECOND
    reads_per_second: float = limits.READS_PER_SECOND
    uploads_per_second: float = limits.UPLOADS_PER_SECOND
    failures_per_second: float = limits.FAILURES_PER_SECOND
    max_streams_per_caller: int = limits.MAX_STREAMS_PER_CALLER
    max_pending_per_caller: int = limits.MAX_PENDING_PER_CALLER
    max_pending_bytes_per_caller: int = limits.MAX_PENDING_BYTES_PER_CALLER

    @classmethod
    def of(cls, said: Mapping[str, float]) -> "CallerLimits":
        """Return the defaults with these values in their place.

        Raises:
            ValueError: A name is not a limit's, or a value is not a number from 0 on.
        """
        unknown = ", ".join(sorted(set(said) - set(cls.__struct_fields__)))
        if unknown:
            known = ", ".join(cls.__struct_fields__)
            raise ValueError(f"there is no limit {unknown}; the limits are {known}")
        try:
            wanted = msgspec.convert(said, cls, strict=False)
        except msgspec.ValidationError as error:
            raise ValueError(f"a limit is a number: {error}") from None
        if not all(math.isfinite(value) and value >= 0 for value in said.values()):
            raise ValueError("a limit must be a finite number of at least 0; 0 sets no limit")
        return wanted


_NOT_PEOPLE: Final = ("kernel:", "service:", "person:", "token@")
"""Prefixes of the names of callers that are not people."""

_LINES_PER_SECOND: Final = 1 / 60
"""Log lines about one caller and limit: a thousand refusals make one line a minute."""

_log = logger(__name__)

CALLER_LIMITS: Final = CallerLimits.__struct_fields__
"""The names by which an operator sets them."""


class _OpenRequestsOfCaller(dict[str, int]):
    """Requests of one caller that were open when last checked, and their bytes in the log."""

    look_again_at = 64
    size = 0

    def put(self, name: str, size: int) -> None:
        """Count a request, or its size once it is stored."""
        self.size += size - self.get(name, 0)
        self[name] = size

    def with_more(self, asked: Sequence[str]) -> int:
        """Return how many there would be; a request that is asked again counts once."""
        return len(self) + sum(name not in self for name in asked)

    def forget_closed(self, is_pending: Callable[[str], bool], *, now: bool = False) -> None:
        """Forget closed ones, each time that the number has doubled, or ``now``."""
        if now or len(self) >= self.look_again_at:
            for name in [name for name in self if not is_pending(name)]:
                self.size -= self.pop(name)
            self.look_again_at = max(64, 2 * len(self))


class Limiter:
    """Counts what callers do, and refuses what is too much.

    Args:
        wanted: The limits.
        clock: Monotonic, in seconds.
    """

    def __init__(
        self, wanted: CallerLimits | None = None, clock: Callable[[], float] = time.monotonic
    ) -> None:
        self.wanted = wanted or CallerLimits()
        self.refused: dict[str, int] = {}
        """How often each limit refused a caller."""
        self._clock = clock
        self._asked: dict[str, _OpenRequestsOfCaller] = {}
        self._guesses: set[int] = set()
        self._lines = Buckets(_LINES_PER_SECOND, 1.0)
        quiet = limits.BURST_SECONDS
        self._buckets: Mapping[Act, Buckets] = {
            "publish": _buckets(self.wanted.publish_per_second, quiet),
            "answer": _buckets(self.wanted.answers_per_second, quiet),
            "open": _buckets(self.wanted.streams_per_second, quiet),
            "read": _buckets(self.wanted.reads_per_second, quiet),
            "upload": _buckets(self.wanted.uploads_per_second, quiet),
            "fail": _buckets(self.wanted.failures_per_second, limits.FAILURE_BURST_SECONDS),
        }

    def take(self, act: Act, caller: str, price: float = 1.0) -> None:
        """Take the price of an act out of the caller's bucket.

        Raises:
            TooMany: The bucket does not hold enough yet.
        """
        wait = self._buckets[act].take(caller, price, self._clock())
        if wait > 0:
            raise self._refusal(act, caller, _SAID[act], wait)

    def publish(
        self, caller: str, events: Sequence[Event], is_pending: Callable[[str], bool]
    ) -> None:
        """Take the price of publishing events.

        Args:
            caller: The publisher.
            events: They pass together or not at all.
            is_pending: Whether a request is still open.

        Raises:
            TooMany: The bucket does not hold enough yet, or too many of the caller's requests
                are open.
        """
        asked = [e.request_id for e in events if isinstance(e, HumanInputRequired)]
        if asked:
            self._cap_pending(caller, asked, is_pending)
        self.take("publish", caller, len(events))
        if asked:
            for name in asked:
                self._asked[caller].setdefault(name, 0)

    def stored(self, caller: str, request_id: str, size: int) -> None:
        """Count an open request for the caller who asked it, at this server or at another one.

        Args:
            caller: Who asked.
            request_id: The request.
            size: Its size in the log, in bytes.
        """
        self._asked.setdefault(caller, _OpenRequestsOfCaller()).put(request_id, size)

    def failed(self, handler: web.RequestHandler, presented: str) -> None:
        """Count an attempt with a wrong key; repeating the same key is not another guess.

        So a program whose key was revoked does not use up the attempts of others at its address.

        Raises:
            TooMany: The address tried too many.
        """
        guess = hash((address(handler), presented))
        if not presented or guess in self._guesses:
            return
        self.take("fail", address(handler))
        if len(self._guesses) >= MOST_CALLERS:
            self._guesses.clear()
        self._guesses.add(guess)

    def check_guesses(self, handler: web.RequestHandler) -> None:
        """Refuse an address that guessed too often, before its next guess is checked.

        Raises:
            TooMany: It has to wait.
        """
        wait = self._buckets["fail"].wait(address(handler), self._clock())
        if wait > 0:
            raise self._refusal("fail", address(handler), _SAID["fail"], wait)

    def cap_streams(self, caller: str, count: int) -> None:
        """Refuse one more stream to a caller who has ``count`` of them open.

        Raises:
            TooMany: The caller has as many as allowed.
        """
        if 0 < self.wanted.max_streams_per_caller <= count:
            raise self._refusal("streams", caller, f"you have {count} streams open; close some", 5)

    def _cap_pending(
        self, caller: str, asked: Sequence[str], is_pending: Callable[[str], bool]
    ) -> None:
        """Refuse a caller whose open requests are too many or too large."""
        if caller not in self._asked and len(self._asked) >= MOST_CALLERS:
            self._asked.clear()  # rather than grow for ever; the server's own cap still holds
        mine = self._asked.setdefault(caller, _OpenRequestsOfCaller())
        mine.forget_closed(is_pending)
        if self._above(mine, asked):
            mine.forget_closed(is_pending, now=True)
        if said := self._above(mine, asked):
            raise self._refusal("pending", caller, f"{said}; answer or cancel some first", 5)

    def _above(self, mine: _OpenRequestsOfCaller, asked: Sequence[str]) -> str:
        """Return which limit a caller would exceed, in words, or an empty text."""
        if 0 < self.wanted.max_pending_per_caller < mine.with_more(asked):
            return f"{len(mine)} of your requests are open"
        if 0 < self.wanted.max_pending_bytes_per_caller <= mine.size:
            return f"your open requests take {mine.size >> 20} MB"
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


def caller_name(handler: web.RequestHandler, server: str = "") -> str:
    """Return the identity whose limits count for an authenticated call.

    Args:
        handler: The handler of the call.
        server: The name of its server, if that shares its log with others.
    """
    user: Any = handler.current_user
    if getattr(handler, "by_kernel", False):
        return str(user.username)
    name = f"service:{user.username}" if hub.is_service(user) else _of_a_person(str(user.username))
    provider: Any = getattr(handler, "identity_provider", None)
    nameless = getattr(handler, "_token_authenticated", False) or not provider.auth_enabled
    if not (nameless and _ANONYMOUS.fullmatch(name)):
        return name
    return f"token@{server}" if server else "token"


def _of_a_person(name: str) -> str:
    """Return a person's name, which may look like that of a kernel, a service or a token."""
    return f"person:{name}" if name == "token" or name.startswith(_NOT_PEOPLE) else name


def address(handler: web.RequestHandler) -> str:
    """Return the address of an unauthenticated call; for IPv6 its /64 network."""
    return network_of(str(handler.request.remote_ip))
