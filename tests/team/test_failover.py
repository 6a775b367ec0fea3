"""The database's standby takes over while servers run, and what they then say and accept."""

from collections.abc import Iterator
from functools import partial
from pathlib import Path

import psycopg
import pytest

from tests.postgres import Cluster, Standby, standby
from tests.server.door import client, ids, note, until
from tests.server.readers import reading
from tests.team.servers import Replica, Start, team

pytestmark = pytest.mark.asyncio


@pytest.fixture
def second(own: Cluster) -> Iterator[Standby]:
    """A standby of the test's own database."""
    with standby(own) as running:
        yield running


@pytest.fixture
def start(own: Cluster, second: Standby, tmp_path: Path) -> Iterator[Start]:
    """Start servers that know both hosts."""
    both = own.url().replace(f":{own.port}/", f":{own.port},127.0.0.1:{second.port}/")
    with team(both, tmp_path) as one_more:
        yield one_more


async def until_followed(own: Cluster, second: Standby) -> None:
    """Wait until the standby has every commit."""

    async def behind() -> int:
        with psycopg.connect(own.url(), autocommit=True) as log:
            end = log.execute("SELECT pg_current_wal_lsn()").fetchone()
        with psycopg.connect(second.url(), autocommit=True) as copy:
            row = copy.execute("SELECT %s::pg_lsn - pg_last_wal_replay_lsn()", end).fetchone()
        assert row is not None
        return int(row[0])

    await until(behind, lambda bytes_behind: bytes_behind <= 0)


async def until_stored(replica: Replica, name: str) -> None:
    """Publish an event until it is stored, as a client does."""

    async def publish() -> int:
        async with client(replica) as http:
            return (await http.post("events", json=[note(name)])).status_code

    await until(publish, lambda status: status == 200)


async def epoch_of(replica: Replica) -> str:
    return str((await replica.get("health"))["epoch"])


async def answer(replica: Replica, request_id: str, words: str) -> int:
    async with client(replica) as http:
        path = f"requests/{request_id}/answer"
        return (await http.post(path, json={"human_feedback": words})).status_code


async def test_an_answer_that_the_failover_lost_leaves_its_question_open_and_readers_are_told(
    own: Cluster, second: Standby, start: Start
) -> None:
    one, other = start(), start()
    asked = await one.ask("asked-before")
    await until_followed(own, second)
    second.replication.cut()
    assert await answer(one, asked, "Yes, delete it.") == 200
    lost = await one.ask("asked-after")
    assert await answer(other, lost, "Yes.") == 200
    epoch = await epoch_of(one)
    async with reading("ws", other, replay="all") as reader:
        seen = await reader.replayed()
    own.stop("immediate")
    second.promote()
    for replica in (one, other):
        await until_stored(replica, f"after-{replica.url}")
        assert await epoch_of(replica) != epoch
        assert (await replica.get(f"requests/{asked}"))["status"] == "pending"
        async with client(replica) as http:
            assert (await http.get(f"requests/{lost}")).status_code == 404
        async with reading("ws", replica, last_event_id=ids(seen)[-1]) as reader:
            again = await reader.replayed()
            assert [gap["epoch"] for gap in reader.gaps] == [await epoch_of(replica)]
        assert "human_input_completed" not in {event["type"] for event in again}
    assert await epoch_of(one) == await epoch_of(other)
    assert await answer(other, asked, "No.") == 200
    (end,) = await one.events("human_input_completed")
    assert end["human_feedback"] == "No."


async def test_a_primary_of_before_the_failover_that_runs_again_is_neither_read_nor_written(
    own: Cluster, second: Standby, start: Start
) -> None:
    one, other = start(), start()
    await one.publish(note("before"))
    await until_followed(own, second)
    own.stop("immediate")
    second.promote()
    for replica in (one, other):
        await until_stored(replica, "since")
    epoch = await epoch_of(one)
    own.start()  # nobody has fenced it
    _end_connections(second)
    async with client(one) as http:
        refused = await http.post("events", json=[note("astray")])
        assert refused.status_code == 503, refused.text
        assert "old primary" in refused.json()["message"]
    async with client(other) as http:
        refused = await http.get("poll/human-input")
        assert refused.status_code == 503, refused.text
        assert "old primary" in refused.json()["message"]
    for replica in (one, other):
        await until(partial(_log_of, replica), lambda said: "old primary" in said)
    with psycopg.connect(own.url()) as session:
        found = session.execute("SELECT epoch FROM crewai_hitl.state").fetchone()
    assert found == (epoch,)
    own.stop()
    for replica in (one, other):
        await until_stored(replica, "fenced")
        assert await epoch_of(replica) == epoch
        assert ids(await replica.events()) == ["before", "since", "fenced"]


async def _log_of(replica: Replica) -> str:
    return replica.log.read_text()


def _end_connections(database: Cluster) -> None:
    with psycopg.connect(database.url(), autocommit=True) as session:
        session.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity"
            " WHERE application_name = 'crewai-hitl'"
        )
