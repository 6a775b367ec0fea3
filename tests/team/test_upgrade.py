"""Two versions of the server side by side on one log, during a rolling upgrade and a roll-back."""

import asyncio
import signal
from collections.abc import AsyncIterator, Iterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path

import anyio
import httpx
import pytest

from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.client.resume import Transport
from crewai_hitl_nb.client.stream import Subscription
from crewai_hitl_nb.protocol.events import UnknownEvent
from crewai_hitl_nb.store.postgres.connections import Session, parse
from examples.team.balancer import load_balancer
from tests.cli.command import PROGRAM, clean_env
from tests.jupyter_process import REPOSITORY, free_port
from tests.server.door import PATIENCE_SECONDS, client, note, socket, until
from tests.team.servers import KEY, Replica, Start
from tests.team.versions import NEXT, next_version

pytestmark = pytest.mark.asyncio

DRAIN_SECONDS = 1.5
"""Longer than the load balancer of the tests takes to leave a server out."""


@pytest.fixture
def newer(tmp_path: Path) -> Path:
    """The next version, beside which this one may write."""
    return next_version(tmp_path / "newer")


@pytest.fixture
def newest(tmp_path: Path) -> Path:
    """The next version, which this one may not write beside once it is alone."""
    return next_version(tmp_path / "newest", oldest_writer=NEXT)


@pytest.fixture
def log(log_url: str) -> Iterator[Session]:
    session = parse(log_url).connect()
    yield session
    session.close()


async def oldest_writer(log: Session) -> int:
    """Return the oldest version that may write the log."""
    row = log.execute("SELECT oldest_writer FROM log.state").fetchone()
    assert row is not None
    return int(row[0])


def version(log: Session) -> int:
    """Return the version of the log's tables."""
    row = log.execute(
        "SELECT obj_description(oid, 'pg_namespace') FROM pg_namespace WHERE nspname = %(name)s",
        {"name": log.schema},
    ).fetchone()
    assert row is not None
    return int(row[0].rpartition(" ")[2])


class Crowd:
    """A publisher and three readers that stay connected through the load balancer.

    Attributes:
        published: The ids of the events that were accepted, in order.
        refused: The replies to events that were not.
        seen: The ids that each reader saw, by its transport.
    """

    def __init__(self, url: str) -> None:
        self.published: list[str] = []
        self.refused: list[str] = []
        self.seen: dict[Transport, list[str]] = {"websocket": [], "sse": [], "poll": []}
        self._url = url
        self._over = False

    async def publish(self) -> None:
        """Publish one event after the other."""
        headers = {"Authorization": f"Bearer {KEY}"}
        async with httpx.AsyncClient(
            base_url=self._url, headers=headers, timeout=PATIENCE_SECONDS
        ) as http:
            while not self._over:
                name = f"n{len(self.published)}"
                reply = await http.post("events", json=note(name))
                if reply.status_code == 200:
                    self.published.append(name)
                else:
                    self.refused.append(f"{name}: {reply.status_code} {reply.text}")

    async def read(self, transport: Transport) -> None:
        """Read all events over one transport."""
        async with AsyncClient(self._url, KEY) as reader:
            stream = reader.stream(Subscription(replay="all"), transports=(transport,))
            async with aclosing(stream.items()) as items:
                async for item in items:
                    if isinstance(item, UnknownEvent):
                        self.seen[transport].append(item.event_id)

    async def more(self, number: int = 10) -> None:
        """Return when this many more events were accepted."""
        goal = len(self.published) + number

        async def count() -> int:
            return len(self.published)

        await until(count, lambda now: now >= goal)

    async def leave(self, publishing: "asyncio.Task[None]") -> None:
        """Stop publishing, and return when every reader has the last event."""
        self._over = True
        await publishing

        async def last() -> set[str]:
            return {seen[-1] for seen in self.seen.values()}

        await until(last, lambda ids: ids == {self.published[-1]})


@asynccontextmanager
async def crowd(url: str) -> AsyncIterator[Crowd]:
    """Run a crowd for the length of a block; its readers then have all that was published."""
    here = Crowd(url)
    publishing = asyncio.ensure_future(here.publish())
    reading = [asyncio.ensure_future(here.read(transport)) for transport in here.seen]
    try:
        yield here
        await here.leave(publishing)
    finally:
        for task in (publishing, *reading):
            task.cancel()
        await asyncio.gather(publishing, *reading, return_exceptions=True)


