"""A disk that is full, read-only or locked: a clear error, nothing half done, all well after it."""

import asyncio
import subprocess
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AbstractContextManager, suppress
from datetime import datetime, timedelta, timezone
from pathlib import Path

import anyio
import pytest
import pytest_asyncio

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.store.base import EVERYTHING, Appended, Commit, Condition
from crewai_hitl_nb.store.sqlite import store as sqlite_store
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.chaos.faults import FaultyStore, held
from tests.events import completed, other, required
from tests.server.door import until

pytestmark = pytest.mark.asyncio

LARGE = 200_000
"""Characters that no file without room takes."""

PATIENCE_SECONDS = 20.0

FAULTS = {
    "full": "free some space on its disk",
    "read_only": "let the user that runs the server write",
    "held": "another program has locked the file",
}


class Opened:
    """A store that may be given a fault, and what it announced."""

    def __init__(self, store: FaultyStore) -> None:
        self.store = store
        self.seen: list[Commit] = []

    def fault(self, name: str) -> AbstractContextManager[None]:
        """Return the fault; it is removed after the `with` block."""
        if name == "held":
            self.store.pragma("busy_timeout = 50")
            return held(self.store.path)
        return self.store.full() if name == "full" else self.store.read_only()


@pytest_asyncio.fixture
async def opened(tmp_path: Path) -> AsyncIterator[Opened]:
    """A store with some events and an open question."""
    opened = Opened(FaultyStore(tmp_path / "log.db"))
    await opened.store.start(opened.seen.extend)
    await opened.store.append([other(), required("q1")])
    yield opened
    await opened.store.close()


each_fault = pytest.mark.parametrize("fault", FAULTS)


@each_fault
async def test_an_append_is_refused_as_a_whole_and_says_what_to_do(
    opened: Opened, fault: str
) -> None:
    batch = [completed("q1", "yes"), other(text="x" * LARGE), other()]
    with opened.fault(fault), pytest.raises(StoreUnavailable, match=FAULTS[fault]) as refused:
        await opened.store.append(batch)
    assert "nothing was stored" in str(refused.value)
    assert str(opened.store.path) in str(refused.value)
    found = await opened.store.request("q1")
    assert (opened.store.top, len(opened.seen)) == (2, 2)
    assert found is not None
    assert found.status == "pending"


@each_fault
async def test_reading_goes_on(opened: Opened, fault: str) -> None:
    with opened.fault(fault):
        page = await opened.store.read(EVERYTHING, after=0, upto=2, limit=10)
    assert [record.offset for record in page] == [1, 2]


@each_fault
async def test_behind_the_fault_the_same_append_takes_the_next_place(
    opened: Opened, fault: str
) -> None:
    batch = [other(text="x" * LARGE), completed("q1", "yes")]
    with opened.fault(fault), pytest.raises(StoreUnavailable):
        await opened.store.append(batch)
    placed = await opened.store.append(batch)
    assert [result.record.offset for result in placed] == [3, 4]
    assert not any(result.duplicate for result in placed)


@each_fault
async def test_of_appends_side_by_side_each_is_stored_or_refused_and_never_both(
    opened: Opened, fault: str
) -> None:
    with opened.fault(fault):
        appends = [opened.store.append([other(text="x" * 5000)]) for _ in range(40)]
        results = await asyncio.gather(*appends, return_exceptions=True)
    assert all(isinstance(r, list | StoreUnavailable) for r in results)
    stored = [r[0].record.offset for r in results if isinstance(r, list)]
    page = await opened.store.read(EVERYTHING, after=2, upto=1000, limit=1000)
    assert [record.offset for record in page] == sorted(stored)
    assert sorted(stored) == list(range(3, 3 + len(stored)))


@each_fault
async def test_the_log_counts_as_unwritable_until_a_write_of_its_own_succeeds(
    opened: Opened, fault: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sqlite_store, "_TRY_SECONDS", 0.05)

    async def outage() -> str:
        return opened.store.outage

    with opened.fault(fault):
        with pytest.raises(StoreUnavailable):
            await opened.store.append([other(text="x" * LARGE)])
        if fault != "full":  # a file without room still takes the little that the store tries
            assert FAULTS[fault] in opened.store.outage
    await until(outage, lambda why: not why)
    assert opened.store.top == 2
    assert await opened.store.get_metadata("") == {}


class Noted(FaultyStore):
    """Says when it refused."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.refused = asyncio.Event()

    async def append(
        self,
        events: Sequence[Event],
        *,
        by: str | None = None,
        condition: Condition | None = None,
    ) -> list[Appended]:
        try:
            return await super().append(events, by=by, condition=condition)
        except StoreUnavailable:
            self.refused.set()
            raise


@each_fault
async def test_an_end_that_was_due_meanwhile_is_stored_behind_the_fault(
    tmp_path: Path, fault: str
) -> None:
    store = Noted(tmp_path / "log.db")
    broker = Broker(store, retry_seconds=0.05)
    await broker.start()
    try:
        due = datetime.now(timezone.utc) + timedelta(seconds=1.5)
        await broker.publish([required("q2", expires_at=due.isoformat())])
        with Opened(store).fault(fault):
            while not store.refused.is_set():  # a full file takes a few small events more
                with suppress(StoreUnavailable):
                    await broker.publish([other()])
            store.refused.clear()
            with anyio.fail_after(PATIENCE_SECONDS):
                await store.refused.wait()
            assert (await broker.request("q2")).status == "pending"
        request = await until(lambda: broker.request("q2"), lambda r: r.status != "pending")
        assert request.status == "expired"
    finally:
        await broker.close()


async def test_every_commit_is_synced_to_the_disk_before_it_counts(opened: Opened) -> None:
    assert opened.store.asked("synchronous") == 2  # FULL
    assert opened.store.asked("journal_mode") == "wal"


# ---- a file system without room


@pytest.fixture
def small_disk(tmp_path: Path) -> Iterator[Path]:
    """A file system of its own with room for little."""
    mount = ["mount", "-t", "tmpfs", "-o", "size=512k", "tmpfs", str(tmp_path)]
    if subprocess.run(mount, check=False, capture_output=True).returncode != 0:
        pytest.skip("this user may not mount a file system")
    yield tmp_path
    subprocess.run(["umount", str(tmp_path)], check=True)


async def test_on_a_file_system_without_room_it_says_so_and_goes_on_once_there_is(
    small_disk: Path,
) -> None:
    (small_disk / "something-else").write_bytes(b"x" * 300_000)
    store = SqliteStore(small_disk / "log.db")
    await store.start(lambda commits: None)
    try:
        await store.append([other()])
        with pytest.raises(StoreUnavailable, match="free some space on its disk"):
            await store.append([other(text="x" * LARGE)])
        (small_disk / "something-else").unlink()
        (placed,) = await store.append([other(text="x" * 100_000)])
        assert placed.record.offset == 2
    finally:
        await store.close()
