"""`hitl.history()`: what people decided, as a data frame or as plain records."""

import asyncio
import subprocess
import sys
from collections.abc import Iterator
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import msgspec
import pytest

import crewai_hitl_nb as hitl
from crewai_hitl_nb.client import history as history_module
from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.protocol.arguments import WrongArgument
from crewai_hitl_nb.protocol.records import FIELDS
from crewai_hitl_nb.server.standalone import HumanInputServer
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.events import completed, required


@pytest.fixture(scope="module")
def server() -> Iterator[HumanInputServer]:
    """A server where two questions were answered, one was cancelled and one waits."""
    with HumanInputServer(port=0, api_key="key") as server:
        with hitl.Client(server.url, "key") as client:
            for name in ("one", "two", "three", "four"):
                client.publish(required(name, execution_id="run", crew_id=f"crew-{name}"))
            client.answer("two", "Shorter, please")
            client.answer("one", decision="approve")
            client.cancel("three")
        yield server


@pytest.fixture
def plain(monkeypatch: pytest.MonkeyPatch) -> None:
    """As where pandas is not installed."""
    monkeypatch.setattr(history_module, "find_spec", lambda name: None)


def ids(server: HumanInputServer, *args: Any, **kwargs: Any) -> list[str]:
    rows = hitl.history(*args, **kwargs, url=server.url, token="key")
    return [row["request_id"] for row in rows]


def test_it_is_a_data_frame_with_times_and_numbers(server: HumanInputServer) -> None:
    pandas = pytest.importorskip("pandas")
    frame = hitl.history(url=server.url, token="key")
    assert list(frame.columns) == list(FIELDS)
    assert list(frame["request_id"]) == ["two", "one", "three"]
    assert list(frame["decision"])[:2] == ["respond", "approve"]
    assert frame["words"][0] == "Shorter, please"
    assert isinstance(frame["asked_at"].dtype, pandas.DatetimeTZDtype)
    assert frame["seconds"].dtype == float
    assert frame.groupby("status")["seconds"].count().to_dict() == {"answered": 2, "cancelled": 1}


def test_an_empty_history_is_a_frame_of_the_same_types(server: HumanInputServer) -> None:
    pytest.importorskip("pandas")
    with HumanInputServer(port=0, api_key="key") as empty:
        frame = hitl.history(url=empty.url, token="key")
    assert list(frame.columns) == list(FIELDS)
    assert len(frame) == 0
    full = hitl.history(url=server.url, token="key")
    for name in ("asked_at", "closed_at", "seconds", "round"):
        assert frame[name].dtype == full[name].dtype


@pytest.mark.usefixtures("plain")
def test_without_pandas_it_is_a_list_of_records(server: HumanInputServer) -> None:
    rows = hitl.history(url=server.url, token="key")
    assert [row["status"] for row in rows] == ["answered", "answered", "cancelled"]
    assert tuple(rows[0]) == FIELDS
    assert rows[0]["closed_at"].tzinfo is not None


@pytest.mark.usefixtures("plain")
def test_filters_leave_the_rest_out(server: HumanInputServer) -> None:
    now = datetime.now(timezone.utc)
    assert ids(server, crew_id="crew-one") == ["one"]
    assert ids(server, search="shorter") == ["two"]
    assert ids(server, timedelta(hours=1)) == ["two", "one", "three"]
    assert ids(server, now + timedelta(hours=1)) == []
    assert ids(server, now.date() - timedelta(days=2)) == ["two", "one", "three"]
    assert ids(server, until=timedelta(hours=1)) == []
    assert ids(server, until=now - timedelta(hours=1)) == []
    assert ids(server, datetime.now() - timedelta(hours=1)) == ["two", "one", "three"]


@pytest.mark.usefixtures("plain")
def test_what_ended_long_ago_does_not_travel(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    hour_ago = datetime.now(timezone.utc) - timedelta(hours=1)

    async def answered_long_ago(number: int) -> None:
        store = SqliteStore(tmp_path / "log.db", hour_ago.timestamp)
        await store.start(lambda commits: None)
        for name in map("old-{}".format, range(number)):
            asked = required(name), completed(name, "Good.")
            await store.append([msgspec.structs.replace(one, timestamp=hour_ago) for one in asked])
        await store.close()

    asyncio.run(answered_long_ago(250))
    fetched: list[int] = []
    get = AsyncClient._get

    async def counted(client: AsyncClient, path: str, params: Any = None) -> Any:
        reply = await get(client, path, params)
        fetched.append(len(reply["requests"]))
        return reply

    with HumanInputServer(port=0, api_key="key", store=str(tmp_path / "log.db")) as server:
        with hitl.Client(server.url, "key") as client:
            client.publish(required("new"))
            client.answer("new", "Good.")
        monkeypatch.setattr(AsyncClient, "_get", counted)
        assert ids(server, timedelta(minutes=30)) == ["new"]
        assert fetched == [1]
        assert len(ids(server)) == 251
        assert ids(server, hour_ago)[0] == "old-0"


def test_a_wrong_argument_is_named() -> None:
    wanted = "since must be a date, a datetime or a timedelta"
    for wrong in ("yesterday", timedelta.max, 7):
        with pytest.raises(WrongArgument, match=wanted):
            hitl.history(wrong)  # type: ignore[arg-type]


def test_it_needs_no_crewai() -> None:
    code = "import sys; from crewai_hitl_nb import history; print('crewai' in sys.modules)"
    run = subprocess.run([sys.executable, "-c", code], text=True, capture_output=True, check=True)
    assert run.stdout == "False\n"
