"""The broker's decisions, over a real store: arbitration, deadlines, presence, limits."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from crewai_hitl_nb.broker.broker import Broker, utc_now
from crewai_hitl_nb.broker.delivery.subscription import Start
from crewai_hitl_nb.protocol.answer import Answer
from crewai_hitl_nb.protocol.errors import (
    AlreadyAnswered,
    InvalidAnswer,
    RequestExpired,
    StoreUnavailable,
    TooMany,
    UnknownRequest,
)
from crewai_hitl_nb.protocol.events import Event, HumanInputCompleted
from crewai_hitl_nb.protocol.state import Request
from crewai_hitl_nb.store.base import EVERYTHING, Appended, Condition
from crewai_hitl_nb.store.memory import MemoryStore
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.events import completed, required

pytestmark = pytest.mark.asyncio


@asynccontextmanager
async def broker_on(store: Any = None, **options: Any) -> AsyncIterator[Broker]:
    broker = Broker(store or MemoryStore(), **options)
    await broker.start()
    try:
        yield broker
    finally:
        await broker.close()


async def ended(broker: Broker, request_id: str) -> Request:
    """Return the request once an event closed it."""
    subscription = broker.subscribe(EVERYTHING, Start(replay="all"))
    while (request := await broker.request(request_id)).status == "pending":
        assert await subscription.next(5) is not None, f"{request_id} is still open"
    subscription.close()
    return request


async def test_the_first_answer_wins_and_the_second_hears_who_won() -> None:
    async with broker_on() as broker:
        await broker.publish([required("r1")])
        await broker.answer("r1", Answer(human_feedback="shorter"), "ada")
        with pytest.raises(AlreadyAnswered) as lost:
            await broker.answer("r1", Answer(human_feedback="longer"), "bob")
        assert lost.value.details["winner"]["name"] == "ada"
        assert broker.pending_count == 0


async def test_the_same_key_and_words_again_are_the_same_answer() -> None:
    async with broker_on() as broker:
        await broker.publish([required("r1")])
        said = Answer(human_feedback="shorter", idempotency_key="k")
        first = await broker.answer("r1", said, "ada")
        again = await broker.answer("r1", said, "ada")
        assert again.record == first.record
        other = Answer(human_feedback="longer", idempotency_key="k")
        with pytest.raises(AlreadyAnswered):
            await broker.answer("r1", other, "ada")


async def test_a_wrong_answer_leaves_the_request_open() -> None:
    async with broker_on() as broker:
        await broker.publish([required("r1")])
        with pytest.raises(InvalidAnswer):
            await broker.answer("r1", Answer(decision="respond"), "ada")
        assert (await broker.request("r1")).status == "pending"


async def test_a_wrong_answer_that_comes_too_late_hears_that_it_is_too_late() -> None:
    async with broker_on() as broker:
        await broker.publish([required("r1"), completed("r1", "x")])
        with pytest.raises(AlreadyAnswered):
            await broker.answer("r1", Answer(decision="respond"), "bob")


async def test_a_published_answer_is_held_to_the_same_rule() -> None:
    async with broker_on() as broker:
        await broker.publish([required("r1", response={"decisions": ["respond"]})])
        with pytest.raises(InvalidAnswer):
            await broker.publish([completed("r1", "")])
        assert (await broker.request("r1")).status == "pending"


async def test_an_answer_to_nothing_is_refused() -> None:
    async with broker_on() as broker:
        with pytest.raises(UnknownRequest):
            await broker.answer("ghost", Answer(), "ada")


async def test_a_claim_shows_and_locks_nobody_out() -> None:
    async with broker_on() as broker:
        await broker.publish([required("r1")])
        await broker.claim("r1", "bob", "inbox")
        claimed = await broker.request("r1")
        assert claimed.claimed_by is not None
        assert claimed.claimed_by.name == "bob"
        await broker.answer("r1", Answer(), "ada")


async def test_a_deadline_expires_the_request_and_approves_nothing() -> None:
    soon = (utc_now() + timedelta(milliseconds=50)).isoformat()
    async with broker_on() as broker:
        await broker.publish([required("r1", expires_at=soon)])
        assert (await ended(broker, "r1")).status == "expired"
        with pytest.raises(RequestExpired):
            await broker.answer("r1", Answer(), "ada")


async def test_an_explicit_default_answers_at_the_deadline_in_its_own_name() -> None:
    soon = (utc_now() + timedelta(milliseconds=50)).isoformat()
    response = {"options": ["yes", "no"], "on_expiry": "default", "default": ["no"]}
    async with broker_on() as broker:
        await broker.publish([required("r1", expires_at=soon, response=response)])
        closing = (await ended(broker, "r1")).completion
        assert isinstance(closing, HumanInputCompleted)
        assert closing.options == ("no",)
        assert closing.answered_by is not None
        assert closing.answered_by.via == "default"


@pytest.mark.parametrize(
    ("default", "decision", "values"),
    [
        ({"decision": "reject"}, "reject", None),
        ({"rows": 3}, "respond", {"rows": 3}),
        ({"decision": "edit", "values": {"rows": 3}}, "edit", {"rows": 3}),
    ],
)
async def test_a_default_beside_a_form_is_its_values_or_a_whole_answer(
    default: dict[str, object], decision: str, values: dict[str, object] | None
) -> None:
    soon = (utc_now() + timedelta(milliseconds=50)).isoformat()
    form = {"type": "object", "properties": {"rows": {"type": "integer"}}}
    response = {
        "decisions": ["approve", "respond", "reject", "edit"],
        "schema": form,
        "on_expiry": "default",
        "default": default,
    }
    async with broker_on() as broker:
        await broker.publish([required("r1", expires_at=soon, response=response)])
        closing = (await ended(broker, "r1")).completion
        assert isinstance(closing, HumanInputCompleted)
        assert (closing.decision, closing.values) == (decision, values)


@pytest.mark.parametrize("default", ["", {"human_feedback": ""}, 7, ["maybe"], {"decision": "?"}])
async def test_a_default_that_does_not_fit_expires_instead_of_approving(default: object) -> None:
    soon = (utc_now() + timedelta(milliseconds=20)).isoformat()
    response = {
        "decisions": ["respond"],
        "options": ["yes", "no"],
        "on_expiry": "default",
        "default": default,
    }
    async with broker_on() as broker:
        await broker.publish([required("r1", expires_at=soon, response=response)])
        assert (await ended(broker, "r1")).status == "expired"


async def test_a_request_that_waits_outlives_its_deadline() -> None:
    past = (utc_now() - timedelta(seconds=1)).isoformat()
    async with broker_on() as broker:
        await broker.publish([required("r1", expires_at=past, response={"on_expiry": "wait"})])
        await broker.publish([required("r2", expires_at=past)])
        assert (await ended(broker, "r2")).status == "expired"
        assert (await broker.request("r1")).status == "pending"


async def test_a_clock_that_is_set_back_does_not_expire_early() -> None:
    class Wall:
        now = datetime(2026, 1, 1, tzinfo=timezone.utc)

        def __call__(self) -> datetime:
            return self.now

    wall = Wall()
    async with broker_on(clock=wall) as broker:
        late = (wall.now + timedelta(milliseconds=50)).isoformat()
        marker = (wall.now - timedelta(hours=2)).isoformat()
        await broker.publish([required("r1", expires_at=late)])
        wall.now -= timedelta(hours=1)
        await broker.publish([required("r2", expires_at=marker)])
        assert (await ended(broker, "r2")).status == "expired"
        loop = asyncio.get_running_loop()
        fired = loop.create_future()
        loop.call_later(0.1, fired.set_result, None)
        await fired
        assert (await broker.request("r1")).status == "pending"


async def test_a_waiter_that_stays_away_has_its_requests_cancelled() -> None:
    async with broker_on(presence_grace=0.05) as broker:
        broker.waiter_arrived("k")
        await broker.publish([required("r1", source={"id": "k"}), required("r2")])
        broker.waiter_left("k")
        request = await ended(broker, "r1")
        assert request.status == "cancelled"
        assert getattr(request.completion, "reason", None) == "source_lost"
        assert (await broker.request("r2")).status == "pending"


class _Turns(MemoryStore):
    """Counts the appends that come in one turn of the loop."""

    def __init__(self) -> None:
        super().__init__()
        self.count = self.most = self._in_this_turn = 0

    def begin_turn(self) -> None:
        self._in_this_turn = 0

    async def append(
        self,
        events: Sequence[Event],
        *,
        by: str | None = None,
        condition: Condition | None = None,
    ) -> list[Appended]:
        if not self._in_this_turn:
            asyncio.get_running_loop().call_soon(self.begin_turn)
        self.count += 1
        self._in_this_turn += 1
        self.most = max(self.most, self._in_this_turn)
        return await super().append(events, by=by, condition=condition)


async def test_thousands_of_processes_lost_at_once_leave_turns_to_others() -> None:
    store, count = _Turns(), 3000
    async with broker_on(store, presence_grace=0.05) as broker:
        asked = [required(f"r{n}", source={"id": f"k{n}"}) for n in range(count)]
        for n in range(count):
            broker.waiter_arrived(f"k{n}")
        for start in range(0, count, 1000):
            await broker.publish(asked[start : start + 1000])
        store.count = store.most = 0
        for n in range(count):
            broker.waiter_left(f"k{n}")
        for n in (0, count // 2, count - 1):
            assert (await ended(broker, f"r{n}")).status == "cancelled"
    assert store.count == count
    assert store.most <= count // 5


async def test_a_waiter_with_another_connection_is_still_there() -> None:
    async with broker_on(presence_grace=0.05) as broker:
        broker.waiter_arrived("k")
        broker.waiter_arrived("k")
        broker.waiter_arrived("other")
        await broker.publish(
            [required("r1", source={"id": "k"}), required("r2", source={"id": "other"})]
        )
        broker.waiter_left("k")
        broker.waiter_left("other")
        assert (await ended(broker, "r2")).status == "cancelled"
        assert (await broker.request("r1")).status == "pending"


async def test_who_never_connects_is_lost_as_well_and_who_comes_in_time_is_not() -> None:
    async with broker_on(presence_grace=0.1) as broker:
        await broker.publish(
            [required("r1", source={"id": "never"}), required("r2", source={"id": "late"})]
        )
        broker.waiter_arrived("late")
        assert (await ended(broker, "r1")).status == "cancelled"
        assert (await broker.request("r2")).status == "pending"


async def test_after_a_restart_open_requests_get_the_grace_again(tmp_path: Path) -> None:
    async with broker_on(SqliteStore(tmp_path / "log.db"), presence_grace=60) as broker:
        broker.waiter_arrived("here")
        await broker.publish(
            [required("r1", source={"id": "gone"}), required("r2", source={"id": "here"})]
        )
    async with broker_on(SqliteStore(tmp_path / "log.db"), presence_grace=0.1) as broker:
        assert broker.pending_count == 2
        broker.waiter_arrived("here")
        assert (await ended(broker, "r1")).status == "cancelled"
        assert (await broker.request("r2")).status == "pending"
        await broker.answer("r2", Answer(), "ada")


async def test_too_many_open_requests_are_refused_until_one_is_closed() -> None:
    async with broker_on(max_pending=1) as broker:
        await broker.publish([required("r1")])
        with pytest.raises(TooMany):
            await broker.publish([required("r2")])
        await broker.answer("r1", Answer(), "ada")
        await broker.publish([required("r2")])


class _WatchedStore(SqliteStore):
    """Says when an append failed."""

    def __init__(self, path: Path) -> None:
        super().__init__(path)
        self.failed = asyncio.Event()

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
            self.failed.set()
            raise


async def test_an_end_that_could_not_be_stored_is_stored_when_the_store_can_write_again(
    tmp_path: Path,
) -> None:
    store = _WatchedStore(tmp_path / "log.db")
    soon = (utc_now() + timedelta(milliseconds=100)).isoformat()
    async with broker_on(store, retry_seconds=0.05) as broker:
        await broker.publish([required("r1", expires_at=soon)])
        with sqlite3.connect(store.path, isolation_level=None) as vandal:
            vandal.execute("ALTER TABLE events RENAME TO gone")
            await asyncio.wait_for(store.failed.wait(), 5)
            vandal.execute("ALTER TABLE gone RENAME TO events")
        assert (await ended(broker, "r1")).status == "expired"


async def test_a_broker_closes_while_an_end_cannot_be_stored(tmp_path: Path) -> None:
    store = _WatchedStore(tmp_path / "log.db")
    # Behind the next lines on the slowest disk: it must not pass before the log is broken.
    soon = (utc_now() + timedelta(seconds=1)).isoformat()
    async with broker_on(store, retry_seconds=60) as broker:
        await broker.publish([required("r1", expires_at=soon)])
        with sqlite3.connect(store.path, isolation_level=None) as vandal:
            vandal.execute("ALTER TABLE events RENAME TO gone")
            await asyncio.wait_for(store.failed.wait(), 5)
            vandal.execute("ALTER TABLE gone RENAME TO events")
    async with broker_on(SqliteStore(store.path)) as broker:
        assert (await ended(broker, "r1")).status == "expired"
