"""A real Jupyter server with the extension that is killed and begun again on its port.

Below it is the fork server (``victim.py``); above are the runs. It alone knows when the
server is up, so an actor that met no server awaits that in place of a pause.
"""

import asyncio
import contextlib
import os
import signal
import time
from collections.abc import AsyncIterator
from datetime import datetime, timezone
from functools import partial
from http import HTTPStatus
from pathlib import Path

import httpx
from jupyter_server.serverapp import ServerApp

from crewai_hitl_nb.broker.broker import Broker
from crewai_hitl_nb.client.discovery import Endpoint
from crewai_hitl_nb.server import extension
from crewai_hitl_nb.store.sqlite.store import SqliteStore
from tests.chaos.ledger import Ledger
from tests.chaos.victim import Say, Victim
from tests.jupyter_process import TOKEN, free_port, scratch_env

PRESENCE_GRACE_SECONDS = 1.0
UP_SECONDS = 60.0
"""Far above what a start takes, however busy the machine."""

_LOOK_SECONDS = 0.01
_EXTENSIONS = {
    "crewai_hitl_nb": True,
    "jupyter_lsp": False,
    "jupyter_server_terminals": False,
    "jupyterlab": False,
    "notebook": False,
    "notebook_shim": False,
}


def serve(say: Say, argv: list[str], env: dict[str, str], jump: Path) -> None:
    """Run a Jupyter server in this process, on a clock that is wrong by what a file says."""

    def wrong() -> float:
        return time.time() + float(jump.read_text())

    def wrong_date() -> datetime:
        return datetime.fromtimestamp(wrong(), timezone.utc)

    os.environ.clear()
    os.environ.update(env)
    vars(extension).update(
        Broker=partial(Broker, clock=wrong_date), SqliteStore=partial(SqliteStore, clock=wrong)
    )
    ServerApp.launch_instance(argv)


class Host:
    """One server with many lives.

    Args:
        folder: For its data, its log (``log.db``) and what it writes (``server.log``).
        ledger: Where the names of the log are kept, as the server tells them.
        options: Further options of the server.
    """

    def __init__(
        self,
        folder: Path,
        ledger: Ledger,
        *,
        options: tuple[str, ...] = (),
    ) -> None:
        root, port = folder / "root", free_port()
        root.mkdir()
        self.store_path = folder / "log.db"
        self.log = folder / "server.log"
        self.url = f"http://127.0.0.1:{port}/"
        self.headers = {"Authorization": f"token {TOKEN}"}
        self.endpoint = Endpoint(f"{self.url}crewai-hitl/", TOKEN)
        self._ledger = ledger
        self.env = scratch_env(folder)
        self._argv = [
            *("--no-browser", "--allow-root", "--ip=127.0.0.1", f"--port={port}"),
            *("--ServerApp.port_retries=0", f"--ServerApp.root_dir={root}"),
            *("--ServerApp.log_level=WARN", f"--ServerApp.jpserver_extensions={_EXTENSIONS}"),
            f"--HumanInputApp.store_path={self.store_path}",
            f"--HumanInputApp.presence_grace_seconds={PRESENCE_GRACE_SECONDS}",
            *options,
        ]
        self._jump = folder / "jump"
        self.turn_clock(0.0)
        self._victim: Victim | None = None
        self._is_up = asyncio.Event()

    def start(self, *, doomed_at: int | None = None) -> None:
        """Begin a life."""
        args = (self._argv, self.env, self._jump)
        self._victim = Victim(serve, *args, doomed_at=doomed_at, log=self.log)

    @property
    def pid(self) -> int:
        """The process of the present life."""
        assert self._victim is not None
        return self._victim.pid

    def turn_clock(self, seconds: float) -> None:
        """Let the server's wall clock be wrong by so much from now on."""
        new = self._jump.with_suffix(".new")
        new.write_text(str(seconds))
        new.replace(self._jump)

    async def up(self) -> None:
        """Wait until it answers; it may be dead again the moment after."""
        await asyncio.wait_for(self._is_up.wait(), UP_SECONDS)

    async def live(self, seconds: float | None = None) -> None:
        """Watch a life to its end; kill it when it has been up for so long."""
        assert self._victim is not None
        await self._come_up(self._victim)
        await asyncio.to_thread(self._victim.await_death, seconds)
        self._is_up.clear()
        await asyncio.to_thread(self._victim.kill)

    async def _come_up(self, victim: Victim) -> None:
        async with httpx.AsyncClient(headers=self.headers) as http:
            while victim.is_alive:
                with contextlib.suppress(httpx.HTTPError):
                    reply = await http.get(f"{self.endpoint.url}health")
                    if reply.status_code == HTTPStatus.OK:
                        self._ledger.epochs.add(reply.json()["epoch"])
                        self._is_up.set()
                        return
                await asyncio.sleep(_LOOK_SECONDS)  # the condition is another process's

    def strike(self) -> None:
        """Kill it; whoever watches this life sees its end."""
        os.kill(self.pid, signal.SIGKILL)

    def kill(self) -> None:
        """End the present life and see it dead."""
        if self._victim is not None:
            self._victim.kill()


@contextlib.asynccontextmanager
async def hosted(host: Host) -> AsyncIterator[Host]:
    """Leave no process behind."""
    try:
        yield host
    finally:
        host.kill()
