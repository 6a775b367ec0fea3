"""Rules for tools, over a real store: who makes one, what the server does with it, how it ends."""

import asyncio
import sqlite3
from collections.abc import AsyncIterator, Callable
from contextlib import AsyncExitStack, asynccontextmanager, closing
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from crewai_hitl_nb.broker.broker import Broker, utc_now
from crewai_hitl_nb.broker.delivery.subscription import Start
from crewai_hitl_nb.broker.scoped_broker import ScopedBroker
from crewai_hitl_nb.protocol import limits, rules
from crewai_hitl_nb.protocol.answer import Answer
from crewai_hitl_nb.protocol.errors import (
    AlreadyAnswered,
    Forbidden,
    InvalidAnswer,
    NotFound,
    StoreUnavailable,
    TooMany,
)
from crewai_hitl_nb.protocol.events import HumanInputCompleted, UnknownEvent
from crewai_hitl_nb.protocol.state import Request
from crewai_hitl_nb.protocol.wire import decode_event
from crewai_hitl_nb.store.base import EVERYTHING, KeyScope
from crewai_hitl_nb.store.memory import MemoryStore
from crewai_hitl_nb.store.postgres.connections import parse
from crewai_hitl_nb.store.postgres.store import PostgresStore
from crewai_hitl_nb.store.sqlite.salvage import salvage
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.broker.test_broker import broker_on
from tests.events import other
from tests.protocol.test_rules import gated

pytestmark = pytest.mark.asyncio

CREW = "kernel:one"
ALLOW = Answer(decision="approve", via="card")

Make = Callable[[], Any]


def allow(scope: Any, **fields: Any) -> Answer:
    return Answer(decision="approve", via="card", rule=scope, **fields)


