"""Salvage: what a damaged log still holds goes on in a new one, and nothing is invented."""

import asyncio
import random
from collections.abc import Sequence
from datetime import datetime, timezone
from pathlib import Path

import pytest

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.delivery.subscription import Start
from crewai_hitl_nb.protocol.audit import chain
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.frames import Gap
from crewai_hitl_nb.store.base import EVERYTHING, StoreInUse
from crewai_hitl_nb.store.sqlite.salvage import Salvaged, salvage, salvage_in_place
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from crewai_hitl_nb.store.trail import TrailPage
from tests.chaos.ledger import Ledger, Log, violations
from tests.chaos.logs import ROUNDS, Sample, bodies, fill, sample
from tests.chaos.store_run import read_back
from tests.events import NOON, other

ROWS = 5 * ROUNDS


@pytest.fixture
def damaged(tmp_path: Path) -> Sample:
    """A log that the test damages."""
    return sample(tmp_path / "log.db")


def salvaged(sample: Sample) -> tuple[Salvaged, Log, dict[int, bytes]]:
    """Salvage a log into a new one, read that, and hold it to what holds for every one."""
    to = sample.path.with_name("new.db")
    before = sample.content
    report = salvage(sample.path, to, NOON)
    assert sample.content == before, "the damaged file was touched"
    kept, log = asyncio.run(bodies(to)), asyncio.run(read_back(to))
    old = {offset: body for offset, body in kept.items() if offset <= ROWS}
    assert old.items() <= sample.bodies.items(), "an event is not what it was, or where it was"
    assert sorted([*old, *places(report.lost)]) == list(range(1, ROWS + 1))
    assert len(old) == report.kept
    assert log.epoch == report.epoch != sample.log.epoch
    wrong = [words for words in violations(Ledger(), log) if "follows" not in words]
    assert wrong == []
    return report, log, kept


def places(ranges: Sequence[tuple[int, int]]) -> list[int]:
    return [offset for first, last in ranges for offset in range(first, last + 1)]


def test_a_sound_log_is_kept_whole(damaged: Sample) -> None:
    report, log, _ = salvaged(damaged)
    assert (report.lost, report.changed, report.pending) == ([], [], ROUNDS)
    assert log.events == damaged.log.events
    assert log.statuses == damaged.log.statuses


def test_a_log_without_its_header_is_kept_whole(damaged: Sample) -> None:
    damaged.overwrite(0, bytes(100))
    report, log, _ = salvaged(damaged)
    assert report.lost == []
    assert log.statuses == damaged.log.statuses


