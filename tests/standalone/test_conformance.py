"""Reading a standalone server, each body over WebSocket, SSE and long-poll.

What holds for both hosts is tested at the Jupyter door (``tests/server``); here stands
what needs a large log, two logs, or generated histories.
"""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import httpx
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from crewai_hitl_nb.server.standalone import HumanInputServer
from tests.server.door import both_ways
from tests.server.readers import TRANSPORTS, reading
from tests.standalone.conftest import KEY

pytestmark = [pytest.mark.asyncio, pytest.mark.parametrize("transport", TRANSPORTS), both_ways]


@dataclass
class Address:
    """Where a server is and how to be let in."""

    url: str
    token: str = KEY


@asynccontextmanager
async def serving(**options: Any) -> AsyncIterator[tuple[Address, httpx.AsyncClient]]:
    """Serve, with a client that may publish."""
    async with HumanInputServer(port=0, api_key=KEY, **options) as server:
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(base_url=server.url, headers=headers, timeout=30) as http:
            yield Address(server.url), http


async def publish(http: httpx.AsyncClient, *events: dict[str, Any]) -> list[str]:
    reply = await http.post("events", json=list(events))
    assert reply.status_code == 200, reply.text
    return [placed["event_id"] for placed in reply.json()["events"]]


async def test_ten_thousand_events_are_replayed_once_and_in_order_while_others_publish(
    transport: str, shortcuts: bool, tmp_path: Path
) -> None:
    async with serving(store=tmp_path / "log.db", shortcuts=shortcuts) as (address, http):
        for _ in range(20):
            await publish(http, *({"type": "note"} for _ in range(500)))
        async with reading(transport, address, replay="all") as reader:
            publishing = asyncio.ensure_future(publish(http, {"type": "note"}, {"type": "last"}))
            events = [await reader.event()]
            while events[-1]["type"] != "last":
                events.append(await reader.event())
            await publishing
    assert [event["offset"] for event in events] == list(range(1, 10_003))


async def test_a_place_in_another_log_gets_a_gap_that_names_this_logs_epoch(
    transport: str, shortcuts: bool
) -> None:
    async with serving(shortcuts=shortcuts) as (_, http):
        (elsewhere,) = await publish(http, {"type": "note"})
        lost = (await http.get("health")).json()["epoch"]
    async with serving(shortcuts=shortcuts) as (address, http):
        (here,) = await publish(http, {"type": "note"})
        async with reading(transport, address, last_event_id=elsewhere) as reader:
            (event,) = await reader.until(here)
        assert event["offset"] == 1
        (gap,) = reader.gaps
        assert (gap["reason"], gap["last_event_id"]) == ("unknown_event_id", elsewhere)
        assert gap["epoch"] == (await http.get("health")).json()["epoch"] != lost


async def test_a_reader_that_connects_again_after_a_restart_misses_and_repeats_nothing(
    transport: str, shortcuts: bool, tmp_path: Path
) -> None:
    store = tmp_path / "log.db"
    async with serving(store=store, shortcuts=shortcuts) as (address, http):
        ids = await publish(http, {"type": "note"}, {"type": "note"}, {"type": "note"})
    async with serving(store=store, shortcuts=shortcuts) as (address, http):
        (live,) = await publish(http, {"type": "note"})
        async with reading(transport, address, last_event_id=ids[0]) as reader:
            events = await reader.until(live)
        assert [event["event_id"] for event in events] == [*ids[1:], live]
        assert reader.gaps == []


_NOTES = st.lists(
    st.fixed_dictionaries(
        {
            "type": st.sampled_from(["a", "b"]),
            "execution_id": st.sampled_from(["x1", "x2"]),
            "crew_id": st.sampled_from(["c1", "c2"]),
            "event_id": st.sampled_from([f"e{i}" for i in range(8)]),
        }
    ),
    max_size=12,
)


@settings(max_examples=10)
@given(history=_NOTES, split=st.integers(0, 12), wanted=st.sampled_from(["", "x1", "x2"]))
async def test_whatever_was_published_a_resumed_reader_sees_the_rest_of_what_it_wants(
    transport: str, shortcuts: bool, history: list[dict[str, Any]], split: int, wanted: str
) -> None:
    first_of = {event["event_id"]: event for event in reversed(history)}  # idempotent on the id
    kept = [first_of[event_id] for event_id in dict.fromkeys(e["event_id"] for e in history)]
    place = min(split, len(kept))
    expected = [e["event_id"] for e in kept[place:] if wanted in ("", e["execution_id"])]
    async with serving(shortcuts=shortcuts) as (address, http):
        for event in history:
            await publish(http, first_of[event["event_id"]])
        await publish(http, {"type": "end", "event_id": "end", "execution_id": wanted or "x1"})
        resume = {"last_event_id": kept[place - 1]["event_id"]} if place else {"replay": "all"}
        async with reading(transport, address, wanted and f"/{wanted}", **resume) as reader:
            events = await reader.until("end")
    assert [event["event_id"] for event in events] == [*expected, "end"]
