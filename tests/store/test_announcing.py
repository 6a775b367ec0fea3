"""What fails behind a commit: the event stays, its caller hears so, and the next one goes on."""

import asyncio
import logging
from collections.abc import Sequence

import pytest

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.delivery.subscription import CaughtUp, Start
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.store.base import EVERYTHING, Commit, Record
from crewai_hitl_nb.store.metadata import MetadataStore
from crewai_hitl_nb.store.postgres.store import PostgresStore
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.events import other, required
from tests.store.conftest import MakeStore, Opened

pytestmark = pytest.mark.asyncio

SECRET = "what a person wrote"


@pytest.fixture
def store(make_store: MakeStore) -> MetadataStore:
    return make_store()


class Fault:
    """Fails as often as it is told to, and counts."""

    def __init__(self, times: int) -> None:
        self.left = times
        self.calls = 0

    def __call__(self, *args: object) -> None:
        self.calls += 1
        if self.left:
            self.left -= 1
            raise RuntimeError(SECRET)


def faults(caplog: pytest.LogCaptureFixture) -> list[str]:
    """Return the lines about faults; none holds an error's own words."""
    assert SECRET not in caplog.text
    return [r.getMessage() for r in caplog.records if r.levelno == logging.ERROR]


async def test_an_append_whose_announcement_fails_returns_and_the_next_is_announced(
    store: MetadataStore, caplog: pytest.LogCaptureFixture
) -> None:
    fault = Fault(times=1)
    await store.start(fault)
    for number in (1, 2):
        (placed,) = await asyncio.wait_for(store.append([other()]), 30)
        assert placed.record.offset == number
    assert (store.top, fault.calls) == (2, 2)
    assert len(await store.read(EVERYTHING, after=0, upto=2, limit=9)) == 2
    (line,) = faults(caplog)
    assert "announcement_failed" in line
    await store.close()


async def test_of_appends_in_one_commit_each_returns_when_its_announcement_fails(
    store: MetadataStore,
) -> None:
    await store.start(Fault(times=50))
    appends = (store.append([other()]) for _ in range(50))
    placed = await asyncio.wait_for(asyncio.gather(*appends), 30)
    assert sorted(one.record.offset for (one,) in placed) == list(range(1, 51))
    await store.close()


@pytest.mark.parametrize("part", ["_deadlines.opened", "presence.expected", "counters.opened"])
async def test_a_part_that_fails_keeps_no_event_from_readers_and_no_question_from_being_open(
    store: MetadataStore,
    part: str,
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    broker = Broker(store)
    await broker.start()
    owner, name = part.split(".")
    monkeypatch.setattr(getattr(broker._lifecycle, owner), name, Fault(times=1))
    reader = broker.subscribe(EVERYTHING, Start())
    assert isinstance(await reader.next(5), CaughtUp)
    asked = [required(f"q{n}", source={"id": "kernel"}) for n in (1, 2)]
    await asyncio.wait_for(broker.publish(asked), 30)
    step = await reader.next(5)
    assert isinstance(step, list)
    assert [record.offset for record in step] == [1, 2]
    assert broker.pending_count == 2
    assert len(faults(caplog)) == 1
    await broker.close()


async def test_a_reader_that_fails_is_ended_so_that_it_resumes_and_the_others_read_on(
    store: MetadataStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    broker = Broker(store)
    await broker.start()
    failing, sound = (broker.subscribe(EVERYTHING, Start()) for _ in range(2))
    for reader in (failing, sound):
        assert isinstance(await reader.next(5), CaughtUp)
    monkeypatch.setattr(failing, "offer", Fault(times=1))
    await asyncio.wait_for(broker.publish([other()]), 30)
    step = await sound.next(5)
    assert isinstance(step, list)
    assert [record.offset for record in step] == [1]
    with pytest.raises(StoreUnavailable):
        await failing.next(5)
    assert broker.subscription_count == 1
    assert len(faults(caplog)) == 1
    await broker.close()


async def test_what_a_cancelled_caller_appended_is_stored_announced_and_hinders_nobody(
    opened: Opened,
) -> None:
    calls = [asyncio.ensure_future(opened.store.append([other()])) for _ in range(20)]
    await asyncio.sleep(0)  # all have begun
    for call in calls[::2]:
        call.cancel()
    await asyncio.wait_for(asyncio.gather(*calls, return_exceptions=True), 30)
    await opened.store.append([other()])
    assert [commit.record.offset for commit in opened.seen] == list(range(1, opened.store.top + 1))
    assert opened.store.top >= 11


async def test_appends_under_way_return_when_the_store_closes(
    store: MetadataStore,
) -> None:
    seen: list[Commit] = []
    await store.start(seen.extend)
    calls = [asyncio.ensure_future(store.append([other()])) for _ in range(20)]
    await asyncio.sleep(0)
    await store.close()
    placed = await asyncio.wait_for(asyncio.gather(*calls), 30)
    assert len(placed) == len(seen) == 20


async def test_a_commit_that_cannot_be_counted_is_a_commit_all_the_same(
    make_durable: MakeStore, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    store = make_durable()
    assert isinstance(store, SqliteStore | PostgresStore)
    seen: list[Sequence[Commit]] = []
    await store.start(seen.append)
    for name in ("took", "turned"):
        with monkeypatch.context() as patch:
            patch.setattr(store.figures, name, Fault(times=1))
            await asyncio.wait_for(store.append([other()]), 30)
    (placed,) = await asyncio.wait_for(store.append([other()]), 30)
    assert placed.record.offset == len(seen) == 3
    assert len(faults(caplog)) == 2
    records: list[Record] = await store.read(EVERYTHING, after=0, upto=3, limit=9)
    assert [record.offset for record in records] == [1, 2, 3]
    await store.close()
