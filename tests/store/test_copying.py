"""A log that is moved to another store is the same log there, whatever crashes on the way."""

import asyncio
import sqlite3
import subprocess
import sys
import tracemalloc
import uuid
from collections.abc import Callable, Iterator
from datetime import datetime, timezone
from pathlib import Path
from typing import Any, TypeAlias

import pytest

from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.errors import AlreadyAnswered, StoreUnavailable
from crewai_hitl_nb.protocol.events import Event
from crewai_hitl_nb.protocol.ids import new_event_id
from crewai_hitl_nb.protocol.wire import event_from_wire
from crewai_hitl_nb.store import copying
from crewai_hitl_nb.store.base import KeyScope, RequestQuery, StoreInUse
from crewai_hitl_nb.store.copying import Copied, Progress
from crewai_hitl_nb.store.metadata import MetadataStore
from crewai_hitl_nb.store.open import locate, looking_at, open_store
from crewai_hitl_nb.store.postgres.connections import parse
from crewai_hitl_nb.store.sqlite import salvage
from tests.events import NOON, completed, other, required
from tests.pgbouncer import pooler
from tests.postgres import PASSWORD, Cluster, cluster

NOW = datetime(2026, 11, 30, 3, 5, tzinfo=timezone.utc)

Place: TypeAlias = Callable[[str], str]
"""Returns the path or URL of a new log of a kind."""

Rows: TypeAlias = dict[str, list[tuple[Any, ...]]]

TABLES = {
    "events": "offset, event_id, type, execution_id, crew_id, request_id, stored_at, body, seal",
    "requests": "asked_at, request_id, status, execution_id, crew_id, kind, assignee, claimed_at,"
    " closed_at, asked_by",
    "pruned": "offset, digest, seal",
    "notes": "name, body",
}
WAYS = [("sqlite", "postgres"), ("postgres", "sqlite"), ("sqlite", "sqlite")]
WAYS += [("postgres", "postgres")]
ways = pytest.mark.parametrize(("kind", "to"), WAYS)
ways_with_postgres = pytest.mark.parametrize(("kind", "to"), WAYS[:2])
kinds = pytest.mark.parametrize("kind", ["sqlite", "postgres"])


@pytest.fixture
def place(tmp_path: Path, database: Cluster) -> Place:
    return places(tmp_path, database)


@pytest.fixture(scope="module")
def fragile() -> Iterator[Cluster]:
    """A database that confirms commits before they are on disk, for tests that crash it."""
    with cluster({"synchronous_commit": "off", "wal_writer_delay": "10s"}) as running:
        yield running


def places(tmp_path: Path, database: Cluster) -> Place:
    def make(kind: str) -> str:
        name = f"log_{uuid.uuid4().hex}"
        return str(tmp_path / f"{name}.db") if kind == "sqlite" else database.url(schema=name)

    return make


def claimed(request_id: str) -> Event:
    raw = {"type": "human_input_claimed", "request_id": request_id, "claimed_by": {"name": "ada"}}
    return event_from_wire(raw, event_id=new_event_id(), now=NOON)


def move(source: str, target: str, tell: Callable[[Progress], None] = lambda step: None) -> Copied:
    return copying.copy(locate(source), locate(target), NOW, tell)


def run(where: str, statement: str) -> list[tuple[Any, ...]]:
    """Run a statement past every store."""
    if not where.startswith("postgresql:"):
        with sqlite3.connect(where) as connection:
            rows = connection.execute(statement).fetchall()
        connection.close()
        return rows
    log = parse(where).connect()
    try:
        found = log.execute(statement.replace("offset", '"offset"'))
        return found.fetchall() if found.description else []
    finally:
        log.close()


def schema_of(where: str) -> str:
    return "log." if where.startswith("postgresql:") else ""


def content(where: str) -> Rows:
    """Return every row of a log, read without the code that copies."""
    return {
        table: run(where, f"SELECT {columns} FROM {schema_of(where)}{table} ORDER BY 1")
        for table, columns in TABLES.items()
    }


