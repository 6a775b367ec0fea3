"""A real server whose disk takes nothing more or gives nonsense: it says why, and goes on."""

import asyncio
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
import pytest_asyncio
import websockets

from tests.chaos.faults import held, no_space
from tests.chaos.host import Host, hosted
from tests.chaos.ledger import Ledger
from tests.chaos.logs import fill

pytestmark = pytest.mark.asyncio

LARGE = {"type": "note", "event_id": "large", "text": "x" * 500_000}
SMALL = {"type": "note", "event_id": "small"}


@pytest_asyncio.fixture
async def host(tmp_path: Path) -> AsyncIterator[Host]:
    async with hosted(Host(tmp_path, Ledger())) as host:
        host.start()
        living = asyncio.ensure_future(host.live())
        await host.up()
        yield host
        host.strike()
        await living


@pytest_asyncio.fixture
async def http(host: Host) -> AsyncIterator[httpx.AsyncClient]:
    url, headers = host.endpoint.url, host.headers
    async with httpx.AsyncClient(base_url=url, headers=headers, timeout=30) as http:
        assert (await http.post("events", json=SMALL)).status_code == HTTPStatus.OK
        yield http


@pytest.mark.parametrize("fault", ["no_space", "held"])
async def test_who_publishes_gets_503_and_who_reads_goes_on(
    host: Host, http: httpx.AsyncClient, fault: str
) -> None:
    path = host.store_path
    with no_space(host.pid, path) if fault == "no_space" else held(path):
        refused = await http.post("events", json=LARGE)
        read = await http.get("poll/human-input")
    assert (refused.status_code, refused.json()["error"]) == (503, "store_unavailable")
    assert "nothing was stored" in refused.json()["message"]
    assert [event["event_id"] for event in read.json()["events"]] == ["small"]

    again = await http.post("events", json=LARGE)
    assert again.status_code == HTTPStatus.OK
    (placed,) = again.json()["events"]
    assert (placed["offset"], placed["duplicate"]) == (2, False)


@asynccontextmanager
async def serving_damaged(tmp_path: Path, old: bytes, new: bytes) -> AsyncIterator[Host]:
    """A server whose log was damaged while it was stopped."""
    async with hosted(Host(tmp_path, Ledger())) as host:
        await fill(host.store_path)
        whole = host.store_path.read_bytes()
        host.store_path.write_bytes(whole.replace(old, new))
        host.start()
        living = asyncio.ensure_future(host.live())
        await host.up()
        yield host
        host.strike()
        await living


@asynccontextmanager
async def reading(host: Host) -> AsyncIterator[websockets.ClientConnection]:
    """Read it all by WebSocket."""
    url = host.endpoint.url.replace("http", "ws", 1) + "ws/human-input?replay=all"
    async with websockets.connect(url, additional_headers=host.headers) as socket:
        yield socket


async def test_readers_of_a_log_with_a_damaged_event_get_all_others_and_are_told(
    tmp_path: Path,
) -> None:
    async with serving_damaged(tmp_path, b"short 3", b"\xff\xfe_rt 3") as host:
        async with httpx.AsyncClient(base_url=host.endpoint.url, headers=host.headers) as http:
            polled = (await http.get("poll/human-input?limit=1000")).json()["events"]
            behind = (await http.get("poll/human-input?last_event_id=short-3")).json()["events"]
        async with reading(host) as socket:
            pushed = [json.loads(await asyncio.wait_for(socket.recv(), 20)) for _ in polled]
    assert [event["offset"] for event in polled] == list(range(1, len(polled) + 1))
    assert [e["event_id"] for e in polled if e["type"] == "event_damaged"] == ["short-3"]
    assert pushed == polled
    assert behind == polled[16:]
    assert "event_damaged offset=16" in host.log.read_text()


async def test_readers_of_a_log_that_cannot_be_read_are_ended_and_the_servers_log_says_why(
    tmp_path: Path,
) -> None:
    async with serving_damaged(tmp_path, b"short-3", b"\xff\xfeort-3") as host:
        async with httpx.AsyncClient(base_url=host.endpoint.url, headers=host.headers) as http:
            polled = await http.get("poll/human-input")
            streamed = await http.get("events/human-input?replay=all")
        async with reading(host) as socket:
            with pytest.raises(websockets.ConnectionClosed) as closed:
                await asyncio.wait_for(socket.recv(), 20)
    salvage = f"crewai-hitl salvage {host.store_path}"
    assert (polled.status_code, polled.json()["error"]) == (503, "store_unavailable")
    assert salvage in polled.json()["message"]
    assert "data:" not in streamed.text
    assert closed.value.rcvd is not None
    assert closed.value.rcvd.reason == "the log cannot be read; connect again"
    said = [line for line in host.log.read_text().splitlines() if "stream ends" in line]
    assert len(said) == 2
    assert all(salvage in line for line in said)
