"""Resume: with the last seen event id nothing is missed and nothing is repeated."""

import itertools

import pytest

from tests.server.door import Door, both_ways, configured, ids, note, question, until
from tests.server.readers import TRANSPORTS, reading

NAMES = [f"n{i}" for i in range(1, 7)]


@both_ways
@pytest.mark.parametrize(("first", "second"), list(itertools.product(TRANSPORTS, repeat=2)))
async def test_a_place_taken_on_one_transport_resumes_on_any(
    door: Door, first: str, second: str
) -> None:
    await door.publish(*map(note, NAMES))
    async with reading(first, door, replay="all") as reader:
        last = (await reader.until("n3"))[-1]["event_id"]
    async with reading(second, door, last_event_id=last) as reader:
        assert ids(await reader.replayed()) == NAMES[3:]
        await door.publish(note("live"))
        assert ids(await reader.until("live")) == ["live"]
    assert reader.gaps == []


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_the_last_event_id_header_wins_over_the_parameter(door: Door, transport: str) -> None:
    await door.publish(*map(note, NAMES))
    header = {"Last-Event-ID": "n5"}
    async with reading(transport, door, headers=header, last_event_id="n1") as reader:
        assert ids(await reader.replayed()) == ["n6"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_last_event_id_wins_over_the_replay_mode(door: Door, transport: str) -> None:
    await door.publish(*map(note, NAMES))
    async with reading(transport, door, last_event_id="n4", replay="none") as reader:
        assert ids(await reader.replayed()) == ["n5", "n6"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_id_of_another_execution_is_a_place_all_the_same(
    door: Door, transport: str
) -> None:
    await door.publish(note("mine-1", execution_id="mine"), note("theirs", execution_id="theirs"))
    await door.publish(note("mine-2", execution_id="mine"))
    async with reading(transport, door, "/mine", last_event_id="theirs") as reader:
        assert ids(await reader.replayed()) == ["mine-2"]


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_unknown_id_gets_a_gap_and_then_everything_that_is_kept(
    door: Door, transport: str
) -> None:
    await door.publish(*map(note, NAMES))
    async with reading(transport, door, last_event_id="never-seen") as reader:
        assert (await reader.frame())["type"] == "gap"
        assert ids(await reader.replayed()) == NAMES
    (gap,) = reader.gaps
    assert gap["reason"] == "unknown_event_id"
    assert gap["last_event_id"] == "never-seen"
    assert gap["epoch"] == (await door.health())["epoch"]


@configured(retain_events=1)
@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_id_before_pruned_events_gets_a_gap_and_then_everything_that_is_kept(
    door: Door, transport: str
) -> None:
    # The question is open, so pruning keeps it; what came after it is dropped.
    await door.publish(question("q", event_id="asked"), *map(note, NAMES))
    await door.restart()
    await until(door.kept, lambda kept: ids(kept) == ["asked", "n6"])
    async with reading(transport, door, last_event_id="asked") as reader:
        assert (await reader.frame())["type"] == "gap"
        assert ids(await reader.replayed()) == ["asked", "n6"]
    assert reader.gaps[0]["reason"] == "pruned"


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_gap_on_an_empty_log_is_said_once_and_reading_goes_on(
    door: Door, transport: str
) -> None:
    async with reading(transport, door, last_event_id="of-a-lost-log") as reader:
        assert await reader.replayed() == []
        await door.publish(note("first"))
        assert ids(await reader.until("first")) == ["first"]
    assert len(reader.gaps) == 1


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_an_id_of_any_characters_is_a_place_to_resume_from(
    door: Door, transport: str
) -> None:
    odd = "größer=1 & 100% ✓"
    await door.publish(note(odd), note("after"))
    async with reading(transport, door, last_event_id=odd) as reader:
        assert ids(await reader.replayed()) == ["after"]


async def test_the_header_is_read_as_utf8_as_an_event_source_sends_it(door: Door) -> None:
    odd = "größer ✓"
    await door.publish(note(odd), note("after"))
    # A str header of httpx is ASCII; a browser's EventSource sends UTF-8 (HTML, 9.2.3).
    reply = await door.http.get("poll/human-input", headers={b"Last-Event-ID": odd.encode()})
    assert ids(reply.json()["events"]) == ["after"]


async def test_poll_pages_through_a_long_log_by_its_own_cursor(door: Door) -> None:
    await door.publish(*map(note, NAMES))
    seen: list[str] = []
    params = {"limit": "4"}
    for expected in (NAMES[:4], NAMES[4:], []):
        body = (await door.http.get("poll/human-input", params=params)).json()
        assert ids(body["events"]) == expected
        seen += ids(body["events"])
        params["last_event_id"] = body["last_event_id"]
    assert seen == NAMES
    assert params["last_event_id"] == "n6"


async def test_poll_forgets_an_unknown_id_so_that_the_next_call_waits(door: Door) -> None:
    reply = await door.http.get("poll/human-input", params={"last_event_id": "lost"})
    assert reply.json()["gap"]["reason"] == "unknown_event_id"
    assert reply.json()["last_event_id"] is None
