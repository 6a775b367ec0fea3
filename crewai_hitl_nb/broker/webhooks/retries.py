"""Decides after each webhook call whether the event is delivered, tried again or given up.

Above: ``worker``, which posts, waits and keeps the :class:`Progress` as metadata. This
module takes values and returns values; it knows neither the network nor the store.

After an attempt the first row that fits applies:

    reply                  the event is     the endpoint
    2xx                    delivered        continues to the next event
    410 Gone               failed           is disabled
    else, attempts left    retrying         tries the same event again, later
    else                   failed           continues to the next event

So order is kept, and :data:`RETRY_SECONDS` bounds how long one event holds up the next ones.
"""

import random
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta
from typing import Annotated, Final, Literal, TypeAlias

import msgspec

from crewai_hitl_nb.store.base import Record

RETRY_SECONDS: Final = (5.0, 300.0, 1800.0, 7200.0, 18_000.0, 36_000.0)
"""Pauses between the attempts for one event: those of Standard Webhooks ("Deliverability and
reliability") up to 10 h. Its later ones are left out, because other people's questions wait
behind this event: for three days with them, for less than one without."""

JITTER: Final = 0.2
"""A pause is longer by up to this fraction, so that endpoints that failed together spread out."""

MAX_RETRY_AFTER_SECONDS: Final = 36_000.0
"""A receiver may ask for a longer pause, up to our own longest one."""

KEPT_DELIVERIES: Final = 20
"""Deliveries that an endpoint's listing shows: enough to see what is wrong."""

GONE: Final = 410

Outcome: TypeAlias = Literal["delivered", "failed", "retrying"]
Instant: TypeAlias = Annotated[datetime, msgspec.Meta(tz=True)]


class Attempt(msgspec.Struct, frozen=True, kw_only=True):
    """One call.

    Attributes:
        at: When it began.
        status: HTTP status, or None if there was no reply.
        milliseconds: How long it took.
        error: Why there was no reply, for people.
        retry_after: Seconds that the receiver asked to wait.
    """

    at: Instant
    status: int | None = None
    milliseconds: int = 0
    error: str = ""
    retry_after: float | None = None


class Delivery(msgspec.Struct, frozen=True, kw_only=True):
    """One event on its way to one endpoint."""

    event_id: str
    offset: int
    type: str
    outcome: Outcome
    attempts: tuple[Attempt, ...]
    error: str = ""


class Progress(msgspec.Struct, frozen=True, kw_only=True):
    """How far one endpoint is: everything that must survive a restart.

    Attributes:
        url: The endpoint's, for people.
        cursor: Every event up to this offset is delivered or given up.
        disabled_at: When the endpoint replied that it is gone for good.
        next_attempt: The earliest time at which the current event is tried again.
        deliveries: The latest, oldest first. Only the last one may be retrying.
        unused_since: Since when the servers that share the log deliver without this endpoint.
    """

    url: str
    cursor: int
    disabled_at: Instant | None = None
    next_attempt: Instant | None = None
    deliveries: tuple[Delivery, ...] = ()
    unused_since: Instant | None = None

    @property
    def at_hand(self) -> Delivery | None:
        """The delivery that is being retried."""
        last = self.deliveries[-1] if self.deliveries else None
        return last if last is not None and last.outcome == "retrying" else None


class Retries:
    """Decides when to try again."""

    def __init__(
        self,
        pauses: Sequence[float] = RETRY_SECONDS,
        # Spreads load; it need not be secret.
        draw: Callable[[], float] = random.random,
    ) -> None:
        """Take the pauses between attempts, and a source of numbers in [0, 1)."""
        self._pauses = pauses
        self._draw = draw

    def pause(self, attempts: Sequence[Attempt]) -> float | None:
        """Return the seconds to wait after these attempts, or None to give up."""
        if len(attempts) > len(self._pauses):
            return None
        asked = min(attempts[-1].retry_after or 0.0, MAX_RETRY_AFTER_SECONDS)
        pause = self._pauses[len(attempts) - 1] * (1 + JITTER * self._draw())
        return max(pause, asked)


def take(progress: Progress, record: Record) -> Progress:
    """Begin with an event, or continue with the current one.

    If retention dropped the current one (the server was down for long), it has failed.
    """
    last = progress.at_hand
    if last is None or last.event_id == record.event_id:
        return progress
    lost = msgspec.structs.replace(last, outcome="failed", error="no longer kept in the log")
    return _with(progress, [*progress.deliveries[:-1], lost], next_attempt=None)


def after(progress: Progress, record: Record, attempt: Attempt, retries: Retries) -> Progress:
    """Return the progress after an attempt to deliver the event; see the module's table."""
    before = progress.at_hand
    attempts = (*(before.attempts if before else ()), attempt)
    settled = list(progress.deliveries[:-1] if before else progress.deliveries)

    def became(outcome: Outcome) -> list[Delivery]:
        delivery = Delivery(
            event_id=record.event_id,
            offset=record.offset,
            type=record.type,
            outcome=outcome,
            attempts=attempts,
        )
        return [*settled, delivery]

    if attempt.status is not None and 200 <= attempt.status < 300:
        return _with(progress, became("delivered"), cursor=record.offset, next_attempt=None)
    if attempt.status == GONE:
        return _with(progress, became("failed"), next_attempt=None, disabled_at=attempt.at)
    pause = retries.pause(attempts)
    if pause is None:
        return _with(progress, became("failed"), cursor=record.offset, next_attempt=None)
    again = attempt.at + timedelta(milliseconds=attempt.milliseconds, seconds=pause)
    return _with(progress, became("retrying"), next_attempt=again)


def _with(progress: Progress, deliveries: list[Delivery], **changes: object) -> Progress:
    return msgspec.structs.replace(
        progress, deliveries=tuple(deliveries[-KEPT_DELIVERIES:]), **changes
    )
