"""A host made of the runtime alone: everything that a server does without a handler, and its end.

The two applications only translate configuration, so what is true here is true of both.
"""

import asyncio
import threading
from collections.abc import Collection
from contextlib import AsyncExitStack
from datetime import datetime, timedelta, timezone
from pathlib import Path
from typing import Any

import pytest

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.webhooks.config import WebhookSettings
from crewai_hitl_nb.broker.webhooks.worker import Webhooks
from crewai_hitl_nb.protocol import form_values
from crewai_hitl_nb.protocol.errors import StoreUnavailable
from crewai_hitl_nb.protocol.log_lines import logger
from crewai_hitl_nb.server.auth.kernel_key import load_or_make
from crewai_hitl_nb.server.host.discovery_file import Address, DiscoveryFile
from crewai_hitl_nb.server.host.retention import Retention
from crewai_hitl_nb.server.host.runtime import HostSettings, Runtime
from crewai_hitl_nb.store.base import EVERYTHING
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.broker.webhooks.receiver import SECRET, Receiver
from tests.events import other, required
from tests.server.door import until

HERE = Address("http://127.0.0.1:1/")


def host(folder: Path, **settings: Any) -> Runtime:
    """Return a host whose log and discovery file are in the folder."""
    given = {"stores": (str(folder / "log.db"),), "discovery_folder": folder / "runtime"}
    return Runtime(
        HostSettings(prefix="/", **{**given, **settings}), logger(__name__), activity=None
    )


async def start(runtime: Runtime) -> Broker:
    await runtime.start(lambda _: HERE)
    assert runtime.services.broker is not None
    return runtime.services.broker


def left(folder: Path, before: Collection[threading.Thread]) -> list[str]:
    """Return what a server that still ran would have: its threads and its discovery file."""
    new = [thread for thread in threading.enumerate() if thread not in before]
    threads = [thread.name for thread in new if thread.name.startswith("hitl-")]
    return [*threads, *(path.name for path in folder.glob("runtime/*.json"))]


