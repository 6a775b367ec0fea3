"""Those who use the servers: publishers, answerers and readers, on whichever replica is there.

Each plays its part as its dice say and notes in the history what it was told. None gives up: after
a failed call it sends the same again to some replica, which the servers' promises allow.
"""

import asyncio
import random
import time
from collections.abc import AsyncGenerator, AsyncIterator, Awaitable, Callable
from contextlib import aclosing, asynccontextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta, timezone
from typing import Any, Literal

import anyio

from crewai_hitl_nb.client.decode import Incoming, read_as
from crewai_hitl_nb.client.errors import ServerAway, TransportUnusable
from crewai_hitl_nb.client.http import call, encoded
from crewai_hitl_nb.client.results import Answered, Published
from crewai_hitl_nb.client.resume import Cursor, IdleTimeout, Transport
from crewai_hitl_nb.client.transports.poll import poll_events
from crewai_hitl_nb.client.transports.sse import read_events
from crewai_hitl_nb.client.transports.websocket import open_socket
from crewai_hitl_nb.protocol.errors import (
    HitlError,
    OutcomeUnknown,
    Settled,
    Unavailable,
    UnknownRequest,
)
from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.protocol.frames import Gap as GapFrame
from crewai_hitl_nb.protocol.frames import Heartbeat
from crewai_hitl_nb.protocol.limits import PRESENCE_GRACE_SECONDS
from tests.chaos.team.histories import (
    Attempt,
    Connected,
    Gap,
    History,
    Live,
    Reader,
    Received,
    Reply,
)
from tests.chaos.team.replicas import CALL_SECONDS, HEARTBEAT_SECONDS, PAUSE_SECONDS, Replica, Team

RACING = 5
"""Answers to each question, at the same time."""

LAST = "the-last-event"
"""Readers read until they have received it and a heartbeat after it."""

EXPIRES_SECONDS = 1.0
EXPIRES_LATE_SECONDS = 3600.0

AWAY_SECONDS = PRESENCE_GRACE_SECONDS / 2
"""After this time without a connection an asker's question may be cancelled."""

MOST_EVENTS = 150
"""A reader leaves after so many at the latest."""


@dataclass
class Cast:
    """What every actor has.

    Attributes:
        team: The servers.
        history: Where they note what they were told.
        seed: Of all dice.
        is_over: Whether the faults are over: publishers stop.
        held: Questions that are answered only when the faults are over.
        asked: Questions that answerers have seen.
        answering: Their calls, each with its question.
    """

    team: Team
    history: History
    seed: int
    is_over: bool = False
    held: set[str] = field(default_factory=set)
    asked: set[str] = field(default_factory=set)
    answering: dict["asyncio.Task[None]", str] = field(default_factory=dict)

    def dice(self, name: str) -> random.Random:
        """Return an actor's own dice, so that no other's throws change them."""
        return random.Random(f"{self.seed}/{name}")

    async def publish(
        self, dice: random.Random, *events: dict[str, Any], gives_up: float = 0.0
    ) -> None:
        """Publish until it is acknowledged.

        Args:
            dice: The publisher's.
            events: What to publish.
            gives_up: How likely the publisher gives up after a call that failed.
        """
        ids = tuple(str(event["event_id"]) for event in events)
        while True:
            replica, began = self.team.some(dice), time.monotonic()
            outcome, offsets = await _publish(replica, events)
            self.history.attempts.append(
                Attempt(ids, outcome, offsets, began, ended=time.monotonic())
            )
            if outcome == "stored" or dice.random() < gives_up:
                return
            await asyncio.sleep(PAUSE_SECONDS)

    def answer(self, request_id: str, *, again: bool = False) -> None:
        """Let several people answer a question at the same time, once.

        Args:
            request_id: The question.
            again: Answer it once more if it is open although they have: the database may have lost
                the answer.
        """
        if request_id in self.held and not self.is_over:
            return
        if request_id in self.asked and (not again or request_id in self.answering.values()):
            return
        self.asked.add(request_id)
        for number in range(RACING):
            task = asyncio.ensure_future(_answerer(self, request_id, f"person-{number}"))
            self.answering[task] = request_id
            task.add_done_callback(self.answering.pop)


