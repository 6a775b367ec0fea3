"""Replay: what a reader without a last event id sees first."""

import pytest

from tests.server.door import Door, both_ways, ids, note, question
from tests.server.readers import TRANSPORTS, reading

pytestmark = pytest.mark.parametrize("transport", TRANSPORTS)


async def three_questions(door: Door) -> None:
    """Ask three, have the second answered and the third claimed, and some talk between."""
    await door.publish(
        question("q1", event_id="asked-1", execution_id="run-1", crew_id="red"),
        note("talk-1", execution_id="run-1", crew_id="red"),
        question("q2", event_id="asked-2", execution_id="run-2", crew_id="blue"),
        question("q3", event_id="asked-3", execution_id="run-2", crew_id="red"),
    )
    assert (await door.answer("q2", human_feedback="No")).status_code == 200
    assert (await door.http.post("requests/q3/claim", json={})).status_code == 200


async def test_pending_shows_the_open_questions_and_their_latest_claims(
    door: Door, transport: str
) -> None:
    await three_questions(door)
    async with reading(transport, door, replay="pending") as reader:
        seen = await reader.replayed()
    assert [event["type"] for event in seen] == [
        "human_input_required",
        "human_input_required",
        "human_input_claimed",
    ]
    assert ids(seen)[:2] == ["asked-1", "asked-3"]
    assert seen[2]["request_id"] == "q3"


async def test_all_shows_the_whole_log_in_order(door: Door, transport: str) -> None:
    await three_questions(door)
    async with reading(transport, door, replay="all") as reader:
        seen = await reader.replayed()
    assert [event["offset"] for event in seen] == [1, 2, 3, 4, 5, 6]
    assert ids(seen)[:4] == ["asked-1", "talk-1", "asked-2", "asked-3"]


async def test_without_a_mode_sockets_and_sse_begin_with_what_is_open_and_poll_with_all(
    door: Door, transport: str
) -> None:
    await three_questions(door)
    async with reading(transport, door) as reader:
        seen = await reader.replayed()
    assert [e["offset"] for e in seen] == {"poll": [1, 2, 3, 4, 5, 6]}.get(transport, [1, 4, 6])


async def test_none_shows_only_what_comes_from_now_on(door: Door, transport: str) -> None:
    await three_questions(door)
    async with reading(transport, door, replay="none") as reader:
        assert await reader.replayed() == []


async def test_an_execution_in_the_path_shows_only_its_own_events(
    door: Door, transport: str
) -> None:
    await three_questions(door)
    async with reading(transport, door, "/run-1", replay="all") as reader:
        assert ids(await reader.replayed()) == ["asked-1", "talk-1"]
        await door.publish(note("elsewhere", execution_id="run-2"), note("nowhere"))
        await door.publish(note("here", execution_id="run-1"))
        assert ids(await reader.until("here")) == ["here"]


async def test_an_execution_id_may_hold_any_character(door: Door, transport: str) -> None:
    await door.publish(note("odd", execution_id="a/b ü?#%"), note("other", execution_id="a"))
    async with reading(transport, door, "/a%2Fb%20%C3%BC%3F%23%25", replay="all") as reader:
        assert ids(await reader.replayed()) == ["odd"]


@both_ways
async def test_a_crew_filters_replay_and_live_alike(door: Door, transport: str) -> None:
    await three_questions(door)
    async with reading(transport, door, replay="all", crew_id="red") as reader:
        seen = await reader.replayed()
        assert [event["offset"] for event in seen] == [1, 2, 4, 6]
        await door.publish(note("blue", crew_id="blue"), note("red", crew_id="red"))
        assert ids(await reader.until("red")) == ["red"]


@both_ways
async def test_types_filter_replay_and_live_alike(door: Door, transport: str) -> None:
    await three_questions(door)
    wanted = "human_input_completed, note"
    async with reading(transport, door, replay="all", type=wanted) as reader:
        seen = await reader.replayed()
        assert [event["type"] for event in seen] == ["note", "human_input_completed"]
        await door.publish(question("q4"), note("last"))
        assert ids(await reader.until("last")) == ["last"]


async def test_the_end_of_the_replay_names_the_epoch_and_the_top(
    door: Door, transport: str
) -> None:
    await three_questions(door)
    async with reading(transport, door, replay="none", type="note") as reader:
        await reader.replayed()
    (heartbeat,) = reader.heartbeats
    assert heartbeat["epoch"] == (await door.health())["epoch"]
    if transport != "poll":  # its reply carries a cursor, and no offset
        assert heartbeat["offset"] == 6


async def test_an_empty_log_replays_as_nothing(door: Door, transport: str) -> None:
    async with reading(transport, door, replay="all") as reader:
        assert await reader.replayed() == []
    assert reader.gaps == []