async def using(where: str, act: Callable[[MetadataStore], Any]) -> Any:
    store = open_store(locate(where))
    await store.start(lambda commits: None)
    try:
        return await act(store)
    finally:
        await store.close()


async def fill(store: MetadataStore, notes: int = 40) -> None:
    """Append some of everything, pruned in part."""
    scope = KeyScope(frozenset({"mine"}), frozenset())
    await store.append([other(text="before") for _ in range(5)])
    await store.append([required("early", execution_id="old", crew_id="crew")], by="ada")
    await store.append([claimed("early"), completed("early", "Grüße \u202e 😀")])
    await store.append_scoped([required("mine", execution_id="mine", assignee="bo")], scope, by="k")
    await store.append([other(execution_id="mine", n=n) for n in range(notes)])
    await store.append([required("open"), claimed("open"), required("done"), completed("done")])
    await store.prune(keep=notes, before=0)
    await store.put_metadata("webhook:1", b'{"offset":7}')
    await store.append([other(text="after")])


async def filled(where: str, notes: int = 40) -> str:
    await using(where, lambda store: fill(store, notes))
    return where


def openable(where: str) -> str:
    """Return "" if a server may open the log, else why it may not."""

    async def act(store: MetadataStore) -> str:
        return store.epoch

    try:
        asyncio.run(using(where, act))
    except StoreUnavailable as error:
        return error.message
    return ""


def assert_same_log(before: Rows, after: Rows) -> None:
    for table in TABLES:
        assert after[table] == before[table]


# ---- the same log


@ways
def test_the_copy_has_every_row_of_the_log_byte_for_byte(place: Place, kind: str, to: str) -> None:
    source, target = asyncio.run(filled(place(kind))), place(to)
    before = content(source)
    done = move(source, target)
    assert_same_log(before, content(target))
    assert_same_log(before, content(source))
    assert all(before.values())
    assert (done.events, done.requests, done.unproven) == (len(before["events"]), 3, [])
    assert done.head == f"{before['events'][-1][0]}:{before['events'][-1][-1].hex()}"


def test_a_log_that_went_to_postgresql_and_back_is_the_log_it_was(place: Place) -> None:
    source = asyncio.run(filled(place("sqlite")))
    there, back = place("postgres"), place("sqlite")
    before, epoch = content(source), run(source, "SELECT key, value FROM meta ORDER BY key")
    move(source, there)
    move(there, back)
    assert_same_log(before, content(back))
    assert run(back, "SELECT key, value FROM meta ORDER BY key") == epoch
    assert run(back, "SELECT name, seq FROM sqlite_sequence") == [("events", 54)]


@ways
def test_the_copy_continues_where_the_log_ended(place: Place, kind: str, to: str) -> None:
    source, target = asyncio.run(filled(place(kind))), place(to)
    events = [other(event_id="known")]
    asyncio.run(using(source, lambda store: store.append(events)))
    move(source, target)

    async def act(store: MetadataStore) -> None:
        top, epoch = store.top, store.epoch
        assert await store.askers() == {"mine": "k"}
        (again,) = await store.append(events)
        assert (again.duplicate, again.record.offset) == (True, top)
        (answer,) = await store.append([completed("open", "Yes")])
        assert answer.record.offset == top + 1
        with pytest.raises(AlreadyAnswered):
            await store.append([completed("done")])
        page = await store.trail(after=0, limit=1000)
        seal = page.start.seal
        for entry in page.entries:
            seal = chain.seal(seal, entry.digest)
            assert entry.seal == seal
        assert page.head == chain.Head(top + 1, seal)
        with looking_at(locate(source)) as old:
            assert old.page(0, 10)[0] == epoch
            assert old.page(0, 10)[1].start == page.start

    asyncio.run(using(target, act))


@ways
def test_an_empty_log_and_a_log_pruned_to_nothing_can_be_moved(
    place: Place, kind: str, to: str
) -> None:
    async def act(store: MetadataStore) -> None:
        if store.top:
            await store.prune(keep=0, before=0)
        else:
            await store.append([other(), other()])

    for times in range(3):
        source, target = place(kind), place(to)
        for _ in range(times):
            asyncio.run(using(source, act))
        asyncio.run(using(source, lambda store: store.newest()))
        move(source, target)
        assert_same_log(content(source), content(target))
        (added,) = asyncio.run(using(target, lambda store: store.append([other()])))
        assert added.record.offset == (3 if times else 1)