class Slot:
    """A place behind the load balancer, where one server after the other runs."""

    def __init__(self, start: Start) -> None:
        self._start = start
        self._port = free_port()
        self.url = f"http://127.0.0.1:{self._port}/"
        self.replica: Replica | None = None

    async def run(self, code: Path = REPOSITORY) -> Replica:
        """Stop the server that runs here as an operator does, and start one with this code."""
        if self.replica is not None:
            await asyncio.to_thread(self.replica.stop)
        options = {"port": self._port, "drain_seconds": DRAIN_SECONDS, "code": code}
        self.replica = await asyncio.to_thread(lambda: self._start(**options))
        return self.replica


async def ask_and_answer(asks: Replica, answers: Replica) -> None:
    """Ask at one server and answer at another one; both then agree."""
    asked = await asks.ask(response={"kind": "review"})
    await answers.until_status(asked, "pending")
    async with client(answers) as http:
        reply = await http.post(f"requests/{asked}/answer", json={"human_feedback": "Yes"})
    assert reply.status_code == 200, reply.text
    await asks.until_status(asked, "answered")


async def test_an_upgrade_one_by_one_refuses_nothing_and_each_reader_sees_each_event_once(
    start: Start, newer: Path, log: Session
) -> None:
    """Clients stay connected through the load balancer; one server is rolled back on the way."""
    slots = [Slot(start) for _ in range(3)]
    await asyncio.gather(*(slot.run() for slot in slots))
    with load_balancer([slot.url for slot in slots], check_seconds=0.2) as url:
        async with crowd(url) as clients:
            await clients.more()
            new = await slots[0].run(newer)
            await clients.more()
            old = slots[1].replica
            assert old is not None
            await ask_and_answer(old, new)
            await ask_and_answer(new, old)
            assert version(log) == NEXT
            back = await slots[0].run()
            await clients.more()
            await ask_and_answer(back, old)
            for slot in slots:
                new = await slot.run(newer)
                await clients.more()
            await ask_and_answer(new, new)
    assert clients.refused == []
    assert clients.seen == dict.fromkeys(clients.seen, clients.published)


async def test_servers_of_a_new_version_that_start_at_once_upgrade_the_log_once(
    start: Start, newer: Path, log: Session
) -> None:
    old = start()
    await old.ask("before")
    begun = await asyncio.gather(*(asyncio.to_thread(lambda: start(code=newer)) for _ in range(3)))
    rows = log.execute("SELECT servers FROM log.upgrades").fetchall()
    assert rows == [(1,)]  # when it was upgraded, the old server alone had a lease
    for one in (old, *begun):
        await one.until_status("before", "pending")
        await one.publish(note())


async def test_an_older_server_is_let_write_until_it_stops_and_not_started_again(
    start: Start, newest: Path, log: Session, log_url: str, tmp_path: Path
) -> None:
    old, staying = start(), start(code=newest)
    await ask_and_answer(old, staying)
    assert await oldest_writer(log) < NEXT
    await ask_and_answer(staying, old)
    old.stop()
    await until(lambda: oldest_writer(log), lambda oldest: oldest == NEXT)
    env = clean_env(tmp_path, CREWAI_HITL_STORE=log_url)
    done = await anyio.run_process([*PROGRAM, "serve", "--port", "0"], env=env, check=False)
    assert done.returncode == 1
    (line,) = done.stderr.decode().splitlines()
    assert f"schema {NEXT}, this one knows {NEXT - 1}); upgrade crewai-hitl-nb" in line
    await ask_and_answer(staying, staying)


async def test_an_older_server_that_slept_through_the_upgrade_hands_its_clients_over(
    start: Start, newest: Path, log: Session
) -> None:
    old, new = start(), start(code=newest)
    async with socket(old) as reader:
        old.signal(signal.SIGSTOP)
        await until(lambda: oldest_writer(log), lambda oldest: oldest == NEXT)
        old.signal(signal.SIGCONT)
        async with client(old) as http:
            refused = await http.post("events", json=note())
            assert (refused.status_code, refused.json()["error"]) == (503, "store_unavailable")
            assert "upgrade crewai-hitl-nb on this server" in refused.json()["message"]
            health = await until(lambda: http.get("health"), lambda reply: reply.status_code == 503)
            assert health.json()["status"] == "unhealthy"
            assert "upgrade crewai-hitl-nb on this server" in health.json()["message"]
            poll = await http.get("poll/human-input")
            assert (poll.status_code, poll.json()["error"]) == (503, "store_unavailable")
            assert "another server" in poll.json()["message"]
            assert (await http.get("health/live")).status_code == 200
        await asyncio.wait_for(reader.wait_closed(), PATIENCE_SECONDS)
        assert reader.close_code == 1001
    await new.publish(note())
