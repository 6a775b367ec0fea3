"""A process that waits is connected to one server, and each of them may cancel its questions."""

import signal
from functools import partial
from pathlib import Path

import anyio
import pytest

from tests.postgres import Cluster
from tests.server.door import Json, client, note, until
from tests.server.readers import reading
from tests.team.servers import Replica, Start, team

pytestmark = pytest.mark.asyncio

K: Json = {"source": {"id": "kernel-1"}}
GRACE_SECONDS = 1.0
LONG = GRACE_SECONDS + 5.0
"""Beyond the grace period, and beyond what a server waits for before it cancels anything."""


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
            await anyio.sleep(LONG)
            assert (await there.get(f"requests/{asked}"))["status"] == "pending"
        await there.until_status(asked, "cancelled")
        assert len(await here.events("human_input_cancelled")) == 1 + (here is beside)


async def test_a_process_that_changes_to_another_server_keeps_its_question(start: Start) -> None:
    at, beside = start(presence_grace=3.0), start(presence_grace=3.0)
    async with reading("ws", at, source="kernel-1", replay="none"):
        asked = await at.ask(**K)
    async with reading("ws", beside, source="kernel-1", replay="none"):
        await anyio.sleep(3.0 + 5.0)
        assert (await at.get(f"requests/{asked}"))["status"] == "pending"


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
        assert (await other.get(f"requests/{moves}"))["status"] == "pending"


async def test_a_server_that_slept_cancels_nothing_when_it_wakes(start: Start) -> None:
    on_duty, other = start(presence_grace=GRACE_SECONDS), start(presence_grace=GRACE_SECONDS)
    async with reading("sse", other, source="kernel-1", replay="none"):
        asked = await other.ask(**K)
        on_duty.signal(signal.SIGSTOP)
        await anyio.sleep(LONG)
        on_duty.signal(signal.SIGCONT)
        await anyio.sleep(LONG)
        assert (await on_duty.get(f"requests/{asked}"))["status"] == "pending"


async def test_after_an_outage_of_the_database_each_server_has_time_to_come_back(
    own: Cluster, tmp_path: Path
) -> None:
    with team(own.url(), tmp_path, presence_grace=0.1, hurry=2.0) as start:
        on_duty, other = start(), start()
        async with reading("sse", other, source="kernel-1", replay="none"):
            asked = await other.ask(**K)
            own.stop()
            other.signal(signal.SIGSTOP)
            await anyio.sleep(6.0)  # the leases of both end
            own.start()
            await until(partial(writes, on_duty), bool)
            await anyio.sleep(2.0)  # it looks for lost processes every second
            other.signal(signal.SIGCONT)
            await anyio.sleep(4.0)
            assert (await on_duty.get(f"requests/{asked}"))["status"] == "pending"
        await on_duty.until_status(asked, "cancelled")


async def test_each_server_says_whether_a_process_is_connected_to_any(start: Start) -> None:
    at, beside = start(), start()
    async with reading("sse", at, source="kernel-1", replay="none"):
        await at.ask(**K)
        for one in (at, beside):
            await until(partial(one.get, "sources/kernel-1"), lambda found: bool(found["present"]))
        assert not (await beside.get("sources/kernel-2"))["present"]