def test_a_log_that_lost_history_keeps_its_epoch_and_its_chain(place: Place) -> None:
    source, there, back = place("postgres"), place("sqlite"), place("postgres")
    asyncio.run(filled(source))
    (first,) = run(source, "SELECT epoch FROM log.state")
    run(source, "UPDATE log.state SET epoch = 'after-the-loss'")
    move(source, there)
    move(there, back)
    assert run(back, "SELECT epoch, chain FROM log.state") == [("after-the-loss", *first)]
    for where in (there, back):
        with looking_at(locate(where)) as log:
            epoch, page = log.page(0, 10)
        assert (epoch, page.chain) == ("after-the-loss", *first)


def test_a_log_is_copied_through_a_pooler(place: Place, database: Cluster) -> None:
    source, back, direct = place("sqlite"), place("sqlite"), place("postgres")
    before = content(asyncio.run(filled(source, notes=1500)))
    with pooler(database) as pgbouncer:
        there = pgbouncer.url(schema=parse(direct).schema)
        move(source, there)
        assert_same_log(before, content(direct))
        move(there, back)
    assert_same_log(before, content(back))
    assert "was retired" in openable(direct)


def test_a_request_keeps_the_process_that_waits_for_it(place: Place) -> None:
    source, target = place("sqlite"), place("postgres")
    waits = required("waits", source={"id": "process-1"})
    asyncio.run(using(source, lambda store: store.append([waits, required("paused", source={})])))
    move(source, target)
    found = run(target, "SELECT request_id, source_id FROM log.requests ORDER BY 1")
    assert found == [("paused", None), ("waits", "process-1")]


def test_large_events_are_not_held_in_memory_together(place: Place) -> None:
    source, target = place("sqlite"), place("postgres")

    async def act(store: MetadataStore) -> None:
        for _ in range(40):
            await store.append([other(text="x" * 900_000)])

    asyncio.run(using(source, act))
    locate(target)  # imports the client
    tracemalloc.start()
    try:
        move(source, target)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert peak < 16_000_000 < 40 * 900_000


# ---- one log in service


@ways
def test_a_retired_log_says_when_and_where_to_and_is_not_opened(
    place: Place, kind: str, to: str
) -> None:
    source, target = asyncio.run(filled(place(kind))), place(to)
    move(source, target)
    why = openable(source)
    assert "was retired on 2026-11-30 03:05 UTC; use its copy, " in why
    assert (target if to == "sqlite" else target.partition("@")[2]) in why
    assert PASSWORD not in why
    assert "\n" not in why
    with pytest.raises(StoreUnavailable, match="was retired on"):
        move(source, place("sqlite"))
    with pytest.raises(StoreUnavailable, match="was retired on"):
        move(source, target)
    with pytest.raises(StoreUnavailable, match="was retired on"):
        move(target, source)
    assert openable(target) == ""


def test_a_retired_file_is_not_salvaged_into_a_second_log(place: Place) -> None:
    source = asyncio.run(filled(place("sqlite")))
    move(source, place("sqlite"))
    with pytest.raises(StoreUnavailable, match="was retired on"):
        salvage.salvage_in_place(Path(source), NOW)


def test_a_server_that_has_a_log_open_does_not_write_it_once_it_is_retired(place: Place) -> None:
    where = asyncio.run(filled(place("postgres")))
    mark = '{"state":"retired","other":"elsewhere","at":"2026-11-30T03:05:00Z","copy":"1"}'

    async def act(store: MetadataStore) -> None:
        run(where, f"UPDATE log.state SET mark = '{mark}'")
        with pytest.raises(StoreUnavailable, match="was retired on 2026-11-30 03:05 UTC"):
            await store.append([other()])

    asyncio.run(using(where, act))


