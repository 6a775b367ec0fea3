"""A reader connects to any server, and changes from one to another, without missing an event."""

import asyncio
from functools import partial

import anyio
import pytest

from tests.server.door import client, ids, note, question, until
from tests.server.readers import TRANSPORTS, reading
from tests.team.servers import Replica, Start

pytestmark = pytest.mark.asyncio

by_every_transport = pytest.mark.parametrize("transport", TRANSPORTS)


@by_every_transport
async def test_a_reader_sees_what_every_server_stores_once_and_in_order(
    start: Start, transport: str
) -> None:
    replicas = [start() for _ in range(3)]
    async with reading(transport, replicas[0]) as reader:
        await reader.replayed()

        async def publish(replica: Replica, name: str) -> None:
            for number in range(20):
                await replica.publish(note(f"{name}-{number}"))

        async with anyio.create_task_group() as publishing:
            for name, replica in zip("abc", replicas, strict=True):
                publishing.start_soon(publish, replica, name)
        await replicas[1].publish(note("last"))
        seen = await reader.until("last")
    assert [event["offset"] for event in seen] == list(range(1, 62))
    for name in "abc":
        assert [one for one in ids(seen) if one[0] == name] == [f"{name}-{n}" for n in range(20)]
    assert reader.gaps == []


@by_every_transport
async def test_a_reader_that_changes_servers_while_others_write_sees_each_event_once(
    start: Start, transport: str
) -> None:
    replicas = [start() for _ in range(3)]
    last, most = "", 120

    async def publish() -> None:
        async with client(replicas[0]) as one, client(replicas[1]) as other:
            for number in range(most):
                await (one, other)[number % 2].post("events", json=[note(f"n{number}")])

    seen: list[str] = []
    publishing = asyncio.ensure_future(publish())
    turn = 0
    while len(seen) < most:
        turn += 1
        cursor = {"Last-Event-ID": last} if last else {}
        async with reading(transport, replicas[turn % 3], headers=cursor) as reader:
            seen += [(await reader.event())["event_id"] for _ in range(min(7, most - len(seen)))]
            assert reader.gaps == []
        last = seen[-1]
    await publishing
    assert seen == [f"n{number}" for number in range(most)]


@by_every_transport
async def test_a_cursor_that_another_server_announced_first_is_known_here(
    start: Start, transport: str
) -> None:
    at, beside = start(), start()
    for number in range(30):
        (placed,) = await at.publish(note(f"n{number}"))
        async with reading(transport, beside, last_event_id=placed["event_id"]) as reader:
            assert await reader.replayed() == []
            assert reader.gaps == []


async def test_the_same_idempotency_key_at_two_servers_is_one_answer(start: Start) -> None:
    replicas = [start() for _ in range(3)]
    asked = await replicas[0].ask()

    async def answer(replica: Replica) -> str:
        async with client(replica, **{"Idempotency-Key": "k1"}) as http:
            reply = await http.post(f"requests/{asked}/answer", json={"human_feedback": "Good."})
        assert reply.status_code == 200, reply.text
        return reply.text

    assert len(set(await asyncio.gather(*map(answer, replicas)))) == 1
    assert len(await replicas[1].events("human_input_completed")) == 1


@by_every_transport
async def test_a_reader_elsewhere_is_told_of_events_that_another_server_pruned(
    start: Start, transport: str
) -> None:
    keeps, prunes = start(), start(retain_events=5, prune_seconds=0.2)
    await keeps.publish(question("q1", event_id="asked"))  # stays, because it is open
    for number in range(20):
        await keeps.publish(note(f"n{number}"))
    await until(keeps.events, lambda events: len(events) == 6)
    for cursor in ("n3", "asked"):
        async with reading(transport, keeps, last_event_id=cursor) as reader:
            seen = await reader.replayed()
            assert ids(seen)[-5:] == [f"n{number}" for number in range(15, 20)]
            assert len(reader.gaps) == 1
    async with reading(transport, keeps, last_event_id="n17") as reader:
        assert [e["event_id"] for e in await reader.replayed()] == ["n18", "n19"]
        assert reader.gaps == []
    del prunes


async def test_a_server_that_starts_while_others_write_knows_every_open_question(
    start: Start,
) -> None:
    writes, answers = start(), start()
    over = asyncio.Event()
    left: list[str] = []

    async def write() -> None:
        async with client(writes) as one, client(answers) as other:
            number = 0
            while not over.is_set():
                asked = f"q{number}"
                reply = await one.post("events", json=[question(asked)])
                assert reply.status_code == 200
                if number % 3:
                    path = f"requests/{asked}/answer"
                    reply = await other.post(path, json={"human_feedback": "Good."})
                    assert reply.status_code == 200
                else:
                    left.append(asked)
                number += 1

    writing = asyncio.ensure_future(write())
    started = [await asyncio.to_thread(start) for _ in range(3)]
    over.set()
    await writing
    assert len(left) > 10
    for one in started:
        await until(partial(one.get, "health"), lambda health: bool(health["pending"] == len(left)))
