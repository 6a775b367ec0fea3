"""Several real servers over one database, each behind a network of its own that can be cut.

    actors ── HTTP ──▶ replica ── relay ──▶ PostgreSQL

A replica is a process with ``HumanInputServer``, begun again when it ends, as a service manager
does. Above are the actors, who move from replica to replica, and the faults.
"""

import asyncio
import contextlib
import faulthandler
import os
import random
import signal
from collections.abc import AsyncIterator
from contextlib import AsyncExitStack
from datetime import datetime, timedelta, tzinfo
from pathlib import Path

from crewai_hitl_nb.client.async_client import AsyncClient
from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.client.http import open_http
from crewai_hitl_nb.protocol.errors import HitlError
from tests.chaos.victim import Say, Victim
from tests.jupyter_process import free_port, scratch_env
from tests.postgres import Cluster, Standby
from tests.relay import Relay

REPLICAS = 3

CALL_SECONDS = 4.0
"""After this time a client gives up on a call and turns to another replica."""

HEARTBEAT_SECONDS = 1.0

PAUSE_SECONDS = 0.02
"""Between two attempts of an actor."""


AHEAD, BEHIND, RIGHT = signal.SIGRTMIN + 1, signal.SIGRTMIN + 2, signal.SIGRTMIN + 3
CLOCKS = {AHEAD: timedelta(days=1), BEHIND: -timedelta(days=1), RIGHT: timedelta()}
"""Signals that set the wall clock of a replica, and by how much it is then wrong."""


def serve(say: Say, url: str, port: int, env: dict[str, str]) -> None:
    """Run a server in this process."""
    os.environ.clear()
    os.environ.update(env)
    from crewai_hitl_nb.server.standalone import HumanInputServer

    faulthandler.register(signal.SIGUSR1)  # for a run that hangs
    # A server does not load crewAI. The fork server has, for other victims, and crewAI's handler of
    # this signal may block.
    signal.signal(signal.SIGCONT, signal.SIG_DFL)
    _let_the_clock_jump()
    HumanInputServer("127.0.0.1", port, store=url, heartbeat=HEARTBEAT_SECONDS).start()


