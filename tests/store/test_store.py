"""What every store promises (``crewai_hitl_nb/store/base.py``)."""

import asyncio
import json
from typing import Any

import msgspec
import pytest

from crewai_hitl_nb.protocol import ids, limits
from crewai_hitl_nb.protocol.errors import (
    AlreadyAnswered,
    RequestCancelled,
    RequestExists,
    TooLarge,
    UnknownRequest,
)
from crewai_hitl_nb.protocol.events import (
    AnsweredBy,
    Event,
    HumanInputCancelled,
    HumanInputClaimed,
)
from crewai_hitl_nb.store.base import EVERYTHING, Match, RequestQuery, Scope, Store
from tests.events import NOON, completed, other, required
from tests.store.conftest import Opened

pytestmark = pytest.mark.asyncio


async def offsets(
    store: Store, match: Match = EVERYTHING, *, after: int = 0, scope: Scope = "all"
) -> list[int]:
    page = await store.read(match, after=after, upto=store.top, limit=1000, scope=scope)
    return [record.offset for record in page]


async def test_offsets_count_from_one_and_stand_in_the_event(opened: Opened) -> None:
    results = await opened.store.append([required("r1"), other()])
    assert [r.record.offset for r in results] == [1, 2]
    page = await opened.store.read(EVERYTHING, after=0, upto=2, limit=10)
    assert [json.loads(record.body)["offset"] for record in page] == [1, 2]
    assert opened.store.top == 2


async def test_a_commit_is_announced_in_order_before_append_returns(opened: Opened) -> None:
    for _ in range(3):
        await opened.store.append([other(), other()])
        assert opened.seen[-1].record.offset == opened.store.top
    assert [commit.record.offset for commit in opened.seen] == [1, 2, 3, 4, 5, 6]


async def test_concurrent_appends_get_distinct_offsets_in_announced_order(opened: Opened) -> None:
    results = await asyncio.gather(*(opened.store.append([other()]) for _ in range(200)))
    given = sorted(result.record.offset for (result,) in results)
    assert given == list(range(1, 201))
    assert [commit.record.offset for commit in opened.seen] == given


async def test_the_same_event_id_again_is_a_duplicate_and_not_stored(opened: Opened) -> None:
    event = required("r1")
    (first,) = await opened.store.append([event])
    (again,) = await opened.store.append([event])
    assert (first.duplicate, again.duplicate) == (False, True)
    assert again.record == first.record
    assert len(opened.seen) == 1


async def test_the_same_event_twice_in_one_batch_is_stored_once(opened: Opened) -> None:
    event = other()
    results = await opened.store.append([event, event])
    assert [r.duplicate for r in results] == [False, True]
    assert opened.store.top == 1


async def test_a_refused_event_takes_its_whole_batch_with_it(opened: Opened) -> None:
    await opened.store.append([required("r1")])
    with pytest.raises(RequestExists):
        await opened.store.append([other(), required("r1")])
    assert await offsets(opened.store) == [1]
    (result,) = await opened.store.append([other()])
    assert result.record.offset == 2


async def test_the_second_answer_is_refused_with_the_winner_and_the_first_stands(
    opened: Opened,
) -> None:
    await opened.store.append([required("r1"), completed("r1", "shorter")])
    with pytest.raises(AlreadyAnswered) as refused:
        await opened.store.append([completed("r1", "longer")])
    assert refused.value.details["winner"] == {"name": "ada", "via": "api"}
    request = await opened.store.request("r1")
    assert request is not None
    assert request.status == "answered"
    assert getattr(request.completion, "human_feedback", None) == "shorter"


async def test_of_racing_answers_exactly_one_wins(opened: Opened) -> None:
    await opened.store.append([required("r1")])
    results = await asyncio.gather(
        *(opened.store.append([completed("r1", f"answer {i}")]) for i in range(50)),
        return_exceptions=True,
    )
    won = [r for r in results if not isinstance(r, BaseException)]
    assert len(won) == 1
    assert all(isinstance(r, AlreadyAnswered) for r in results if isinstance(r, BaseException))


