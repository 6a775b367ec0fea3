"""``texts=brief``: large questions without their texts, for whoever asks for that."""

import pytest

from tests.server.door import Door, question
from tests.server.readers import TRANSPORTS, reading

LARGE = "w" * 100_000


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_a_reader_that_asks_is_sent_large_questions_in_brief_then_and_later(
    door: Door, transport: str
) -> None:
    await door.publish(question("q1", context=LARGE), question("q2", context="a page"))
    async with reading(transport, door, texts="brief") as reader:
        large, small = await reader.replayed()
        await door.publish(question("q3", context=LARGE))
        later = await reader.event()
    assert (large["request_id"], large["brief"]) == ("q1", True)
    assert (later["request_id"], later["brief"]) == ("q3", True)
    assert not {"context"} & (large.keys() | later.keys())
    assert (small["context"], "brief" in small) == ("a page", False)
    whole = (await door.http.get("requests/q1")).json()
    assert (whole["context"], "brief" in whole) == (LARGE, False)


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_every_other_reader_is_sent_the_whole(door: Door, transport: str) -> None:
    await door.publish(question("q1", context=LARGE))
    async with (
        reading(transport, door) as reader,
        reading(transport, door, texts="whole") as other,
        reading(transport, door, texts="brief") as brief,
    ):
        for replayed in (await reader.replayed(), await other.replayed()):
            assert replayed[0]["context"] == LARGE
        await brief.replayed()
        await door.publish(question("q2", context=LARGE))
        for later in (await reader.event(), await other.event()):
            assert (later["context"], "brief" in later) == (LARGE, False)
        assert (await brief.event())["brief"] is True


@pytest.mark.parametrize("transport", TRANSPORTS)
async def test_that_something_is_brief_is_the_servers_word(door: Door, transport: str) -> None:
    await door.publish(question("q1", context="a page", brief=True))
    async with reading(transport, door, texts="brief") as reader:
        assert "brief" not in (await reader.replayed())[0]


async def test_a_listing_can_be_brief_and_still_finds_words_in_what_it_leaves_out(
    door: Door,
) -> None:
    await door.publish(question("q1", context=f"{LARGE} needle"), question("q2", context=LARGE))
    found = (await door.http.get("requests", params={"texts": "brief", "q": "needle"})).json()
    assert [one["request_id"] for one in found["requests"]] == ["q1"]
    assert (found["requests"][0]["brief"], found["requests"][0]["status"]) == (True, "pending")
    whole = (await door.http.get("requests", params={"q": "needle"})).json()["requests"]
    assert whole[0]["context"].endswith("needle")


@pytest.mark.parametrize("path", ["requests", "poll/human-input", "events/human-input"])
async def test_another_word_for_it_is_refused_and_named(door: Door, path: str) -> None:
    reply = await door.http.get(path, params={"texts": "short"})
    assert (reply.status_code, reply.json()["error"]) == (400, "bad_request")
    assert "`texts` is one of whole, brief" in reply.json()["message"]