def _let_the_clock_jump() -> None:
    """Set this process's wall clock when a signal of :data:`CLOCKS` comes."""
    from crewai_hitl_nb.broker import broker

    wrong_by = timedelta()

    class WrongClock(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> datetime:  # type: ignore[override]
            return datetime.now(tz) + wrong_by

    def jump(number: int, frame: object) -> None:
        nonlocal wrong_by
        wrong_by = CLOCKS[number]

    setattr(broker, "datetime", WrongClock)  # noqa: B010 - the module does not export it
    for number in CLOCKS:
        signal.signal(number, jump)


class Replica:
    """One server with many lives.

    Attributes:
        client: Calls this server.
        http: The same for its transports.
        relay: Its network to the database.
    """

    def __init__(self, number: int, folder: Path, relay: Relay, url: str) -> None:
        self.number = number
        self.relay = relay
        self.log = folder / f"replica-{number}.log"
        port = free_port()
        self.endpoint = Endpoint(f"http://127.0.0.1:{port}/", "")
        self.client = AsyncClient(endpoint=self.endpoint, seconds=CALL_SECONDS)
        self.http = open_http(self.endpoint, seconds=CALL_SECONDS)
        self._args = (url, port, scratch_env(folder / str(number)))
        self._victim: Victim | None = None

    async def live(self) -> None:
        """Run a process, and a new one whenever it ends, until cancelled."""
        while True:
            self._victim = await asyncio.to_thread(Victim, serve, *self._args, log=self.log)
            await asyncio.to_thread(self._victim.await_death, None)
            await asyncio.sleep(PAUSE_SECONDS)

    def send_signal(self, signal_number: int) -> bool:
        """Send a signal to the present process; return whether there is one."""
        if self._victim is None or not self._victim.is_alive:
            return False
        try:
            os.kill(self._victim.pid, signal_number)
        except ProcessLookupError:
            return False
        return True

    def send_clock(self, signal_number: int) -> bool:
        """Send a signal of :data:`CLOCKS`; return whether the process handles it.

        It would end one that has just begun.
        """
        return (
            self._victim is not None
            and _handles(self._victim.pid, signal_number)
            and self.send_signal(signal_number)
        )

    async def serves(self) -> bool:
        """Whether it answers, from its log."""
        try:
            await self.client.pending()
        except HitlError:
            return False
        return True

    def end(self) -> None:
        """End the process and see it dead."""
        if self._victim is not None:
            self._victim.kill()


def _handles(pid: int, signal_number: int) -> bool:
    """Return whether a process has a handler for a signal (Linux, ``proc(5)``)."""
    with contextlib.suppress(OSError):
        status = Path(f"/proc/{pid}/status").read_text()
        caught = int(status.partition("SigCgt:")[2].split()[0], 16)
        return bool(caught >> (signal_number - 1) & 1)
    return False


class Team:
    """All replicas, and the database that they share.

    Attributes:
        cluster: The database.
        replicas: The servers.
        schema: The log's.
        standby: What takes over from the database, if it has one.
        kills: How many processes were killed on purpose.
    """

    def __init__(
        self,
        cluster: Cluster,
        replicas: list[Replica],
        schema: str,
        standby: Standby | None = None,
    ) -> None:
        self.cluster = cluster
        self.replicas = replicas
        self.schema = schema
        self.standby = standby
        self.kills = 0

    def some(self, dice: random.Random) -> Replica:
        """Return a replica, up or not."""
        return dice.choice(self.replicas)

    async def all_serve(self) -> None:
        """Wait until every replica answers."""
        for replica in self.replicas:
            while not await replica.serves():  # noqa: ASYNC110 - the condition is another process's
                await asyncio.sleep(PAUSE_SECONDS)

    @property
    def broken_connections(self) -> int:
        """How many connections to the database the network has broken."""
        return sum(replica.relay.broken for replica in self.replicas)

    async def told(self) -> str:
        """Return what the replicas wrote last, with the stacks of their threads."""
        for replica in self.replicas:
            replica.send_signal(signal.SIGUSR1)
        await asyncio.sleep(1.0)
        logs = (replica.log for replica in self.replicas)
        return "\n".join(f"{log.name}: {log.read_text()[-8000:]}" for log in logs)


@contextlib.asynccontextmanager
async def running(
    cluster: Cluster, folder: Path, schema: str, standby: Standby | None = None
) -> AsyncIterator[Team]:
    """Start the replicas over a new log; end them and their networks when done.

    Args:
        cluster: The database.
        folder: For what the replicas write.
        schema: The log's.
        standby: The second host of the replicas' URL.
    """
    async with AsyncExitStack() as stack:
        replicas = []
        for number in range(REPLICAS):
            relay = stack.enter_context(Relay(cluster.port))
            hosts = f":{relay.port}" + (f",127.0.0.1:{standby.port}" if standby else "")
            url = cluster.url(schema=schema).replace(f":{cluster.port}/", f"{hosts}/")
            replica = Replica(number, folder, relay, url)
            stack.push_async_callback(replica.client.aclose)
            stack.push_async_callback(replica.http.aclose)
            stack.callback(replica.end)
            living = asyncio.ensure_future(replica.live())
            stack.push_async_callback(_ended, living)
            replicas.append(replica)
        team = Team(cluster, replicas, schema, standby)
        await team.all_serve()
        yield team


async def _ended(task: "asyncio.Task[None]") -> None:
    """Cancel a task. The thread in which it awaits a death returns when the process is ended."""
    task.cancel()
    await asyncio.wait((task,))


def stop_process(pid: int) -> None:
    """Stop a process until :func:`continue_process`."""
    os.kill(pid, signal.SIGSTOP)


def continue_process(pid: int) -> None:
    """Let a stopped process continue; it may be dead by now."""
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, signal.SIGCONT)
