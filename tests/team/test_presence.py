"""A process that waits is connected to one server, and each of them may cancel its questions."""

import signal
from functools import partial
from pathlib import Path

import anyio
import psycopg
import pytest

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.requests.shared_presence import SharedPresence
from crewai_hitl_nb.store.postgres import replicas, tail
from crewai_hitl_nb.store.postgres.connections import parse
from crewai_hitl_nb.store.postgres.store import PostgresStore
from tests.events import required
from tests.postgres import Cluster
from tests.server.door import Json, client, note, until
from tests.server.readers import reading
from tests.team.servers import Replica, Start, team

pytestmark = pytest.mark.asyncio

K: Json = {"source": {"id": "kernel-1"}}
GRACE_SECONDS = 1.0


async def until_a_lost_process_is_noticed(at: Replica) -> None:
    """Wait until the question of a process that never was there is cancelled.

    What was asked before it, and is open still, was looked at and found to have a process.
    """
    asked = await at.ask(source={"id": "nobody"})
    await at.until_status(asked, "cancelled")


async def is_open(at: Replica, request_id: str) -> bool:
    return bool((await at.get(f"requests/{request_id}"))["status"] == "pending")


async def writes(replica: Replica) -> bool:
    async with client(replica) as http:
        return (await http.post("events", json=[note()])).status_code == 200


async def test_a_question_stays_while_its_process_is_connected_to_another_server(
    start: Start,
) -> None:
    at, beside = start(presence_grace=GRACE_SECONDS), start(presence_grace=GRACE_SECONDS)
    for here, there in ((at, beside), (beside, at)):
        async with reading("sse", here, source="kernel-1", replay="none"):
            asked = await there.ask(**K)
            await until_a_lost_process_is_noticed(there)
            assert await is_open(there, asked)
        await there.until_status(asked, "cancelled")
    ends = [event["request_id"] for event in await at.events("human_input_cancelled")]
    assert len(ends) == len(set(ends)) == 4


async def test_a_process_that_changes_to_another_server_keeps_its_question(start: Start) -> None:
    at, beside = start(presence_grace=GRACE_SECONDS), start(presence_grace=GRACE_SECONDS)
    async with reading("ws", at, source="kernel-1", replay="none"):
        asked = await at.ask(**K)
    async with reading("ws", beside, source="kernel-1", replay="none"):
        await until_a_lost_process_is_noticed(at)
        assert await is_open(at, asked)


async def test_the_questions_of_a_killed_server_s_processes_end_unless_they_connect_elsewhere(
    start: Start,
) -> None:
    other, at = start(presence_grace=GRACE_SECONDS), start(presence_grace=GRACE_SECONDS)
    async with (
        reading("sse", at, source="kernel-1", replay="none"),
        reading("sse", at, source="kernel-2", replay="none"),
    ):
        moves = await at.ask(**K)
        stays = await at.ask(source={"id": "kernel-2"})
        at.kill()
    async with reading("sse", other, source="kernel-1", replay="none"):
        await other.until_status(stays, "cancelled")
        assert await is_open(other, moves)


async def test_a_server_that_slept_cancels_nothing_when_it_wakes(start: Start) -> None:
    on_duty, other = start(presence_grace=GRACE_SECONDS), start(presence_grace=GRACE_SECONDS)
    async with reading("sse", other, source="kernel-1", replay="none"):
        asked = await other.ask(**K)
        on_duty.signal(signal.SIGSTOP)
        await until_a_lost_process_is_noticed(other)  # the other one has taken over
        on_duty.signal(signal.SIGCONT)
        await until_a_lost_process_is_noticed(on_duty)
        assert await is_open(on_duty, asked)


async def test_an_outage_of_the_database_ends_no_question(own: Cluster, tmp_path: Path) -> None:
    with team(own.url(), tmp_path, presence_grace=GRACE_SECONDS, hurry=2.0) as start:
        on_duty, other = start(), start()
        async with reading("sse", other, source="kernel-1", replay="none"):
            asked = await other.ask(**K)
            own.stop()
            await anyio.sleep(6.0)  # the leases of both end
            own.start()
            await until(partial(writes, on_duty), bool)
            await until_a_lost_process_is_noticed(on_duty)
            assert await is_open(on_duty, asked)
        await on_duty.until_status(asked, "cancelled")


async def test_each_server_says_whether_a_process_is_connected_to_any(start: Start) -> None:
    at, beside = start(), start()
    async with reading("sse", at, source="kernel-1", replay="none"):
        await at.ask(**K)
        for one in (at, beside):
            await until(partial(one.get, "sources/kernel-1"), lambda found: bool(found["present"]))
        assert not (await beside.get("sources/kernel-2"))["present"]


async def test_a_lost_question_is_not_cancelled_again_while_its_end_waits_for_the_log(
    log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    for module, name, seconds in (
        (replicas, "LEASE_SECONDS", 1.0),
        (replicas, "_RENEW_SECONDS", 0.2),
        (replicas, "_RELIED_ON_SECONDS", 0.6),
        (tail, "_LOOK_SECONDS", 0.1),
    ):
        monkeypatch.setattr(module, name, seconds)
    target = parse(log_url)
    broker = Broker(PostgresStore(target), presence_grace=0.1)
    await broker.start()
    with psycopg.connect(target.conninfo) as holds:
        await broker.publish([required("q1", source={"id": "nobody"})])
        holds.execute(f'SELECT FROM "{target.schema}".state FOR UPDATE')
        tasks = broker._lifecycle._closers._tasks
        presence = broker._lifecycle.presence
        assert isinstance(presence, SharedPresence)

        async def found() -> int:
            await presence._look()
            return len(tasks)

        await until(found, bool)
        for _ in range(5):
            assert await found() == 1
        holds.rollback()
    await broker.close()