@kinds
def test_a_log_is_not_copied_while_a_server_has_it_open(place: Place, kind: str) -> None:
    held = asyncio.run(filled(place(kind)))

    async def act(store: MetadataStore) -> None:
        if kind == "postgres":
            lease = f"'{uuid.uuid4()}', 1, clock_timestamp() + interval '1 hour'"
            run(held, f"INSERT INTO log.replicas (id, version, expires) VALUES ({lease})")
        with pytest.raises(StoreInUse, match="running server"):
            await asyncio.to_thread(move, held, place("sqlite"))
        with pytest.raises(StoreInUse, match="running server"):
            await asyncio.to_thread(move, await filled(place("sqlite")), held)

    asyncio.run(using(held, act))


def test_a_lease_that_ran_out_does_not_keep_a_log_from_being_copied(place: Place) -> None:
    source, target = asyncio.run(filled(place("postgres"))), place("postgres")
    gone = f"'{uuid.uuid4()}', 1, clock_timestamp() - interval '1 second'"
    run(source, f"INSERT INTO log.replicas (id, version, expires) VALUES ({gone})")
    move(source, target)
    assert run(target, "SELECT count(*) FROM log.replicas") == [(0,)]


# ---- what is not copied to, or from


@ways
def test_a_target_with_another_log_is_refused_and_kept(place: Place, kind: str, to: str) -> None:
    source, target = asyncio.run(filled(place(kind))), asyncio.run(filled(place(to)))
    before = content(target)
    with pytest.raises(StoreUnavailable, match="has a log already"):
        move(source, target)
    assert content(target) == before
    assert openable(source) == openable(target) == ""


def test_a_target_with_tables_of_another_application_is_refused(place: Place) -> None:
    source, file, schema = (place(kind) for kind in ("sqlite", "sqlite", "postgres"))
    asyncio.run(filled(source))
    run(file, "CREATE TABLE theirs (x)")
    run(schema, "CREATE SCHEMA log;".replace("log", parse(schema).schema))
    run(schema, "CREATE TABLE log.theirs (x text)")
    with pytest.raises(StoreUnavailable, match="another program's database"):
        move(source, file)
    with pytest.raises(StoreUnavailable, match="tables of another application"):
        move(source, schema)
    assert openable(source) == ""


@kinds
def test_a_source_that_does_not_exist_is_refused_and_nothing_is_made(
    place: Place, tmp_path: Path, kind: str
) -> None:
    source, target = place(kind), place("sqlite")
    with pytest.raises(StoreUnavailable, match="there is no log at"):
        move(source, target)
    assert list(tmp_path.iterdir()) == []
    with pytest.raises(StoreUnavailable, match="there is no log at"):
        move(source, target)


def test_a_log_in_memory_is_refused(place: Place) -> None:
    with pytest.raises(StoreUnavailable, match="in memory"):
        move(asyncio.run(filled(place("sqlite"))), ":memory:")


def test_a_log_is_not_copied_to_itself(place: Place) -> None:
    source = asyncio.run(filled(place("sqlite")))
    with pytest.raises(StoreUnavailable, match="to itself"):
        move(source, f"sqlite:///{source}")


def test_a_damaged_event_is_copied_as_it_is_and_reported(place: Place) -> None:
    source, target = asyncio.run(filled(place("sqlite"))), place("postgres")
    run(source, "UPDATE events SET body = x'00ff' WHERE offset = 30")
    before = content(source)
    assert move(source, target).unproven == [30]
    assert_same_log(before, content(target))


