"""What several servers see that write and read one log at the same time."""

import asyncio
import threading
from collections.abc import AsyncIterator, Sequence
from datetime import timedelta
from functools import partial

import pytest
import pytest_asyncio

from crewai_hitl_nb.broker.requests.closers import cancelled
from crewai_hitl_nb.protocol.audit.chain import Head
from crewai_hitl_nb.protocol.errors import AlreadyAnswered, EventExists, HitlError
from crewai_hitl_nb.store.base import (
    EVERYTHING,
    Appended,
    Commit,
    Condition,
    ConditionFailed,
)
from crewai_hitl_nb.store.coordination import Process
from crewai_hitl_nb.store.metadata import NotOnDuty
from crewai_hitl_nb.store.postgres.connections import parse
from crewai_hitl_nb.store.postgres.store import PostgresStore
from tests.events import NOON, completed, other, required
from tests.server.door import until

pytestmark = pytest.mark.asyncio

REPLICAS = 3
GRACE = 0.2
SOON = 30.0


class Replica:
    """One server's store, and what it announced."""

    def __init__(self, url: str) -> None:
        self.store = PostgresStore(parse(url))
        self.seen: list[Commit] = []
        self.commits: list[int] = []
        self._news = asyncio.Event()

    async def start(self) -> None:
        await self.store.start(self._hear)

    def _hear(self, commits: Sequence[Commit]) -> None:
        self.seen += commits
        self._news.set()

    async def heard(self, offset: int) -> list[int]:
        """Return the offsets that were announced, when this one is among them."""

        async def wait() -> None:
            while not self.seen or self.seen[-1].record.offset < offset:
                self._news.clear()
                await self._news.wait()

        await asyncio.wait_for(wait(), SOON)
        return [commit.record.offset for commit in self.seen]


@pytest_asyncio.fixture
async def replicas(log_url: str) -> AsyncIterator[list[Replica]]:
    made = [Replica(log_url) for _ in range(REPLICAS)]
    await asyncio.gather(*(replica.start() for replica in made))
    yield made
    await asyncio.gather(*(replica.store.close() for replica in made))


async def test_servers_that_start_at_once_have_one_log(replicas: list[Replica]) -> None:
    assert len({replica.store.epoch for replica in replicas}) == 1


async def test_every_server_announces_what_all_of_them_write_once_and_in_order(
    replicas: list[Replica],
) -> None:
    async def publish(replica: Replica) -> None:
        for _ in range(20):
            await asyncio.gather(*(replica.store.append([other(), other()]) for _ in range(3)))

    await asyncio.gather(*map(publish, replicas))
    last = REPLICAS * 20 * 3 * 2
    for replica in replicas:
        assert await replica.heard(last) == list(range(1, last + 1))
    bodies = {tuple(commit.record.body for commit in replica.seen) for replica in replicas}
    assert len(bodies) == 1


async def test_an_append_returns_when_its_event_is_announced_here(replicas: list[Replica]) -> None:
    async def publish(replica: Replica) -> None:
        for _ in range(30):
            (placed,) = await replica.store.append([other()])
            assert replica.store.top >= placed.record.offset

    await asyncio.gather(*map(publish, replicas))


async def test_a_lone_event_reaches_the_other_servers_without_waiting_for_their_look(
    replicas: list[Replica],
) -> None:
    one, another, _ = replicas
    waits = []
    for _ in range(5):
        (placed,) = await one.store.append([other()])
        began = asyncio.get_running_loop().time()
        await another.heard(placed.record.offset)
        waits.append(asyncio.get_running_loop().time() - began)
    assert min(waits) < 0.5  # a look comes once a second; at least one beat it


async def test_of_racing_answers_at_all_servers_one_wins_and_the_others_learn_which(
    replicas: list[Replica],
) -> None:
    await replicas[0].store.append([required(f"r{number}") for number in range(20)])

    async def answer(replica: Replica, number: int, text: str) -> Appended | HitlError:
        try:
            (placed,) = await replica.store.append([completed(f"r{number}", text)])
        except AlreadyAnswered as late:
            return late
        return placed

    for number in range(20):
        told = await asyncio.gather(
            *(answer(replica, number, f"{at}") for at, replica in enumerate(replicas * 2))
        )
        won = [one for one in told if isinstance(one, Appended)]
        assert len(won) == 1
        late = [one for one in told if isinstance(one, HitlError)]
        assert {one.details["event"]["offset"] for one in late} == {won[0].record.offset}


