"""An event under an id that another one has is refused by every store; our own ids are secret."""

import asyncio
from datetime import datetime, timezone

import msgspec
import pytest

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.protocol.answer import Answer
from crewai_hitl_nb.protocol.errors import AlreadyAnswered, EventExists
from crewai_hitl_nb.protocol.events import Event, HumanInputReminded
from crewai_hitl_nb.store.base import EVERYTHING
from tests.events import completed, other, required
from tests.store.conftest import MakeStore, Opened

pytestmark = pytest.mark.asyncio


async def test_many_appends_at_once_refuse_only_the_one_whose_id_is_taken(
    opened: Opened,
) -> None:
    store = opened.store
    taken, question = other("note"), required("r1")
    await store.append([taken, question])
    forged = msgspec.structs.replace(completed("r1"), event_id=taken.event_id)
    notes: list[list[Event]] = [[other("note")] for _ in range(20)]
    appends: list[list[Event]] = [*notes[:10], [forged], [question], *notes[10:]]
    results = await asyncio.gather(
        *(store.append(events) for events in appends),
        return_exceptions=True,
    )
    refused = [result for result in results if isinstance(result, BaseException)]
    assert [type(result) for result in refused] == [EventExists]
    assert sum(not isinstance(result, BaseException) for result in results) == 21
    assert results[11][0].duplicate  # type: ignore[index]


async def test_a_published_answer_of_somebody_else_is_no_duplicate(
    opened: Opened,
) -> None:
    store = opened.store
    answer = completed("r1", "Yes")
    await store.append([required("r1"), answer])
    assert answer.answered_by is not None
    by_bob = msgspec.structs.replace(
        answer, answered_by=msgspec.structs.replace(answer.answered_by, name="bob")
    )
    with pytest.raises(EventExists):
        await store.append([by_bob])
    nobody = msgspec.structs.replace(answer, answered_by=None)
    with pytest.raises(EventExists):
        await store.append([nobody])


async def test_a_key_means_the_same_after_a_restart_and_the_reminder_comes_once(
    make_durable: MakeStore,
) -> None:
    answer = Answer(human_feedback="Yes", idempotency_key="k")
    past = datetime(2020, 1, 1, tzinfo=timezone.utc)
    events = []
    for life in range(2):
        store = make_durable()
        broker = Broker(store)
        await broker.start()
        if life == 0:
            asked = msgspec.structs.replace(required("r1"), remind_at=past)
            await broker.publish([asked, required("r2")])
        else:
            asked = (await broker.request("r1")).required
        broker._lifecycle._closers.remind(asked)
        events.append((await broker.answer("r2", answer, "ada")).record)
        with pytest.raises(AlreadyAnswered):
            await broker.answer("r2", answer, "bob")
        await broker.close()
    assert events[0] == events[1]
    store = make_durable()
    await store.start(lambda commits: None)
    kept = await store.read(EVERYTHING, after=0, upto=store.top, limit=100)
    await store.close()
    reminded = str(HumanInputReminded.__struct_config__.tag)
    assert [record.type for record in kept].count(reminded) == 1
