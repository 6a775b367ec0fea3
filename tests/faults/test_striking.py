"""Faults of a live connection: it is made again, and nothing is missed or repeated."""

import asyncio
import os
import uuid
from collections.abc import Awaitable, Callable

import pytest

from crewai_hitl_nb.client import Client
from crewai_hitl_nb.client.resume import TRANSPORTS, Transport
from crewai_hitl_nb.protocol.errors import Unavailable
from crewai_hitl_nb.protocol.events import Event, HumanInputRequired
from tests.events import other, required
from tests.faults.deaf import READERS, deafen, needs_linux
from tests.faults.following import Follower, behind, following
from tests.faults.proxy import Proxy, Rule
from tests.faults.witness import socket, subscriptions, until_subscriptions, witness
from tests.jupyter_process import JupyterProcess
from tests.server.door import until
from tests.soak.stream import opened

over = pytest.mark.parametrize("transport", TRANSPORTS)

Strike = Callable[[Proxy, Follower], Awaitable[None]]


async def cut(proxy: Proxy, follower: Follower, times: int = 1) -> None:
    await asyncio.to_thread(proxy.strike, "cut")
    await follower.until_lost(times)
    await asyncio.to_thread(proxy.strike, "restore")


async def freeze(proxy: Proxy, follower: Follower) -> None:
    await asyncio.to_thread(proxy.strike, "freeze")
    await follower.until_lost()


async def storm(proxy: Proxy, follower: Follower) -> None:
    for _ in range(5):
        await asyncio.to_thread(proxy.strike, "cut")
        await asyncio.to_thread(proxy.strike, "restore")
    await cut(proxy, follower, 1 + follower.losses)


def nobody_behind(status: int) -> Strike:
    """Return a strike: the proxy loses its server, says so to everybody, and finds it again."""

    async def strike(proxy: Proxy, follower: Follower) -> None:
        proxy.obey(Rule(act="refuse", status=status))
        await asyncio.to_thread(proxy.strike, "cut")
        await asyncio.to_thread(proxy.strike, "restore")
        await follower.until_lost(4)
        proxy.obey()

    return strike


STRIKES: dict[str, Strike] = {"cut": cut, "frozen": freeze, "502": nobody_behind(502)}
if "SOAK" in os.environ:
    STRIKES |= {"cut five times": storm, "503": nobody_behind(503)}


def events(run: str, *numbers: int) -> list[Event]:
    return [other(event_id=f"{run}-{i}", execution_id=run) for i in numbers]


def ids(run: str, upto: int) -> list[str]:
    return [f"{run}-{i}" for i in range(upto)]


@over
@pytest.mark.parametrize("strike", STRIKES.values(), ids=STRIKES)
@pytest.mark.asyncio
async def test_a_struck_stream_goes_on_where_it_stopped(
    proxy: Proxy, direct: Client, transport: Transport, strike: Strike
) -> None:
    run = str(uuid.uuid4())
    async with behind(proxy) as client, following(client, run, transport) as follower:
        before = await follower.until_live()
        await asyncio.to_thread(direct.publish, *events(run, 0))
        await follower.until_seen(f"{run}-0")
        struck = asyncio.ensure_future(strike(proxy, follower))
        await asyncio.to_thread(direct.publish, *events(run, 1, 2))
        await struck
        await follower.until_live(2)
        await asyncio.to_thread(direct.publish, *events(run, 3))
        await follower.until_seen(f"{run}-3")

    assert before.transport == transport
    assert follower.seen == ids(run, 4)
    assert follower.gaps == 0


@over
@pytest.mark.asyncio
async def test_a_stream_that_tears_anywhere_brings_every_event_once(
    proxy: Proxy, direct: Client, transport: Transport
) -> None:
    run, many = str(uuid.uuid4()), 15
    proxy.obey(Rule(act="tear", kinds=("websocket", "sse", "poll"), most=6000))

    async def publish() -> None:
        for number in range(many):
            await asyncio.to_thread(direct.publish, *events(run, number))

    async with behind(proxy) as client, following(client, run, transport) as follower:
        publishing = asyncio.ensure_future(publish())
        await follower.until_seen(f"{run}-{many - 1}")
        await publishing

    assert follower.seen == ids(run, many)
    assert follower.losses > 0


async def until_done(call: Callable[[], Awaitable[object]]) -> object:
    """Make an idempotent call until its reply comes through, as its caller is told to."""
    for _ in range(100):
        try:
            return await call()
        except Unavailable:  # noqa: PERF203 - the network costs more
            continue
    raise AssertionError("a hundred calls in a row were lost")