async def test_an_event_sent_to_two_servers_is_stored_once(replicas: list[Replica]) -> None:
    event = other(event_id="e1", text="same")
    placed = await asyncio.gather(*(replica.store.append([event]) for replica in replicas))
    assert {one.record.offset for (one,) in placed} == {1}
    assert sorted(one.duplicate for (one,) in placed) == [False, True, True]
    with pytest.raises(EventExists):
        await replicas[1].store.append([other(event_id="e1", text="different")])


async def test_the_same_records_are_read_at_every_server(replicas: list[Replica]) -> None:
    for replica in replicas:
        await replica.store.append([other()])
    for replica in replicas:
        await replica.heard(3)
        records = await replica.store.read(EVERYTHING, after=0, upto=3, limit=9)
        assert [record.offset for record in records] == [1, 2, 3]


async def until_near(replica: Replica, process: Process, near: bool) -> None:
    """Wait until a server knows whether a process is connected to any."""
    is_near = partial(replica.store.coordination.is_near, process, GRACE)
    await until(is_near, lambda seen: seen is near)


async def test_a_question_is_not_cancelled_when_its_process_came_back_before_the_commit(
    replicas: list[Replica],
) -> None:
    process = ("ada", "k")
    cancels, has = replicas[0], replicas[1]
    asked = required("q1", source={"id": "k"})
    await cancels.store.append([asked], by="ada")
    end = cancelled(asked, "source_lost", "gone", NOON)
    gone = Condition(without=process, grace=GRACE)
    has.store.coordination.arrived(process)
    await until_near(cancels, process, near=True)
    with pytest.raises(ConditionFailed):
        await cancels.store.append([end], condition=gone)
    has.store.coordination.arrived(("eve", "k"))  # another caller's process of that name
    has.store.coordination.left(process)
    await until_near(cancels, process, near=False)
    await cancels.store.append([end], condition=gone)
    assert cancels.seen[-1].event.event_id == end.event_id


async def test_a_deadline_is_decided_by_the_clock_of_the_database(replicas: list[Replica]) -> None:
    now = replicas[0].store.coordination.now()
    for store in (replica.store for replica in replicas):
        assert abs((store.coordination.now() - now).total_seconds()) < 1.0
        with pytest.raises(ConditionFailed):
            await store.append([other()], condition=Condition(not_before=now + timedelta(hours=1)))
    await replicas[2].store.append([other()], condition=Condition(not_before=now))


async def test_one_server_has_a_duty_until_it_stops_and_then_another_one_in_a_later_tenure(
    replicas: list[Replica],
) -> None:
    async def holders() -> list[PostgresStore]:
        return [one.store for one in replicas if one.store.coordination.tenure("webhooks")]

    (first,) = await holders()
    before = first.coordination.tenure("webhooks")
    assert before is not None
    await first.put_metadata("webhook/x", b"1", tenure=before)
    await first.close()
    (second,) = await until(holders, lambda having: first not in having and len(having) == 1)
    after = second.coordination.tenure("webhooks")
    assert after is not None
    assert after.number > before.number
    with pytest.raises(NotOnDuty):
        await second.put_metadata("webhook/x", b"2", tenure=before)
    with pytest.raises(NotOnDuty):
        await second.delete_metadata("webhook/x", tenure=before)
    assert second.outage == ""  # the database works
    await second.put_metadata("webhook/x", b"3", tenure=after)
    assert await second.get_metadata("webhook/") == {"webhook/x": b"3"}
    await second.delete_metadata("webhook/x", tenure=after)
    assert await second.get_metadata("webhook/") == {}


async def test_a_server_counts_what_it_stored_also_when_it_reads_it_before_it_is_handed_over(
    replicas: list[Replica], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The thread that reads what others wrote may see a commit before the one that wrote it."""
    first, second = replicas[:2]
    following = first.store._following
    saw, announced = following.saw, threading.Event()

    def wait(head: Head, epoch: str) -> None:
        if threading.current_thread().name == "hitl-write":
            first.store._tail.look()
            assert announced.wait(SOON)
        saw(head, epoch)

    monkeypatch.setattr(following, "saw", wait)
    appending = asyncio.ensure_future(first.store.append([other()]))
    await first.heard(1)
    announced.set()
    await appending
    await second.heard(1)
    assert ([one.own for one in first.seen], [one.own for one in second.seen]) == ([True], [False])