@pytest.fixture(params=["memory", "sqlite", "postgres"])
def make(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    """Return what makes a store; each one that it makes has the same log, if it is durable."""
    if request.param == "postgres":
        url = request.getfixturevalue("log_url")
        return lambda: PostgresStore(parse(url))
    if request.param == "sqlite":
        return lambda: SqliteStore(tmp_path / "log.db")
    return MemoryStore


@pytest.fixture
def make_durable(request: pytest.FixtureRequest, tmp_path: Path) -> Make:
    return lambda: SqliteStore(tmp_path / "log.db")


async def settled(broker: Broker) -> None:
    """Return when what the commits so far have started is done."""
    while broker._rules._tasks:
        await asyncio.wait(set(broker._rules._tasks))


async def ask(broker: Broker, request_id: str, by: str = CREW, **fields: Any) -> Request:
    await broker.publish([gated(request_id, **fields)], by)
    await settled(broker)
    return await broker.request(request_id)


async def made(broker: Broker, scope: Any = "run") -> str:
    """Let ada make a rule; return its id."""
    await ask(broker, "q1")
    result = await broker.answer("q1", allow(scope), "ada")
    return result.record.event_id


async def test_the_server_answers_a_call_that_a_rule_allows_and_says_by_which(make: Make) -> None:
    async with broker_on(make()) as broker:
        rule_id = await made(broker)
        request = await ask(broker, "q2")
        answer = request.completion
        assert isinstance(answer, HumanInputCompleted)
        assert (answer.decision, answer.by_rule) == ("approve", rule_id)
        assert answer.answered_by is not None
        assert (answer.answered_by.name, answer.answered_by.via) == ("ada", "rule")


async def test_without_a_rule_the_person_is_asked_each_time(make: Make) -> None:
    async with broker_on(make()) as broker:
        await ask(broker, "q1")
        await broker.answer("q1", ALLOW, "ada")
        assert (await ask(broker, "q2")).status == "pending"
        assert await broker.rules() == []


@pytest.mark.parametrize(
    "fields",
    [
        {"execution_id": "run-2"},
        {"assignee": "bob"},
        {"call": {"tool": "delete", "arguments": "{}"}},
        {"call": None},
        {"by": "kernel:two"},
    ],
)
async def test_what_the_rule_does_not_cover_waits_for_a_person(fields: dict[str, Any]) -> None:
    async with broker_on() as broker:
        await made(broker)
        assert (await ask(broker, "q2", **fields)).status == "pending"


async def test_a_revoked_rule_never_allows(make: Make) -> None:
    async with broker_on(make()) as broker:
        rule_id = await made(broker)
        await broker.revoke_rule(rule_id, "bob", "page")
        assert (await ask(broker, "q2")).status == "pending"
        assert await broker.rules() == []
        await broker.revoke_rule(rule_id, "ada", "page")  # once more changes nothing
        with pytest.raises(NotFound):
            await broker.revoke_rule("no-such-rule", "ada", "page")


async def test_a_rule_and_its_end_outlive_the_server(make_durable: Make) -> None:
    async with broker_on(make_durable()) as broker:
        rule_id = await made(broker)
    async with broker_on(make_durable()) as broker:
        assert [one.made.event_id for one in await broker.rules()] == [rule_id]
        assert (await ask(broker, "q2")).status == "answered"
        await broker.revoke_rule(rule_id, "ada", "page")
    async with broker_on(make_durable()) as broker:
        assert (await ask(broker, "q3")).status == "pending"


async def test_a_rule_whose_time_is_over_never_allows_and_makes_room() -> None:
    now = utc_now()
    async with broker_on(clock=lambda: now) as broker:
        await made(broker)
        for hours in range(limits.RUN_RULE_HOURS):
            now += timedelta(hours=1) if hours else timedelta(minutes=59)
        assert (await ask(broker, "q2")).status == "answered"
        now += timedelta(minutes=2)
        assert (await ask(broker, "q3")).status == "pending"
        assert await broker.rules() == []


async def test_a_clock_that_jumped_lets_no_rule_allow_anything() -> None:
    now = utc_now()
    async with broker_on(clock=lambda: now) as broker:
        await made(broker)
        now -= timedelta(days=400)
        assert (await ask(broker, "q2")).status == "pending"


async def test_of_racing_answers_only_the_winner_makes_its_rule(make: Make) -> None:
    async with broker_on(make()) as broker:
        await ask(broker, "q1")
        outcomes = await asyncio.gather(
            broker.answer("q1", Answer(decision="reject"), "bob"),
            broker.answer("q1", allow("run"), "ada"),
            broker.answer("q1", allow("notebook"), "eve"),
            return_exceptions=True,
        )
        assert sum(isinstance(one, AlreadyAnswered) for one in outcomes) == 2
        winner = (await broker.request("q1")).completion
        assert isinstance(winner, HumanInputCompleted)
        expected = [winner.event_id] if winner.decision == "approve" else []
        assert [one.made.event_id for one in await broker.rules()] == expected


async def test_the_answer_sent_again_makes_one_rule_and_gets_the_same_reply() -> None:
    async with broker_on() as broker:
        await ask(broker, "q1")
        said = allow("run", idempotency_key="k")
        first = await broker.answer("q1", said, "ada")
        again = await broker.answer("q1", said, "ada")
        assert again.record == first.record
        assert len(await broker.rules()) == 1
        with pytest.raises(AlreadyAnswered):
            await broker.answer("q1", allow("notebook", idempotency_key="k"), "ada")
        assert len(await broker.rules()) == 1


@pytest.mark.parametrize("second", ["bob", "ada"])
async def test_a_late_answer_does_not_change_who_made_the_rule(second: str) -> None:
    """Not even one with the same words, name and Idempotency-Key, by another key."""
    revoked = set[str]()
    async with broker_on(may_answer=lambda caller, required: caller not in revoked) as broker:
        await ask(broker, "q1")
        said = allow("run", idempotency_key="k")
        await broker.answer("q1", said, "ada", "key-of-ada")
        with pytest.raises(AlreadyAnswered):
            await broker.answer("q1", said, second, "key-of-bob")
        revoked.add("key-of-bob")
        assert (await ask(broker, "q2")).status == "answered"
        revoked.add("key-of-ada")
        assert (await ask(broker, "q3")).status == "pending"


async def test_who_lost_a_race_is_not_the_maker_of_the_rule() -> None:
    revoked = {"key-of-bob", "key-of-eve"}
    async with broker_on(may_answer=lambda caller, required: caller not in revoked) as broker:
        await ask(broker, "q1")
        said = allow("run", idempotency_key="k")
        answers = (
            broker.answer("q1", said, "ada", f"key-of-{who}") for who in ("ada", "bob", "eve")
        )
        outcomes = await asyncio.gather(*answers, return_exceptions=True)
        assert sum(isinstance(one, AlreadyAnswered) for one in outcomes) == 2
        assert not isinstance(outcomes[0], BaseException)
        assert (await ask(broker, "q2")).status == "answered"


@pytest.mark.parametrize("decision", ["reject", "edit"])
async def test_only_an_approval_makes_a_rule(decision: Any) -> None:
    async with broker_on() as broker:
        await ask(broker, "q1")
        answer = Answer(decision=decision, human_feedback="no", rule="run")
        with pytest.raises(InvalidAnswer, match="only an approval"):
            await broker.answer("q1", answer, "ada")
        assert (await broker.request("q1")).status == "pending"


async def test_a_rule_needs_a_known_asker_and_a_question_without_an_assignee() -> None:
    async with broker_on() as broker:
        await broker.publish([gated("nobody")])
        await broker.publish([gated("assigned", assignee="ada")], CREW)
        for request_id in ("nobody", "assigned"):
            with pytest.raises(InvalidAnswer, match="leave `rule` out"):
                await broker.answer(request_id, allow("run"), "ada")


async def test_who_is_found_to_have_asked_while_the_answer_is_checked_makes_no_rule(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Another server of the log took the question; this one follows it a moment later."""
    async with broker_on() as broker:
        await ask(broker, "q1")
        inside = ScopedBroker(broker, KeyScope(frozenset({"run-1"}), frozenset()))
        asker = broker._lifecycle.askers.pop("q1")
        request = broker.request

        async def followed(request_id: str) -> Request:
            found = await request(request_id)
            broker._lifecycle.askers["q1"] = asker
            return found

        monkeypatch.setattr(broker, "request", followed)
        with pytest.raises(Forbidden, match="leave `rule` out"):
            await inside.answer("q1", allow("run"), "crew", CREW, on_page=False)
        assert await broker.rules() == []


async def test_there_is_an_end_to_rules(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(limits, "MAX_RULES", 1)
    async with broker_on() as broker:
        rule_id = await made(broker)
        await ask(broker, "q2", execution_id="run-2")
        with pytest.raises(TooMany, match="revoke some"):
            await broker.answer("q2", allow("run"), "ada")
        await broker.revoke_rule(rule_id, "ada", "page")
        await broker.answer("q2", allow("run"), "ada")


async def test_a_default_makes_no_rule() -> None:
    async with broker_on() as broker:
        response = {
            "decisions": ["approve", "reject"],
            "on_expiry": "default",
            "default": {"decision": "approve", "rule": "run"},
        }
        soon = (utc_now() + timedelta(milliseconds=20)).isoformat()
        await broker.publish([gated("q1", response=response, expires_at=soon)], CREW)
        subscription = broker.subscribe(EVERYTHING, Start(replay="all"))
        while (await broker.request("q1")).status == "pending":
            assert await subscription.next(5) is not None
        subscription.close()
        assert await broker.rules() == []


class Unreadable(MemoryStore):
    """A store whose metadata, requests or appends fail when a test says so."""

    fails = ""

    async def get_metadata(self, prefix: str) -> dict[str, bytes]:
        self._fail("metadata")
        return await super().get_metadata(prefix)

    async def offset_of(self, event_id: str) -> int | None:
        self._fail("offset")
        return await super().offset_of(event_id)

    async def append(self, events: Any, **options: Any) -> Any:
        if options.get("condition") is not None:
            self._fail("append")
        return await super().append(events, **options)

    def _fail(self, what: str) -> None:
        if self.fails == what:
            raise StoreUnavailable("the disk is away")


@pytest.mark.parametrize("what", ["metadata", "offset", "append"])
async def test_if_the_log_cannot_be_read_or_written_the_person_is_asked(what: str) -> None:
    store = Unreadable()
    async with broker_on(store) as broker:
        await made(broker)
        store.fails = what
        assert (await ask(broker, "q2")).status == "pending"
        await broker.answer("q2", ALLOW, "ada")


async def test_a_note_alone_is_no_rule() -> None:
    store = MemoryStore()
    async with broker_on(store) as broker:
        await made(broker)
        ((name, body),) = (await store.get_metadata("rule:")).items()
        await broker.revoke_rule(name.removeprefix("rule:"), "ada", "page")
        for forged in ("rule:forged", "rule:q1"):
            await store.put_metadata(forged, body)
        await store.put_metadata("rule:broken", b"{")
        assert await broker.rules() == []
        assert (await ask(broker, "q2")).status == "pending"


async def test_a_salvage_that_lost_the_revocation_does_not_bring_the_rule_back(
    tmp_path: Path,
) -> None:
    path, new = tmp_path / "log.db", tmp_path / "new.db"
    async with broker_on(SqliteStore(path)) as broker:
        rule_id = await made(broker)
        await broker.revoke_rule(rule_id, "ada", "page")
        await broker.publish([other()])
    with closing(sqlite3.connect(path)) as connection, connection:
        connection.execute("DELETE FROM events WHERE offset = 3")
    assert salvage(path, new, utc_now()).lost == [(3, 3)]
    async with broker_on(SqliteStore(new)) as broker:
        assert (await broker.request("q1")).status == "answered"
        assert await broker.rules() == []
        with pytest.raises(AlreadyAnswered):
            await broker.answer("q1", allow("run"), "ada")
        assert (await ask(broker, "q2")).status == "pending"


@pytest.mark.parametrize("when", ["before the question", "before the commit"])
async def test_a_database_that_went_back_in_time_has_no_rules(
    log_url: str, monkeypatch: pytest.MonkeyPatch, when: str
) -> None:
    """The answer that made the rule may be there, and its revocation lost."""

    store = PostgresStore(parse(log_url))
    async with broker_on(store) as broker:
        await made(broker)
        append = store.append

        async def late(*given: Any, **options: Any) -> Any:
            if (options.get("condition") is not None) == (when == "before the commit"):
                with closing(parse(log_url).connect()) as log:
                    log.run_script("UPDATE log.state SET epoch = 'of a backup'")
            return await append(*given, **options)

        monkeypatch.setattr(store, "append", late)
        assert (await ask(broker, "q2")).status == "pending"
        assert await broker.rules() == []
        assert broker.epoch == "of a backup"


async def test_a_rule_that_was_pruned_with_its_question_never_allows() -> None:
    async with broker_on() as broker:
        await made(broker)
        await broker.publish([other()])
        await broker.prune(keep=1, days=1000)
        assert (await ask(broker, "q2")).status == "pending"


async def test_taking_the_id_of_a_revocation_can_only_end_the_rule() -> None:
    async with broker_on() as broker:
        rule_id = await made(broker)
        from crewai_hitl_nb.broker.requests.rules import _revocation

        await broker.publish([other(event_id=_revocation(rule_id))], "mallory")
        assert (await ask(broker, "q2")).status == "pending"
        await broker.revoke_rule(rule_id, "ada", "page")


async def test_a_limited_key_sees_and_ends_only_the_rules_of_its_scope() -> None:
    async with broker_on() as broker:
        rule_id = await made(broker)
        inside = ScopedBroker(broker, KeyScope(frozenset({"run-1"}), frozenset()))
        outside = ScopedBroker(broker, KeyScope(frozenset({"run-2"}), frozenset()))
        assert await outside.rules() == []
        with pytest.raises(NotFound):
            await outside.revoke_rule(rule_id, "eve", "api")
        assert [one.made.event_id for one in await inside.rules()] == [rule_id]
        await inside.revoke_rule(rule_id, "bob", "api")
        assert await broker.rules() == []


async def test_the_end_of_a_rule_is_an_event_for_those_who_see_its_run() -> None:
    async with broker_on() as broker:
        rule_id = await made(broker)
        await broker.revoke_rule(rule_id, "bob", "page")
        (record,) = (await broker.trail(after=2, limit=9)).entries
        assert record.body is not None
        event = decode_event(record.body)
        assert isinstance(event, UnknownEvent)
        assert (event.type, event.execution_id) == (rules.REVOKED_TYPE, "run-1")
        assert event.fields["revoked_by"] == {"name": "bob", "via": "page"}
        assert (event.fields["rule_id"], event.fields["tool"]) == (rule_id, "send")


@asynccontextmanager
async def two_servers(url: str) -> AsyncIterator[list[Broker]]:
    async with AsyncExitStack() as stack:
        yield [
            await stack.enter_async_context(broker_on(PostgresStore(parse(url)))) for _ in range(2)
        ]


async def test_every_server_of_a_log_applies_and_ends_the_rules_of_all(log_url: str) -> None:
    async with two_servers(log_url) as (one, two):
        rule_id = await made(one)
        assert (await ask(two, "q2")).status == "answered"
        await two.revoke_rule(rule_id, "ada", "page")
        assert (await ask(one, "q3")).status == "pending"


async def test_a_revocation_that_is_just_being_stored_elsewhere_still_counts(
    log_url: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The rule stood when it was looked up; the commit of the answer finds that it is revoked."""
    async with two_servers(log_url) as (one, two):
        rule_id = await made(one)
        allows = rules.allows
        revoked = asyncio.Event()

        def looked_up(*given: Any) -> bool:
            revoked.set()
            return allows(*given)

        append = one._store.append

        async def late(*given: Any, **options: Any) -> Any:
            if options.get("condition") is not None:
                await two.revoke_rule(rule_id, "ada", "page")
            return await append(*given, **options)

        monkeypatch.setattr(rules, "allows", looked_up)
        monkeypatch.setattr(one._store, "append", late)
        assert (await ask(one, "q2")).status == "pending"
        assert revoked.is_set()
