"""The standalone server drops what is old, as the Jupyter host does; its memory is bounded."""

from datetime import datetime, timedelta, timezone
from pathlib import Path

import pytest

from crewai_hitl_nb.protocol import limits
from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.server.host.retention import Retention
from crewai_hitl_nb.server.standalone import HumanInputServer
from crewai_hitl_nb.store.base import EVERYTHING, RequestQuery
from crewai_hitl_nb.store.memory import MemoryStore
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.events import completed, other, required
from tests.server.door import Json, client, until
from tests.standalone.test_pruned_replay import Here
from tests.store.test_files import CONTENT, file_of, question, reference, upload

pytestmark = pytest.mark.asyncio

DAY = timedelta(days=1)


async def kept(server: HumanInputServer) -> list[int]:
    async with client(Here(server.url)) as http:
        events: list[Json] = (await http.get("poll/human-input")).json()["events"]
    return [event["offset"] for event in events]


async def fill(path: Path, *, before: timedelta = timedelta()) -> None:
    """Write a log: an open question and ten other events, all of them so long ago."""
    at = datetime.now(timezone.utc) - before
    store = SqliteStore(path, at.timestamp)
    await store.start(lambda commits: None)
    await store.append([required("open"), *(other() for _ in range(10))])
    await store.close()


async def test_a_standalone_server_keeps_as_many_events_as_it_is_told(tmp_path: Path) -> None:
    await fill(tmp_path / "log.db")
    async with HumanInputServer(port=0, store=tmp_path / "log.db", retain_events=3) as server:
        await until(lambda: kept(server), lambda offsets: offsets == [1, 9, 10, 11])


async def test_a_standalone_server_drops_what_is_older_than_it_is_told(tmp_path: Path) -> None:
    await fill(tmp_path / "log.db", before=3 * DAY)
    async with HumanInputServer(port=0, store=tmp_path / "log.db", retain_days=2) as server:
        await until(lambda: kept(server), lambda offsets: offsets == [1])


async def test_a_standalone_server_drops_files_that_no_event_refers_to(tmp_path: Path) -> None:
    at = datetime.now(timezone.utc) - 2 * DAY
    store = SqliteStore(tmp_path / "log.db", at.timestamp)
    await store.start(lambda commits: None)
    await store.files.put(upload("q"))
    await store.files.put(upload("q", b"left"))
    await store.append([question("q", reference())])
    await store.close()

    async def there() -> list[bool]:
        return [file_of(tmp_path / "log.db", one).exists() for one in (CONTENT, b"left")]

    async with HumanInputServer(port=0, store=tmp_path / "log.db"):
        await until(there, lambda found: found == [True, False])


@pytest.mark.parametrize(("events", "days"), [(-1, 1.0), (1, -1.0), (1, float("nan"))])
async def test_a_retention_that_is_no_amount_is_refused(events: int, days: float) -> None:
    with pytest.raises(ValueError, match=r"retain_(events|days)"):
        HumanInputServer(port=0, retain_events=events, retain_days=days)


async def test_without_a_word_a_log_in_memory_keeps_less_than_one_in_a_file(tmp_path: Path) -> None:
    assert HumanInputServer(port=0)._runtime.settings.retention == Retention(limits.MEMORY_EVENTS)
    in_file = HumanInputServer(port=0, store=tmp_path / "log.db")
    assert in_file._runtime.settings.retention == Retention(limits.RETAIN_EVENTS)


async def test_a_log_in_memory_stays_within_its_number_of_events() -> None:
    store = MemoryStore(most_events=100)
    await store.append([required("open")])
    for number in range(500):
        await store.append([required(f"q{number}"), completed(f"q{number}")])
        assert len(await store.read(EVERYTHING, after=0, upto=store.top, limit=2000)) <= 110
    assert store.top == 1001
    pending = await store.requests(RequestQuery(status="pending"))
    assert [request.required.request_id for request in pending.requests] == ["open"]
    answered = await store.requests(RequestQuery(status="answered", newest_first=True))
    assert answered.requests[0].required.request_id == "q499"


async def test_a_log_in_memory_stays_within_its_bytes_and_readers_are_told() -> None:
    store = MemoryStore(most_bytes=1_000_000)
    for _ in range(50):
        await store.append([other(text="x" * 100_000)])
        page = await store.read(EVERYTHING, after=0, upto=store.top, limit=2000)
        assert sum(len(record.body) for record in page) <= 1_000_000
    assert 0 < store.pruned_through < store.top


async def test_open_questions_beyond_the_bounds_are_kept_and_the_rest_goes() -> None:
    store = MemoryStore(most_events=100)
    await store.append([required(f"open{number}") for number in range(150)])
    for _ in range(400):
        await store.append([other()])
    records = await store.read(EVERYTHING, after=0, upto=store.top, limit=2000)
    assert sum(record.type == "human_input_required" for record in records) == 150
    assert len(records) <= 150 + 2 * 10 + 1


async def test_an_open_question_does_not_let_a_log_in_memory_grow() -> None:
    """It stays, and what is kept to prove the rest is bounded like the rest."""
    store = MemoryStore(most_events=100)
    await store.append([required("open")])
    for number in range(1000):
        await store.append([other(execution_id=f"run-{number}")])
    trail = await store.trail(after=0, limit=10_000)
    assert len(trail.entries) <= 220
    assert trail.start.offset > 1
    place = trail.start
    for entry in trail.entries:
        place = chain.Head(entry.offset, chain.seal(place.seal, entry.digest))
        assert entry.seal == place.seal
    assert place == trail.head
    assert len(store._origins) <= 220
    assert (await store.requests(RequestQuery(status="pending"))).requests
    await store.append([completed("open")])