async def test_a_cancelled_request_takes_no_answer(opened: Opened) -> None:
    cancelled = HumanInputCancelled(
        event_id=ids.new_event_id(), timestamp=NOON, request_id="r1", reason="interrupted"
    )
    await opened.store.append([required("r1"), cancelled])
    with pytest.raises(RequestCancelled):
        await opened.store.append([completed("r1")])


async def test_an_answer_to_nothing_is_refused(opened: Opened) -> None:
    with pytest.raises(UnknownRequest):
        await opened.store.append([completed("ghost")])


async def test_the_documents_answer_without_request_id_is_only_kept(opened: Opened) -> None:
    await opened.store.append([required("r1"), completed(None, "x")])
    request = await opened.store.request("r1")
    assert request is not None
    assert request.status == "pending"


async def test_who_asked_is_known_of_each_open_request_for_which_it_was_said(
    opened: Opened,
) -> None:
    await opened.store.append([required("r1"), required("r2")], by="ada")
    await opened.store.append([required("r3")], by="bob")
    await opened.store.append([required("r4"), other()])
    await opened.store.append([required("r5"), completed("r5", "Yes")], by="ada")
    await opened.store.append([completed("r2", "Yes")], by="bob")
    assert await opened.store.askers() == {"r1": "ada", "r3": "bob"}


async def test_an_event_over_the_limit_is_refused_and_nothing_is_stored(opened: Opened) -> None:
    with pytest.raises(TooLarge):
        await opened.store.append([other(), other(text="x" * limits.MAX_EVENT_BYTES)])
    assert await offsets(opened.store) == []


async def test_reading_filters_by_execution_crew_and_type(opened: Opened) -> None:
    batch: list[Event] = [
        required("r1", execution_id="x1", crew_id="c1"),
        required("r2", execution_id="x2", crew_id="c1"),
        other(execution_id="x1"),
        other(crew_id="c2"),
    ]
    await opened.store.append(batch)
    assert await offsets(opened.store, Match(execution_id="x1")) == [1, 3]
    assert await offsets(opened.store, Match(crew_id="c1")) == [1, 2]
    assert await offsets(opened.store, Match(types=frozenset({"weather_changed"}))) == [3, 4]
    both = Match(execution_id="x1", types=frozenset({"human_input_required"}))
    assert await offsets(opened.store, both) == [1]


async def test_reading_pages_by_offset(opened: Opened) -> None:
    await opened.store.append([other() for _ in range(5)])
    page = await opened.store.read(EVERYTHING, after=1, upto=4, limit=2)
    assert [record.offset for record in page] == [2, 3]
    assert await offsets(opened.store, after=5) == []


