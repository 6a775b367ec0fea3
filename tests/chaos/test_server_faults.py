"""A real server whose disk takes nothing more: 503 with the reason, and on again afterwards."""

import asyncio
from collections.abc import AsyncIterator
from http import HTTPStatus
from pathlib import Path

import httpx
import pytest
import pytest_asyncio

from tests.chaos.faults import held, no_space
from tests.chaos.host import Host, hosted
from tests.chaos.ledger import Ledger

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
