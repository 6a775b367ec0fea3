"""What one server does for all, and what happens when that server is gone."""

import signal
from collections import Counter
from collections.abc import AsyncIterator
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import anyio
import pytest
import pytest_asyncio

from tests.broker.webhooks.receiver import SECRET, Receiver
from tests.server.door import client, until
from tests.team.servers import Replica, Start

pytestmark = pytest.mark.asyncio


def soon(seconds: float = 1.5) -> str:
    return (datetime.now(timezone.utc) + timedelta(seconds=seconds)).isoformat()


async def metric(replica: Replica, name: str, labels: str = "") -> float:
    """Return the sum of a metric's values with these labels."""
    async with client(replica) as http:
        lines = (await http.get("metrics")).text.splitlines()
    found = [line for line in lines if line.startswith((f"{name}{{{labels}", f"{name} "))]
    return sum(float(line.rpartition(" ")[2]) for line in found)


@pytest_asyncio.fixture
async def receiver() -> AsyncIterator[Receiver]:
    receiver = Receiver()
    await receiver.start()
    yield receiver
    await receiver.stop()


async def test_deadlines_and_reminders_of_one_question_happen_once(start: Start) -> None:
    replicas = [start() for _ in range(3)]
    asked = await replicas[1].ask(
        remind_at=soon(1.0), expires_at=soon(2.0), response={"kind": "review"}
    )
    await replicas[2].until_status(asked, "expired")
    kinds = Counter(event["type"] for event in await replicas[0].events())
    assert kinds == {
        "human_input_required": 1,
        "human_input_reminded": 1,
        "human_input_expired": 1,
    }
    # The first server has the duties: the third one did not even try.
    commits = [await metric(one, "crewai_hitl_store_commit_seconds_count") for one in replicas]
    assert commits == [2, 1, 0]


async def test_a_deadline_is_kept_when_the_server_on_duty_is_killed_or_stopped(
    start: Start,
) -> None:
    first, second, third = start(), start(), start()
    one, two = await third.ask(expires_at=soon(0.5)), await third.ask(expires_at=soon(4.0))
    first.kill()
    await third.until_status(one, "expired")
    second.signal(signal.SIGSTOP)
    await third.until_status(two, "expired")
    second.signal(signal.SIGCONT)
    assert len(await second.events("human_input_expired")) == 2


async def test_a_clock_that_is_wrong_on_one_server_ends_nothing_early(start: Start) -> None:
    ahead, right = start(clock_ahead=7200.0), start()
    asked = await ahead.ask(expires_at=soon(3600.0))
    await anyio.sleep(3.0)
    assert (await right.get(f"requests/{asked}"))["status"] == "pending"


async def test_each_event_is_sent_to_a_webhook_by_one_server(
    start: Start, receiver: Receiver
) -> None:
    hooks: dict[str, Any] = {
        "webhook_urls": [receiver.url()],
        "webhook_secrets": [SECRET],
        "webhook_allow_private": True,
        "webhook_types": ["human_input_required"],
    }
    replicas = [start(**hooks) for _ in range(3)]
    for number in range(6):
        await replicas[number % 3].ask(f"q{number}")
    await receiver.until(6)
    (hook,) = (await replicas[2].get("webhooks"))["webhooks"]
    assert hook["status"] == "active"
    replicas[0].kill()
    for number in range(6, 9):
        await replicas[number % 2 + 1].ask(f"q{number}")
    await receiver.until_events(9)
    assert list(dict.fromkeys(receiver.requests)) == [f"q{number}" for number in range(9)]
    assert len(receiver.calls) <= 10  # the one in progress when the server was killed


async def test_every_request_is_counted_and_logged_by_the_server_that_stored_it(
    start: Start,
) -> None:
    replicas = [start() for _ in range(3)]
    for number, one in enumerate(replicas * 2):
        await one.ask(f"q{number}")
    for one in replicas:
        assert len(await one.events()) == 6
        assert await metric(one, "crewai_hitl_asked_total") == 2
        assert await metric(one, "crewai_hitl_pending_requests") == 6


async def test_metrics_show_who_has_a_duty_and_whether_a_server_keeps_up(start: Start) -> None:
    replicas = [start() for _ in range(3)]
    await replicas[2].ask()
    for duty in ("deadlines", "presence", "webhooks"):
        having = [await metric(r, "crewai_hitl_duty", f'duty="{duty}"') for r in replicas]
        assert sum(having) == 1
    for one in replicas:
        await until(partial(metric, one, "crewai_hitl_log_offset"), lambda offset: offset == 1)
        assert await metric(one, "crewai_hitl_events_behind") == 0
        assert await metric(one, "crewai_hitl_database_connections") >= 1
        assert await metric(one, "crewai_hitl_database_reads_waiting") == 0