def test_a_host_that_is_stopped_at_once_does_not_wait_for_the_check_of_forms(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    loaded = threading.Event()
    monkeypatch.setattr(form_values, "prepare", loaded.wait)  # as long as an import may take

    async def serve_briefly() -> None:
        runtime = host(tmp_path)
        await start(runtime)
        await runtime.stop()

    serving = threading.Thread(target=asyncio.run, args=(serve_briefly(),), daemon=True)
    serving.start()
    serving.join(20)
    ended = not serving.is_alive()
    loaded.set()
    assert ended


async def test_a_host_drops_old_events_from_the_start_on(tmp_path: Path) -> None:
    old = datetime.now(timezone.utc) - timedelta(days=3)
    store = SqliteStore(tmp_path / "log.db", old.timestamp)
    await store.start(lambda commits: None)
    await store.append([required("open"), *(other() for _ in range(5))])
    await store.close()
    runtime = host(tmp_path, retention=Retention(days=2))
    broker = await start(runtime)

    async def kept() -> list[int]:
        page = await broker.trail(after=0, limit=100)
        return [entry.offset for entry in page.entries if entry.body is not None]

    await until(kept, lambda offsets: offsets == [1])
    await runtime.stop()


async def test_a_host_delivers_webhooks(tmp_path: Path) -> None:
    receiver = Receiver()
    await receiver.start()
    webhooks = WebhookSettings(urls=(receiver.url(),), secrets=(SECRET,), allow_private=True)
    runtime = host(tmp_path, webhooks=webhooks)
    broker = await start(runtime)
    await broker.publish([required("q1")])

    async def received() -> int:
        return len(receiver.calls)

    await until(received, lambda calls: calls == 1)
    await runtime.stop()
    await receiver.stop()


async def test_a_host_ends_requests_at_their_deadline(tmp_path: Path) -> None:
    runtime = host(tmp_path)
    broker = await start(runtime)
    due = datetime.now(timezone.utc) + timedelta(seconds=0.05)
    await broker.publish([required("q1", expires_at=due.isoformat())])

    async def status() -> str:
        return (await broker.request("q1")).status

    await until(status, lambda status: status == "expired")
    await runtime.stop()


async def test_a_host_counts_requests_of_before_its_start_for_those_who_asked(
    tmp_path: Path,
) -> None:
    runtime = host(tmp_path)
    await (await start(runtime)).publish([required("q1")], by="ada")
    await runtime.stop()
    await start(runtime)
    assert list(runtime.services.limiter._asked["ada"]) == ["q1"]
    await runtime.stop()


async def test_a_stop_goes_backwards_through_the_start(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nobody is sent to a server that no longer answers, and no part outlives what it uses."""
    ended: list[str] = []

    def watch(owner: type, method: str, name: str) -> None:
        real = getattr(owner, method)

        def recorded(self: object) -> Any:
            ended.append(name)
            return real(self)

        monkeypatch.setattr(owner, method, recorded)

    watch(DiscoveryFile, "remove", "discovery")
    watch(Webhooks, "close", "webhooks")
    watch(Broker, "close", "broker")
    watch(SqliteStore, "close", "store")
    before, threads = asyncio.all_tasks(), threading.enumerate()
    runtime = host(tmp_path)
    await start(runtime)
    assert left(tmp_path, threads)
    await runtime.stop()
    assert ended == ["discovery", "webhooks", "broker", "store"]
    assert left(tmp_path, threads) == []
    assert asyncio.all_tasks() == before
    await runtime.stop()
    assert len(ended) == 4


@pytest.mark.parametrize("survives", [False, True])
async def test_a_start_that_fails_half_way_leaves_no_task_thread_or_file(
    tmp_path: Path, survives: bool
) -> None:
    before, threads = asyncio.all_tasks(), threading.enumerate()
    runtime = host(tmp_path, survives_failure=survives)

    def address(_: AsyncExitStack) -> Address:
        raise StoreUnavailable("no address")

    if survives:
        await runtime.start(address)
        assert runtime.services.trouble == "no address"
    else:
        with pytest.raises(StoreUnavailable, match="no address"):
            await runtime.start(address)
    assert runtime.services.broker is None
    assert runtime.services.webhooks is None
    assert left(tmp_path, threads) == []
    assert asyncio.all_tasks() == before
    await runtime.stop()
    store = SqliteStore(tmp_path / "log.db")  # the lock is free again
    await store.start(lambda commits: None)
    await store.close()


async def test_a_host_that_survives_serves_pages_where_scripts_cannot_find_it(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "runtime").write_text("a file where the folder should be")
    runtime = host(tmp_path, survives_failure=True)
    broker = await start(runtime)
    await broker.publish([other("e1")])
    assert "scripts cannot find this server" in caplog.text
    await runtime.stop()
    assert runtime.services.broker is None


async def test_what_the_address_opened_is_closed_when_the_start_fails(tmp_path: Path) -> None:
    (tmp_path / "runtime").write_text("a file where the folder should be")
    closed: list[str] = []

    def address(opened: AsyncExitStack) -> Address:
        opened.callback(closed.append, "listener")
        return HERE

    with pytest.raises(OSError, match="runtime"):
        await host(tmp_path).start(address)
    assert closed == ["listener"]


async def test_a_second_host_takes_the_next_log_and_a_lone_one_says_who_holds_it(
    tmp_path: Path,
) -> None:
    first, second = str(tmp_path / "log.db"), str(tmp_path / "log-2.db")
    one, other_one = host(tmp_path / "1", stores=(first,)), host(tmp_path / "2", stores=(first,))
    third = host(tmp_path / "3", stores=(first, second))
    await start(one)
    with pytest.raises(StoreUnavailable, match="belongs to another running server"):
        await other_one.start(lambda _: HERE)
    broker = await start(third)
    await broker.publish([other()])
    store = broker._store
    assert isinstance(store, SqliteStore)
    assert len(await store.read(EVERYTHING, after=0, upto=store.top, limit=10)) == 1
    assert store.path == Path(second)
    await third.stop()
    await one.stop()


async def test_a_store_that_there_is_none_for_is_said_before_a_file_is_made(
    tmp_path: Path,
) -> None:
    runtime = host(tmp_path, stores=("redis://db/hitl",), survives_failure=True)
    await runtime.start(lambda _: HERE)
    assert "redis" in runtime.services.trouble
    assert "sqlite:///path" in runtime.services.trouble
    await runtime.stop()


async def test_a_key_file_keeps_the_kernels_key_and_without_one_each_host_has_its_own(
    tmp_path: Path,
) -> None:
    file = tmp_path / "kernel_key"
    kept = host(tmp_path, kernel_key_file=file)
    assert kept.services.kernel_key == load_or_make(file)
    assert host(tmp_path).services.kernel_key != host(tmp_path).services.kernel_key
