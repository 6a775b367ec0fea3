"""An append with a condition on events is written only if the log has them, or has them not."""

import asyncio

import pytest

from crewai_hitl_nb.protocol.errors import HitlError
from crewai_hitl_nb.store.base import Condition, ConditionFailed
from tests.events import other
from tests.store.conftest import Opened

pytestmark = pytest.mark.asyncio


async def test_an_event_that_must_be_there_is_looked_for_in_the_commit(opened: Opened) -> None:
    condition = Condition(with_event="first")
    with pytest.raises(ConditionFailed):
        await opened.store.append([other(event_id="second")], condition=condition)
    assert opened.store.top == 0
    await opened.store.append([other(event_id="first")])
    await opened.store.append([other(event_id="second")], condition=condition)
    assert [commit.record.event_id for commit in opened.seen] == ["first", "second"]


async def test_an_event_that_must_not_be_there_is_seen_in_the_same_group(opened: Opened) -> None:
    condition = Condition(without_event="first")
    results = await asyncio.gather(
        opened.store.append([other(event_id="first")]),
        opened.store.append([other(event_id="second")], condition=condition),
        opened.store.append([other(event_id="third")]),
        return_exceptions=True,
    )
    assert isinstance(results[1], ConditionFailed)
    assert not isinstance(results[0], HitlError)
    assert not isinstance(results[2], HitlError)
    assert [commit.record.event_id for commit in opened.seen] == ["first", "third"]