Outcome = Literal["stored", "refused", "unknown"]


async def _publish(
    replica: Replica, events: tuple[dict[str, Any], ...]
) -> tuple[Outcome, tuple[int, ...]]:
    """Make one call; the client's own method would repeat one that is refused."""
    try:
        raw = await call(replica.http, "POST", "events", body=encoded(events))
    except Unavailable as error:
        return ("unknown" if _is_unknown(error) else "refused"), ()
    published: Published = read_as(raw, Published)
    return "stored", tuple(receipt.offset or 0 for receipt in published.events)


def _is_unknown(error: Unavailable) -> bool:
    """Whether a call that failed may have had its effect."""
    return isinstance(error, OutcomeUnknown | ServerAway)


# ---- publishers


async def publisher(cast: Cast, name: str) -> None:
    """Publish notes and questions while the faults last."""
    dice, number = cast.dice(name), 0
    while not cast.is_over:
        number += 1
        if dice.random() < 0.3:
            await _ask(cast, dice, f"{name}-q{number}")
        else:
            text = "x" * dice.choice([1, 100, 5_000])
            ids = [f"{name}-{number}-{n}" for n in range(dice.randint(1, 4))]
            notes = ({"type": "note", "event_id": each, "text": text} for each in ids)
            await cast.publish(dice, *notes, gives_up=0.5)
        await asyncio.sleep(dice.uniform(0, 0.1))


async def _ask(cast: Cast, dice: random.Random, name: str) -> None:
    question, lot = _question(name), dice.random()
    if lot < 0.4:
        # The late ones may not expire, though a replica's clock is a day ahead.
        seconds = EXPIRES_SECONDS if lot < 0.2 else EXPIRES_LATE_SECONDS
        question["expires_at"] = (
            datetime.now(timezone.utc) + timedelta(seconds=seconds)
        ).isoformat()
        if seconds == EXPIRES_SECONDS:
            cast.history.ends_by_itself[name] = frozenset({"human_input_expired"})
    await cast.publish(dice, question)


def _question(name: str) -> dict[str, Any]:
    return {
        "type": "human_input_required",
        "event_id": name,
        "request_id": name,
        "prompt": "Good?",
        "kind": "question",
    }


async def asker(cast: Cast, name: str) -> None:
    """Ask a question and wait for its answer as a kernel does, now at this server, now at that one.

    As long as it is connected anywhere, no server may cancel the question for lack of a process
    that waits for it.
    """
    dice = cast.dice(name)
    cast.held.add(name)
    await cast.publish(dice, {**_question(name), "source": {"id": name}})
    seen = time.monotonic()
    while True:
        replica, idle = cast.team.some(dice), IdleTimeout(HEARTBEAT_SECONDS)
        params = {"source": name, "replay": "none"}
        try:
            async with open_socket(
                replica.endpoint, "ws/human-input", params, seconds=CALL_SECONDS, idle=idle
            ) as socket:
                if time.monotonic() > seen + AWAY_SECONDS:
                    cast.history.ends_by_itself[name] = frozenset({"human_input_cancelled"})
                with anyio.move_on_after(dice.uniform(0.2, 2.0)):
                    async for _ in socket.incoming():
                        seen = time.monotonic()
        except (Unavailable, TransportUnusable):
            await asyncio.sleep(PAUSE_SECONDS)


# ---- answerers


async def _answerer(cast: Cast, request_id: str, by: str) -> None:
    dice = cast.dice(f"{request_id}/{by}")
    cancels = dice.random() < 0.05
    words = None if cancels else f"so says {by}"
    while True:
        replica = cast.team.some(dice)
        outcome, event_id = await _answer(replica, request_id, by, words)
        reply = Reply(request_id, by, words, outcome, event_id, time.monotonic())
        cast.history.replies.append(reply)
        if outcome not in ("refused", "unknown"):
            return
        await asyncio.sleep(PAUSE_SECONDS)