@pytest.mark.asyncio
async def test_calls_whose_replies_are_lost_are_made_again_and_count_once(
    proxy: Proxy, direct: Client
) -> None:
    run = str(uuid.uuid4())
    asked = [required(f"{run}-{i}", event_id=f"{run}-{i}", execution_id=run) for i in range(20)]
    proxy.obey(Rule(act="tear", most=1200))  # a reply has some seven hundred bytes

    async with behind(proxy) as client:

        async def ask_and_answer(question: HumanInputRequired) -> None:
            key = str(uuid.uuid4())
            await until_done(lambda: client.publish(question))
            await until_done(
                lambda: client.answer(question.request_id, "Shorter", idempotency_key=key)
            )

        await asyncio.gather(*map(ask_and_answer, asked))

    answered = await asyncio.to_thread(direct.requests, execution_id=run)
    assert sorted(request.request_id for request in answered) == sorted(ids(run, 20))
    assert {request.status for request in answered} == {"answered"}


@pytest.mark.asyncio
async def test_a_call_waits_while_a_proxy_says_that_nobody_is_behind_it(proxy: Proxy) -> None:
    run = str(uuid.uuid4())
    proxy.obey(Rule(act="refuse", status=502))

    async with behind(proxy) as client:
        publishing = asyncio.ensure_future(client.publish(*events(run, 0)))
        await until(lambda: asyncio.to_thread(proxy.seen.count, "call"), lambda calls: calls > 1)
        proxy.obey()
        (receipt,) = await publishing

    assert not receipt.duplicate


@over
@pytest.mark.asyncio
async def test_doubled_connections_leave_nothing_behind(
    server: JupyterProcess, proxy: Proxy, transport: Transport
) -> None:
    before = await subscriptions(server)
    proxy.obey(Rule(act="double"))
    async with behind(proxy) as client, following(client, str(uuid.uuid4()), transport) as follower:
        for times in range(1, 4):
            await follower.until_live(times)
            await cut(proxy, follower, times)
    await asyncio.to_thread(proxy.strike, "cut")
    await until_subscriptions(server, before)


@over
@pytest.mark.asyncio
async def test_a_reader_gives_a_half_open_connection_up_within_two_heartbeats(
    server: JupyterProcess, proxy: Proxy, transport: Transport
) -> None:
    async with (
        witness(server) as bystander,
        behind(proxy) as client,
        following(client, str(uuid.uuid4()), transport) as follower,
    ):
        await follower.until_live()
        await asyncio.to_thread(proxy.strike, "freeze")
        before = bystander.heartbeats
        await follower.until_lost()
        # Two, one that the bystander was about to hear, and one that this process was late for.
        assert bystander.heartbeats - before <= 4


@needs_linux
@pytest.mark.parametrize("transport", READERS)
@pytest.mark.asyncio
async def test_the_server_gives_a_dead_reader_up_within_three_heartbeats(
    server: JupyterProcess, transport: str
) -> None:
    async with witness(server) as bystander, READERS[transport](server) as wire:
        both = await subscriptions(server)
        deafen(wire)
        before = bystander.heartbeats
        await until_subscriptions(server, both - 1)
        # Three, one that the bystander was about to hear, and one that this process was late for.
        assert bystander.heartbeats - before <= 5


@needs_linux
@pytest.mark.asyncio
async def test_a_reader_that_is_alive_and_takes_nothing_for_long_is_kept(
    server: JupyterProcess, direct: Client
) -> None:
    run = str(uuid.uuid4())
    large = [other(execution_id=run, text="x" * 1_000_000) for _ in range(15)]
    slow = await opened(server.port, server.token, f"{run}?replay=none")
    async with witness(server) as bystander:
        await slow.messages()
        slow.pause()
        for part in (large[:7], large[7:]):  # far more than the system keeps for it
            await asyncio.to_thread(direct.publish, *part)
        await bystander.until_heard(6)
        slow.resume()
        seen: list[bytes] = []
        while len(seen) < len(large) and (messages := await slow.messages()):
            seen += (message for message in messages if b'"text"' in message)
    slow.close()
    assert len(seen) == len(large)


@pytest.mark.asyncio
async def test_the_server_gives_a_half_open_waiter_up_within_two_heartbeats(
    server: JupyterProcess, proxy: Proxy
) -> None:
    async with (
        witness(server) as bystander,
        socket(proxy.port, server.token, f"&source={uuid.uuid4()}") as waiter,
    ):
        await waiter.recv()
        both = await subscriptions(server)
        await asyncio.to_thread(proxy.strike, "freeze")
        before = bystander.heartbeats
        await until_subscriptions(server, both - 1)
        assert bystander.heartbeats - before <= 4
