"""Those outside: who publishes, who reads, who answers, and the crews that wait.

Each plays its part through the real client, as its dice say, and writes into the ledger what
it was told. None of them gives up: where the server is away it waits until it is back and
sends the same again, which the server's promises allow.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from contextlib import aclosing
from dataclasses import dataclass, field
from typing import Any, TypeVar

from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.client.resume import Cursor, Transport
from crewai_hitl_nb.client.stream import Subscription
from crewai_hitl_nb.kernel.bridge.bridge import Bridge
from crewai_hitl_nb.protocol.errors import Settled, Unavailable
from crewai_hitl_nb.protocol.events import HumanInputRequired
from crewai_hitl_nb.protocol.frames import Gap
from tests.chaos.host import Host
from tests.chaos.ledger import Acknowledged, Ended, Ledger, Lost, Won
from tests.chaos.victim import Say, Victim
from tests.events import required

T = TypeVar("T")

LAST = "the-last-event"
"""Readers read until they have seen it."""


@dataclass(frozen=True)
class Asked:
    """A crew is about to ask."""

    request_id: str


@dataclass
class Cast:
    """What every actor has."""

    host: Host
    ledger: Ledger
    client: AsyncClient
    seed: int
    answering: set[asyncio.Task[None]] = field(default_factory=set)

    def dice(self, name: str) -> random.Random:
        """Return an actor's own dice, so that no other's throws change them."""
        return random.Random(f"{self.seed}/{name}")

    async def insist(self, call: Callable[[], Awaitable[T]]) -> T:
        """Make a call until somebody answers it."""
        while True:
            await self.host.up()
            try:
                return await call()
            except Unavailable:
                # It died under the call; its death may not have been noticed here yet.
                await asyncio.sleep(0)

    async def publish(self, *events: dict[str, Any]) -> None:
        """Publish until it is acknowledged."""
        for receipt in await self.insist(lambda: self.client.publish(*events)):
            assert receipt.offset is not None
            self.ledger.told.append(Acknowledged(receipt.event_id, receipt.offset))


async def publisher(cast: Cast, name: str) -> None:
    """Publish batches of notes."""
    dice = cast.dice(name)
    for number in range(dice.randint(3, 8)):
        ids = [f"{name}-{number}-{n}" for n in range(dice.randint(1, 6))]
        text = "x" * dice.choice([1, 100, 20_000])
        await cast.publish(*({"type": "note", "event_id": i, "text": text} for i in ids))


async def reader(cast: Cast, transport: Transport) -> None:
    """Read everything by one transport; leave at random and come back as a new process would."""
    dice, saw = cast.dice(transport), cast.ledger.saw.setdefault(transport, [])
    last: str | None = None
    while last != LAST:
        stay = dice.randint(1, 40)
        stream = cast.client.stream(
            Subscription(replay="all"), cursor=Cursor(last), transports=(transport,)
        )
        async with aclosing(stream.items()) as items:
            async for item in items:
                if isinstance(item, Gap):
                    cast.ledger.gaps.append(f"{transport}: {item.message}")
                elif (event_id := getattr(item, "event_id", None)) is not None:
                    last = str(event_id)
                    saw.append((item.offset or 0, last))  # type: ignore[union-attr]
                    stay -= 1
                    if stay == 0 or last == LAST:
                        break


def _opinion(name: str, question: HumanInputRequired) -> str:
    return f"so says {name}"


async def answerer(
    cast: Cast, name: str, says: Callable[[str, HumanInputRequired], str] = _opinion
) -> None:
    """Answer every question there is, or withdraw it now and then; race with the others."""
    dice = cast.dice(name)
    stream = cast.client.stream(Subscription(types=("human_input_required",)))
    async with aclosing(stream.items()) as items:
        async for item in items:
            if isinstance(item, HumanInputRequired):
                asked = item.request_id
                said = None if dice.random() < 0.1 else says(name, item)
                act = _withdraw(cast, asked) if said is None else _answer(cast, name, asked, said)
                task = asyncio.ensure_future(act)
                cast.answering.add(task)
                task.add_done_callback(cast.answering.discard)


async def _answer(cast: Cast, name: str, request_id: str, said: str) -> None:
    key = f"{name}-{request_id}"
    try:
        won = await cast.insist(lambda: cast.client.answer(request_id, said, idempotency_key=key))
    except Settled as late:
        cast.ledger.told.append(Lost(request_id, None, str(late.details["event"]["event_id"])))
    else:
        cast.ledger.told.append(Won(request_id, won.event_id))


async def _withdraw(cast: Cast, request_id: str) -> None:
    try:
        await cast.insist(lambda: cast.client.cancel(request_id))
    except Settled as late:
        # Also when its own first call, whose reply was lost, was the one.
        cast.ledger.told.append(Lost(request_id, None, str(late.details["event"]["event_id"])))


async def crew(cast: Cast, name: str) -> None:
    """Let a process of its own ask and wait; the dice may kill it."""
    dice = cast.dice(name)
    asking = Victim(
        ask, cast.host.endpoint, name, dice.randint(1, 4), log=cast.host.log.with_name(name)
    )
    killing = asyncio.ensure_future(_kill_some(asking, dice))
    waits: set[str] = set()
    async for word in _words(asking):
        if isinstance(word, Asked):
            waits.add(word.request_id)
        elif isinstance(word, Ended):
            cast.ledger.told.append(word)
            waits.discard(word.request_id)
            cast.ledger.asked.add(word.request_id)
    await killing
    cast.ledger.asked |= waits
    if await asyncio.to_thread(asking.join) != 0:
        cast.ledger.bereaved |= waits


async def _kill_some(asking: Victim, dice: random.Random) -> None:
    if dice.random() < 0.5:
        await asyncio.to_thread(asking.await_death, dice.uniform(0, 0.6))
        asking.kill()


async def _words(victim: Victim) -> Any:
    heard = victim.heard()
    while (word := await asyncio.to_thread(next, heard, None)) is not None:
        yield word


def ask(say: Say, endpoint: Endpoint, name: str, questions: int) -> None:
    """Ask one question after the other through the bridge, as a kernel does."""
    bridge = Bridge(endpoint, name)
    for number in range(questions):
        request_id = f"{name}-q{number}"
        say(Asked(request_id))
        pending = bridge.open(required(request_id, source={"id": name}))
        end = pending.outcome.result()
        say(Ended(request_id, end.event_id, str(end.__struct_config__.tag)))
    bridge.close("run_failed", 5)
