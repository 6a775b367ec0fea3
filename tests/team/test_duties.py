"""What one server does for all, and what happens when that server is gone."""

import asyncio
import signal
from collections import Counter
from collections.abc import AsyncIterator
from contextlib import closing
from datetime import datetime, timedelta, timezone
from functools import partial
from typing import Any

import msgspec
import pytest
import pytest_asyncio

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.broker.webhooks.config import WebhookSettings
from crewai_hitl_nb.broker.webhooks.retries import Progress
from crewai_hitl_nb.broker.webhooks.worker import Webhooks
from crewai_hitl_nb.store.coordination import Tenure
from crewai_hitl_nb.store.postgres.connections import parse
from crewai_hitl_nb.store.postgres.store import PostgresStore
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
    replicas = [start(hurry=1.0) for _ in range(3)]  # a short lease may end on a busy machine
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
    # The first server has the duties, and may do both in one commit; the third did not even try.
    first, *others = [
        await metric(one, "crewai_hitl_store_commit_seconds_count") for one in replicas
    ]
    assert first in (1, 2)
    assert others == [1, 0]


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
    due = await ahead.ask(expires_at=soon(1.0))
    await right.until_status(due, "expired")  # the server on duty looked at both
    assert (await right.get(f"requests/{asked}"))["status"] == "pending"


async def test_a_clock_that_is_behind_on_the_server_on_duty_ends_nothing_late(start: Start) -> None:
    behind = start(clock_ahead=-7200.0)
    asked = await behind.ask(expires_at=soon(1.0))
    await behind.until_status(asked, "expired")


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


async def test_webhooks_that_are_changed_at_one_server_after_the_other_miss_no_event(
    start: Start, receiver: Receiver
) -> None:
    def hooks(*paths: str) -> dict[str, Any]:
        return {
            "webhook_urls": [receiver.url(path) for path in paths],
            "webhook_secrets": [SECRET],
            "webhook_allow_private": True,
            "webhook_types": ["human_input_required"],
        }

    before = start(**hooks("one"))
    await before.ask("q0")
    await receiver.until(1)
    other = start(**hooks("two"))
    before.stop()
    await until(lambda: other.get("webhooks"), lambda now: now["webhooks"][0]["cursor"] == 1)
    await other.ask("q1")
    await receiver.until(2)
    after = start(**hooks("one", "two"))
    other.stop()
    await after.ask("q2")
    await receiver.until(5)
    got = [(call.path, call.event["request_id"]) for call in receiver.calls]
    assert [name for path, name in got if path == "/one"] == ["q0", "q1", "q2"]
    assert [name for path, name in got if path == "/two"] == ["q1", "q2"]


async def test_the_position_of_a_webhook_that_no_server_has_is_deleted_after_a_week(
    log_url: str,
) -> None:
    store = PostgresStore(parse(log_url))
    broker = Broker(store)
    await broker.start()

    async def notes() -> dict[str, bytes]:
        return await store.get_metadata("webhook/")

    used, unused = Progress(url="https://hooks.invalid/used", cursor=1), "webhook/unused"
    week = timedelta(days=7)
    await store.put_metadata("webhook/used", msgspec.json.encode(used))
    old = msgspec.structs.replace(used, unused_since=datetime.now(timezone.utc) - week)
    await store.put_metadata(unused, msgspec.json.encode(old))
    gone = msgspec.structs.replace(used, disabled_at=datetime.now(timezone.utc))
    await store.put_metadata("webhook/disabled", msgspec.json.encode(gone))  # removed to enable it
    settings = WebhookSettings(urls=("https://hooks.invalid/back",), secrets=(SECRET,))
    (endpoint,) = settings.endpoints()
    back = f"webhook/{endpoint.id}"
    await store.put_metadata(back, msgspec.json.encode(old))
    webhooks = Webhooks(store, broker, settings)
    await webhooks.start()
    left = await until(notes, lambda now: len(now) == 2 and b'"unused_since":null' in now[back])
    assert b'"unused_since":"' in left["webhook/used"]
    await webhooks.close()
    await broker.close()


async def test_the_position_of_a_webhook_outlives_a_server_that_lost_the_duty_before_deleting_it(
    log_url: str,
) -> None:
    class ReadsSlowly(PostgresStore):
        has_read, may_return = asyncio.Event(), asyncio.Event()

        async def get_metadata(self, prefix: str) -> dict[str, bytes]:
            found = await super().get_metadata(prefix)
            if prefix == "webhook/":
                self.has_read.set()
                await self.may_return.wait()
            return found

        async def delete_metadata(self, name: str, *, tenure: Tenure | None = None) -> None:
            try:
                await super().delete_metadata(name, tenure=tenure)
            finally:
                tried.set()

    tried = asyncio.Event()
    settings = WebhookSettings(urls=("https://hooks.invalid/back",), secrets=(SECRET,))
    (endpoint,) = settings.endpoints()
    position = f"webhook/{endpoint.id}"
    old = datetime.now(timezone.utc) - timedelta(days=7)
    progress = Progress(url=endpoint.shown, cursor=1, unused_since=old)
    slept = ReadsSlowly(parse(log_url))
    broker = Broker(slept)
    await broker.start()
    await slept.put_metadata(position, msgspec.json.encode(progress))
    webhooks = Webhooks(slept, broker, WebhookSettings())
    await webhooks.start()
    await slept.has_read.wait()
    other = PostgresStore(parse(log_url))  # its settings name the webhook
    await other.start(lambda commits: None)
    with closing(parse(log_url).connect()) as log:
        taken_over = (
            "UPDATE log.duties SET holder = %(other)s, fence = fence + 1,"
            " expires = clock_timestamp() + interval '1 hour' WHERE name = 'webhooks'"
        )
        log.execute(taken_over, {"other": other.coordination.id})
    used = msgspec.json.encode(msgspec.structs.replace(progress, unused_since=None))
    await other.put_metadata(position, used)
    slept.may_return.set()
    await tried.wait()
    assert await other.get_metadata("webhook/") == {position: used}
    await webhooks.close()
    await broker.close()
    await other.close()


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