async def test_a_page_of_large_events_ends_with_the_one_that_fills_it(opened: Opened) -> None:
    for _ in range(5):
        await opened.store.append([other(text="x" * (limits.PAGE_BYTES // 2))])
    assert await offsets(opened.store) == [1, 2]
    assert await offsets(opened.store, after=2) == [3, 4]
    assert await offsets(opened.store, after=4) == [5]


async def test_pending_reads_what_was_open_at_that_top(opened: Opened) -> None:
    store = opened.store
    claim = HumanInputClaimed(
        event_id=ids.new_event_id(),
        timestamp=NOON,
        request_id="r2",
        claimed_by=AnsweredBy(name="bob"),
    )
    again = HumanInputClaimed(
        event_id=ids.new_event_id(),
        timestamp=NOON,
        request_id="r2",
        claimed_by=AnsweredBy(name="ada"),
    )
    await store.append([required("r1"), required("r2"), other(), claim, again])
    await store.append([completed("r1")])
    assert await offsets(store, scope="pending") == [2, 5]
    then = await store.read(EVERYTHING, after=0, upto=4, limit=10, scope="pending")
    assert [record.offset for record in then] == [1, 2, 4]


async def test_the_place_of_an_event_is_found_by_its_id(opened: Opened) -> None:
    (result,) = await opened.store.append([other()])
    assert await opened.store.offset_of(result.record.event_id) == 1
    assert await opened.store.offset_of("nobody") is None


async def test_requests_are_listed_by_filter_order_and_page(opened: Opened) -> None:
    store = opened.store
    await store.append(
        [
            required("r1", execution_id="x1", kind="question"),
            required("r2", execution_id="x1", assignee="ada"),
            required("r3", crew_id="c9"),
            completed("r1", "yes"),
        ]
    )

    async def names(query: RequestQuery) -> list[str]:
        page = await store.requests(query)
        return [request.required.request_id for request in page.requests]

    assert await names(RequestQuery()) == ["r1", "r2", "r3"]
    assert await names(RequestQuery(newest_first=True)) == ["r3", "r2", "r1"]
    assert await names(RequestQuery(status="pending")) == ["r2", "r3"]
    assert await names(RequestQuery(status="closed")) == ["r1"]
    assert await names(RequestQuery(status="closed", execution_id="x1")) == ["r1"]
    assert await names(RequestQuery(status="closed", crew_id="c9")) == []
    assert await names(RequestQuery(execution_id="x1")) == ["r1", "r2"]
    assert await names(RequestQuery(crew_id="c9")) == ["r3"]
    assert await names(RequestQuery(kind="question")) == ["r1"]
    assert await names(RequestQuery(assignee="ada")) == ["r2"]
    first = await store.requests(RequestQuery(limit=2))
    assert first.next is not None
    assert await names(RequestQuery(limit=2, after=first.next)) == ["r3"]
    assert (await store.requests(RequestQuery(limit=2, after=first.next))).next is None


@pytest.mark.parametrize("newest_first", [False, True])
async def test_what_ended_since_is_listed_whatever_its_question_s_age_and_the_clock_s_jumps(
    opened: Opened, newest_first: bool
) -> None:
    store, noon = opened.store, opened.clock.now
    await store.append([required(f"r{i}", execution_id="x") for i in range(8)])
    for ended, name in enumerate(("r1", "r6", "r0", "r4", "r3")):
        opened.clock.now = noon + ended
        await store.append([completed(name, "yes", execution_id="x")])
    opened.clock.now = noon - 1000  # the clock jumps back for a while
    await store.append([completed("r5", "yes", execution_id="x")])
    opened.clock.now = noon + 10
    await store.append([completed("r7", "yes", execution_id="x")])

    async def names(**more: Any) -> list[str]:
        query = RequestQuery(limit=2, newest_first=newest_first, **more)
        found: list[str] = []
        while True:
            page = await store.requests(query)
            assert len(page.requests) == 2 or page.next is None
            found += [request.required.request_id for request in page.requests]
            if page.next is None:
                return found[::-1] if newest_first else found
            query = msgspec.structs.replace(query, after=page.next)

    assert await names(closed_after=noon + 2) == ["r0", "r3", "r4", "r7"]
    assert await names(closed_after=noon + 2, execution_id="x") == ["r0", "r3", "r4", "r7"]
    assert await names(closed_after=noon + 2, status="pending") == []
    assert await names(closed_after=noon + 10) == ["r7"]
    assert await names(closed_after=noon + 11) == []
    assert await names(closed_after=0.0) == ["r0", "r1", "r3", "r4", "r5", "r6", "r7"]


async def test_a_null_character_from_a_caller_finds_nothing_and_fails_nobody(
    opened: Opened,
) -> None:
    store = opened.store
    asked = store.append([required("r1", assignee="a\0da")])
    await asyncio.gather(asked, store.append([required("r2", assignee="ada")]))
    with pytest.raises(UnknownRequest):
        await store.append([completed("r1\0", "yes")])
    assert await store.request("r1\0") is None
    assert await store.offset_of("e\0") is None
    assert await offsets(store, Match(execution_id="x\0")) == []
    (found,) = (await store.requests(RequestQuery(assignee="a\0da"))).requests
    assert (found.required.request_id, found.required.assignee) == ("r1", "a\0da")
    assert store.outage == ""


async def test_a_search_looks_through_a_part_of_a_long_log_at_a_time(opened: Opened) -> None:
    store = opened.store
    await store.append([required("oldest", prompt="About the budget")])
    await store.append([required(f"r{i}") for i in range(limits.SEARCHED_REQUESTS - 1)])
    await store.append(
        [required("newest", prompt="The Budget, again"), completed("r7", "a budget")]
    )
    query = RequestQuery(words=("budget",), newest_first=True)

    first = await store.requests(query)
    assert first.next is not None
    last = await store.requests(msgspec.structs.replace(query, after=first.next))

    assert [r.required.request_id for r in first.requests] == ["newest", "r7"]
    assert [r.required.request_id for r in last.requests] == ["oldest"]
    assert last.next is None
    cut = await store.requests(msgspec.structs.replace(query, limit=1))
    assert ([r.required.request_id for r in cut.requests], cut.next) == (
        ["newest"],
        cut.requests[0].required.offset,
    )


async def test_a_request_shows_its_claim_and_its_end(opened: Opened) -> None:
    claim = HumanInputClaimed(
        event_id=ids.new_event_id(),
        timestamp=NOON,
        request_id="r1",
        claimed_by=AnsweredBy(name="bob", via="inbox"),
    )
    await opened.store.append([required("r1"), claim, completed("r1")])
    request = await opened.store.request("r1")
    assert request is not None
    assert request.claimed_by == AnsweredBy(name="bob", via="inbox")
    assert request.completion is not None
    assert request.completion.offset == 3
    assert await opened.store.request("r2") is None


async def test_pruning_by_count_keeps_open_requests_and_whole_requests(opened: Opened) -> None:
    store = opened.store
    await store.append([required("open"), required("done"), other(), other()])
    await store.append([completed("done"), other()])
    assert await store.prune(keep=2, before=0) == 2
    assert await offsets(store) == [1, 2, 5, 6]
    assert store.pruned_through == 4
    assert await store.prune(keep=0, before=0) == 3
    assert await offsets(store) == [1]
    assert await store.request("done") is None
    (result,) = await store.append([completed("open")])
    assert result.record.offset == 7


async def test_pruning_by_age_drops_what_was_stored_before(opened: Opened) -> None:
    await opened.store.append([other()])
    opened.clock.now += 100
    await opened.store.append([other()])
    assert await opened.store.prune(keep=1000, before=opened.clock.now - 50) == 1
    assert await offsets(opened.store) == [2]


async def test_an_event_that_bears_an_early_time_takes_no_younger_one_along(
    opened: Opened,
) -> None:
    await opened.store.append([other()])
    now, opened.clock.now = opened.clock.now, 0.0  # as a machine whose clock was not set yet
    await opened.store.append([other()])
    assert await opened.store.prune(keep=1000, before=now - 50) == 0
    assert await offsets(opened.store) == [1, 2]


async def test_pruning_nothing_moves_no_mark(opened: Opened) -> None:
    await opened.store.append([required("open")])
    assert await opened.store.prune(keep=0, before=0) == 0
    assert opened.store.pruned_through == 0


async def test_a_request_asked_and_answered_in_one_append_after_another_is_answered(
    opened: Opened,
) -> None:
    await opened.store.append([required("r1")])
    await opened.store.append([completed("r1"), required("r2"), completed("r2")])
    request = await opened.store.request("r2")
    assert request is not None
    assert request.status == "answered"