def test_a_log_with_null_characters_goes_to_postgresql_and_back(place: Place) -> None:
    """The server accepts one in an assignee; older versions accepted it in ids as well."""

    async def ask(store: MetadataStore) -> None:
        await store.append([required("q0", assignee="a\0b", execution_id="run")], by="ada")
        await store.append([required(f"q{n}", crew_id="crew", assignee="\uffff") for n in (1, 2)])
        await store.append([completed("q2")])

    source, there, again = place("sqlite"), place("postgres"), place("postgres")
    asyncio.run(using(source, ask))
    in_all = {
        "events": "event_id execution_id crew_id request_id",
        "requests": "request_id execution_id crew_id",
    }
    for table, columns in in_all.items():
        for column in columns.split():
            run(source, f"UPDATE {table} SET {column} = {column} || char(0)")
    for field in in_all["events"].split():
        run(
            source,
            f"UPDATE events SET body = CAST(json_set(body, '$.{field}', {field}) AS BLOB)"
            f" WHERE {field} IS NOT NULL",
        )
    run(source, "INSERT INTO notes VALUES ('b' || char(0) || 'c', x'01'), ('b!', x'02')")
    before = content(source)
    assert before["events"][0][1].endswith("\0")
    with pytest.raises(Stop):
        move(source, there, stop_after("rest"))
    assert move(source, there).events == 4

    async def listed(store: MetadataStore) -> list[str]:
        found = await store.requests(RequestQuery(assignee="a\0b"))
        return [str(one.required.assignee) for one in found.requests]

    assert asyncio.run(using(there, listed)) == ["a\0b"]
    move(there, again)
    back = place("sqlite")
    move(again, back)
    after = content(back)
    names = [name for name, _ in after.pop("notes")]
    assert names == ["b!", "b\uffffc"]  # nothing tells what it was
    del before["notes"]
    assert after == before


def test_a_damaged_row_that_postgresql_cannot_store_is_one_line_with_what_to_do(
    place: Place,
) -> None:
    source, new, target = asyncio.run(filled(place("sqlite"))), place("sqlite"), place("postgres")
    run(source, "UPDATE requests SET assignee = x'00ff' WHERE request_id = 'open'")
    with pytest.raises(StoreUnavailable, match=r"`requests` one of the rows .* is damaged; run"):
        move(source, target)
    assert openable(source) == ""
    salvage.salvage(Path(source), Path(new), NOW)
    move(new, place("postgres"))


def test_a_salvaged_log_that_lost_its_end_is_written_in_postgresql(place: Place) -> None:
    source, new, target = place("sqlite"), place("sqlite"), place("postgres")
    asyncio.run(filled(source))
    run(source, "DELETE FROM events WHERE offset = 54")
    salvage.salvage(Path(source), Path(new), NOW)
    move(new, target)
    (added,) = asyncio.run(using(target, lambda store: store.append([other()])))
    assert added.record.offset == 55


# ---- interrupted


class Stop(Exception):
    """The test interrupts the copy."""


def stop_after(step: str) -> Callable[[Progress], None]:
    def tell(progress: Progress) -> None:
        if progress.step == step:
            raise Stop

    return tell


@ways
def test_a_copy_killed_after_any_step_leaves_one_log_in_service_and_can_be_finished(
    place: Place, kind: str, to: str
) -> None:
    source, target = asyncio.run(filled(place(kind), notes=1500)), place(to)
    before, steps = content(source), list[str]()
    for number in range(1, 20):
        command = [sys.executable, "-m", "tests.store.dying_copy", source, target, str(number)]
        # Each of them continues what the one before left.
        done = subprocess.run(command, capture_output=True, text=True, check=False)
        if done.returncode != -9:
            break
        steps.append(done.stdout.strip())
        here, there = openable(source), openable(target)
        assert bool(here) or bool(there), f"both are in service after {steps[-1]}"
        if here:
            assert_same_log(before, content(target))
            assert steps[-1] in ("retired", "done")
        if steps[-1] == "done":
            assert there == ""
            break
    else:
        pytest.fail(f"it never came to its end: {steps}")
    assert steps[0] == "begun"
    assert_same_log(before, content(target))
    assert (openable(target), "was retired" in openable(source)) == ("", True)


@ways
def test_a_source_that_was_used_since_is_copied_with_what_it_has_now(
    place: Place, kind: str, to: str
) -> None:
    source, target = asyncio.run(filled(place(kind), notes=1500)), place(to)
    with pytest.raises(Stop):
        move(source, target, stop_after("events"))

    async def act(store: MetadataStore) -> None:
        await store.append([completed("open"), required("new"), other()])
        await store.put_metadata("webhook:1", b'{"offset":900}')

    asyncio.run(using(source, act))
    steps = list[str]()
    move(source, target, lambda progress: steps.append(progress.step))
    assert steps[0] == "continued"
    assert_same_log(content(source), content(target))


