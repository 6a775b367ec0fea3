"""Presence belongs to who asked: a connection of anybody else says nothing about a process."""

from pathlib import Path
from typing import Any

import pytest

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.store.base import KeyScope
from crewai_hitl_nb.store.memory import MemoryStore
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.broker.test_broker import broker_on, ended
from tests.events import other, required

pytestmark = pytest.mark.asyncio

K = {"source": {"id": "k"}}
MARKER = {"source": {"id": "a process that never comes"}}


async def is_lost(broker: Broker, request_id: str) -> bool:
    """Wait until a whole grace, begun now, is over; say whether the request is cancelled."""
    await broker.publish([required(f"after-{request_id}", **MARKER)], "ada")
    await ended(broker, f"after-{request_id}")
    return (await broker.request(request_id)).status == "cancelled"


@pytest.mark.parametrize(("by", "lost"), [("ada", False), ("eve", True), (None, True)])
async def test_a_question_is_kept_open_by_a_connection_of_who_asked_only(
    by: str | None, lost: bool
) -> None:
    async with broker_on(presence_grace=0.05) as broker:
        broker.waiter_arrived("k", by)
        await broker.publish([required("r1", **K)], "ada")
        assert await is_lost(broker, "r1") is lost


@pytest.mark.parametrize(("by", "lost"), [("ada", False), ("eve", True)])
async def test_after_a_restart_it_is_still_known_who_asked(
    tmp_path: Path, by: str, lost: bool
) -> None:
    async with broker_on(SqliteStore(tmp_path / "log.db"), presence_grace=60) as broker:
        await broker.publish([required("r1", **K)], "ada")
    async with broker_on(SqliteStore(tmp_path / "log.db"), presence_grace=0.05) as broker:
        broker.waiter_arrived("k", by)
        assert await is_lost(broker, "r1") is lost
        assert await broker.is_present("k") is not lost


async def test_two_callers_may_name_their_processes_alike() -> None:
    async with broker_on(presence_grace=0.05) as broker:
        for by in ("ada", "eve"):
            broker.waiter_arrived("k", by)
            await broker.publish([required(by, **K)], by)
        broker.waiter_left("k", "eve")
        assert (await ended(broker, "eve")).status == "cancelled"
        assert not await is_lost(broker, "ada")


async def test_a_dead_process_is_not_made_present_by_a_stranger() -> None:
    async with broker_on(presence_grace=60) as broker:
        await broker.publish([other("run_started", **K)], "ada")
        broker.waiter_arrived("k", "eve")
        await broker.publish([other("run_started", execution_id="x", **K)], "eve")
        assert not await broker.is_present("k")
        broker.waiter_arrived("k", "ada")
        assert await broker.is_present("k")


@pytest.mark.parametrize("store", [MemoryStore, None], ids=["memory", "sqlite"])
async def test_who_sees_part_of_the_log_learns_of_the_processes_named_there(
    store: Any, tmp_path: Path
) -> None:
    async with broker_on(store() if store else SqliteStore(tmp_path / "log.db")) as broker:
        await broker.publish(
            [
                required("r1", execution_id="x1", source={"id": "asks"}),
                other("run_started", execution_id="x1", source={"id": "runs"}),
                other("run_started", execution_id="x2", source={"id": "theirs"}),
                other("note", execution_id="x1", source={"id": "noted"}),
            ]
        )
        reach = KeyScope(frozenset({"x1"}), frozenset())
        named = [await broker.is_named(n, reach) for n in ("asks", "runs", "theirs", "noted", "")]
        assert named == [True, True, False, False, False]