_Answered = tuple[Literal["won", "lost", "refused", "unknown", "missing"], str | None]


async def _answer(replica: Replica, request_id: str, by: str, words: str | None) -> _Answered:
    """Make one call, as :func:`_publish` does."""
    path, headers = f"requests/{request_id}", {"Idempotency-Key": f"{request_id}/{by}"}
    try:
        if words is None:
            await call(replica.http, "POST", f"{path}/cancel", body=b"{}")
            return "unknown", None  # the reply names no event; the next attempt is told the end
        body = encoded({"human_feedback": words})
        raw = await call(replica.http, "POST", f"{path}/answer", body=body, headers=headers)
    except UnknownRequest:
        return "missing", None
    except Settled as late:
        return "lost", str(late.details["event"]["event_id"])
    except Unavailable as error:
        return ("unknown" if _is_unknown(error) else "refused"), None
    answered: Answered = read_as(raw, Answered)
    return "won", answered.event.event_id


# ---- readers


async def reader(cast: Cast, name: str, transport: Transport) -> None:
    """Read everything over one transport; leave at random and resume at another replica.

    It resumes by the client's cursor, and does not let the cursor drop what it knows already, which
    would hide what is wrong. It is done when a heartbeat follows the last event: that may still say
    that history was lost.
    """
    dice, saw = cast.dice(name), cast.history.readers.setdefault(name, Reader())
    cursor = Cursor()
    while not saw.has_read_all:
        replica = cast.team.some(dice)
        saw.items.append(Connected(cursor.last_event_id, replica.number))
        try:
            await _read(cast, replica, transport, saw, cursor, dice.randint(1, MOST_EVENTS))
        except (Unavailable, TransportUnusable):
            await asyncio.sleep(PAUSE_SECONDS)


async def _read(
    cast: Cast, replica: Replica, transport: Transport, saw: Reader, cursor: Cursor, stay: int
) -> None:
    """Read at most so many events over one connection."""
    async with _open(replica, transport, cursor.parameters("all")) as frames, aclosing(frames):
        async for frame in frames:
            now = time.monotonic()
            if isinstance(frame, Heartbeat):
                cast.history.saw_epoch(frame.epoch, now)
                lost = cursor.lost_history(frame.epoch)
                if lost is not None:
                    saw.items.append(Gap(lost.reason, lost.last_event_id, by_epoch=True))
                    return
                saw.items.append(Live())
                if cursor.last_event_id == LAST:
                    saw.has_read_all = True
                    return
            elif isinstance(frame, GapFrame):
                saw.items.append(Gap(frame.reason, frame.last_event_id))
                cast.history.saw_epoch(frame.epoch, now)
                cursor.gap(frame)
            else:
                cursor.last_event_id = frame.event_id
                saw.items.append(Received(frame.offset or 0, frame.event_id, now))
                if isinstance(frame, HumanInputRequired):
                    cast.answer(frame.request_id)
                stay -= 1
                if stay <= 0 or frame.event_id == LAST:
                    return  # a poll has a heartbeat after its first page only


@asynccontextmanager
async def _open(
    replica: Replica, transport: Transport, params: dict[str, str]
) -> AsyncIterator[AsyncGenerator[Incoming, None]]:
    """Open a stream as the client does."""
    idle = IdleTimeout(HEARTBEAT_SECONDS)
    if transport == "websocket":
        async with open_socket(
            replica.endpoint, "ws/human-input", params, seconds=CALL_SECONDS, idle=idle
        ) as socket:
            yield socket.incoming()
        return
    read, kind = (read_events, "events") if transport == "sse" else (poll_events, "poll")
    yield read(replica.http, f"{kind}/human-input", params, idle)


async def until(
    call: Callable[[Replica], Awaitable[bool]], team: Team, dice: random.Random
) -> None:
    """Make a call to some replica until it returns True."""
    while True:
        try:
            if await call(team.some(dice)):
                return
        except HitlError:
            pass
        await asyncio.sleep(PAUSE_SECONDS)