@ways
def test_a_source_that_was_pruned_since_is_copied_from_its_beginning(
    place: Place, kind: str, to: str
) -> None:
    source, target = asyncio.run(filled(place(kind), notes=1500)), place(to)
    with pytest.raises(Stop):
        move(source, target, stop_after("rest"))
    asyncio.run(using(source, lambda store: store.prune(keep=20, before=0)))
    steps = list[str]()
    move(source, target, lambda progress: steps.append(progress.step))
    assert steps[0] == "begun again"
    assert_same_log(content(source), content(target))


@pytest.mark.parametrize("to", ["sqlite", "postgres"])
def test_an_incomplete_copy_that_was_changed_is_not_continued(place: Place, to: str) -> None:
    source, target = asyncio.run(filled(place("sqlite"), notes=1500)), place(to)
    with pytest.raises(Stop):
        move(source, target, stop_after("events"))
    run(target, f"UPDATE {schema_of(target)}events SET event_id = 'changed' WHERE offset = 100")
    with pytest.raises(StoreUnavailable, match="event 100 differs"):
        move(source, target)
    assert openable(source) == ""


def test_an_incomplete_copy_of_another_log_is_not_continued(place: Place) -> None:
    first, second = (asyncio.run(filled(place("sqlite"))) for _ in range(2))
    target = place("postgres")
    with pytest.raises(Stop):
        move(first, target, stop_after("events"))
    with pytest.raises(StoreUnavailable, match="incomplete copy of another log"):
        move(second, target)
    assert "run the same `crewai-hitl copy` again" in openable(target)
    with pytest.raises(StoreUnavailable, match="not complete"):
        move(target, place("sqlite"))
    move(first, target)
    assert openable(target) == ""


@kinds
def test_a_copy_with_a_row_that_was_changed_before_the_end_does_not_retire_the_source(
    place: Place, kind: str
) -> None:
    source, target = asyncio.run(filled(place(kind))), place("sqlite")

    def tell(progress: Progress) -> None:
        if progress.step == "rest":
            run(target, "UPDATE events SET body = replace(body, 'after', 'later')")

    with pytest.raises(StoreUnavailable, match="differs from"):
        move(source, target, tell)
    assert openable(source) == ""
    assert "not complete" in openable(target)


# ---- the database goes away


@pytest.mark.parametrize("step", ["begun", "events", "rest", "verified"])
@ways_with_postgres
def test_a_database_that_crashes_meanwhile_is_one_line_and_the_copy_is_finished_later(
    tmp_path: Path, fragile: Cluster, kind: str, to: str, step: str
) -> None:
    place = places(tmp_path, fragile)
    source, target = asyncio.run(filled(place(kind))), place(to)
    run(fragile.url(), "CHECKPOINT")  # what the source has is on disk
    before = content(source)

    def crash(progress: Progress) -> None:
        if progress.step == step:
            fragile.stop("immediate")

    try:
        with pytest.raises(StoreUnavailable, match="start the database") as refused:
            move(source, target, crash)
    finally:
        fragile.start()
    assert PASSWORD not in refused.value.message
    assert openable(source) == ""
    move(source, target)
    assert_same_log(before, content(target))


@ways_with_postgres
def test_a_database_that_crashes_after_the_source_was_retired_has_the_complete_copy(
    tmp_path: Path, fragile: Cluster, kind: str, to: str
) -> None:
    place = places(tmp_path, fragile)
    source, target = asyncio.run(filled(place(kind))), place(to)
    run(fragile.url(), "CHECKPOINT")  # what the source has is on disk
    before = content(source)

    def crash(progress: Progress) -> None:
        if progress.step == "retired":
            fragile.stop("immediate")
            raise Stop

    try:
        with pytest.raises(Stop):
            move(source, target, crash)
    finally:
        fragile.start()
    assert "was retired" in openable(source)
    assert_same_log(before, content(target))
    steps = list[str]()
    move(source, target, lambda progress: steps.append(progress.step))
    assert (steps, openable(target)) == (["verified", "done"], "")
