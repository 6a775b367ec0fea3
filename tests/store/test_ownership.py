"""Who owns an execution or a crew, and that a limited writer keeps to their own."""

import asyncio
from typing import Any

import pytest

from crewai_hitl_nb.protocol.errors import Forbidden
from crewai_hitl_nb.protocol.events import AnsweredBy, Event, HumanInputClaimed
from crewai_hitl_nb.store.base import KeyScope
from tests.events import NOON, completed, other, required
from tests.store.conftest import Clock, MakeStore, Opened

pytestmark = pytest.mark.asyncio

MINE = KeyScope(frozenset(), frozenset({"mine"}))
X1 = KeyScope(frozenset({"x1"}), frozenset())
BOTH = KeyScope(frozenset({"x1"}), frozenset({"mine"}))


async def writes(opened: Opened, reach: KeyScope, *events: Event) -> bool:
    top = opened.store.top
    try:
        await opened.store.append_scoped(events, reach)
    except Forbidden:
        assert opened.store.top == top
        return False
    return True


@pytest.mark.parametrize("theirs", [{"crew_id": "victim"}, {}], ids=["another crew", "no crew"])
@pytest.mark.parametrize("reach", [MINE, BOTH])
async def test_an_execution_first_published_under_another_crew_is_not_written_to(
    opened: Opened, theirs: dict[str, str], reach: KeyScope
) -> None:
    await opened.store.append([other("run_started", execution_id="run", **theirs)])
    await opened.store.append([other(execution_id="run", crew_id="mine")])  # by who may do all
    assert not await writes(opened, reach, other(execution_id="run", crew_id="mine"))


async def test_an_execution_of_ones_own_is_written_to_from_the_first_event_on(
    opened: Opened,
) -> None:
    own = {"execution_id": "run", "crew_id": "mine"}
    assert await writes(opened, MINE, other(**own), required("r1", **own))
    assert await writes(opened, MINE, other(**own))


async def test_nothing_of_a_batch_is_stored_when_one_event_names_what_is_anothers(
    opened: Opened,
) -> None:
    await opened.store.append([other(execution_id="run", crew_id="victim")])
    batch = [other(execution_id=name, crew_id="mine") for name in ("own", "run")]
    assert not await writes(opened, MINE, *batch)


async def test_a_key_for_an_execution_names_no_crew_of_another_execution(opened: Opened) -> None:
    await opened.store.append([other(execution_id="x2", crew_id="victim"), other(crew_id="idle")])
    assert await writes(opened, X1, other(execution_id="x1"))
    assert await writes(opened, X1, other(execution_id="x1", crew_id="new"))
    assert await writes(opened, X1, other(execution_id="x1", crew_id="new"))
    for crew in ("victim", "idle"):
        assert not await writes(opened, X1, other(execution_id="x1", crew_id=crew))


async def test_a_key_for_an_execution_goes_on_under_the_crew_that_it_was_published_under(
    opened: Opened,
) -> None:
    await opened.store.append([other(execution_id="x0", crew_id="shared")])
    await opened.store.append([other(execution_id="x1", crew_id="shared")])
    assert await writes(opened, X1, other(execution_id="x1", crew_id="shared"))


async def test_an_id_in_another_form_of_unicode_is_another_id(opened: Opened) -> None:
    composed, decomposed = "caf\u00e9", "cafe\u0301"
    await opened.store.append([other(execution_id="run", crew_id=composed)])
    reach = KeyScope(frozenset(), frozenset({decomposed}))
    assert not await writes(opened, reach, other(execution_id="run", crew_id=decomposed))


async def test_an_answer_goes_by_its_question_and_an_end_by_who_owns_the_execution(
    opened: Opened,
) -> None:
    asked: dict[str, Any] = {"execution_id": "run", "crew_id": "mine"}
    await opened.store.append([other(execution_id="run", crew_id="victim")])
    await opened.store.append([required("r1", **asked)])
    claim = HumanInputClaimed(
        event_id="c1", timestamp=NOON, request_id="r1", claimed_by=AnsweredBy(name="ada"), **asked
    )
    assert await writes(opened, MINE, claim)
    assert await writes(opened, MINE, completed("r1", "Good.", **asked))
    assert not await writes(opened, MINE, completed(None, "Good.", **asked))


@pytest.mark.parametrize("keep", [0, 1])
async def test_pruning_frees_no_execution_and_no_crew(opened: Opened, keep: int) -> None:
    await opened.store.append([other(execution_id="run", crew_id="victim")])
    await opened.store.append([other(execution_id="run", crew_id="mine")])
    await opened.store.prune(keep=keep, before=0)
    await opened.store.prune(keep=0, before=0)
    assert not await writes(opened, MINE, other(execution_id="run", crew_id="mine"))
    assert not await writes(opened, X1, other(execution_id="x1", crew_id="victim"))


async def test_the_owner_is_known_by_the_first_event_when_only_later_ones_are_pruned(
    opened: Opened,
) -> None:
    await opened.store.append([required("r1", execution_id="run", crew_id="victim")])
    await opened.store.append([other(execution_id="run", crew_id="mine")])
    assert await opened.store.prune(keep=0, before=0) == 1
    assert not await writes(opened, MINE, other(execution_id="run", crew_id="mine"))


async def test_an_execution_of_which_all_is_older_than_what_is_kept_is_forgotten(
    opened: Opened,
) -> None:
    await opened.store.append([other(execution_id="run", crew_id="victim")])
    opened.clock.now += 10
    await opened.store.append([other(execution_id="run", crew_id="victim")])
    await opened.store.prune(keep=0, before=opened.clock.now)
    assert not await writes(opened, MINE, other(execution_id="run", crew_id="mine"))
    await opened.store.prune(keep=0, before=opened.clock.now + 1)
    assert await writes(opened, MINE, other(execution_id="run", crew_id="mine"))


async def test_a_limited_writer_is_held_to_it_in_the_same_commit_as_others(opened: Opened) -> None:
    first = opened.store.append([other(execution_id="run", crew_id="victim")])
    second = opened.store.append_scoped([other(execution_id="run", crew_id="mine")], MINE)
    _, refused = await asyncio.gather(first, second, return_exceptions=True)
    assert isinstance(refused, Forbidden)


async def test_a_restart_frees_nothing(make_durable: MakeStore) -> None:
    for started in range(3):
        store = make_durable(clock := Clock())
        await store.start(lambda commits: None)
        opened = Opened(store, [], clock)
        if started == 0:
            await store.append([other(execution_id="run", crew_id="victim")])
        assert not await writes(opened, MINE, other(execution_id="run", crew_id="mine"))
        await store.prune(keep=0, before=0)
        await store.close()