def test_what_lies_before_the_cut_of_a_truncated_log_is_kept(damaged: Sample) -> None:
    damaged.path.write_bytes(damaged.content[: len(damaged.content) // 2])
    report, _, _ = salvaged(damaged)
    assert ROWS / 4 < report.kept < ROWS


@pytest.mark.parametrize("seed", range(16))
def test_of_a_log_with_random_bytes_in_it_only_what_is_right_is_kept(
    damaged: Sample, seed: int
) -> None:
    dice, length = random.Random(seed), len(damaged.content)
    for _ in range(dice.randint(1, 12)):
        damaged.overwrite(dice.randrange(length), dice.randbytes(dice.choice([1, 16, 4096])))
    report, _, _ = salvaged(damaged)
    assert report.kept > 0


@pytest.mark.parametrize("header", [True, False])
def test_what_only_the_write_ahead_log_holds_is_kept(tmp_path: Path, header: bool) -> None:
    path = tmp_path / "log.db"
    asyncio.run(fill(path, crash=True))
    assert path.stat().st_size < 100_000 < Path(f"{path}-wal").stat().st_size
    if not header:
        path.write_bytes(bytes(path.stat().st_size))
    report = salvage(path, tmp_path / "new.db", NOON)
    assert (report.kept, report.lost) == (ROWS, [])


def test_what_was_left_of_a_transaction_that_never_ended_is_not_kept(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    asyncio.run(fill(path, crash=True))
    wal = Path(f"{path}-wal").read_bytes()
    frame = 24 + 4096
    Path(f"{path}-wal").write_bytes(wal[: len(wal) - frame] + b"\0" * frame)
    report = salvage(path, tmp_path / "new.db", NOON)
    assert ROWS - 2 <= report.kept <= ROWS
    asyncio.run(read_back(tmp_path / "new.db"))


def test_an_answered_question_whose_answer_is_lost_is_not_asked_again(damaged: Sample) -> None:
    damaged.replace(b"the answer to 3", b"\xff\xfee answer to 3")
    report, log, _ = salvaged(damaged)
    assert report.ended == ["done-3"]
    assert log.statuses["done-3"] == "cancelled"
    assert log.events[-1]["offset"] == ROWS + 1


def test_an_event_whose_text_was_changed_is_left_out(damaged: Sample) -> None:
    damaged.replace(b"the answer to 3", b"the answer to 4")
    report, log, _ = salvaged(damaged)
    assert report.changed == [20]
    assert log.statuses["done-3"] == "cancelled"


def test_an_event_whose_seal_was_changed_is_kept(damaged: Sample) -> None:
    body = damaged.bodies[19]
    seal = damaged.content.index(body) + len(body)
    damaged.overwrite(seal, b"not the seal")
    report, _, _ = salvaged(damaged)
    assert (report.lost, report.changed) == ([], [])


def test_an_end_whose_question_is_lost_ends_nothing_that_is_asked_later(damaged: Sample) -> None:
    damaged.replace(b'"event_id":"asked-3"', b'"event_id":"?sked-3"')
    _, log, _ = salvaged(damaged)
    assert "done-3" not in log.statuses
    assert "done-3" in [event["event_id"] for event in log.events]


def test_what_was_pruned_does_not_come_back(tmp_path: Path) -> None:
    async def prune() -> None:
        await fill(tmp_path / "log.db")
        store = SqliteStore(tmp_path / "log.db")
        await store.start(lambda commits: None)
        await store.prune(keep=10, before=0)
        await store.close()

    asyncio.run(prune())
    before = asyncio.run(read_back(tmp_path / "log.db"))
    report = salvage(tmp_path / "log.db", tmp_path / "new.db", NOON)
    after = asyncio.run(read_back(tmp_path / "new.db"))
    assert after.events == before.events
    assert after.pruned_through == before.pruned_through
    assert report.lost == []


def test_a_reader_from_before_the_damage_is_told_of_the_gap(damaged: Sample) -> None:
    damaged.replace(b'"event_id":"short-3"', b'"event_id":"?hort-3"')
    salvaged(damaged)

    async def first_step(last: str) -> object:
        broker = Broker(SqliteStore(damaged.path.with_name("new.db")))
        await broker.start()
        try:
            return await broker.subscribe(EVERYTHING, Start(last_event_id=last)).next()
        finally:
            await broker.close()

    assert isinstance(asyncio.run(first_step("short-2")), Gap)
    assert isinstance(asyncio.run(first_step("short-3")), Gap)
    assert not isinstance(asyncio.run(first_step("short-4")), Gap)


def test_the_new_log_goes_on_behind_everything_that_was_ever_in_the_old(damaged: Sample) -> None:
    damaged.replace(b'"event_id":"done-11"', b'"event_id":"?one-11"')
    salvaged(damaged)

    async def go_on() -> int:
        store = SqliteStore(damaged.path.with_name("new.db"))
        await store.start(lambda commits: None)
        (placed,) = await store.append([other()])
        notes = await store.get_metadata("webhooks/")
        await store.close()
        assert notes == {"webhooks/1": b'{"offset":7}'}
        return placed.record.offset

    assert asyncio.run(go_on()) == ROWS + 2  # behind the end of the request that lost its own


def test_the_chain_of_the_new_log_is_unbroken(damaged: Sample) -> None:
    damaged.replace(b'"event_id":"short-3"', b'"event_id":"?hort-3"')
    salvaged(damaged)

    async def trail() -> TrailPage:
        store = SqliteStore(damaged.path.with_name("new.db"))
        await store.start(lambda commits: None)
        try:
            return await store.trail(after=0, limit=1000)
        finally:
            await store.close()

    page = asyncio.run(trail())
    seal = page.start.seal
    for entry in page.entries:
        seal = chain.seal(seal, entry.digest)
        assert entry.seal == seal
    assert len(page.entries) == ROWS - 1
    assert page.head.seal == seal


def test_in_place_the_damaged_log_is_kept_under_another_name(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    asyncio.run(fill(path, crash=True))
    path.write_bytes(bytes(100) + path.read_bytes()[100:])
    before = path.read_bytes(), Path(f"{path}-wal").read_bytes()
    report, aside = salvage_in_place(path, datetime(2026, 1, 2, 3, 4, 5, tzinfo=timezone.utc))
    assert aside.name == "log.db.damaged-20260102T030405"
    assert (aside.read_bytes(), Path(f"{aside}-wal").read_bytes()) == before
    assert asyncio.run(read_back(path)).epoch == report.epoch
    assert report.kept == ROWS


def test_a_log_that_a_server_holds_is_left_alone(damaged: Sample) -> None:
    async def try_it() -> None:
        store = SqliteStore(damaged.path)
        await store.start(lambda commits: None)
        try:
            with pytest.raises(StoreInUse, match="stop it first"):
                salvage_in_place(damaged.path, NOON)
        finally:
            await store.close()

    asyncio.run(try_it())


def test_a_file_without_any_event_is_left_as_it_is(tmp_path: Path) -> None:
    path = tmp_path / "log.db"
    path.write_bytes(b"a letter to my aunt" * 1000)
    with pytest.raises(StoreUnavailable, match="no event can be read"):
        salvage_in_place(path, NOON)
    assert path.read_bytes() == b"a letter to my aunt" * 1000
    assert sorted(p.name for p in tmp_path.iterdir() if p.suffix != ".lock") == ["log.db"]


def test_no_file_is_written_over(damaged: Sample) -> None:
    damaged.path.with_name("new.db").write_text("precious")
    with pytest.raises(StoreUnavailable, match="exists"):
        salvage(damaged.path, damaged.path.with_name("new.db"), NOON)
    assert damaged.path.with_name("new.db").read_text() == "precious"
